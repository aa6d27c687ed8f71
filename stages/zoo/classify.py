"""Top-1 and top-5 of a network's own classifier on image folders of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from stages.probes.readout import top_k
from stages.sources.image_folders import Indexed
from stages.zoo.features import Machine, batches
from stages.zoo.images import Opener

IMAGENET = 1000


@dataclass(frozen=True)
class IndexedImages:
    """The images of an index, each checked against its digest as it is read."""

    index: Indexed

    def __len__(self) -> int:
        return len(self.index)

    def batches(self, size: int) -> Iterator[list[Opener]]:
        for start in range(0, len(self), size):
            stop = min(start + size, len(self))
            yield [partial(self.index.open, i) for i in range(start, stop)]


def logits(model: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
    """[B, 1000] scores of ImageNet's classes.

    Raises
    ------
    ValueError
        When the network's outputs are not ImageNet's 1 000 classes.
    """
    scores: torch.Tensor = model(batch)
    if scores.ndim != 2 or scores.shape[1] != IMAGENET:
        raise ValueError(f"its classifier gives {tuple(scores.shape)}, not ImageNet's 1000 classes")
    return scores


def accuracy(
    model: torch.nn.Module, index: Indexed, batch: int, machine: Machine
) -> dict[str, Any]:
    """Top-1 and top-5 of a model's own classifier on an indexed folder.

    Of benchmarks that have 200 of ImageNet's classes only these may be answered, as in the
    published tables (Hendrycks et al. 2021).
    """
    parts = batches(model, IndexedImages(index), batch, machine, forward=logits)
    scores = np.concatenate([part[:, index.classes] for part in parts])
    labels = np.searchsorted(index.classes, index.labels)
    return {
        "images": len(labels),
        "top1": top_k(scores, labels, 1),
        "top5": top_k(scores, labels, 5),
    }
