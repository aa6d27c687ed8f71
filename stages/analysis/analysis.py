"""All that is found, as tables of records; figures, plots and the report show nothing else."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from stages.analysis import bridge, contrasts, noise, paper
from stages.analysis.correlations import correlations
from stages.analysis.facts import Facts, FewShot
from stages.analysis.families import Resampling
from stages.analysis.inputs import SHARE, TEXT, missing_rows, read_measurements
from stages.analysis.outcomes import Tables, records
from stages.analysis.results import Results
from stages.analysis.ushape import u_tests
from stages.networks.embeddings import left_out_of, read_index
from stages.runtime.errors import UsageError
from stages.runtime.files import read_json
from stages.runtime.tables import Column, Record, read_table
from stages.similarity.measures import MEASURES
from stages.sources.guards import readable
from stages.study.checks import check_groups
from stages.study.experiment import Experiment
from stages.study.models import Pair, all_models, pairs_of
from stages.study.models import models as chosen_models
from stages.study.tables import Values, read_values

INPUTS = ("alignment", "fewshot", "robustness")
SOLVERS = {"model": TEXT, "task": TEXT, "n": Column(int, low=1), "fast": SHARE}
SOLVERS |= {"scikit-learn": SHARE}


@dataclass(frozen=True)
class Context:
    """What a study has in addition to its results.

    ceilings : by stimulus set, what `noise_ceilings` returned. pairs : models that differ in one
    factor only. published : by benchmark, timm's table of it. paper : the paper's values; empty
    where the study is not the paper's. curve : the theory's n-shot accuracy, by ε and n.
    """

    ceilings: Mapping[str, Record | None]
    pairs: Sequence[Pair]
    published: Mapping[str, str | None]
    paper: Values
    curve: Sequence[Record]


def read_results(experiment: Experiment) -> tuple[Results, dict[str, str]]:
    """The three tidy tables as results, and models left out of them, with the reason.

    Raises UsageError if no stimulus set supports `analyze.measure`, or too few models are left.
    """
    p, covariate = experiment.params.analyze, experiment.study.covariate
    alignment, fewshot, robustness = (read_measurements(experiment.paths.table(n)) for n in INPUTS)
    covariate_from = (covariate.benchmark, covariate.classifier)
    index = read_index(experiment.paths.embeddings)
    left_out = {m.name: f"no weights ({m.absent})" for m in chosen_models(experiment) if m.absent}
    left_out |= left_out_of(experiment.paths.embeddings)
    path = experiment.paths.data / "covariate.json"
    with readable(path, "an output of stage robustness"):
        unsuitable = dict(read_json(path)["left_out"])
    named = alignment["model"].unique()
    for name, lacking in missing_rows(robustness, covariate_from, named, unsuitable).items():
        reason = unsuitable.get(name, f"no published row in {', '.join(lacking)}")
        left_out.setdefault(name, reason)
    for name, reason in left_out.items():
        print(f"analyze: {name} is left out: {reason}", file=sys.stderr)
    kept = [t[~t["model"].isin(list(left_out))] for t in (alignment, fewshot, robustness)]
    results = Results(kept[0], kept[1], kept[2], covariate_from, index, p.family, p.group_size)
    check_groups(p.group_size, len(results.models))
    if p.measure not in results.measures:
        raise UsageError(
            f"params.yaml: analyze.measure: no stimulus set of this study supports '{p.measure}'; "
            f"allowed: {results.measures}"
        )
    return results, left_out


def context_of(
    experiment: Experiment, results: Results, ceilings: Mapping[str, Record | None], theory: Tables
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
    covariate, family = results.covariate, results.family
    partial = correlations(results, resampling)
    paired = contrasts.contrasts(results, context.pairs)
    gain = paper.gain(results, context.published)
    tables = {
        "alignment_fewshot": paper.alignment_fewshot(results, measure, confidence),
        "covariate_alignment": records(paper.scatter(results, measure, covariate, confidence)),
        "groups_by_n": paper.groups_by_n(results),
        "correlations": partial,
        "table1": paper.table1(results),
        "table2": paper.table2(partial),
        "u_tests": u_tests(
            by_measure, covariate.to_numpy(), labels, results.scores, family, confidence
        ),
        "measures": paper.measures(results, resampling),
        "appendix_c": paper.appendix_c(results, resampling),
        "relabelled": paper.relabelled(results, measure, gain, confidence),
        "relabelled_tests": paper.relabelled_tests(results, gain, resampling),
        "families": families(results, measure),
        "contrasts": paired,
        "factors": contrasts.factors(paired, confidence),
        "reliability": noise.reliability(results.fewshot),
        "accuracy": noise.accuracy(results.fewshot, confidence),
        "ceilings": noise.ceilings(context.ceilings, results.judged),
        "participants": noise.participants(results.judged, covariate, first),
        "bridge": bridge.bridge(results, context.curve, confidence),
        "bridge_tests": bridge.bridge_tests(results, resampling),
        "models": models(results),
    }
    return paper.with_published(tables, context.paper)


def models(results: Results) -> list[Record]:
    """Table `models`: each model's covariate, and its alignment with the standard error."""
    table = results.about.assign(covariate=results.covariate)
    for name in MEASURES:
        table[name], table[f"{name}_se"] = results.alignment.get(name), results.errors.get(name)
    return records(table)


