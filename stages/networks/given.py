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
from stages.sources.names import WAY_OUT, Order

FORMATS = (".npy", ".npz", ".csv")
STATED = (
    "put the images' names in the file, or state 'order: lexicographic' (that of <set>.txt, see "
    "make features-list) or 'order: natural' beside 'features' in the study"
)


def feature_files(folder: Path, sets: Sequence[str], where: str) -> dict[str, Path]:
    """The file of each image set that has one: <set>.npy, .npz or .csv for stimuli/<set>, ....

    UsageError where there is none at all, or a set has two. See `strangers` for other files.
    """
    if not folder.is_dir():
        raise UsageError(f"{where}: '{folder}' is no folder{untracked()}")
    found: dict[str, Path] = {}
    known = {name: full for full, name in short_names(sets, where).items()}
    for path in _files(folder):
        if name := known.get(path.stem):
            if name in found:
                raise UsageError(f"{where}: '{path}' and '{found[name].name}' are both of '{name}'")
            found[name] = path
    if not found:
        raise UsageError(f"{where}: '{folder}' has no file for any of {list(known)}")
    check_links(found.values(), where)
    return found


def short_names(sets: Sequence[str], where: str) -> dict[str, str]:
    """By image set, such as stimuli/birds, what its files are called; each must be alone in it."""
    short = {name: name.rpartition("/")[2] for name in sets}
    if len(set(short.values())) < len(short):
        raise UsageError(f"{where}: image sets of one name: {sorted(sets)}; rename one")
    return short


def strangers(folder: Path, sets: Sequence[str]) -> list[str]:
    """Files of a folder of features that are of no image set of the study."""
    known = {name.rpartition("/")[2] for name in sets}
    return [path.name for path in _files(folder) if path.stem not in known]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in FORMATS)


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
        try:
            places, _ = places_of(array.rows, images, order, str(path), "row")
        except DataError as error:
            raise DataError(str(error).replace(WAY_OUT, STATED)) from error
        with np.errstate(over="ignore"):
            features = array.values[np.argsort(places)].astype(np.float32)
        if not (finite := np.isfinite(features).all(1)).all():
            wrong = images[int(finite.argmin())]
            raise DataError(f"{path}: image '{wrong}' has features that are not finite in float32")
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
    if values.ndim != 2 or values.dtype.kind not in "fiu" or values.shape[1:] < (2,):
        raise DataError(f"{path}: 'features' are {values.dtype} {values.shape}; need [N, D], D > 1")
    return NamedArray(values, names[0].astype(str).tolist() if names else [])
