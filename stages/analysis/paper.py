"""The tables behind the paper's figures, its own tables, and its values beside what is found."""

from collections.abc import Mapping, Sequence
from itertools import combinations, product

import pandas as pd

from stages.analysis.correlations import correlate
from stages.analysis.families import Resampling
from stages.analysis.outcomes import Tables, records
from stages.analysis.partial import TERMS, quadratic_curve
from stages.analysis.results import Results
from stages.runtime.tables import Record
from stages.study.tables import Key, Values


def scatter(results: Results, measure: str, outcome: pd.Series, confidence: float) -> pd.DataFrame:
    """One row a model: its alignment, its outcome as `accuracy`, and the parabola there.

    The parabola is by least squares, without covariate, with the interval of its mean.
    """
    known = (results.alignment[measure].notna() & outcome.notna()).to_numpy()
    x, y = results.alignment[measure].to_numpy()[known], outcome.to_numpy()[known]
    fit, low, high = quadratic_curve(x, y, x, confidence)
    about = results.about[known]
    return about.assign(alignment=x, accuracy=y, fit=fit, fit_low=low, fit_high=high)


def alignment_outcomes(
    results: Results, measure: str, confidence: float, kind: str
) -> list[Record]:
    """Table `alignment_fewshot`: alignment against each few-shot outcome shown (Figure 4, left).

    And `alignment_benchmarks`, of the kind "robustness" in place of "few-shot".
    """
    tables = [
        scatter(results, measure, o.values, confidence).assign(task=o.outcome, n=o.n)
        for o in results.shown
        if o.kind == kind
    ]
    return [row for table in tables for row in records(table)]


def covariate_alignment(results: Results, measure: str, confidence: float) -> list[Record]:
    """Table `covariate_alignment`: alignment against the covariate (Figure 5), if there is one."""
    if results.covariate is None:
        return []
    return records(scatter(results, measure, results.covariate, confidence))


def groups_by_n(results: Results) -> list[Record]:
    """Table `groups_by_n`: mean n-shot accuracy of each group of models by each measure."""
    rows = [
        {"task": o.outcome, "head": o.head, "n": o.n, **row}
        for o in results.few_shot
        for row in _group_means(results, o.values)
    ]
    columns = ["task", "head", "n", "measure", "models", "group", "accuracy"]
    table = pd.DataFrame(rows, columns=columns).sort_values("measure", kind="stable")
    return records(table[["measure", "task", "head", "group", "n", "accuracy"]])


def table1(results: Results) -> list[Record]:
    """Mean accuracy on each benchmark of the high, mid and low models of each measure."""
    given = results.covariate_from[:1] if results.covariate_from else ()
    return [
        {"benchmark": benchmark, "top": k, **row}
        for benchmark, k in product([*given, *results.benchmarks], (1, 5))
        if (values := results.top(benchmark, k)).notna().any()
        for row in _group_means(results, values)
    ]


def _group_means(results: Results, values: pd.Series) -> list[Record]:
    return [
        {"measure": m, "group": g, "models": int(own.size), "accuracy": float(own.mean())}
        for m in results.measures
        for g, names in results.groups[m].items()
        if len(own := values[names].dropna())
    ]


def table2(correlations: Sequence[Record]) -> list[Record]:
    """The paper's Table 2, of `correlations`: z² alignment with accuracy on each benchmark."""
    names = ("top", "measure", "r", "p", "low", "high", "family_low", "family_high", "undefined")
    return [
        {"benchmark": row["outcome"], **{name: row[name] for name in names}}
        for row in correlations
        if row["kind"] == "robustness" and row["term"] == "z²"
    ]


def measures(results: Results, resampling: Resampling) -> list[Record]:
    """Table `measures`: how the measures of alignment correlate over models (Section 5)."""
    alignment, family = results.alignment, results.family
    return [
        {"a": a, "b": b, **correlate(alignment[a], [alignment[b]], None, family, resampling)[0]}
        for a, b in combinations(results.measures, 2)
    ]


def appendix_c(results: Results, resampling: Resampling) -> list[Record]:
    """Table `appendix_c`: plain correlation of the covariate with each outcome shown."""
    if results.covariate is None:
        return []
    values = [outcome.values for outcome in results.shown]
    rows = correlate(results.covariate, values, None, results.family, resampling)
    return [outcome.labels | row for outcome, row in zip(results.shown, rows, strict=True)]


def gain(results: Results, published: Mapping[str, str | None]) -> pd.Series | None:
    """By how much each model's top-1 is higher on ImageNet's relabelled images, ReaL, than on it.

    published : by benchmark, its published table, or None. None unless a benchmark has the table
    imagenet_real, another imagenet, and both are published for every model: measured and published
    are not subtracted.
    """
    tops = []
    for wanted in ("imagenet_real", "imagenet"):
        name = next((name for name, table in published.items() if table == wanted), None)
        own = results.robustness[results.robustness["benchmark"] == name]
        if set(own["classifier"]) != {"published"}:
            return None
        tops.append(results.top(str(name), 1))
    return tops[0] - tops[1]


def relabelled(
    results: Results, measure: str, gained: pd.Series | None, confidence: float
) -> list[Record]:
    """Table `relabelled` (Appendix D): each model's alignment and gain, and the parabola there."""
    if gained is None:
        return []
    table = scatter(results, measure, gained, confidence).rename(columns={"accuracy": "gain"})
    return records(table[["model", "group", "alignment", "gain", "fit", "fit_low", "fit_high"]])


def relabelled_tests(
    results: Results, gained: pd.Series | None, resampling: Resampling
) -> list[Record]:
    """Table `relabelled_tests`: r of z² alignment, and of alignment itself, with the gain.

    Plain correlations. A negative r of z² is what an inverted U gives; so may a bent line.
    """
    if gained is None:
        return []
    alignment, family = results.alignment, results.family
    return [
        {"measure": measure, "term": term}
        | correlate(alignment[measure], [gained], None, family, resampling, term)[0]
        for measure, term in product(results.measures, TERMS)
    ]


COLUMN = {"table1": "accuracy", "table2": "r", "measures": "r", "appendix_c": "r"}
"""Tables that have published values, and the column that these are compared with."""


def with_published(tables: Tables, values: Values) -> Tables:
    """The tables; table1, table2, measures and appendix_c also with what the paper published.

    New columns are `paper`, `difference` (found - published) and, in table2, `paper_p`: None where
    `values`, of the study's `paper.values`, has none.
    """
    compared = dict(tables)
    for name, column in COLUMN.items():
        compared[name] = []
        for row in tables[name]:
            found, keys = row[column], _keys(name, row)
            paper = next((values[key] for key in keys if key in values), None)
            new: Record = {"paper": paper}
            if name == "table2":
                new["paper_p"] = values.get(keys[0]._replace(statistic="p"))
            new["difference"] = None if paper is None or found is None else found - paper
            compared[name].append(row | new)
    return compared


def _keys(name: str, row: Record) -> list[Key]:
    """Keys under which the paper's value of a row may stand: pairs of measures have two orders."""
    if name == "measures":
        pair = (row["a"], row["b"])
        return [Key(name, b, 0, 0, a, "", "r") for a, b in (pair, pair[::-1])]
    outcome = row["outcome" if name == "appendix_c" else "benchmark"]
    labels = (row.get("n", 0), row["top"], row.get("measure", ""), row.get("group", ""))
    return [Key(name, outcome, *labels, COLUMN[name])]
