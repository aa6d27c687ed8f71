"""Writing and reading embeddings: one safetensors file a model, one tensor an image set."""

import contextlib
import functools
import hashlib
import json
import math
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import safetensors

from stages.runtime.errors import DataError
from stages.runtime.files import read_json
from stages.runtime.guards import npy_header, readable

WEIGHTS = ("trained", "untrained")
Pair = tuple[str, str]


def write_embeddings(path: Path, sets: Mapping[str, BinaryIO], about: Mapping[str, str]) -> None:
    """Copy NPY streams [N, D] float32 into one safetensors file, piece by piece.

    The safetensors library writes from memory alone; the format is a header (JSON, its length
    before it) and the tensors' bytes one after another. The streams, one a tensor, are closed;
    `about` becomes the file's metadata.
    """
    with contextlib.ExitStack() as stack:
        streams = {name: stack.enter_context(stream) for name, stream in sets.items()}
        header: dict[str, Any] = {"__metadata__": dict(about)}
        end = 0
        for name, stream in streams.items():
            shape, _, kind = npy_header(stream)
            if kind != np.dtype("<f4"):
                raise DataError(f"{path}: '{name}' is {kind}, not float32")
            start, end = end, end + 4 * math.prod(shape)
            header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [start, end]}
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight bytes
        with path.open("wb") as out:
            out.write(len(text).to_bytes(8, "little") + text)
            for stream in streams.values():
                shutil.copyfileobj(stream, out, 1 << 20)


@dataclass(frozen=True)
class Embedding:
    """One image set's embedding in a model's file."""

    file: Path  # safetensors that the stage embed wrote
    name: str  # of its tensor, such as stimuli/animals

    def read(self) -> np.ndarray:
        """[N, D] float32; a DataError where it is missing, malformed or not finite."""
        try:
            with safetensors.safe_open(self.file, "np") as archive:
                about = archive.get_slice(self.name)
                shape, kind = about.get_shape(), about.get_dtype()
                if len(shape) != 2 or 0 in shape or kind != "F32":
                    found = f"{self.file}: '{self.name}' is {kind} {shape}"
                    raise DataError(f"{found}; F32 [N, D] is needed")
                tensor: np.ndarray = archive.get_tensor(self.name)
        except (OSError, safetensors.SafetensorError) as error:
            raise DataError(f"{self.file}: {error}") from error
        if not np.isfinite(tensor).all():
            raise DataError(f"{self.file}: '{self.name}' must be finite")
        return tensor

    @functools.cached_property
    def _digest(self) -> str:
        tensor = self.read()
        content = f"{tensor.shape}{tensor.dtype}".encode() + tensor.tobytes()
        return hashlib.sha256(content).hexdigest()

    @property
    def set(self) -> str:
        """The name of the image set, by which examples are drawn and stimuli resampled."""
        return self.name.rpartition("/")[2]

    def identity(self) -> list[str]:
        """What results depend on: its name, and SHA-256 of its values and shape."""
        return [self.name, self._digest]


def read_index(folder: Path) -> dict[str, dict[str, Any]]:
    """What the embed stage says of each model: whether it is trained, or why it is left out."""
    path = folder / "index.json"
    with readable(path, "JSON"):
        index = read_json(path)
    if not isinstance(index, dict):
        raise DataError(f"{path}: a mapping of models is needed, not {type(index).__name__}")
    for name, entry in index.items():
        about = entry if isinstance(entry, dict) else {}
        weights = about.get("weights")
        if weights not in WEIGHTS and not isinstance(about.get("left_out"), str):
            raise DataError(f"{path}: {name}: weights: {weights!r}; one of {WEIGHTS} is needed")
    return index


def left_out_of(folder: Path) -> dict[str, str]:
    """Why the embed stage left models out, by model."""
    index = read_index(folder)
    return {name: about["left_out"] for name, about in index.items() if "left_out" in about}


def weights_of(folder: Path, models: Iterable[str]) -> dict[str, str]:
    """ "trained" or "untrained" by model, without those left out; a DataError if one is missing."""
    index = read_index(folder)
    for name in models:
        if name not in index:
            raise DataError(f"{folder / 'index.json'}: {name}: this model is missing")
    return {name: index[name]["weights"] for name in models if "left_out" not in index[name]}


def embedded(folder: Path, models: Iterable[str], kind: str, names: Iterable[str]) -> list[Pair]:
    """Models and the image sets `kind`/name that each has features of: all, but for given ones."""
    lacks = {model: about.get("lacks", ()) for model, about in read_index(folder).items()}
    return [pair for pair in product(models, names) if f"{kind}/{pair[1]}" not in lacks[pair[0]]]
