"""What timm's networks are, found without weights: features, parameters, operations, input size.

Networks are built on torch's meta device, where tensors have shapes and no values, and run through
the project's own path to penultimate features. `python -m stages.zoo.describe TABLE.csv` records
what it finds in the columns `features`, `parameters`, `gmacs`, `input_size` and `family` of a table
of models, in place, for each row that names a model of timm's in its column `timm`.
"""

from __future__ import annotations

import csv
import io
import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import timm
import torch
from torch.utils.flop_counter import FlopCounterMode

from stages.runtime.door import door
from stages.runtime.errors import DataError, UsageError, suggest
from stages.runtime.machine import worker_count
from stages.runtime.work import one_thread
from stages.zoo.networks import penultimate

BATCH = 2


@dataclass(frozen=True)
class Description:
    """What a network is.

    Attributes
    ----------
    features : D of its penultimate features [N, D]; parameters : how many numbers are trained.
    gmacs : 10⁹ multiply-adds to the penultimate features of one image, as convolutions and matrix
        products (attention included). input_size : height and width of its input, pixels.
    family : timm's module that defines it.
    """

    features: int
    parameters: int
    gmacs: float
    input_size: int
    family: str


def describe(name: str) -> Description:
    """Describe one of timm's networks, `architecture` or `architecture.tag`.

    Raises
    ------
    ValueError
        Its penultimate features are not [N, D], or not what its classifier reads; names it.
    """
    with torch.device("meta"):
        model = timm.create_model(name).eval().requires_grad_(False)
    channels, height, width = timm.data.resolve_model_data_config(model)["input_size"]
    if height != width:
        raise ValueError(f"{name}: its input is not square: {height} × {width}")
    batch = torch.empty(BATCH, channels, height, width, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        try:
            features = penultimate(model, batch).shape[1]
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    if wrong := _classifier_inputs(model) - {features}:
        raise ValueError(
            f"{name}: penultimate features are {features}, its classifier reads {wrong}"
        )
    return Description(
        features=features,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        gmacs=round(counter.get_total_flops() / 2 / BATCH / 1e9, 3),
        input_size=height,
        family=timm.models.model_entrypoint(name.partition(".")[0]).__module__.rpartition(".")[2],
    )


def _classifier_inputs(model: torch.nn.Module) -> set[int]:
    """How many features each classifier of a network reads; networks with two tokens have two."""
    found = model.get_classifier()  # type: ignore[operator]
    layers = found if isinstance(found, tuple | list) else (found,)
    inputs = set()
    for layer in layers:
        if isinstance(layer, torch.nn.Linear):
            inputs.add(layer.in_features)
        elif isinstance(layer, torch.nn.Conv2d):
            inputs.add(layer.in_channels)
    return inputs


def describe_all(names: Sequence[str], workers: int | None = None) -> dict[str, Description]:
    """Describe many networks, in as many processes as `worker_count` allows; by name, in order."""
    processes = worker_count(workers)
    if processes == 1:
        return {name: describe(name) for name in names}
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["stages.zoo.describe"])
    with ProcessPoolExecutor(processes, mp_context=context, initializer=one_thread) as pool:
        return dict(zip(names, pool.map(describe, names), strict=True))


def record(path: Path) -> None:
    """Write what networks are into their table, in place.

    Raises
    ------
    DataError
        The table cannot be read, lacks a column, or names a network that timm does not know.
    """
    try:
        reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
        columns, rows = list(reader.fieldnames or []), list(reader)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    missing = {"name", "timm", *Description.__dataclass_fields__} - set(columns)
    if missing:
        raise DataError(f"{path}: no column '{sorted(missing)[0]}'; found {', '.join(columns)}")
    names = [row["timm"] for row in rows if row["timm"]]
    if unknown := [name for name in names if not timm.is_model(name.partition(".")[0])]:
        near = suggest(unknown[0], timm.list_models(pretrained=True))
        raise DataError(f"{path}: timm: '{unknown[0]}' is not a model of timm's{near}")
    found = describe_all(names)
    for row in rows:
        if row["timm"]:
            row.update(asdict(found[row["timm"]]))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue(), encoding="utf-8")


def main() -> None:
    """Record the table named on the command line."""
    if len(sys.argv) != 2:
        raise UsageError("usage: python -m stages.zoo.describe TABLE.csv")
    record(Path(sys.argv[1]))


if __name__ == "__main__":
    door(main)
