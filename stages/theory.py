"""The theory as an experiment: queries to place an object, n-shot accuracy, Appendix A, by ε.

Writes: data/<study>/theory/: worlds.csv (a row a size, ε, strategy and world), queries.csv (the
        same over worlds, beside the bounds), fewshot.csv, shift.csv, adversarial.csv;
        metrics/<study>/theory.json; plots/<study>/: theory_queries.json, theory_fewshot.json
Params: seed, theory, fewshot.n
"""

import json
from itertools import product
from typing import Any

from stages.communication.found import TABLES, metrics, plotted
from stages.runtime.door import door
from stages.runtime.files import replacing, write_json, write_table
from stages.runtime.jobs import Job, payload, run
from stages.runtime.machine import place
from stages.runtime.source import unit_key
from stages.similarity.channel import places
from stages.study.load import Experiment, load

UNITS = "stages.communication.units"


def main() -> None:
    experiment = load()
    jobs = [*game_jobs(experiment), fewshot_job(experiment), appendix_job(experiment)]
    run("theory", jobs, place(experiment.params.compute))
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for job in jobs:
        for unit in job.keys:
            for name, rows in json.loads(payload(job, unit)).items():
                tables[name] += rows
    with replacing(experiment.paths.theory) as folder:
        for name, rows in tables.items():
            write_table(folder / f"{name}.csv", rows)
    write_json(experiment.paths.metrics / "theory.json", metrics(tables))
    for name, rows in plotted(tables).items():
        write_json(experiment.paths.plots / f"{name}.json", rows)


def game_jobs(experiment: Experiment) -> list[Job]:
    """One job a size of game, with a unit for each ε."""
    game = experiment.params.theory.game
    jobs = []
    for n, d in product(game.objects, game.dimensions):
        size = game.model_dump() | {"objects": n, "dimensions": d}
        epsilons = {f"epsilon={e}": e for e in experiment.params.theory.epsilon}
        cost = min(places(n, d), game.positions) * game.worlds * game.runs
        name = f"{n} objects, {d} dimensions"
        jobs.append(_job(experiment, name, "games", (size,), epsilons, cost))
    return jobs


def fewshot_job(experiment: Experiment) -> Job:
    """n-shot accuracy, with a unit for each ε and each n of the study."""
    shots, size = experiment.params.fewshot.n, experiment.params.theory.fewshot
    cells = product(experiment.params.theory.epsilon, shots)
    units = {f"epsilon={e},n={n}": (e, n) for e, n in cells}
    cost = size.positions * size.worlds * len(shots)
    return _job(experiment, "few-shot", "fewshot", (size.model_dump(),), units, cost)


def appendix_job(experiment: Experiment) -> Job:
    """Appendix A, with a unit for each ε."""
    theory = experiment.params.theory
    shift, attack = theory.shift.model_dump(), theory.adversarial.model_dump()
    args = (shift.pop("sizes"), shift, attack.pop("candidates"), attack)
    units = {f"epsilon={e}": e for e in theory.epsilon}
    cost = theory.adversarial.worlds * sum(theory.adversarial.candidates)
    return _job(experiment, "appendix", "appendix", args, units, cost)


def _job(
    experiment: Experiment,
    name: str,
    function: str,
    args: tuple[Any, ...],
    units: dict[str, Any],
    cost: float,
) -> Job:
    """A job of units, its cost in places looked at."""
    seed = experiment.params.seed
    keys = {
        unit: unit_key(
            f"theory {function}", [UNITS], ["numpy", "scipy"], args=args, unit=value, seed=seed
        )
        for unit, value in units.items()
    }
    return Job(name, keys, f"{UNITS}:{function}", (*args, seed, units), cost)


if __name__ == "__main__":
    door(main)
