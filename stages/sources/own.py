"""Stimulus sets and tasks from your own files, as studies/*.yaml declares them.

`stages.study.stimuli` has the declarations; here they are dicts that include `source`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stages.runtime.errors import DataError, UsageError, untracked
from stages.runtime.files import npz_bytes, read_npz
from stages.runtime.guards import readable
from stages.runtime.source import file_digest
from stages.sources.folders import (
    check_links,
    class_files,
    decode,
    entries,
    image_files,
    read,
    read_images,
)
from stages.sources.human import stimulus_files
from stages.sources.judged import CITATION, requested_files
from stages.sources.judgment_files import READERS
from stages.sources.labelled import Labelled, grey_to_rgb
from stages.sources.names import ORDERS

LOCAL = (*READERS, "folder", "npz")
"""Sources of stimuli and of tasks that read files of this machine."""


def local_files(spec: Mapping[str, Any], where: str = "") -> list[Path]:
    """Every file that a stimulus set or task of your own reads, sorted; empty for other sources.

    where : what errors begin with, such as ``studies/x.yaml: stimuli.birds``. They are a UsageError
        or DataError if a file or folder is missing, or behind a link that DVC does not follow, or a
        folder is empty or holds something that is not allowed.
    """
    if spec["source"] not in LOCAL:
        return []
    files, images, listed = _files(spec, f"{where}: " if where else "")
    check_links([*files, *images, *listed], where)
    return sorted([*files, *images, *listed])


def _files(spec: Mapping[str, Any], prefix: str = "") -> tuple[list[Path], list[Path], list[Path]]:
    """The files that hold judgments (or a task); the images, in order; the file that lists them."""
    if spec["source"] == "folder":
        classes = class_files(Path(spec["folder"]), f"{prefix}folder")
        return [], [path for paths in classes.values() for path in paths], []
    listed = [Path(spec["order"])] if spec.get("order") not in (None, *ORDERS) else []
    if listed and not listed[0].is_file():
        allowed = f"{list(ORDERS)} are also allowed"
        raise UsageError(f"{prefix}order: '{listed[0]}' is no file; {allowed}")
    if spec["source"] == "requested":
        return *requested_files(spec, prefix), listed
    if spec.get("file") is not None:
        files = [Path(spec["file"])]
        if not files[0].is_file():
            raise UsageError(f"{prefix}file: '{files[0]}' is no file{untracked()}")
    else:
        files = entries(Path(spec["folder"]), f"{prefix}folder")
        for path in files:
            if path.suffix.lower() not in (".csv", ".npy") or not path.is_file():
                raise DataError(f"{path}: one CSV or NPY file a participant is allowed here")
    images = image_files(Path(spec["images"]), f"{prefix}images") if "images" in spec else []
    return files, images, listed


def own_stimuli(spec: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of a stimulus set from your own files; see `local_files` for errors."""
    files, paths, listed = _files(spec)
    if spec["source"] == "requested":
        folder = paths[0].parent.as_posix()
        spec = {**spec, "simulated": False, "images": folder, "citation": CITATION}
    images = read_images(paths)
    if len(images) < 3:
        raise DataError(f"{spec['images']}: {len(images)} images; at least 3 are needed")
    for path in listed:
        with readable(path, "a list of images"):
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        spec = {**spec, "order": [line.strip() for line in lines if line.strip()]}
    found = READERS[spec["source"]](spec, files, list(images))
    provenance = {
        "source": spec["source"],
        "simulated": spec["simulated"],
        "files": {path.as_posix(): f"sha256:{file_digest(path)}" for path in files + listed},
        "images": spec["images"],
        "citation": [spec["citation"]] if spec["citation"] else [],
        "judged by": found.judged_by,
        "read": list(dict.fromkeys(found.notes)),
    }
    return stimulus_files(images, found.judgments.check(str(files[0])), provenance)


def own_task(name: str, spec: Mapping[str, Any], per_class: int | None) -> dict[str, bytes]:
    """The files of your own task, by path: `<name>.npz` with `images`, `labels` and `classes`.

    Images of differing sizes are kept as they are, in `<name>/000000.<suffix>` and so on, and the
    NPZ holds `labels` and `classes` only.

    per_class : keep the first so many images of each class; None for all.
    """
    if spec["source"] == "npz":
        data, names = npz_task(Path(spec["file"]))
        return {f"{name}.npz": data.first(per_class).npz(classes=names)}
    classes = class_files(Path(spec["folder"]), "folder")
    kept = [(i, path) for i, found in enumerate(classes.values()) for path in found[:per_class]]
    arrays = {"labels": np.array([i for i, _ in kept]), "classes": np.array(list(classes))}
    contents = [(path, read(path)) for _, path in kept]
    shapes = {decode(content, str(path)).shape for path, content in contents}
    if len(shapes) == 1:  # which takes less memory than to keep all that was decoded
        images = np.empty((len(kept), *shapes.pop()), np.uint8)
        for i, (path, content) in enumerate(contents):
            images[i] = decode(content, str(path))
        return {f"{name}.npz": npz_bytes(images=images, **arrays)}
    files = {f"{i:06d}{p.suffix.lower()}": content for i, (p, content) in enumerate(contents)}
    return {f"{name}.npz": npz_bytes(**arrays)} | {f"{name}/{k}": c for k, c in files.items()}


def npz_task(path: Path) -> tuple[Labelled, np.ndarray]:
    """Labelled images from an NPZ, and the names of the classes.

    `images` are uint8 [N, H, W, 3], or [N, H, W] in grey; `labels` [N] any integers or text, which
    become 0..K-1 in sorted order. A DataError names the array that is malformed.
    """
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
