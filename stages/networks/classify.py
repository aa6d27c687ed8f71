"""Top-1 and top-5 of a network's own classifier on your own image folders."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stages.networks.cards import top_k
from stages.networks.load import Machine, Source, open_network, training_state
from stages.networks.published import IMAGENET
from stages.runtime.errors import UnsuitableError
from stages.sources.image_folders import read_index

if TYPE_CHECKING:
    import torch


def classify_folders(
    source: Source, batch: int, machine: Machine, *, each: Sequence[Path]
) -> Iterator[list[dict[str, Any]]]:
    """Top-1 and top-5 of one model's own classifier on image folders: for each a list of one row.

    Images are checked against their digests. Of benchmarks that have 200 of ImageNet's classes only
    these may be answered, as in the published tables (Hendrycks et al. 2021). `each` holds the
    folders' indices; `batch` images are in memory at once.
    """
    from stages.networks.features import batches

    model = open_network(source)
    about = {"classifier": "own", "weights": training_state(source)}
    for path in each:
        index = read_index(path)
        images = [functools.partial(index.open, i) for i in range(len(index))]
        parts = batches(model, images, batch, machine, forward=logits)
        scores = np.concatenate([part[:, index.classes] for part in parts])
        labels = np.searchsorted(index.classes, index.labels)
        shares = {f"top{k}": top_k(scores, labels, k) for k in (1, 5)}
        yield [{"benchmark": path.stem} | about | {"images": len(labels)} | shares]


def logits(model: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
    """[B, 1000] scores of ImageNet's classes; UnsuitableError where the network has others."""
    scores: torch.Tensor = model(batch)
    # Without a classifier a network returns features, of which there may be as many.
    if scores.shape[1:] != (IMAGENET,) or model.num_classes != IMAGENET:
        found = f"{list(scores.shape[1:])} scores for {model.num_classes} classes"
        raise UnsuitableError(f"its classifier gives {found}, not ImageNet's {IMAGENET}")
    return scores
