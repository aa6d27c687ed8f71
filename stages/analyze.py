"""The study's results: groups, partial correlations, fits; metrics, plots, figures, a summary.

Reads:  data/<study>/alignment.csv, fewshot.csv, robustness.csv; stimuli/ (for noise ceilings);
        embeddings/index.json (which models are untrained)
Writes: data/<study>/correlations.csv; metrics/<study>/; plots/<study>/
Params: models, stimuli, analyze; the study's title, models, stimuli, covariate, and whether it is
        simulated
"""

import sys
from pathlib import Path

from stages.figures.study import Facts, draw_all
from stages.inference.metrics import alignment_metrics, fewshot_metrics, robustness_metrics
from stages.inference.records import all_records
from stages.inference.results import Results
from stages.inference.summary import summary
from stages.inference.tables import read_table, without, without_row
from stages.runtime.door import door
from stages.runtime.errors import UsageError
from stages.runtime.files import replacing, write_json, write_table
from stages.similarity.measures import noise_ceiling
from stages.sources.human import read_judgments
from stages.study.groups import check_groups
from stages.study.load import Experiment, load
from stages.study.zoo import models
from stages.zoo.embeddings import read_index


def main() -> None:
    experiment = load()
    paths, measure = experiment.paths, experiment.params.analyze.measure
    results = read_results(experiment)
    correlations = results.correlations()
    write_table(paths.table("correlations"), correlations)
    ceilings = noise_ceilings(paths.stimuli, list(experiment.study.stimuli))
    write_json(paths.metrics / "alignment.json", alignment_metrics(results, ceilings))
    write_json(paths.metrics / "fewshot.json", fewshot_metrics(results, measure))
    write_json(paths.metrics / "robustness.json", robustness_metrics(results, measure))
    records = all_records(results, measure)
    counts = {"models": len(results.models), "untrained_models": len(results.untrained)}
    for name, rows in records.items():
        write_json(paths.plots / f"{name}.json", [row | counts for row in rows])
    study, p = experiment.study, experiment.params.analyze
    facts = Facts(measure, study.simulated, p.group_size, p.confidence)
    with replacing(paths.plots / "figures") as folder:
        draw_all(folder, results, records, facts)
    print(summary(study.title, study.simulated, measure, results, correlations))


def read_results(experiment: Experiment) -> Results:
    """The three tidy tables as results; the measure to show must be one that the study has."""
    p = experiment.params.analyze
    alignment, fewshot, robustness = (
        read_table(experiment.paths.table(name)) for name in ("alignment", "fewshot", "robustness")
    )
    covariate = experiment.study.covariate
    given = (covariate.benchmark, covariate.classifier)
    left = left_out(experiment, without_row(robustness, given, alignment["model"].unique()))
    results = Results(
        without(alignment, left),
        without(fewshot, left),
        without(robustness, left),
        given,
        read_index(experiment.paths.embeddings),
        p.group_size,
        p.confidence,
        left,
    )
    check_groups(p.group_size, len(results.models))
    if p.measure not in results.measures:
        raise UsageError(
            f"params.yaml: analyze.measure: no stimulus set of this study supports '{p.measure}'; "
            f"allowed: {results.measures}"
        )
    return results


def left_out(experiment: Experiment, lacking: dict[str, list[str]]) -> dict[str, str]:
    """Models that have no place in the analysis, and why; each is named."""
    reasons = {m.name: f"no weights ({m.absent})" for m in models(experiment) if m.absent}
    for name, benchmarks in lacking.items():
        reasons.setdefault(name, f"no published row in {', '.join(benchmarks)}")
    for name, reason in reasons.items():
        print(f"analyze: {name} is left out: {reason}", file=sys.stderr)
    return reasons


def noise_ceilings(stimuli: Path, names: list[str]) -> dict[str, float]:
    """Leave-one-participant-out correlation of every set that has participants."""
    judged = {name: read_judgments(stimuli / name) for name in sorted(names)}
    return {
        name: noise_ceiling(judgments.participants)
        for name, judgments in judged.items()
        if judgments.participants is not None
    }


if __name__ == "__main__":
    door(main)
