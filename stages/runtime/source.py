"""What a result depends on, as digests: the key under which it is kept in the artifact cache.

A key holds the function's code, the versions of the libraries that this code imports, the
instruction set and the function's arguments. The code of a function is its module and every
`stages.*` module that can be reached from it by imports. Comments, formatting and docstrings are
left out: they change no result.
"""

import ast
import dataclasses
import functools
import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stages.runtime.errors import DataError
from stages.runtime.instructions import INSTRUCTIONS

ROOT = Path(__file__).resolve().parents[2]
DISTRIBUTIONS = {
    "PIL": ["pillow"],
    "ruamel": ["ruamel.yaml"],
    "sklearn": ["scikit-learn"],
    "yaml": ["pyyaml"],
    "timm": ["timm", "torch", "torchvision", "pillow"],  # timm's transforms are torchvision's
}
"""Distributions behind the name of an import, where it is not its own."""
HARMLESS = {"tqdm", "platformdirs", "threadpoolctl", "pooch", "requests", "urllib3", "jinja2"}
"""Libraries that fetch, show and schedule; no number depends on their version."""


def keys_of(call: functools.partial[Any], items: Sequence[Any] | None) -> list[str]:
    """The keys of a call's results: one for each item, or a single one where there are none.

    call : a function of this repository and its arguments.
    items : what its argument `each` may hold; None for a function without one.
    """
    shared = digest([identity(call), INSTRUCTIONS])
    if items is None:
        return [shared]
    return [digest([shared, identity(item)]) for item in items]


def identity(value: Any) -> Any:
    """What a result depends on of a value, as plain JSON.

    Of a path it is the content of the file or folder, wherever it lies. An object may state it in a
    method `identity`; of other dataclasses and pydantic models it is their fields, and of a
    function its name and code. TypeError for a value of a type whose content is not known.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Path):
        status = value.stat() if value.is_file() else None
        return _content(value, status and (status.st_mtime_ns, status.st_size))
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
        module = value.__module__
        name, code = f"{module}.{value.__qualname__}", code_digest(module)
        return {"function": name, "code": code, "libraries": libraries_of(module)}
    raise TypeError(f"{value!r}: what of a {type(value).__name__} decides a result is not known")


@functools.cache
def _content(path: Path, _: tuple[int, int] | None) -> str:
    """Of a file, or of the names and contents of the files of a folder.

    A file is read again when its time or size has changed, a folder is read once a process.
    """
    if not path.is_dir():
        return file_digest(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return digest({file.relative_to(path).as_posix(): file_digest(file) for file in files})


class Module(NamedTuple):
    """A module's code without comments and docstrings, and all that it may import."""

    code: str
    imports: tuple[str, ...]


@functools.cache
def modules_of(module: str) -> dict[str, Module]:
    """A `stages.*` module and all that it imports from here, by name; ValueError for another."""
    todo, seen = [module], dict[str, Module]()
    while todo:
        name = todo.pop()
        if name not in seen and (found := _module(name)):
            seen[name] = found
            todo += [other for other in found.imports if other.split(".")[0] == "stages"]
    if module not in seen:
        raise ValueError(f"not a module of this repository: {module}")
    return seen


@functools.cache
def _module(name: str) -> Module | None:
    """A module of this repository, or None for anything else."""
    stem = ROOT.joinpath(*name.split("."))
    for path in (stem.with_suffix(".py"), stem / "__init__.py"):
        if path.is_file():
            tree = _strip_docstrings(ast.parse(path.read_text(encoding="utf-8")))
            return Module(ast.unparse(tree), tuple(_imports(tree)))
    return None


def _imports(tree: ast.AST) -> Iterator[str]:
    """Names of all modules that a syntax tree may import (absolute imports only)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _strip_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    return tree


@functools.cache
def code_digest(module: str) -> str:
    """SHA-256 of the code of a `stages.*` module and of all that it imports from here."""
    return digest({name: found.code for name, found in modules_of(module).items()})


@functools.cache
def libraries_of(module: str) -> dict[str, str]:
    """Versions of the libraries that this code imports, by distribution."""
    found = modules_of(module).values()
    names = {name.split(".")[0] for one in found for name in one.imports}
    names -= {"stages", *sys.stdlib_module_names, *HARMLESS}
    return libraries(*sorted(made for name in names for made in DISTRIBUTIONS.get(name, [name])))


@functools.cache
def libraries(*names: str) -> dict[str, str]:
    """Installed versions of distributions."""
    return {name: importlib.metadata.version(name) for name in names}


def digest(value: Any) -> str:
    """SHA-256 of a JSON-able value in canonical form, or of bytes."""
    if not isinstance(value, bytes):
        value = json.dumps(value, sort_keys=True, allow_nan=False).encode()
    return hashlib.sha256(value).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
