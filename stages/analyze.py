"""Analyses the study: the paper's tables and figures, how sure they are, and a report.

Reads:  data/alignment.csv, fewshot.csv, robustness.csv, solvers.csv; stimuli/ (noise ceilings);
        embeddings/index.json (which models are untrained, and of which family) and covariate.json
        (which are left out); theory/
Writes: data/tables/*.csv; data/report/: report.html, answer.json, svg/; metrics/summary.json;
        plots/: rows of DVC's plots, and figures/
Params: seed, models, stimuli, analyze; the study's title, models, recipes, stimuli, tasks,
        training, benchmarks, contrasts, covariate, and the paper's values
"""

from functools import partial

from stages.analysis.analysis import all_tables, context_of, read_results, shown_measure
from stages.analysis.answer import summary
from stages.analysis.description import facts_of, solvers_apart
from stages.analysis.families import Resampling
from stages.analysis.inputs import read_theory
from stages.analysis.known import unknown
from stages.analysis.metrics import metrics, outcomes, plot_rows
from stages.report.report import write_figures_and_report
from stages.runtime.door import door
from stages.runtime.files import replacing, write_json
from stages.runtime.jobs import Job, run, warm
from stages.runtime.machine import Place, one_thread, place
from stages.runtime.tables import write_table
from stages.similarity.ceilings import noise_ceilings
from stages.sources.human import read_judgments
from stages.study.load import load


def main() -> None:
    experiment = load()
    study, paths, p = experiment.study, experiment.paths, experiment.params.analyze
    seed, alpha, where = experiment.params.seed, 1 - p.confidence, place(experiment.params.compute)
    one_thread()  # BLAS rounds by the number of its threads
    warm(where, "stages.report.figure", "matplotlib.figure")  # while this process computes
    for name in study.judged:
        read_judgments(paths.stimuli / name)  # bad ones are named before any work
    by_year, left_out = read_results(experiment)
    results = next(iter(by_year.values()))
    measure = shown_measure(experiment, results)
    theory = read_theory(paths.theory) if study.judged else {}
    call = partial(noise_ceilings, seed=seed)
    jobs = {name: Job(partial(call, paths.stimuli / name, name)) for name in study.judged}
    ceilings = run("ceilings", jobs, Place())

    context = context_of(experiment, results, ceilings, theory)
    tables = all_tables(by_year, measure, Resampling(p.confidence, p.bootstraps, seed), context)
    with replacing(paths.data / "tables") as folder:
        for name, rows in tables.items():
            if rows:
                write_table(folder / f"{name}.csv", rows)
    write_json(paths.metrics / "summary.json", metrics(results, tables, measure, left_out, alpha))
    counts = {"models": len(results.models), "untrained_models": len(results.untrained)}
    head, n = results.head, results.n
    for name, rows in plot_rows(tables, measure, head, n, alpha, counts).items():
        write_json(paths.plots / f"{name}.json", rows)

    facts = facts_of(experiment, results, measure)
    shown = outcomes(results, tables, measure)
    notes = [*solvers_apart(experiment), *unknown(results)]
    write_figures_and_report(experiment, tables | theory, facts, where, shown, left_out, notes)
    print(summary(study.title, results, tables, facts))
    other = "study=clickme" if study.taught else "study=miniature"
    asked = "fewshot.n=5" if study.taught and experiment.params.fewshot.n != [5] else other
    print(f"The report: {paths.report}/report.html; {paths.data}/README.md says what lies where")
    print(f"Try next: dvc exp run -S {asked}, then dvc metrics diff and make experiments")


if __name__ == "__main__":
    door(main)
