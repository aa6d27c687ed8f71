"""All that is found, as tables of records; figures, plots and the report show nothing else."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stages.analysis import bridge, contrasts, correlations, noise, paper, plot_rows
from stages.analysis.facts import Facts, FewShot
from stages.analysis.families import Resampling
from stages.analysis.inputs import missing_published, read_measurements
from stages.analysis.outcomes import Tables, records
from stages.analysis.results import Results
from stages.analysis.ushape import u_tests
from stages.networks.embeddings import read_index
from stages.runtime.errors import UsageError
from stages.runtime.tables import Column, Record, read_table
from stages.study.experiment import Experiment
from stages.study.models import all_models, check_groups
from stages.study.models import models as chosen_models
from stages.study.pairs import Pair, pairs_of
from stages.study.values import Values, read_values

INPUTS = ("alignment", "fewshot", "robustness")
SHARE = Column(float, low=0, high=1)
SOLVERS = {"model": Column(), "task": Column(), "n": Column(int, low=1)}
SOLVERS |= {"fast": SHARE, "scikit-learn": SHARE}


@dataclass(frozen=True)
class Context:
    """What a study has in addition to its results.

    Attributes
    ----------
    ceilings : by stimulus set, what `noise_ceilings` returned.
    pairs : models that differ in one factor only.
    published : by benchmark, timm's table of it.
    paper : the paper's values; empty where the study is not the paper's.
    curve : the theory's n-shot accuracy, by ε and n.
    """

    ceilings: Mapping[str, Record | None]
    pairs: Sequence[Pair]
    published: Mapping[str, str | None]
    paper: Values
    curve: Sequence[Record]


def read_results(experiment: Experiment) -> tuple[Results, dict[str, str]]:
    """The three tidy tables as results, and models left out of them, with the reason.

    Raises
    ------
    UsageError
        No stimulus set supports `analyze.measure`, or too few models are left.
    """
    p = experiment.params.analyze
    alignment, fewshot, robustness = (read_measurements(experiment.paths.table(n)) for n in INPUTS)
    covariate = experiment.study.covariate
    covariate_from = (covariate.benchmark, covariate.classifier)
    left_out = {m.name: f"no weights ({m.absent})" for m in chosen_models(experiment) if m.absent}
    lacking = missing_published(robustness, covariate_from, alignment["model"].unique())
    for name, benchmarks in lacking.items():
        left_out.setdefault(name, f"no published row in {', '.join(benchmarks)}")
    for name, reason in left_out.items():
        print(f"analyze: {name} is left out: {reason}", file=sys.stderr)
    kept = [t[~t["model"].isin(list(left_out))] for t in (alignment, fewshot, robustness)]
    index = read_index(experiment.paths.embeddings)
    results = Results(kept[0], kept[1], kept[2], covariate_from, index, p.family, p.group_size)
    check_groups(p.group_size, len(results.models))
    if p.measure not in results.measures:
        raise UsageError(
            f"params.yaml: analyze.measure: no stimulus set of this study supports '{p.measure}'; "
            f"allowed: {results.measures}"
        )
    return results, left_out


def context_of(
    experiment: Experiment,
    results: Results,
    ceilings: Mapping[str, Record | None],
    theory: Tables,
) -> Context:
    """What the study has beside its results; pairs without results of both models are named."""
    study, root = experiment.study, experiment.paths.root
    pairs, without = pairs_of(study, all_models(study, experiment.file), results.models, root)
    for factor, a, b in without:
        print(f"analyze: pair {a}, {b} ({factor}) is left out: no results of both", file=sys.stderr)
    values = study.paper.values if study.paper else None
    return Context(
        ceilings,
        pairs,
        {name: benchmark.published for name, benchmark in study.benchmarks.items()},
        read_values(root / values, "paper.values") if values else {},
        theory["theory_fewshot"],
    )


def all_tables(results: Results, measure: str, resampling: Resampling, context: Context) -> Tables:
    """Every table of the study, by name; `measure` is the one shown where only one is."""
    confidence, first = resampling.confidence, results.shown[0]
    by_measure = {name: results.alignment[name].to_numpy() for name in results.measures}
    labels = [outcome.labels for outcome in results.outcomes]
    covariate, family = results.covariate.to_numpy(), results.family
    partial = correlations.correlations(results, resampling)
    paired = contrasts.contrasts(results, context.pairs)
    task = {"task": first.outcome, "n": first.n}
    models = results.about.assign(covariate=results.covariate)
    scatter = plot_rows.scatter(results, measure, results.covariate, confidence)
    tables = {
        "alignment_fewshot": plot_rows.alignment_fewshot(results, measure, confidence),
        "covariate_alignment": records(scatter),
        "groups_by_n": plot_rows.groups_by_n(results),
        "correlations": partial,
        "table1": plot_rows.table1(results),
        "table2": correlations.table2(partial),
        "u_tests": u_tests(by_measure, covariate, labels, results.scores, family, confidence),
        "measures": paper.measures(results, resampling),
        "appendix_c": paper.appendix_c(results, resampling),
        "relabelled": [],
        "relabelled_tests": [],
        "families": plot_rows.families(results, measure),
        "contrasts": paired,
        "factors": contrasts.factors(paired, confidence),
        "reliability": noise.reliability(results.fewshot),
        "accuracy": noise.accuracy(results.fewshot, confidence),
        "ceilings": noise.ceilings(context.ceilings, results.judged),
        "participants": noise.participants(results.judged, results.covariate, first.values, task),
        "bridge": bridge.bridge(results, context.curve, confidence),
        "bridge_tests": bridge.bridge_tests(results, resampling),
        "models": records(models.join(noise.alignment_errors(results.judged))),
    }
    if (gain := paper.gain(results, context.published)) is not None:
        tables["relabelled"] = paper.relabelled(results, measure, gain, confidence)
        tables["relabelled_tests"] = paper.relabelled_tests(results, gain, resampling)
    return paper.with_published(tables, context.paper)


def facts_of(experiment: Experiment, results: Results) -> Facts:
    """What captions and the report say of the study beside its numbers."""
    p = experiment.params.analyze
    recipes = "recipe" if experiment.study.training else "timm family"
    return Facts(
        measure=p.measure,
        simulated=experiment.study.simulated,
        group_size=p.group_size,
        confidence=p.confidence,
        few_shot=FewShot(results.head, results.shots[0], results.repeats),
        models=len(results.models),
        untrained=len(results.untrained),
        given=covariate_in_words(results),
        zoo=models_in_words(results),
        family="architecture" if p.family == "architecture" else recipes,
        families=len(set(results.families)),
    )


def models_in_words(results: Results) -> str:
    """How many models of which kind, and how many of them are untrained."""
    count, untrained = len(results.models), len(results.untrained)
    kinds = {results.index[str(model)]["source"] for model in results.models}
    known = {"hub": "published models", "trained here": "models trained here"}
    text = f"{count} {known.get(kinds.pop(), 'models') if len(kinds) == 1 else 'models'}"
    if not untrained:
        return text
    return f"{text}, {'all' if untrained == count else untrained} of them untrained"


def covariate_in_words(results: Results) -> str:
    benchmark, classifier = results.covariate_from
    if classifier == "readout":
        return f"the accuracy of a linear readout on {benchmark} images"
    return f"{classifier} top-1 on {benchmark}"


def solvers_apart(experiment: Experiment) -> str:
    """How far the fast solver of linear probes is from scikit-learn, in a sentence."""
    rows = read_table(experiment.paths.table("solvers"), SOLVERS)
    apart = 100 * (rows["fast"] - rows["scikit-learn"]).abs()
    return (
        f"Over {len(rows)} linear probes of {rows['model'].iloc[0]}, n-shot accuracy by the fast "
        f"solver and by scikit-learn differs by {apart.mean():.2f} percentage points on average "
        f"and by at most {apart.max():.2f}."
    )
