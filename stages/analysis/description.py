"""What captions and the report say of a study beside its numbers."""

from collections import Counter

from stages.analysis.facts import NOTHING, Facts, FewShot, listed
from stages.analysis.inputs import SHARE, TEXT
from stages.analysis.results import Results
from stages.runtime.tables import Column, read_table
from stages.study.entries import ModelTable
from stages.study.experiment import Experiment

KINDS = {"trained here": "trained here", "package": "with published weights", "hub": "published"}
KINDS |= {
    "published": "published",
    "features": "given by features",
    "file of one's own": "your own",
}
"""Kinds of models in words, by where they come from."""
SOLVERS = {"model": TEXT, "task": TEXT, "n": Column(int, low=1), "fast": SHARE}
SOLVERS |= {"scikit-learn": SHARE}


def facts_of(experiment: Experiment, results: Results, measure: str) -> Facts:
    """What captions and the report say of the study beside its numbers."""
    p, study = experiment.params.analyze, experiment.study
    table = study.models[0]
    recipes = "recipe" if study.training else "timm family"
    kind = table.family if isinstance(table, ModelTable) else recipes
    asked = ["learn better from few examples"] * bool(results.few_shot)
    asked += ["prove more robust"] * bool(results.benchmarks)
    return Facts(
        measure=measure,
        judges=study.judges,
        asked=" and ".join(asked),
        group_size=results.group_size,
        confidence=p.confidence,
        few_shot=FewShot(results.head, results.n, results.repeats),
        models=len(results.models),
        untrained=len(results.untrained),
        given=covariates_in_words(experiment),
        zoo=models_in_words(results, getattr(table, "called", "models")),
        family="architecture" if p.family == "architecture" else kind,
        families=len(set(results.families)),
    )


def covariates_in_words(experiment: Experiment) -> str:
    """What is controlled for."""
    c = experiment.study.covariate
    readout = f"the accuracy of a linear readout on {c.benchmark} images"
    top1 = readout if c.classifier == "readout" else f"{c.classifier} top-1 on {c.benchmark}"
    parts = {top1: c.benchmark, "its square": c.square, "the kind of network": c.kind}
    return listed([part for part, controlled in parts.items() if controlled] or [NOTHING])


def models_in_words(results: Results, called: str = "models") -> str:
    """How many models there are, of which kind; of several kinds, how many of each."""
    count, untrained = len(results.models), set(results.untrained)
    kinds = Counter(
        "untrained" if model in untrained else KINDS[results.index[str(model)]["source"]]
        for model in results.models
    )
    if len(kinds) > 1:
        ordered = sorted(kinds, key=lambda kind: kind == "untrained")
        return f"{count} models ({listed([f'{kinds[kind]} {kind}' for kind in ordered])})"
    (kind,) = kinds
    return f"{count} published {called}" if kind == "published" else f"{count} models, {kind}"


def solvers_apart(experiment: Experiment) -> list[str]:
    """How far the fast solver of linear probes is from scikit-learn, in a sentence if any."""
    if not experiment.study.taught:
        return []
    rows = read_table(experiment.paths.table("solvers"), SOLVERS)
    apart = 100 * (rows["fast"] - rows["scikit-learn"]).abs()
    return [
        f"Over {len(rows)} linear probes of {rows['model'].iloc[0]}, n-shot accuracy by the fast "
        f"solver and by scikit-learn differs by {apart.mean():.2f} percentage points on average "
        f"and by at most {apart.max():.2f}."
    ]
