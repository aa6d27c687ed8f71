"""Benchmarks of one's own as image folders, indexed rather than copied.

ImageNet's validation set and its kin are large, and their terms forbid passing them on. So they
stay where they are; their index holds every file's label and SHA-256, and an image that is not the
indexed one is refused when it is read. DVC sees no change of a folder outside the repository.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from stages.runtime.errors import DataError, suggest
from stages.runtime.files import read_json
from stages.runtime.source import file_digest
from stages.sources.folders import class_files, picture, read
from stages.sources.guards import readable


@dataclass(frozen=True)
class Indexed:
    """An indexed folder.

    Attributes
    ----------
    root : the folder; files : N paths below it; digests : their SHA-256.
    labels : [N] index among ImageNet's classes; classes : [K] the indices that may be answered.
    """

    root: Path
    files: tuple[str, ...]
    digests: tuple[str, ...]
    labels: np.ndarray
    classes: np.ndarray

    def __len__(self) -> int:
        return len(self.files)

    def open(self, i: int) -> Image.Image:
        """Image i as RGB, after checking that it is the one that was indexed."""
        path = self.root / self.files[i]
        content = read(path)
        if hashlib.sha256(content).hexdigest() != self.digests[i]:
            raise DataError(
                f"{path}: not the image that was indexed; "
                "`dvc repro --force --single-item download` indexes the folder anew"
            )
        with picture(content, path) as image:
            return image.convert("RGB")


def list_images(folder: Path, classes: Mapping[str, int], key: str) -> list[tuple[str, int]]:
    """Every image below a folder of class folders, with its label, in sorted order.

    Parameters
    ----------
    classes : index among ImageNet's classes by WordNet id, of the classes that are allowed.
    key : the study's key that names the folder, for messages.

    Raises
    ------
    UsageError
        The folder is missing.
    DataError
        A class folder has another name, no images, or something else.
    """
    found = []
    for name, files in class_files(folder, key, notes=True).items():
        if name not in classes:
            raise DataError(
                f"{folder / name}: '{name}' is not the WordNet id of one of the {len(classes)} "
                "classes allowed here" + suggest(name, classes)
            )
        found += [(path.relative_to(folder).as_posix(), classes[name]) for path in files]
    return found


def index_folder(folder: Path, classes: Mapping[str, int], key: str) -> bytes:
    """The index of a folder, as JSON."""
    files = list_images(folder, classes, key)
    rows = [[name, label, file_digest(folder / name)] for name, label in files]
    content = {"root": str(folder), "classes": sorted(classes.values()), "files": rows}
    return (json.dumps(content) + "\n").encode()


def read_index(path: Path) -> Indexed:
    """An index that `index_folder` wrote.

    Raises
    ------
    DataError
        It is another file, or names an image outside the folder or of a class that it has not.
    """
    with readable(path, "an index of images"):
        content = read_json(path)
        names, labels, digests = zip(*content["files"], strict=True)
        root, classes = Path(content["root"]), np.array(content["classes"])
        found = Indexed(root, names, digests, np.array(labels), classes)
        if not set(labels) <= set(content["classes"]) or classes.dtype.kind != "i":
            raise ValueError("a label is not among its classes")
        for name in names:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ValueError(f"'{name}' is outside its folder")
    return found
