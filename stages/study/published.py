"""What a study takes from tables of others: rows as the stages write them for what they measure.

A model without a value has no row here; the analysis counts it.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import pandas as pd

from stages.runtime.errors import UsageError
from stages.runtime.tables import Column, Record, read_table
from stages.sources.timm_tables import IMAGES, RESULTS, read_published
from stages.study.experiment import Experiment
from stages.study.models import Model, models
from stages.study.spec import Benchmark
from stages.study.stimuli import Published

SHARE = Column(float, blank=True, low=0, high=1)


def read_facts(
    facts: Published, columns: Mapping[str, Column], known: Sequence[str], where: str
) -> pd.DataFrame:
    """The rows of a published table that are of known models.

    columns : the schema of all but the models' names; those of text tell rows of a model apart.

    Raises UsageError, in a line: what `read_table` finds, a duplicate model, or none that is known.
    """
    unique = [facts.model, *(name for name, column in columns.items() if column.kind is str)]
    schema = {facts.model: Column()} | dict(columns)
    path = Path(facts.table)
    table = read_table(path, schema, unique=unique, more=True, error=UsageError, where=where)
    found = table[table[facts.model].isin(known)]
    if found.empty:
        raise UsageError(
            f"{path}: {facts.model}: none of the study's {len(known)} models ({where})"
        )
    return found


def likeness(experiment: Experiment) -> list[Record]:
    """Rows of alignment.csv: every model's value of each published set, whose words are measure."""
    chosen, rows = [model.name for model in models(experiment)], []
    for name, s in experiment.study.stimuli.items():
        if s.source == "published":
            where = f"{experiment.file}: stimuli.{name}"
            number = {s.value: Column(float, blank=True)}
            values = read_facts(s, number, chosen, where).set_index(s.model)[s.value].dropna()
            about = {"weights": "published", "set": name, "measure": s.words, "judge": "group"}
            rows += [
                {"model": model, **about, "value": float(values[model]), "se": None}
                for model in chosen
                if model in values
            ]
    return rows


def fewshot(experiment: Experiment) -> list[Record]:
    """Rows of fewshot.csv: accuracies of each published task, at n from least to most asked for."""
    chosen, rows = [model.name for model in models(experiment)], []
    asked = experiment.params.fewshot.n
    for name, task in experiment.study.tasks.items():
        if task.source == "published":
            where = f"{experiment.file}: tasks.{name}"
            head = {task.head: Column()}
            columns = map(str, read_facts(task, head, chosen, where))
            shots = [name for name in columns if name.isdecimal()]
            table = read_facts(task, head | dict.fromkeys(shots, SHARE), chosen, where)
            kept = [n for n in shots if min(asked) <= int(n) <= max(asked)]
            if not kept:
                raise UsageError(f"params.yaml: fewshot.n: {asked}; {task.table} has {shots}")
            rows += [
                {"model": row[task.model], "weights": "published", "task": name}
                | {"head": row[task.head], "n": int(n), "repeat": 0, "accuracy": row[n]}
                for row, n in product(table.to_dict("records"), kept)
                if pd.notna(row[n])
            ]
    return rows


def benchmark_rows(
    experiment: Experiment, year: int | None = None
) -> tuple[list[Record], dict[str, list[str]]]:
    """Rows of robustness.csv from published tables, and the benchmarks that each model lacks.

    year : of timm's tables; that of params.yaml's `models.table` where it is None.
    """
    rows: list[Record] = []
    absent: dict[str, list[str]] = {}
    chosen = models(experiment)
    for benchmark, spec in experiment.study.benchmarks.items():
        if spec.published is None and spec.facts is None:
            continue
        where = f"{experiment.file}: benchmarks.{benchmark}"
        tops = accuracies(spec, chosen, year or experiment.params.models.table, where)
        about: Record = {"benchmark": benchmark, "classifier": "published"}
        about |= {"weights": "published", "images": IMAGES.get(spec.published or "")}
        for model in chosen:
            if model.name in tops:
                top1, top5 = tops[model.name]
                rows.append({"model": model.name} | about | {"top1": top1, "top5": top5})
            else:
                absent.setdefault(model.name, []).append(benchmark)
    return rows, absent


def accuracies(
    spec: Benchmark, chosen: Sequence[Model], year: int, where: str
) -> dict[str, tuple[float, float | None]]:
    """Published top-1 and top-5 of each model that has them; facts have no top-5."""
    if facts := spec.facts:
        names = [model.name for model in chosen]
        found = read_facts(facts, {facts.value: SHARE}, names, where).set_index(facts.model)
        return {str(name): (value, None) for name, value in found[facts.value].dropna().items()}
    table = read_published(RESULTS[year], str(spec.published)).to_dict("index")
    named = {m.name: m.table if year == 2022 else m.timm for m in chosen}
    return {name: tuple(table[old].values()) for name, old in named.items() if old in table}
