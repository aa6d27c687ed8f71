"""Writing and reading embeddings: one safetensors file a model, one tensor an image set."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import safetensors

from stages.runtime.errors import DataError
from stages.runtime.files import read_json

ABOUT = "about"


def write_embeddings(path: Path, sets: Mapping[str, BinaryIO], about: Mapping[str, str]) -> None:
    """Copy NPY streams [N, D] float32 into one safetensors file, piece by piece.

    The safetensors library writes from memory alone; the format is a header (JSON, its length
    before it) and the tensors' bytes one after another.

    Parameters
    ----------
    sets : one open stream a tensor; they are closed. about : the file's metadata.
    """
    with contextlib.ExitStack() as stack:
        streams = {name: stack.enter_context(stream) for name, stream in sets.items()}
        header: dict[str, Any] = {"__metadata__": dict(about)} if about else {}
        end = 0
        for name, stream in streams.items():
            np.lib.format.read_magic(stream)
            shape, _, kind = np.lib.format.read_array_header_1_0(stream)
            if kind != np.dtype("<f4"):
                raise DataError(f"{path}: '{name}' is {kind}, not float32")
            start, end = end, end + 4 * math.prod(shape)
            header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [start, end]}
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight bytes
        with path.open("wb") as out:
            out.write(len(text).to_bytes(8, "little"))
            out.write(text)
            for stream in streams.values():
                shutil.copyfileobj(stream, out, 1 << 20)


def tensor_digests(path: Path, names: Iterable[str]) -> dict[str, str]:
    """SHA-256 of the values and shape of some tensors of a model's embeddings.

    Raises
    ------
    DataError
        When the file is missing or malformed, a tensor is missing, not [N, D] or not finite.
    """
    digests = {}
    try:
        with safetensors.safe_open(path, "np") as archive:
            for name in names:
                tensor = archive.get_tensor(name)
                if tensor.ndim != 2 or not np.isfinite(tensor).all():
                    raise DataError(f"{path}: '{name}' {tensor.shape} must be finite and [N, D]")
                content = f"{tensor.shape}{tensor.dtype}".encode() + tensor.tobytes()
                digests[name] = hashlib.sha256(content).hexdigest()
    except (OSError, safetensors.SafetensorError) as error:
        raise DataError(f"{path}: {error}") from error
    return digests


def read_index(folder: Path) -> dict[str, dict[str, Any]]:
    """What the embed stage says of each model's weights, by model."""
    index = read_json(folder / "index.json")
    return {str(name): dict(entry) for name, entry in index.items()}


def weights_of(folder: Path) -> dict[str, str]:
    """ "trained" or "untrained" for each model."""
    return {name: str(entry["weights"]) for name, entry in read_index(folder).items()}
