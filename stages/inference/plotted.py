"""What DVC's plots show: few rows, so that pages stay quick and experiments can be compared."""

from __future__ import annotations

from stages.inference.outcomes import Record, Tables, is_shown


def plotted(
    tables: Tables, measure: str, head: str, n: int, alpha: float, counts: Record
) -> Tables:
    """Rows of each plot, by the name of its file.

    Parameters
    ----------
    measure, head, n : the measure of alignment, the head and the shots shown where only one is.
    alpha : level of the tests.
    counts : of models, and of untrained ones; stand in every row, for whoever hovers over it.
    """
    rows = _rows(tables, measure, head, n, alpha)
    return {name: [row | counts for row in found] for name, found in rows.items()}


def _rows(tables: Tables, measure: str, head: str, n: int, alpha: float) -> Tables:
    of_measure = [row for row in tables["correlations"] if row["measure"] == measure]
    return {
        "alignment_fewshot": [{"measure": measure, **row} for row in tables["alignment_fewshot"]],
        "covariate_alignment": [
            {"measure": measure, **row} for row in tables["covariate_alignment"]
        ],
        "correlation_by_n": [
            {"task": row["outcome"], **_pick(row, "head", "n", *INTERVALS)}
            for row in of_measure
            if row["kind"] == "few-shot" and row["term"] == "z²"
        ],
        "groups_by_n": [
            _pick(row, "measure", "task", "head", "group", "n", "accuracy")
            for row in tables["groups_by_n"]
            if row["measure"] == measure and row["head"] == head
        ],
        "robustness": [
            {
                "benchmark": row["outcome"],
                "alignment": row["term"],
                **_pick(row, "top", *INTERVALS),
            }
            for row in of_measure
            if row["kind"] == "robustness"
        ],
        "table1": [
            _pick(row, "benchmark", "top", "measure", "group", "accuracy", "paper")
            for row in tables["table1"]
        ],
        "u_tests": [
            {"shape": shape(row, alpha), **_pick(row, *SPECIFICATION, *ESTIMATE)}
            for row in tables["u_tests"]
            if is_shown(row, head, n) and (row["test"] == "capacity" or row["measure"] == measure)
        ],
        "contrasts": tables["factors"],
    }


SPECIFICATION = ("kind", "outcome", "n", "top", "measure", "test", "linear", "family_effects")
ESTIMATE = ("estimate", "low", "high", "p", "family_low", "family_high", "family_p", "q")
INTERVALS = ("r", "low", "high", "p", "family_low", "family_high", "family_p")


def _pick(row: Record, *names: str) -> Record:
    return {name: row[name] for name in names}


def shape(row: Record, alpha: float) -> str:
    """What a test by family says: a U, the contrary, or neither, after control at alpha.

    "not told" where there is no test by family. The two-lines test looks for a U alone: that it
    finds none says nothing of an inverted one.
    """
    if row["u"] is None:
        return "not told"
    if row["u"]:
        return "U"
    contrary = row["q"] < alpha and row["estimate"] < 0
    return "inverted U" if contrary and row["test"] != "two lines" else "neither"