def families(results: Results, measure: str) -> list[Record]:
    """Table `families`: mean and range over each family's models.

    Of alignment and of the first outcome shown; of the covariate the mean.
    """
    first = results.shown[0]
    values = {"alignment": results.alignment[measure], "accuracy": first.values}
    table = pd.DataFrame(values | {"group": results.families, "covariate": results.covariate})
    ends = {"": "mean", "_low": "min", "_high": "max"}
    columns = {f"{name}{end}": (name, how) for name in values for end, how in ends.items()}
    columns |= {"covariate": ("covariate", "mean")}
    found = table.groupby("group", sort=False).agg(models=("group", "size"), **columns)
    return records(found.reset_index().assign(task=first.outcome, n=first.n))


def facts_of(experiment: Experiment, results: Results) -> Facts:
    """What captions and the report say of the study beside its numbers."""
    p, study = experiment.params.analyze, experiment.study
    benchmark, classifier = results.covariate_from
    given = f"the accuracy of a linear readout on {benchmark} images"
    kind = "recipe" if study.training else "timm family"
    return Facts(
        measure=p.measure,
        simulated=study.simulated,
        group_size=p.group_size,
        confidence=p.confidence,
        few_shot=FewShot(results.head, results.shots[0], results.repeats),
        models=len(results.models),
        untrained=len(results.untrained),
        given=given if classifier == "readout" else f"{classifier} top-1 on {benchmark}",
        zoo=models_in_words(results),
        family="architecture" if p.family == "architecture" else kind,
        families=len(set(results.families)),
    )


def models_in_words(results: Results) -> str:
    """How many models of which kind, and how many of them are untrained."""
    count, untrained = len(results.models), len(results.untrained)
    kinds = {results.index[str(model)]["source"] for model in results.models}
    known = {"hub": "published models", "trained here": "models trained here"}
    text = f"{count} {known.get(kinds.pop(), 'models') if len(kinds) == 1 else 'models'}"
    some = f", {'all' if untrained == count else untrained} of them untrained"
    return text + (some if untrained else "")


def solvers_apart(experiment: Experiment) -> str:
    """How far the fast solver of linear probes is from scikit-learn, in a sentence."""
    rows = read_table(experiment.paths.table("solvers"), SOLVERS)
    apart = 100 * (rows["fast"] - rows["scikit-learn"]).abs()
    return (
        f"Over {len(rows)} linear probes of {rows['model'].iloc[0]}, n-shot accuracy by the fast "
        f"solver and by scikit-learn differs by {apart.mean():.2f} percentage points on average "
        f"and by at most {apart.max():.2f}."
    )
