"""Features that another program extracted: any model at all, by files of numbers about images."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from stages.networks.images import NpzImages
from stages.runtime.errors import DataError, UsageError, untracked
from stages.runtime.files import npy_bytes, read_arrays
from stages.sources.arrays import NamedArray, read_labels
from stages.sources.folders import check_links
from stages.sources.matched import places_of
from stages.sources.names import Order

FORMATS = (".npy", ".npz", ".csv")


def feature_files(folder: Path, sets: Sequence[str], where: str) -> dict[str, Path]:
    """The file of each image set that has one: <set>.npy, .npz or .csv for stimuli/<set>, ....

    UsageError where there is none at all, a set has two, or a file is of no set.
    """
    if not folder.is_dir():
        raise UsageError(f"{where}: '{folder}' is no folder{untracked()}")
    found: dict[str, Path] = {}
    known = {name.rpartition("/")[2]: name for name in sets}
    if len(known) < len(sets):
        raise UsageError(f"{where}: image sets of one name: {sorted(sets)}; rename one")
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in FORMATS):
        name = known.get(path.stem)
        if name is None:
            raise UsageError(f"{where}: '{path}' is of no image set of the study: {list(known)}")
        if name in found:
            raise UsageError(f"{where}: '{path}' and '{found[name].name}' are both of '{name}'")
        found[name] = path
    if not found:
        raise UsageError(f"{where}: '{folder}' has no file for any of {list(known)}")
    check_links(found.values(), where)
    return found


def given_features(order: Order, *, each: Sequence[Mapping[str, Path]]) -> Iterator[bytes]:
    """Features of image sets as NPY, [N, D] float32, rows in the images' order.

    order : of rows without names, where it is not plain. each : `features`, a file [N, D] of NPY,
    NPZ (`features`, and `names` where it has them) or CSV; and `images`, of a folder or NPZ.

    A DataError names the file and what is wrong: N, a name, NaN, or the same row for every image.
    """
    for item in each:
        path, images = item["features"], image_names(item["images"])
        array = read_archive(path) if path.suffix.lower() == ".npz" else read_labels(path, images)
        if len(array.values) != len(images):
            raise DataError(f"{path}: shape {array.values.shape}; {len(images)} images need rows")
        places, _ = places_of(array.rows, images, order, str(path), "row")
        features = array.values[np.argsort(places)].astype(np.float32)
        if not (finite := np.isfinite(features).all(1)).all():
            wrong = images[int(finite.argmin())]
            raise DataError(f"{path}: image '{wrong}' has features that are not finite")
        if (features == features[0]).all():
            raise DataError(f"{path}: every image has the same features")
        yield npy_bytes(features)


def image_names(images: Path) -> list[str]:
    """What the images of a folder are called, or, by their number, those of an NPZ."""
    if images.is_dir():
        return sorted(path.name for path in images.iterdir())
    return [f"{i:06d}.png" for i in range(len(NpzImages(images)))]


def read_archive(path: Path) -> NamedArray:
    """`features` [N, D] and `names` [N], if it has them, of an NPZ."""
    values, *names = read_arrays(path, "features", optional=["names"]).values()
    if values.ndim != 2 or values.dtype.kind not in "fiu" or 0 in values.shape:
        raise DataError(f"{path}: 'features' are {values.dtype} {values.shape}; numbers [N, D]")
    return NamedArray(values, [str(name) for name in names[0]] if names else [])
