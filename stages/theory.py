"""Simulates the theory: queries to place an object, n-shot accuracy, Appendix A; and reachable ε.

Reads:  data/checked.txt, which differs where nobody is asked anything: nothing is simulated then
Writes: data/theory/: worlds.csv (a row a size, ε, strategy and world), queries.csv (the same over
        worlds, beside the bounds), fewshot.csv, shift.csv, adversarial.csv, reach.csv, reached.csv
        (accuracy at the ε of its lookups), summary.json; plots/: theory_{queries,fewshot}.json
Params: seed, theory, fewshot.n
"""

from functools import partial
from itertools import product
from typing import Any

from stages.communication.appendix import adversarial, shifted
from stages.communication.fewshot import ClassesSize, accuracies
from stages.communication.found import plotted, summary
from stages.communication.game import places
from stages.communication.queries import GameSize, games
from stages.communication.reach import ReachSize, reach
from stages.runtime.door import door
from stages.runtime.files import replacing, write_json
from stages.runtime.jobs import Job, run, warm
from stages.runtime.machine import place
from stages.runtime.tables import write_table
from stages.study.load import load


def main() -> None:
    experiment = load()
    paths, params = experiment.paths, experiment.params
    if not experiment.study.judged:
        with replacing(paths.theory) as folder:
            write_json(folder / "summary.json", {})
        write_json(paths.plots / "theory_queries.json", [])
        write_json(paths.plots / "theory_fewshot.json", [])
        return
    p, seed, where = params.theory, params.seed, place(params.compute)
    warm(where, "scipy.spatial.distance", "scipy.stats")
    jobs: dict[tuple[Any, ...], Job] = {}
    for n, d in product(p.game.objects, p.game.dimensions):
        game = GameSize(**p.game.model_dump() | {"objects": n, "dimensions": d})
        cost = min(places(n, d), game.positions) * game.worlds * game.runs
        jobs["game", n, d] = Job(partial(games, game, seed), p.epsilon, cost)

    classes = ClassesSize(**p.fewshot.model_dump())
    learn, shots = partial(accuracies, classes, seed), params.fewshot.n
    cost = classes.positions * classes.worlds * len(shots)
    jobs["few-shot",] = Job(learn, list(product(p.epsilon, shots)), cost)
    shift, attack = p.shift.model_dump(), p.adversarial.model_dump()
    shifts = list(product(p.epsilon, shift.pop("sizes")))
    attacks = list(product(p.epsilon, attack.pop("candidates")))
    jobs |= {("shift", e, s): Job(partial(shifted, e, s, seed, **shift)) for e, s in shifts}
    jobs |= {("attack", e, k): Job(partial(adversarial, e, k, seed, **attack)) for e, k in attacks}
    own = p.reach.model_dump()
    for n in (stimuli := own.pop("stimuli")):
        jobs["reach", n] = Job(partial(reach, ReachSize(**own), n, seed), cost=n * n)

    results = run("theory", jobs, where)
    reached = [row for n in stimuli for row in results["reach", n]]
    cells = [(row["epsilon"], min(shots)) for row in reached if row["representation"] == "lookup"]
    lessons = run("theory reached", {"reached": Job(learn, cells)}, where)
    played = [result for name in jobs if name[0] == "game" for result in results[name]]
    tables = {
        "worlds": [row for by_world, _ in played for row in by_world],
        "queries": [row for _, settings in played for row in settings],
        "fewshot": results["few-shot",],
        "shift": [results["shift", e, size] for e, size in shifts],
        "adversarial": [results["attack", e, k] for e, k in attacks],
        "reach": reached,
    } | lessons
    with replacing(paths.theory) as folder:
        for name, rows in tables.items():
            write_table(folder / f"{name}.csv", rows)
        write_json(folder / "summary.json", summary(tables))
    for name, rows in plotted(tables).items():
        write_json(paths.plots / f"{name}.json", rows)


if __name__ == "__main__":
    door(main)
