"""Labelled images, the form of tasks, benchmarks and training sets; tasks from your own files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.runtime.errors import DataError
from stages.runtime.files import npz_bytes, read_npz
from stages.sources.folders import class_files, decode, read
from stages.sources.formats import grey_to_rgb
from stages.sources.guards import check_npz


@dataclass(frozen=True)
class Labelled:
    """`images` [N, H, W, 3] uint8 and `labels` [N] int64, 0..K-1, every class present."""

    images: np.ndarray
    labels: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> Labelled:
        return Labelled(self.images[rows], self.labels[rows])

    def npz(self, **more: np.ndarray) -> bytes:
        self.check("labelled images")
        return npz_bytes(images=self.images, labels=self.labels.astype(np.int64), **more)

    def rank(self) -> np.ndarray:
        """[N] how many earlier images have the same label."""
        return pd.Series(self.labels).groupby(self.labels).cumcount().to_numpy()

    def first(self, per_class: int | None) -> Labelled:
        """The first `per_class` images of each class, in their order; None for all."""
        return self if per_class is None else self[self.rank() < per_class]

    def check(self, where: str) -> Labelled:
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
    """The images that a study's models are trained and tested on.

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


def own_task(name: str, spec: Mapping[str, Any], per_class: int | None) -> dict[str, bytes]:
    """The files of your own task, by path: `<name>.npz` with `images`, `labels` and `classes`.

    Images of differing sizes are kept as they are, in `<name>/000000.<suffix>` and so on, and the
    NPZ holds `labels` and `classes` only.

    Parameters
    ----------
    spec : the declaration, including `source`: npz, or a folder of class folders.
    per_class : keep the first so many images of each class; None for all.
    """
    if spec["source"] == "npz":
        data, names = npz_task(Path(spec["file"]))
        return {f"{name}.npz": data.first(per_class).npz(classes=names)}
    classes = class_files(Path(spec["folder"]), "folder")
    kept = [(i, path) for i, found in enumerate(classes.values()) for path in found[:per_class]]
    arrays = {"labels": np.array([i for i, _ in kept]), "classes": np.array(list(classes))}
    contents = {path: read(path) for _, path in kept}
    shapes = {decode(content, str(path)).shape for path, content in contents.items()}
    if len(shapes) == 1:
        images = np.empty((len(kept), *shapes.pop()), np.uint8)
        for i, (path, content) in enumerate(contents.items()):
            images[i] = decode(content, str(path))
        return {f"{name}.npz": npz_bytes(images=images, **arrays)}
    files = {
        f"{name}/{i:06d}{path.suffix.lower()}": content
        for i, (path, content) in enumerate(contents.items())
    }
    return {f"{name}.npz": npz_bytes(**arrays), **files}


def npz_task(path: Path) -> tuple[Labelled, np.ndarray]:
    """Labelled images from an NPZ, and the names of the classes.

    `images` are uint8 [N, H, W, 3], or [N, H, W] in grey; `labels` [N] any integers or text, which
    become 0..K-1 in sorted order. A DataError names the array that is malformed.
    """
    check_npz(path)
    images, labels = read_npz(path, "images", "labels")
    if images.ndim == 3:
        images = grey_to_rgb(images)
    if labels.ndim != 1 or labels.dtype.kind not in "iuUS":
        raise DataError(
            f"{path}: labels are {labels.dtype} {labels.shape}; [N] integers or text are needed"
        )
    values, numbers = np.unique(labels, return_inverse=True)
    if len(values) < 2:
        raise DataError(f"{path}: labels name {len(values)} classes; at least 2 are needed")
    return Labelled(images, numbers.astype(np.int64)).check(str(path)), values.astype(str)
