"""Reading what the embed stage wrote."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import safetensors

from stages.runtime.errors import DataError


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
