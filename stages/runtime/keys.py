"""The key under which a result is kept: a digest of everything that the result depends on.

It holds the code of the function (its module and all that this imports from the repository), the
versions of the libraries that this code imports, and the function's arguments.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stages.runtime.source import code_digest, digest, file_digest, folder_digest, libraries_of


def keys_of(call: functools.partial[Any], items: Sequence[Any] | None) -> list[str]:
    """The keys of a call's results: one for each item, or a single one where there are none.

    Parameters
    ----------
    call : a function of this repository and its arguments.
    items : what its argument `each` may hold; None for a function without one.
    """
    shared = digest([identity(call.func), identity(call.args), identity(call.keywords)])
    if items is None:
        return [shared]
    return [digest([shared, identity(item)]) for item in items]


def identity(value: Any) -> Any:
    """What a result depends on of a value, as plain JSON.

    Of a path it is the content of the file or folder, wherever it lies. An object may say it itself
    in a method `identity`; of other dataclasses and pydantic models it is their fields, and of a
    function its name and code.

    Raises
    ------
    TypeError
        The value is of a type whose content is not known.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        return _content(value, _signature(value))
    if isinstance(value, bytes):
        return digest(value)
    if hasattr(value, "identity"):
        return identity(value.identity())
    if hasattr(value, "model_dump"):
        return identity(value.model_dump())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: identity(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): identity(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [identity(item) for item in value]
    if isinstance(value, np.ndarray):
        return [value.dtype.str, list(value.shape), digest(np.ascontiguousarray(value).tobytes())]
    if isinstance(value, functools.partial):
        return [identity(value.func), identity(value.args), identity(value.keywords)]
    if callable(value) and hasattr(value, "__qualname__"):
        return _code(value)
    raise TypeError(f"{value!r}: what of a {type(value).__name__} decides a result is not known")


@functools.cache
def _content(path: Path, _: tuple[int, int] | None) -> str:
    return folder_digest(path) if path.is_dir() else file_digest(path)


def _signature(path: Path) -> tuple[int, int] | None:
    """When and how large a file is, so that a changed one is read again."""
    status = path.stat() if path.is_file() else None
    return status and (status.st_mtime_ns, status.st_size)


@functools.cache
def _code(function: Callable[..., Any]) -> dict[str, Any]:
    module = function.__module__
    return {
        "function": f"{module}.{function.__qualname__}",
        "code": code_digest(module),
        "libraries": libraries_of(module),
    }
