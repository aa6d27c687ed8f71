"""The report's tables, by the names that they have in templates/report.yaml with their words."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial

from stages.analysis.facts import MEASURE_WORDS, Facts, capital, measure_name
from stages.analysis.families import MIN_FAMILIES
from stages.analysis.outcomes import Record, Tables, is_shown, outcome_name
from stages.report import cells as show
from stages.report.cells import PAPER, Cell, Head, ReportTable, Show, pivot
from stages.report.shape import SPECIFICATION, TESTS, is_shown_test
from stages.report.words import decimal
from stages.similarity.matrices import FEATURES

INTERVALS = ("naive interval", "interval by family")


def with_reasons(tables: Tables, facts: Facts) -> Tables:
    """Rows of all tables with the name of their outcome, and `why` they lack values."""
    few = "too few families" if facts.families < MIN_FAMILIES else ""
    found: Tables = defaultdict(list)
    for name, rows in tables.items():
        for row in rows:
            about = {"name": outcome_name(row)} if "kind" in row else {}
            found[name].append(about | row | {"why": row.get("undefined") or few})
    return found


def plain(name: str, *heads: Head) -> Callable[[Tables, Facts], ReportTable]:
    """A table that shows all rows of one of the analysis."""
    return lambda tables, facts: ReportTable(tables[name], heads)


table2 = plain("table2", "benchmark", "", "measure", "r", "p", *INTERVALS, *PAPER)
section5 = plain(
    "measures",
    *(("measure", show.text(side, MEASURE_WORDS.__getitem__)) for side in ("a", "b")),
    *("models", "r"),
    ("naive interval", show.interval("low", "high", 3)),
    ("interval by family", show.interval("family_low", "family_high", 3)),
    *("paper", "difference"),
)
appendix_c = plain("appendix_c", "outcome", "models", "r", *INTERVALS, "paper", "difference")
appendix_d = plain("relabelled_tests", "measure", "term", "models", "r", *INTERVALS, "p")
reliability_table = plain(
    "reliability",
    *("task", "head", "n", ("draws", show.shown(str, "repeats")), "models"),
    ("sd", show.number("sd", 1, scale=100)),
    ("stability", show.number("rank_stability", 3)),
    ("reliability", show.number("reliability", 3)),
)
bridge_table = plain(
    "bridge_tests",
    *(("task", show.text("outcome")), "n", ("ρ", show.number("rho", signed=True)), "p"),
    *("interval by family", "p by family", "models"),
    ("beyond ½", show.shown(str, "misaligned")),
)


def table1(tables: Tables, facts: Facts) -> ReportTable:
    """A row a benchmark, a column a group of models by each measure."""
    accuracy = show.number("accuracy", 1, scale=100)

    def beside(row: Record) -> Cell:
        """Accuracy, beneath it the paper's."""
        if row.get("paper") is None:
            return accuracy(row)
        difference = decimal(100 * (row["accuracy"] - row["paper"]), 1, signed=True)
        below = f"{decimal(100 * row['paper'], 1)} ({difference})"
        return accuracy(row)._replace(below=below)

    found, index = tables["table1"], ("benchmark", "top")
    rows, cells = pivot(found, index, ("measure", "group"), beside, "no such group")
    groups = [(f"{capital(MEASURE_WORDS[m])} {group}", cell) for (m, group), cell in cells.items()]
    small = " Small: the paper's value, and the difference from it."
    paper = small if show.has_paper(found) else ""
    return ReportTable(rows, ["benchmark", "", *groups], {"paper": paper})


def u_table(tables: Tables, facts: Facts) -> ReportTable:
    """A row an outcome, a column a specification."""
    tests = [row for row in tables["u_tests"] if is_shown_test(row, facts)]
    tests.sort(key=lambda row: (TESTS.index(row["test"]), row["linear"], row["family_effects"]))
    cell = partial(_u, alpha=1 - facts.confidence)
    rows, cells = pivot(tests, ["name"], SPECIFICATION, cell, "no such test")
    specifications = [
        (f"{test}{' + linear' * linear}{' + family effects' * effects}", cell)
        for (test, linear, effects), cell in cells.items()
    ]
    return ReportTable(rows, ["outcome", *specifications])


def _u(row: Record, alpha: float) -> Cell:
    """Estimate of one test and whether it is a U; q on hover."""
    if row["estimate"] is None:
        return show.missing(row["why"])
    estimate, q = decimal(row["estimate"], signed=True), row["q"]
    if row["u"] is None:
        return Cell(estimate, f"inconclusive: {row['why'] or 'undefined'}", style="n faint")
    about = f"q {'' if q < 0.001 else '= '}{show.probability(q)}"
    if row["test"] == "two lines":
        low, high = (decimal(row[end], signed=True) for end in ("slope_low", "slope_high"))
        about += f"; slopes {low} and {high}, break at {decimal(row['break'], 3)}"
        estimate = f"∪ {estimate}" if row["u"] else estimate
    return Cell(estimate, about, style="n clear" if q < alpha else "n")


def specification_table(tables: Tables, facts: Facts) -> ReportTable:
    """A row a claim about an outcome: how many specifications say what, and the paper's own."""

    def count(way: str) -> Show:
        return show.shown("{} ({})".format, way, f"naive_{way}")

    def own(row: Record) -> Cell:
        words = {1: "for", 0: "neither", -1: "against", None: "not tested"}
        said = f"{words[row['paper_supports']]} ({words[row['paper_naive']]})"
        return show.number("paper_estimate", signed=True)(row)._replace(below=said)

    rank = show.shown("{} of {}".format, "paper_rank", "specifications")
    heads: list[Head] = ["outcome", ("claim", show.text("claim", facts.say))]
    heads += [("tested", show.shown(str, "tested")), ("for", count("supporting"))]
    heads += [("against", count("opposing")), ("median", show.number("median", signed=True))]
    heads += [("paper’s own", own), ("its rank", rank)]
    return ReportTable(tables["specification_curve"], heads)


