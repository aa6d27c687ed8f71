"""Your own benchmarks as image folders, indexed rather than copied.

ImageNet's validation set and similar ones are large, and their terms forbid redistribution. So they
stay where they are; their index holds every file's label and SHA-256, and an image that differs
from the indexed one is refused when it is read. DVC sees no change of a folder outside the
repository.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from stages.runtime.errors import DataError, suggest
from stages.runtime.files import read_json
from stages.runtime.guards import readable
from stages.sources.folders import check_links, class_files, picture, read


@dataclass(frozen=True)
class Indexed:
    """An indexed folder of N images."""

    root: Path
    files: tuple[str, ...]  # below root
    digests: tuple[str, ...]  # their SHA-256
    labels: np.ndarray  # [N] index among ImageNet's classes
    classes: np.ndarray  # [K] the indices that may be answered

    def __len__(self) -> int:
        return len(self.files)

    def open(self, i: int) -> Image.Image:
        """Image i as RGB; a DataError if it differs from the image that was indexed."""
        path = self.root / self.files[i]
        content = read(path)
        if hashlib.sha256(content).hexdigest() != self.digests[i]:
            raise DataError(
                f"{path}: not the image that was indexed; "
                "`dvc repro --force --single-item download` indexes the folder anew"
            )
        with picture(content, path) as image:
            return image.convert("RGB")


def benchmark_files(folder: Path, key: str) -> list[Path]:
    """Every image of a folder of class folders; the study's `key` names it in a UsageError."""
    files = [path for paths in class_files(folder, key, notes=True).values() for path in paths]
    check_links(files, key)
    return files


def index_folder(folder: Path, classes: Mapping[str, int], key: str) -> bytes:
    """The index of a folder of class folders, as JSON; a DataError names what does not belong.

    classes : index among ImageNet's classes by WordNet id, of the classes that are allowed.
    key : the study's key that names the folder, for the UsageError if it is missing.
    """
    rows = []
    for name, files in class_files(folder, key, notes=True).items():
        if name not in classes:
            raise DataError(
                f"{folder / name}: '{name}' is not the WordNet id of one of the {len(classes)} "
                "classes allowed here" + suggest(name, classes)
            )
        for path in files:
            content = read(path)
            with picture(content, path):  # several frames are named before any work
                digest = hashlib.sha256(content).hexdigest()
            rows.append([path.relative_to(folder).as_posix(), classes[name], digest])
    index = {"root": str(folder), "classes": sorted(classes.values()), "files": rows}
    return (json.dumps(index) + "\n").encode()


def read_index(path: Path) -> Indexed:
    """An index by `index_folder`; a DataError if it is malformed or leaves its root."""
    with readable(path, "an index of images"):
        content = read_json(path)
        names, labels, digests = zip(*content["files"], strict=True)
        classes = np.array(content["classes"])
        if not set(labels) <= set(content["classes"]) or classes.dtype.kind != "i":
            raise ValueError("a label is not among its classes")
        for name in names:
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ValueError(f"'{name}' is outside its folder")
        return Indexed(Path(content["root"]), names, digests, np.array(labels), classes)
