"""Few-shot tasks from one's own files: a folder of class folders, or an NPZ."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stages.runtime.errors import DataError
from stages.runtime.files import npz_bytes, read_npz
from stages.sources.folders import class_files, decode, read
from stages.sources.formats import grey_to_rgb
from stages.sources.guards import check_npz
from stages.sources.labelled import Labelled


def own_task(name: str, spec: Mapping[str, Any], per_class: int | None) -> dict[str, bytes]:
    """The files of a task, by path: `<name>.npz` with `images`, `labels` and `classes`.

    Images of differing sizes are kept as they are, in `<name>/000000.<suffix>` and so on, and the
    NPZ holds `labels` and `classes` only.

    Parameters
    ----------
    spec : the declaration, `source` among it.
    per_class : images a class that are kept, the first in order; None for all.
    """
    if spec["source"] == "npz":
        data, classes = npz_task(Path(spec["file"]))
        data = first(data, per_class)
        return {f"{name}.npz": npz_bytes(images=data.images, labels=data.labels, classes=classes)}
    folder = class_files(Path(spec["folder"]), "folder")
    labels = np.repeat(np.arange(len(folder)), [len(own[:per_class]) for own in folder.values()])
    named = {"labels": labels, "classes": np.array(list(folder))}
    contents = {path: read(path) for own in folder.values() for path in own[:per_class]}
    shapes = {decode(content, str(path)).shape for path, content in contents.items()}
    if len(shapes) > 1:
        files = {
            f"{name}/{i:06d}{path.suffix.lower()}": content
            for i, (path, content) in enumerate(contents.items())
        }
        return {f"{name}.npz": npz_bytes(**named), **files}
    images = np.empty((len(labels), *shapes.pop()), np.uint8)
    for i, (path, content) in enumerate(contents.items()):
        images[i] = decode(content, str(path))
    return {f"{name}.npz": npz_bytes(images=images, **named)}


def first(data: Labelled, per_class: int | None) -> Labelled:
    """The first `per_class` images of each class, in the order they have; None for all."""
    if per_class is None:
        return data
    rows = [np.flatnonzero(data.labels == label)[:per_class] for label in np.unique(data.labels)]
    kept = np.sort(np.concatenate(rows))
    return Labelled(data.images[kept], data.labels[kept])


def npz_task(path: Path) -> tuple[Labelled, np.ndarray]:
    """Labelled images from an NPZ, and the names of the classes.

    `images` are uint8 [N, H, W, 3], or [N, H, W] in grey; `labels` [N] any integers or text, which
    become 0..K-1 in sorted order.

    Raises
    ------
    DataError
        Malformed; names the array.
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
    data = Labelled(images, numbers.astype(np.int64)).check(str(path))
    return data, values.astype(str)
