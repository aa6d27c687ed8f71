"""Public image sets with labels: CIFAR-100, MNIST, Fashion-MNIST, digits. No pickle is loaded."""

import gzip
import io
import math
import tarfile
from pathlib import Path

import numpy as np

from stages.runtime.errors import DataError
from stages.runtime.guards import ROOM, readable
from stages.sources.fetch import FILES, fetch
from stages.sources.labelled import Labelled, TrainingImages, grey_to_rgb
from stages.sources.renditions import luminance

_CIFAR_RECORD = 2 + 3 * 32 * 32
_TAR = 2**28  # bytes; CIFAR-100 has 184 million


def real_task(source: str, classes: str = "held_out") -> Labelled:
    """A labelled test set as its authors gave it.

    classes : of CIFAR-100, ``held_out`` (the 40 not pretrained on here) or ``all`` 100.
    """
    if source == "digits":
        from sklearn.datasets import load_digits  # slow to import, and only needed here

        digits = load_digits()  # 8 x 8, values 0 to 16
        return Labelled(grey_to_rgb((digits.images * 255 / 16).astype(np.uint8)), digits.target)
    files = [fetch(remote) for remote in FILES[source]]
    if source == "cifar100":
        kept = np.arange(100) if classes == "all" else cifar100_split(files[0])[1]
        return _classes(files[0], "test", kept)[0]
    return Labelled(grey_to_rgb(read_idx(files[0])), read_idx(files[1]).astype(np.int64))


def cifar100_training(per_class: int | None, readout: int, clean: int, pool: int) -> TrainingImages:
    """Training images of 60 classes; clean and pool are parts of the same classes' test images.

    Similarity of categories, for recipes that pull: 1 if the same, 1/2 within a superclass, else 0.
    Nuisances are statistics of the image: quartile of mean luminance times quartile of contrast.
    """
    (archive,) = map(fetch, FILES["cifar100"])
    classes, _ = cifar100_split(archive)
    images, coarse = _classes(archive, "train", classes)
    keep = images.rank() < (per_class or len(coarse))
    train, superclasses = images[keep], coarse[keep]
    superclass_of = superclasses[np.unique(train.labels, return_index=True)[1]]
    same = superclass_of[:, None] == superclass_of
    light = luminance(train.images)
    mean, contrast = (
        np.searchsorted(np.quantile(x, [0.25, 0.5, 0.75]), x)
        for x in (light.mean(axis=(1, 2)), light.std(axis=(1, 2)))
    )
    test, _ = _classes(archive, "test", classes)
    rank = test.rank()
    return TrainingImages(
        train=train,
        superclasses=superclasses,
        nuisances=4 * mean + contrast,
        target=0.5 * same + 0.5 * np.eye(len(classes)),
        readout=train.first(readout),
        clean=test[rank < clean],
        pool=test[(rank >= clean) & (rank < clean + pool)],
    )


def cifar100_split(archive: Path) -> tuple[np.ndarray, np.ndarray]:
    """The fixed split of CIFAR-100's classes: 60 to pretrain on, 40 for few-shot learning.

    Of each superclass's five classes the first three in alphabetical order are pretrained on, so
    that every superclass is on both sides and no class is. Returns fine labels in increasing order.
    """
    names = np.array(cifar100_names(archive))
    if len(names) != 100:
        raise DataError(f"{archive}: {len(names)} names of classes; 100 are needed")
    _, fine, coarse = read_cifar100(archive, "test")
    members = [np.unique(fine[coarse == superclass]) for superclass in range(20)]
    ordered = [classes[np.argsort(names[classes])] for classes in members]
    pretraining, fewshot = ([c[part] for c in ordered] for part in (slice(3), slice(3, None)))
    return np.sort(np.concatenate(pretraining)), np.sort(np.concatenate(fewshot))


def _classes(archive: Path, split: str, classes: np.ndarray) -> tuple[Labelled, np.ndarray]:
    """Images of some fine classes, their labels renumbered from 0; and their superclasses."""
    images, fine, coarse = read_cifar100(archive, split)
    rows = np.isin(fine, classes)
    return Labelled(images[rows], np.searchsorted(classes, fine[rows])), coarse[rows]


def read_cifar100(path: Path, split: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """CIFAR-100's binary archive (Krizhevsky 2009); `split` is ``train`` or ``test``.

    Returns images [N, 32, 32, 3] uint8, fine labels [N] in 0..99, coarse labels [N] in 0..19.
    """
    records = np.frombuffer(_member(path, f"{split}.bin"), np.uint8)
    if records.size == 0 or records.size % _CIFAR_RECORD:
        raise DataError(f"{path}: {split}.bin has {records.size} bytes, not a multiple of 3074")
    records = records.reshape(-1, _CIFAR_RECORD)
    coarse, fine = records[:, 0].astype(np.int64), records[:, 1].astype(np.int64)
    if coarse.max() > 19 or fine.max() > 99:
        raise DataError(f"{path}: {split}.bin has labels beyond 20 superclasses and 100 classes")
    images = records[:, 2:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), fine, coarse


def cifar100_names(path: Path) -> list[str]:
    """The 100 fine label names, in the order of the labels."""
    with readable(path, "names of classes"):
        return _member(path, "fine_label_names.txt").decode().split()


def _member(path: Path, file: str) -> bytes:
    """One file of CIFAR's archive, read in memory; nothing is written, no link followed."""
    name = f"cifar-100-binary/{file}"
    with readable(path, "a tar archive"), gzip.GzipFile(path) as stream:
        content = stream.read(_TAR + 1)
        if len(content) > _TAR:
            raise ValueError(f"more than {_TAR} bytes unpacked")
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            found = [item for item in archive if item.name == name and item.isreg()]
            if len(found) != 1:
                raise DataError(f"{path}: {len(found)} files '{name}'; exactly one is needed")
            member = archive.extractfile(found[0])
            return member.read() if member else b""


def read_idx(path: Path) -> np.ndarray:
    """A gzipped IDX file of unsigned bytes (MNIST's format): [N] labels or [N, H, W] images.

    No more is unpacked than the header says, and that is at most `ROOM` bytes.
    """
    with readable(path, "gzip"), gzip.open(path) as stream:
        magic = stream.read(4)
        if magic[:3] != b"\x00\x00\x08" or magic[3:] not in (b"\1", b"\2", b"\3"):
            raise DataError(f"{path}: magic bytes {magic.hex()}, an IDX file of bytes has 000008nn")
        shape = tuple(np.frombuffer(stream.read(4 * magic[3]), ">u4").tolist())
        count = math.prod(shape)
        if count > ROOM:
            raise DataError(f"{path}: {count} bytes for shape {shape}; at most {ROOM} are allowed")
        return np.frombuffer(stream.read(count + 1), np.uint8).reshape(shape)