def correlations(
    tables: Tables, facts: Facts, measures: Sequence[str] | None = None
) -> ReportTable:
    """Naive interval and interval by family of every shown outcome, of the shown measure."""
    measures = [facts.measure] if measures is None else measures
    rows = [
        row
        for row in tables["correlations"]
        if row["measure"] in measures and is_shown(row, facts.head, facts.n)
    ]
    heads: list[Head] = ["outcome", "measure", "term"] if len(measures) > 1 else ["outcome", "term"]
    heads += [("r", show.number("r")), "naive interval", "p", "interval by family", "p by family"]
    heads += ["slope", "its interval", "its p"]
    names = " and ".join(map(measure_name, measures))
    return ReportTable(rows, heads, {"measures": names or "other measures"})


def other_correlations(tables: Tables, facts: Facts) -> ReportTable:
    """The same of the other measures."""
    measures = dict.fromkeys(row["measure"] for row in tables["correlations"])
    return correlations(tables, facts, [m for m in measures if m != facts.measure])


def family_table(tables: Tables, facts: Facts) -> ReportTable:
    rows = tables["families"]
    spans = [
        ("range", show.extent("alignment_low", "alignment_high")),
        (f"{_task(rows)} accuracy", show.number("accuracy", 1, scale=100)),
        ("range", show.extent("accuracy_low", "accuracy_high", 1, scale=100)),
    ]
    return ReportTable(rows, ["family", "models", "alignment", *spans, "covariate"])


def _task(rows: list[Record]) -> str:
    return f"{rows[0]['task']} {rows[0]['n']}-shot".removesuffix(" 0-shot") if rows else ""


def _quantity(quantity: str, what: str) -> str:
    """What a contrast is of, in words."""
    return measure_name(what) if quantity == "alignment" else what


factor_table = plain(
    "factors",
    *("factor", ("what", lambda row: Cell(_quantity(row["quantity"], row["what"]), style="t"))),
    *("pairs", "positive", ("mean", show.number("mean", 3, signed=True))),
    *(("interval", show.interval("low", "high", 3)), "p", "q"),
)


def pair_table(tables: Tables, facts: Facts) -> ReportTable:
    """A row a pair, its differences in alignment and in each outcome."""
    index, columns = ("factor", "a", "b"), ("quantity", "what")
    difference = show.number("difference", 3, signed=True)
    rows, cells = pivot(tables["contrasts"], index, columns, difference, "not measured")
    pair = ("factor", ("first", show.text("a")), ("second", show.text("b")))
    return ReportTable(rows, [*pair, *((_quantity(*key), cell) for key, cell in cells.items())])


def _ceiling(column: str) -> Show:
    def why(row: Record) -> str:
        if column == "spearman_brown" and (row["split_half"] or 0) < 0:
            return "the halves do not correlate above 0"
        if row["form"] == "participants" and column in ("upper", "split_half"):
            gaps = row["measure"] != "triplet"
            return "pairs that some did not judge" if gaps else "too many stimuli for triplets"
        return f"not defined for {row['form']} by this measure"

    return show.number(column, reason=why)


ceiling_table = plain(
    "ceilings",
    *("set", "form", "measure", "judges", "stimuli"),
    ("leave-one-out", _ceiling("leave_one_out")),
    ("upper", _ceiling("upper")),
    ("split half", _ceiling("split_half")),
    ("Spearman-Brown", _ceiling("spearman_brown")),
    *("best model", ("its value", show.number("best_value"))),
)


def participant_table(tables: Tables, facts: Facts) -> ReportTable:
    rows = tables["participants"]
    who = {"people": "participant", "simulated observers": "simulated observer"}.get(
        facts.judges, "judge"
    )
    same = "all models score the same"
    which = ("set", (who, show.text("participant")), "measure")
    square = ("r of z²", show.number("r_z2", reason=same))
    r = ("r", show.number("r_linear", reason=same))
    heads: list[Head] = [*which, "mean", "lowest", "highest", "best model", square, r]
    return ReportTable(rows, heads, {"who": who, "task": _task(rows)})


def _sure(measure: str) -> Show:
    """Alignment, and how sure it is."""
    alignment = show.number(measure, 3, reason="no stimulus set supports this measure")

    def cell(row: Record) -> Cell:
        error, own = row[f"{measure}_se"], alignment(row)
        about = "no standard error" if error is None else f"± {decimal(error, 3)}"
        return own if row[measure] is None else own._replace(below=about)

    return cell


def features_table(tables: Tables, facts: Facts) -> ReportTable:
    """A row a model: its alignment with features as they are, centred and z-scored."""
    rows = tables["features"]
    heads: list[Head] = [(name, show.number(name, 3)) for name in FEATURES]
    moved = max((abs(row[name] - row["raw"]) for row in rows for name in FEATURES), default=0.0)
    about = {"measure": MEASURE_WORDS[rows[0]["measure"]]} if rows else {"measure": ""}
    return ReportTable(rows, ["model", "family", *heads], about | {"moved": decimal(moved, 3)})


def model_table(tables: Tables, facts: Facts) -> ReportTable:
    """Every model and how sure its alignment is."""
    names = [name.removesuffix("_se") for name in (tables["models"] or [{}])[0] if "_se" in name]
    own = [(MEASURE_WORDS[name], _sure(name)) for name in names]
    return ReportTable(tables["models"], ["model", "family", "weights", "covariate", *own])
