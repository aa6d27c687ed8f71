"""Public image sets with labels: CIFAR-100, MNIST, Fashion-MNIST, digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stages.runtime.errors import DataError
from stages.sources.fetch import FILES, fetch
from stages.sources.formats import cifar100_names, grey_to_rgb, read_cifar100, read_idx
from stages.sources.labelled import Labelled, TrainingImages
from stages.sources.renditions import luminance


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
    test, _ = _classes(archive, "test", classes)
    rank = test.rank()
    return TrainingImages(
        train=train,
        superclasses=superclasses,
        nuisances=_image_statistics(train.images),
        target=0.5 * same + 0.5 * np.eye(len(classes)),
        readout=train.first(readout),
        clean=test[rank < clean],
        pool=test[(rank >= clean) & (rank < clean + pool)],
    )


def _classes(archive: Path, split: str, classes: np.ndarray) -> tuple[Labelled, np.ndarray]:
    """Images of some fine classes, their labels renumbered from 0; and their superclasses."""
    images, fine, coarse = read_cifar100(archive, split)
    rows = np.isin(fine, classes)
    return Labelled(images[rows], np.searchsorted(classes, fine[rows])), coarse[rows]


def _image_statistics(images: np.ndarray) -> np.ndarray:
    light = luminance(images)
    mean, contrast = light.mean(axis=(1, 2)), light.std(axis=(1, 2))
    quartile = [np.searchsorted(np.quantile(x, [0.25, 0.5, 0.75]), x) for x in (mean, contrast)]
    return 4 * quartile[0] + quartile[1]


def real_task(source: str, classes: str = "held_out") -> Labelled:
    """A labelled test set as its authors gave it.

    Parameters
    ----------
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
