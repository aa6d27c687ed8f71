"""All that is found, as tables of records; figures, plots and the report show nothing else."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from stages.analysis import bridge, contrasts, noise, paper
from stages.analysis.correlations import correlations
from stages.analysis.families import Resampling
from stages.analysis.inputs import MEASUREMENTS, may_lack, missing_rows, read_measurements
from stages.analysis.outcomes import Tables, records
from stages.analysis.results import Results
from stages.analysis.specifications import curve, specifications
from stages.analysis.ushape import u_tests
from stages.networks.embeddings import left_out_of, read_index
from stages.runtime.errors import UsageError, report
from stages.runtime.files import read_json
from stages.runtime.guards import readable
from stages.runtime.tables import Record
from stages.similarity.decomposition import PARTS
from stages.similarity.measures import MEASURES
from stages.sources.timm_tables import RESULTS
from stages.study.checks import check_count
from stages.study.experiment import Experiment
from stages.study.models import Model, all_models
from stages.study.models import models as chosen_models
from stages.study.pairs import Pair, pairs_of
from stages.study.published import benchmark_rows
from stages.study.tables import Values, read_values

INPUTS = ("alignment", "fewshot", "robustness")


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


def read_results(experiment: Experiment) -> tuple[dict[str, Results], dict[str, str]]:
    """The three tidy tables as results, and models left out of them, with the reason.

    The results are by year of timm's tables, the chosen one first, where all is published; else
    there is one, by "". Raises UsageError if too few models are left.
    """
    study, paths, chosen = experiment.study, experiment.paths, experiment.params.models.table
    on = study.benchmarks or study.made_benchmarks
    sections = dict(zip(INPUTS, (study.stimuli, study.tasks, on), strict=True))
    tables = {
        name: read_measurements(paths.table(name), study.judged != study.stimuli)
        if section
        else pd.DataFrame(columns=[*MEASUREMENTS[name]])
        for name, section in sections.items()
    }
    if study.judged:
        changed = read_measurements(paths.table("alignment_features"))
        other = changed["features"] != experiment.params.align.features
        tables["alignment_features"] = pd.concat([changed[~other], changed[other]])
    models = chosen_models(experiment)
    results, left_out = _results(experiment, models, tables)
    report("analyze", left_out, " is left out")
    if study.embeds or not any(b.published for b in study.benchmarks.values()):
        return {"": results}, left_out
    by_year = {str(chosen): results}
    for year in RESULTS.keys() - {chosen}:
        rows, _ = benchmark_rows(experiment, year)
        tables["robustness"] = pd.DataFrame(rows).astype({"top5": float})
        by_year[str(year)], _ = _results(experiment, models, tables)
    return by_year, left_out


def _results(
    experiment: Experiment, models: Sequence[Model], tables: Mapping[str, pd.DataFrame]
) -> tuple[Results, dict[str, str]]:
    """Results of those models that have what is needed, and the others, with the reason."""
    study, paths, p = experiment.study, experiment.paths, experiment.params.analyze
    left_out = {m.name: f"no weights ({m.absent})" for m in models if m.absent and study.embeds}
    left_out |= left_out_of(paths.embeddings)
    path = paths.data / "covariate.json"
    with readable(path, "an output of stage robustness"):
        unsuitable = dict(read_json(path)["left_out"])
    c = study.covariate
    covariate_from = (c.benchmark, c.classifier) if c.benchmark and c.classifier else None
    alignment, fewshot, robustness = (tables[name] for name in INPUTS)
    named = alignment["model"].unique()
    about: dict[str, Any] = {m.name: m.published for m in models}
    about |= read_index(paths.embeddings) if study.embeds else {}
    judged = [f"stimuli/{name}" for name in study.judged]
    for name in may_lack(about, judged):
        left_out[name] = f"no features of {', '.join(set(judged) & {*about[name]['lacks']})}"
    lacking = missing_rows(robustness, covariate_from, named, unsuitable, about)
    for name, benchmarks in lacking.items():  # of what is all published an outcome may be missing
        if study.embeds or c.benchmark in benchmarks:
            needed = {"training/readout", *(f"benchmarks/{b}" for b in benchmarks)}
            lacks = sorted(needed & {*about.get(name, {}).get("lacks", ())})
            what = f"features of {', '.join(lacks)}" if lacks else ""
            what = what or f"published row in {', '.join(benchmarks)}"
            left_out.setdefault(name, unsuitable.get(name, f"no {what}"))
    kept = [t[~t["model"].isin(list(left_out))] for t in (alignment, fewshot, robustness)]
    given = (covariate_from, about, p.family, p.group_size, c.square, c.kind)
    changed = tables["alignment_features"] if study.judged else None
    results = Results(kept[0], kept[1], kept[2], *given, changed)
    check_count(len(results.models))
    return results, left_out


def shown_measure(experiment: Experiment, results: Results) -> str:
    """The measure that is shown where only one is: that of params.yaml, or the first."""
    name = experiment.params.analyze.measure
    published = experiment.study.stimuli.get(name or "")
    wanted = getattr(published, "words", name) or results.measures[0]
    if wanted not in results.measures:
        raise UsageError(
            f"params.yaml: analyze.measure: no stimulus set of this study supports '{name}'; "
            f"allowed: {results.measures}"
        )
    return wanted


def context_of(
    experiment: Experiment, results: Results, ceilings: Mapping[str, Record | None], theory: Tables
) -> Context:
    """What the study has beside its results; pairs without results of a chosen model are named."""
    study, root = experiment.study, experiment.paths.root
    pairs, without = pairs_of(study, all_models(study, experiment.file), results.models, root)
    chosen = {model.name for model in chosen_models(experiment)}
    for factor, a, b in (pair for pair in without if chosen.issuperset(pair[1:])):
        print(f"analyze: pair {a}, {b} ({factor}) is left out: no results of both", file=sys.stderr)
    values = study.paper.values if study.paper else None
    return Context(
        ceilings,
        pairs,
        {name: benchmark.published for name, benchmark in study.benchmarks.items()},
        read_values(root / values, "paper.values") if values else {},
        theory.get("theory_fewshot", []),
    )


def all_tables(
    by_year: Mapping[str, Results], measure: str, resampling: Resampling, context: Context
) -> Tables:
    """Every table of the study, by name.

    by_year : of `read_results`. measure : the one shown where only one is.
    """
    results = next(iter(by_year.values()))
    confidence, first = resampling.confidence, results.shown[0]
    by_measure = {name: results.alignment[name].to_numpy() for name in results.measures}
    labels = [outcome.labels for outcome in results.outcomes]
    controls = pd.DataFrame(results.controls, results.models)
    only = "" if results.few_shot else "robustness"  # a figure where there is no other
    drawn = results.fewshot[results.fewshot["weights"] != "published"]
    partial = correlations(results, resampling)
    paired = contrasts.contrasts(results, context.pairs)
    gain = paper.gain(results, context.published)
    tables = {
        "alignment_fewshot": paper.alignment_outcomes(results, measure, confidence, "few-shot"),
        "alignment_benchmarks": paper.alignment_outcomes(results, measure, confidence, only),
        "covariate_alignment": paper.covariate_alignment(results, measure, confidence),
        "groups_by_n": paper.groups_by_n(results),
        "correlations": partial,
        "table1": paper.table1(results),
        "table2": paper.table2(partial),
        "u_tests": u_tests(
            by_measure, results.controls, labels, results.scores, results.family, confidence
        ),
        "measures": paper.measures(results, resampling),
        "appendix_c": paper.appendix_c(results, resampling),
        "relabelled": paper.relabelled(results, measure, gain, confidence),
        "relabelled_tests": paper.relabelled_tests(results, gain, resampling),
        "families": families(results, measure),
        "contrasts": paired,
        "factors": contrasts.factors(paired, confidence),
        "reliability": noise.reliability(drawn),
        "accuracy": noise.accuracy(drawn, confidence),
        "ceilings": noise.ceilings(context.ceilings, results.judged),
        "participants": noise.participants(results.judged, controls, first),
        "bridge": bridge.bridge(results, context.curve, confidence),
        "bridge_tests": bridge.bridge_tests(results, resampling),
        "models": models(results),
        "decomposition": decomposition(results),
        "features": features(results, measure),
    }
    tables["specifications"] = specifications(by_year, measure, confidence)
    tables["specification_curve"] = curve(tables["specifications"])
    return paper.with_published(tables, context.paper)


def models(results: Results) -> list[Record]:
    """Table `models`: each model's covariate, and its alignment with the standard error."""
    table = results.about.assign(covariate=results.covariate)
    every = set(MEASURES) & set(results.measures)
    for name in dict.fromkeys([*(MEASURES if every else ()), *results.measures]):
        table[name], table[f"{name}_se"] = results.alignment.get(name), results.errors.get(name)
    return records(table)


