"""Labelled images, the form in which tasks, benchmarks and training sets are kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.runtime.errors import DataError
from stages.runtime.files import npz_bytes


@dataclass(frozen=True)
class Labelled:
    """`images` [N, H, W, 3] uint8 and `labels` [N] int64, 0..K-1, every class present."""

    images: np.ndarray
    labels: np.ndarray

    def npz(self) -> bytes:
        self.check("labelled images")
        return npz_bytes(images=self.images, labels=self.labels.astype(np.int64))

    def check(self, where: str) -> Labelled:
        """Raise DataError where shapes or labels are wrong; `where` names the file."""
        images, labels = self.images, self.labels
        if images.ndim != 4 or images.shape[-1] != 3 or images.dtype != np.uint8:
            raise DataError(
                f"{where}: images are {images.dtype} {images.shape}, need uint8 [N,H,W,3]"
            )
        if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
            raise DataError(
                f"{where}: labels are {labels.dtype} {labels.shape} for {len(images)} images"
            )
        if len(labels) == 0 or labels.min() < 0:
            raise DataError(f"{where}: labels must be 0 or more, and there must be some")
        there = np.unique(labels)
        absent = np.flatnonzero(there != np.arange(len(there)))
        if len(absent):
            raise DataError(f"{where}: no image of class {absent[0]} of 0..{labels.max()}")
        return self


@dataclass(frozen=True)
class TrainingImages:
    """All that a zoo is trained and tested on.

    Attributes
    ----------
    train : N images of the K pretraining categories, with superclasses [N] and nuisances [N].
    target : [K, K] similarity of the categories, for recipes that pull towards it.
    readout : the part of `train` that fits linear readouts.
    clean, pool : held-out images of the same categories: the clean test set, and candidates for
        natural adversarial images.
    """

    train: Labelled
    superclasses: np.ndarray
    nuisances: np.ndarray
    target: np.ndarray
    readout: Labelled
    clean: Labelled
    pool: Labelled
