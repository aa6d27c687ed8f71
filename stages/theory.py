"""Simulates the theory: queries to place an object, n-shot accuracy and Appendix A, by ε.

Writes: data/theory/: worlds.csv (a row a size, ε, strategy and world), queries.csv (the same over
        worlds, beside the bounds), fewshot.csv, shift.csv, adversarial.csv, and summary.json;
        plots/: theory_queries.json, theory_fewshot.json
Params: seed, theory, fewshot.n; the study's stimuli: none of this where nobody is asked anything
"""

from functools import partial
from itertools import product
from typing import Any

from stages.communication.appendix import adversarial, shifted
from stages.communication.fewshot import ClassesSize, accuracies
from stages.communication.found import plotted, summary
from stages.communication.game import places
from stages.communication.queries import GameSize, games
from stages.runtime.door import door
from stages.runtime.files import replacing, write_json
from stages.runtime.jobs import Job, run
from stages.runtime.machine import place
from stages.runtime.tables import write_table
from stages.study.load import load


def main() -> None:
    experiment = load()
    paths = experiment.paths
    if not experiment.study.judged:  # what is published of models is no answer to triplets
        with replacing(paths.theory) as folder:
            write_json(folder / "summary.json", {})
        for name in ("theory_queries", "theory_fewshot"):
            write_json(paths.plots / f"{name}.json", [])
        return
    p, seed = experiment.params.theory, experiment.params.seed
    jobs: dict[tuple[Any, ...], Job] = {}
    for n, d in product(p.game.objects, p.game.dimensions):
        game = GameSize(**p.game.model_dump() | {"objects": n, "dimensions": d})
        cost = min(places(n, d), game.positions) * game.worlds * game.runs
        jobs["game", n, d] = Job(partial(games, game, seed), p.epsilon, cost)
    sizes = list(jobs)

    classes = ClassesSize(**p.fewshot.model_dump())
    cells = list(product(p.epsilon, experiment.params.fewshot.n))
    cost = classes.positions * classes.worlds * len(experiment.params.fewshot.n)
    jobs["few-shot",] = Job(partial(accuracies, classes, seed), cells, cost)

    shift, attack = p.shift.model_dump(), p.adversarial.model_dump()
    shifts = list(product(p.epsilon, shift.pop("sizes")))
    attacks = list(product(p.epsilon, attack.pop("candidates")))
    for e, size in shifts:
        jobs["shift", e, size] = Job(partial(shifted, e, size, seed, **shift))
    for e, k in attacks:
        jobs["adversarial", e, k] = Job(partial(adversarial, e, k, seed, **attack), cost=k)

    results = run("theory", jobs, place(experiment.params.compute))
    played = [result for size in sizes for result in results[size]]
    tables = {
        "worlds": [row for by_world, _ in played for row in by_world],
        "queries": [row for _, settings in played for row in settings],
        "fewshot": results["few-shot",],
        "shift": [results["shift", e, size] for e, size in shifts],
        "adversarial": [results["adversarial", e, k] for e, k in attacks],
    }
    with replacing(paths.theory) as folder:
        for name, rows in tables.items():
            write_table(folder / f"{name}.csv", rows)
        write_json(folder / "summary.json", summary(tables))
    for name, rows in plotted(tables).items():
        write_json(paths.plots / f"{name}.json", rows)


if __name__ == "__main__":
    door(main)
