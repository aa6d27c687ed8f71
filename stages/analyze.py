"""The study's results: the paper's tables and figures, how sure they are, and a report.

Reads:  data/<study>/alignment.csv, fewshot.csv, robustness.csv; stimuli/ (for noise ceilings);
        embeddings/index.json (which models are untrained, and of which family); theory/
Writes: data/<study>/tables/; metrics/<study>/; plots/<study>/: rows of DVC's plots, figures/, svg/,
        answer.json, report.html
Params: seed, models, stimuli, analyze; the study's title, models, recipes, stimuli, tasks,
        benchmarks, contrasts, covariate, the paper's values, and whether it is simulated
"""

import sys

from stages.figures.made import made_of
from stages.figures.provenance import provenance
from stages.figures.report import write_report
from stages.figures.study import DRAWS, draw_all
from stages.inference.analysis import Beside, all_tables
from stages.inference.answer import answer
from stages.inference.correlations import Families
from stages.inference.facts import Facts, FewShot
from stages.inference.metrics import alignment_metrics, outcome_metrics, outcomes, theory_rho
from stages.inference.noise import repeated_sets
from stages.inference.outcomes import Tables
from stages.inference.plotted import plotted
from stages.inference.results import Results
from stages.inference.summary import given, summary, zoo
from stages.inference.tables import read_table, without, without_row
from stages.inference.theory import read_theory
from stages.runtime.door import door
from stages.runtime.errors import UsageError
from stages.runtime.files import replacing, write_json, write_table
from stages.runtime.jobs import expect
from stages.runtime.machine import Place, place
from stages.study.groups import check_groups
from stages.study.load import Experiment, load
from stages.study.pairs import pairs_of
from stages.study.values import read_values
from stages.study.zoo import all_models, models
from stages.zoo.embeddings import read_index

INPUTS = ("alignment", "fewshot", "robustness")


def main() -> None:
    experiment = load()
    paths, p = experiment.paths, experiment.params.analyze
    where = place(experiment.params.compute)
    expect(DRAWS, where)
    results, left = read_results(experiment)
    resamples = Families(p.confidence, p.bootstraps, experiment.params.seed)
    theory = read_theory(experiment.paths.theory)
    tables = all_tables(results, p.measure, resamples, beside(experiment, results, theory))
    facts = facts_of(experiment, results)
    with replacing(paths.data / "tables") as folder:
        for name, rows in tables.items():
            if rows:
                write_table(folder / f"{name}.csv", rows)
    for name, metrics in metrics_of(results, tables, p.measure, left).items():
        write_json(paths.metrics / f"{name}.json", metrics)
    counts = {"models": len(results.models), "untrained_models": len(results.untrained)}
    shown = (p.measure, results.head, results.shots[0], 1 - p.confidence)
    for name, rows in plotted(tables, *shown, counts).items():
        write_json(paths.plots / f"{name}.json", rows)
    said = {"answer": answer(tables, facts), "outcomes": outcomes(results, tables, p.measure)}
    write_json(paths.plots / "answer.json", said)
    draw(experiment, tables | theory, facts, left, where)
    print(summary(experiment.study.title, results, tables, facts))


def draw(
    experiment: Experiment, tables: Tables, facts: Facts, left: dict[str, str], where: Place
) -> None:
    """The figures, as PNG and as SVG, and the report that holds them."""
    paths = experiment.paths
    with replacing(paths.plots / "figures") as figures, replacing(paths.plots / "svg") as vectors:
        captions = draw_all(figures, tables, facts, where)
        for path in figures.glob("*.svg"):
            path.rename(vectors / path.name)
    write_report(
        paths.plots / "report.html",
        experiment.study.title,
        paths.study,
        tables,
        facts,
        made_of(experiment.study),
        captions,
        paths.plots / "svg",
        left,
        provenance(paths.root, paths.study, [paths.table(name) for name in INPUTS]),
    )


def read_results(experiment: Experiment) -> tuple[Results, dict[str, str]]:
    """The three tidy tables as results, and models left out of them, with the reason.

    The measure to show must be one that the study has.
    """
    p = experiment.params.analyze
    alignment, fewshot, robustness = (read_table(experiment.paths.table(name)) for name in INPUTS)
    covariate = experiment.study.covariate
    given = (covariate.benchmark, covariate.classifier)
    left = left_out(experiment, without_row(robustness, given, alignment["model"].unique()))
    results = Results(
        without(alignment, left),
        without(fewshot, left),
        without(robustness, left),
        given,
        read_index(experiment.paths.embeddings),
        p.family,
        p.group_size,
    )
    check_groups(p.group_size, len(results.models))
    if p.measure not in results.measures:
        raise UsageError(
            f"params.yaml: analyze.measure: no stimulus set of this study supports '{p.measure}'; "
            f"allowed: {results.measures}"
        )
    return results, left


def left_out(experiment: Experiment, lacking: dict[str, list[str]]) -> dict[str, str]:
    """Models that have no place in the analysis, and why; each is named."""
    reasons = {m.name: f"no weights ({m.absent})" for m in models(experiment) if m.absent}
    for name, benchmarks in lacking.items():
        reasons.setdefault(name, f"no published row in {', '.join(benchmarks)}")
    for name, reason in reasons.items():
        print(f"analyze: {name} is left out: {reason}", file=sys.stderr)
    return reasons


def beside(experiment: Experiment, results: Results, theory: Tables) -> Beside:
    """What the study has beside its tables; pairs with a model that is not there are named."""
    study, root = experiment.study, experiment.paths.root
    pairs, without = pairs_of(study, all_models(study, experiment.file), results.models, root)
    for factor, a, b in without:
        print(
            f"analyze: pair {a}, {b} ({factor}) is left out: not both have results", file=sys.stderr
        )
    return Beside(
        repeated_sets(experiment.paths.stimuli, list(study.stimuli), experiment.params.seed),
        pairs,
        {name: benchmark.published for name, benchmark in study.benchmarks.items()},
        read_values(root / study.paper.values, "paper.values")
        if study.paper and study.paper.values
        else None,
        theory["theory_fewshot"],
    )


def metrics_of(
    results: Results, tables: Tables, measure: str, left: dict[str, str]
) -> dict[str, object]:
    """Metrics by the name of their file."""
    return {
        "alignment": alignment_metrics(results, tables, measure, left),
        "fewshot": outcome_metrics(results, tables, measure, "few-shot")
        | {"theory_rho": theory_rho(results, tables)},
        "robustness": outcome_metrics(results, tables, measure, "robustness"),
    }


def facts_of(experiment: Experiment, results: Results) -> Facts:
    """What captions and the report say of the study beside its numbers."""
    p = experiment.params.analyze
    trained = experiment.study.training is not None
    family = (
        "architecture" if p.family == "architecture" else "recipe" if trained else "timm family"
    )
    return Facts(
        measure=p.measure,
        simulated=experiment.study.simulated,
        group_size=p.group_size,
        confidence=p.confidence,
        few_shot=FewShot(results.head, results.shots[0], results.repeats),
        models=len(results.models),
        untrained=len(results.untrained),
        given=given(results),
        zoo=zoo(results),
        family=family,
        families=len(set(results.families)),
    )


if __name__ == "__main__":
    door(main)
