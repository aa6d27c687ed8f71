"""Records what timm's networks are in a table of models: `make describe TABLE=...`.

It fills the columns of `Description` in each row whose column `timm` names a model, in place. No
weights are needed: networks are built on torch's meta device, whose tensors have no values.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import timm
import torch
from torch.utils.flop_counter import FlopCounterMode

from stages.networks.checkpoints import penultimate
from stages.runtime.door import door
from stages.runtime.errors import DataError, UsageError, suggest
from stages.runtime.machine import worker_count
from stages.runtime.tables import Column, read_table, write_table

BATCH = 2


@dataclass(frozen=True)
class Description:
    """What a network is."""

    features: int  # D of its penultimate features [N, D]
    parameters: int
    gmacs: float  # 10⁹ multiply-adds to one image's penultimate features, attention included
    input_size: int  # height and width of its input, pixels
    family: str  # timm's module that defines it


def describe(name: str) -> Description:
    """Describe one of timm's networks, `architecture` or `architecture.tag`.

    A ValueError where its input is not square, or its classifier reads other features.
    """
    with torch.device("meta"):
        model = timm.create_model(name).eval().requires_grad_(False)
    channels, height, width = timm.data.resolve_model_data_config(model)["input_size"]
    if height != width:
        raise ValueError(f"{name}: its input is not square: {height} × {width}")
    batch = torch.empty(BATCH, channels, height, width, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        features = penultimate(model, batch).shape[1]
    found = model.get_classifier()  # type: ignore[operator]
    for layer in found if isinstance(found, tuple | list) else (found,):  # one for each token
        reads = getattr(layer, "in_features", getattr(layer, "in_channels", features))
        if reads != features:
            wrong = f"{name}: {features} penultimate features; its classifier reads {reads}"
            raise ValueError(wrong)
    return Description(
        features=features,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        gmacs=round(counter.get_total_flops() / 2 / BATCH / 1e9, 3),
        input_size=height,
        family=timm.models.model_entrypoint(name.partition(".")[0]).__module__.rpartition(".")[2],
    )


def record(path: Path) -> None:
    """Write what networks are into their table, in place; in `$WORKERS` processes, or all cores."""
    columns = ("name", "timm", *Description.__dataclass_fields__)
    table = read_table(path, dict.fromkeys(columns, Column(blank=True)), more=True)
    names = table["timm"][table["timm"] != ""]
    known = set(timm.list_models())
    for name in names:
        if name.partition(".")[0] not in known:
            near = suggest(name, timm.list_models(pretrained=True))
            raise DataError(f"{path}: timm: '{name}' is not a model of timm's{near}")
    with ProcessPoolExecutor(worker_count(None), get_context("forkserver")) as pool:
        found = pd.DataFrame(map(asdict, pool.map(describe, names)), names.index, dtype=object)
    table.loc[names.index, found.columns] = found
    write_table(path, table.to_dict("records"))  # type: ignore[arg-type]


def main() -> None:
    if len(sys.argv) != 2:
        raise UsageError("usage: python -m record.describe TABLE.csv")
    record(Path(sys.argv[1]))


if __name__ == "__main__":
    door(main)