def features(results: Results, measure: str) -> list[Record]:
    """Table `features`: alignment of each model after all that may be done to its features."""
    if len(results.by_features) == 1 or any(measure not in a for a in results.by_features.values()):
        return []
    table = results.about.assign(measure=measure)
    return records(table.assign(**{n: a[measure] for n, a in results.by_features.items()}))


def decomposition(results: Results) -> list[Record]:
    """Table `decomposition`: Pearson alignment in its parts, beside their bounds.

    A row a model and set that has a similarity matrix, without a gap.
    """
    group = results.judged[results.judged["judge"] == "group"]
    table = group[group["measure"].isin(["pearson", *PARTS])]
    if "centred" not in set(table["measure"]):
        return []
    wide = table.pivot(index=["model", "set"], columns="measure", values="value")
    return records(wide.dropna(subset=["centred"]).reset_index())


def families(results: Results, measure: str) -> list[Record]:
    """Table `families`: mean and range over each family's models.

    Of alignment and of the first outcome shown; of the covariate the mean.
    """
    first = results.shown[0]
    values = {"alignment": results.alignment[measure], "accuracy": first.values}
    table = pd.DataFrame(values | {"group": results.families}).assign(covariate=results.covariate)
    table = table.astype({"covariate": float})
    ends = {"": "mean", "_low": "min", "_high": "max"}
    columns = {f"{name}{end}": (name, how) for name in values for end, how in ends.items()}
    columns |= {"covariate": ("covariate", "mean")}
    found = table.groupby("group", sort=False).agg(models=("group", "size"), **columns)
    return records(found.reset_index().assign(task=first.outcome, n=first.n))
