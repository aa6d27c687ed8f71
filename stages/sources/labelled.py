"""Labelled images, the form of tasks, benchmarks and training sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from stages.runtime.errors import DataError, UsageError
from stages.runtime.files import npz_bytes


@dataclass(frozen=True)
class Labelled:
    """`images` [N, H, W, 3] uint8 and `labels` [N] int64, 0..K-1, every class present."""

    images: np.ndarray
    labels: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> Self:
        return type(self)(self.images[rows], self.labels[rows])

    def npz(self, **more: np.ndarray) -> bytes:
        self.check("labelled images")
        return npz_bytes(images=self.images, labels=self.labels.astype(np.int64), **more)

    def rank(self) -> np.ndarray:
        """[N] how many earlier images have the same label."""
        import pandas as pd

        return pd.Series(self.labels).groupby(self.labels).cumcount().to_numpy()

    def first(self, per_class: int | None) -> Self:
        """The first `per_class` images of each class, in their order; None for all."""
        return self if per_class is None else self[self.rank() < per_class]

    def check(self, where: str) -> Self:
        """Raise DataError where shapes or labels are wrong; `where` names the file."""
        images, labels = self.images, self.labels
        wrong = ""
        if images.ndim != 4 or images.shape[-1] != 3 or images.dtype != np.uint8:
            wrong = f"images are {images.dtype} {images.shape}, need uint8 [N,H,W,3]"
        elif labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
            wrong = f"labels are {labels.dtype} {labels.shape} for {len(images)} images"
        elif len(labels) == 0 or labels.min() < 0:
            wrong = "labels must be 0 or more, and there must be some"
        elif len(absent := np.setdiff1d(np.arange(min(labels.max(), len(labels))), labels)):
            wrong = f"no image of class {absent[0]} of 0..{labels.max()}"
        if wrong:
            raise DataError(f"{where}: {wrong}")
        return self


@dataclass(frozen=True)
class TrainingImages:
    """The images that a study's models are trained and tested on, of K categories."""

    train: Labelled
    superclasses: np.ndarray  # [N] of the N images of `train`
    nuisances: np.ndarray  # [N]
    target: np.ndarray  # [K, K] similarity of the categories, for recipes that pull towards it
    readout: Labelled  # the part of `train` that fits linear readouts
    clean: Labelled  # held-out images: the clean test set
    pool: Labelled  # other held-out images: candidates for natural adversarial images


def check_shots(shots: Sequence[int], smallest: int, what: str) -> None:
    """Raise UsageError where n shots leave none of a class's `smallest` images to test on."""
    for n in shots:
        if n >= smallest:
            allowed = f"1 to {smallest - 1} are allowed" if smallest > 1 else "two are needed"
            raise UsageError(
                f"params.yaml: fewshot.n: {n}; the smallest class of {what} has {smallest} "
                f"image{'s' * (smallest > 1)}, so that {allowed}"
            )


def grey_to_rgb(images: np.ndarray) -> np.ndarray:
    """[N, H, W] to [N, H, W, 3], the same value in each channel."""
    return np.repeat(images[..., None], 3, axis=-1)
