"""Public image sets and judgments: CIFAR-100, MNIST, digits, 92 objects, materials, animals."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stages.runtime.errors import DataError
from stages.runtime.source import file_digest
from stages.sources import registry
from stages.sources.fetch import Remote, fetch
from stages.sources.formats import cifar100_names, grey_to_rgb, read_cifar100, read_idx
from stages.sources.human import png, read_92objects, read_materials, stimulus_files
from stages.sources.labelled import Labelled, TrainingImages
from stages.sources.peterson import CITATION, read_animals
from stages.sources.renditions import luminance

FILES: dict[str, tuple[Remote, ...]] = {
    "digits": (),
    "cifar100": (registry.CIFAR100,),
    "mnist": (registry.MNIST_IMAGES, registry.MNIST_LABELS),
    "fashion_mnist": (registry.FASHION_MNIST_IMAGES, registry.FASHION_MNIST_LABELS),
    "objects92": (registry.OBJECTS92_JUDGMENTS, registry.OBJECTS92_IMAGES),
    "animals": (registry.ANIMALS_JUDGMENTS, registry.ANIMALS_IMAGES),
    "materials": (
        registry.MATERIALS_TRAIN,
        registry.MATERIALS_TEST,
        *registry.MATERIALS_IMAGES,
    ),
}
"""What each source downloads."""


def cifar100_split(archive: Path) -> tuple[np.ndarray, np.ndarray]:
    """The fixed split of CIFAR-100's classes: 60 to pretrain on, 40 for few-shot learning.

    Of each superclass's five classes the first three in alphabetical order are pretrained on, so
    that every superclass is on both sides and no class is.

    Returns
    -------
    Fine labels of the 60 and of the 40, in increasing order.
    """
    names = np.array(cifar100_names(archive))
    if len(names) != 100:
        raise DataError(f"{archive}: {len(names)} names of classes; 100 are needed")
    _, fine, coarse = read_cifar100(archive, "test")
    pairs = np.unique(np.stack([coarse, fine], 1), axis=0)
    pretraining, fewshot = [], []
    for superclass in range(20):
        members = pairs[pairs[:, 0] == superclass, 1]
        members = members[np.argsort(names[members])]
        pretraining += members[:3].tolist()
        fewshot += members[3:].tolist()
    return np.sort(pretraining), np.sort(fewshot)


def cifar100_training(per_class: int | None, readout: int, clean: int, pool: int) -> TrainingImages:
    """Training images of 60 classes; clean and pool are parts of the same classes' test images.

    Similarity of categories, for recipes that pull: 1 if the same, 1/2 within a superclass, else 0.
    Nuisances are statistics of the image: quartile of mean luminance times quartile of contrast.
    """
    archive = fetch(registry.CIFAR100)
    classes, _ = cifar100_split(archive)
    images, labels, coarse = _classes(archive, "train", classes)
    rank = _rank_within_class(labels)
    keep = rank < (per_class or len(labels))
    images, labels, coarse, rank = images[keep], labels[keep], coarse[keep], rank[keep]
    superclass_of = coarse[np.unique(labels, return_index=True)[1]]
    same = superclass_of[:, None] == superclass_of
    test, test_labels, _ = _classes(archive, "test", classes)
    test_rank = _rank_within_class(test_labels)
    parts = {
        "clean": test_rank < clean,
        "pool": (test_rank >= clean) & (test_rank < clean + pool),
    }
    return TrainingImages(
        train=Labelled(images, labels),
        superclasses=coarse,
        nuisances=_image_statistics(images),
        target=0.5 * same + 0.5 * np.eye(len(classes)),
        readout=Labelled(images[rank < readout], labels[rank < readout]),
        clean=Labelled(test[parts["clean"]], test_labels[parts["clean"]]),
        pool=Labelled(test[parts["pool"]], test_labels[parts["pool"]]),
    )


def _classes(
    archive: Path, split: str, classes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images of some fine classes, their labels renumbered from 0, and their superclasses."""
    images, fine, coarse = read_cifar100(archive, split)
    rows = np.isin(fine, classes)
    return images[rows], np.searchsorted(classes, fine[rows]), coarse[rows]


def _rank_within_class(labels: np.ndarray) -> np.ndarray:
    """How many earlier images have the same label, for each image."""
    rank = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        rank[rows] = np.arange(len(rows))
    return rank


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
    files = [fetch(remote) for remote in FILES[source]]
    if source == "digits":
        from sklearn.datasets import load_digits  # slow to import, and only needed here

        digits = load_digits()  # 8 x 8, values 0 to 16
        return Labelled(grey_to_rgb((digits.images * 255 / 16).astype(np.uint8)), digits.target)
    if source == "cifar100":
        kept = np.arange(100) if classes == "all" else cifar100_split(files[0])[1]
        images, labels, _ = _classes(files[0], "test", kept)
        return Labelled(images, labels)
    return Labelled(grey_to_rgb(read_idx(files[0])), read_idx(files[1]).astype(np.int64))


def real_stimuli(source: str) -> dict[str, bytes]:
    """The files of a stimulus set judged by people."""
    files = [fetch(remote) for remote in FILES[source]]
    provenance: dict[str, object] = {
        "simulated": False,
        "files": {remote.url: remote.accepted for remote in FILES[source]},
    }
    if source == "objects92":
        pictures, judgments = read_92objects(*files)
        images = {f"{i:03d}.png": png(picture) for i, picture in enumerate(pictures)}
        provenance["citation"] = [
            "Mur et al. 2013, doi:10.3389/fpsyg.2013.00128",
            "Kriegeskorte et al. 2008, doi:10.1016/j.neuron.2008.10.043",
        ]
        provenance["judged by"] = f"{len(judgments.arrays()['participants'])} people"
    elif source == "animals":
        images, judgments = read_animals(*files)
        size, digest = files[1].stat().st_size, file_digest(files[1])
        provenance["found"] = {
            registry.ANIMALS_IMAGES.url: f"sha256:{digest}:{size}, none is published to compare"
        }
        provenance["citation"] = [CITATION]
        provenance["judged by"] = "people, mean ratings 0 to 10"
    else:
        judgments = read_materials(*files[:2])
        images = {path.name: path.read_bytes() for path in files[2:]}
        provenance["citation"] = ["Lagunas et al. 2019, doi:10.1145/3306346.3323036"]
        provenance["judged by"] = f"{len(judgments.arrays()['triplets'])} triplets, crowdsourced"
    return stimulus_files(images, judgments, provenance)
