"""Fingerprints of what a result depends on: the code that makes it and the libraries it calls.

The code of a function is its module and every `stages.*` module that can be reached from it by
imports. Comments, formatting and docstrings are left out: they change no result.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from stages.runtime.errors import DataError

ROOT = Path(__file__).resolve().parents[2]
DISTRIBUTIONS = {
    "PIL": ["pillow"],
    "sklearn": ["scikit-learn"],
    "yaml": ["pyyaml"],
    "timm": ["timm", "torch", "torchvision", "pillow"],  # timm's transforms are torchvision's
}
"""Distributions behind the name of an import, where it is not its own."""
HARMLESS = {"tqdm", "platformdirs", "threadpoolctl", "pooch", "requests", "urllib3", "jinja2"}
"""Libraries that fetch, show and schedule; no number depends on their version."""


@functools.cache
def modules_of(module: str) -> dict[str, Module]:
    """A `stages.*` module and all that it imports from here, by name.

    Raises
    ------
    ValueError
        It is not a module of this repository.
    """
    todo, seen = [module], dict[str, Module]()
    while todo:
        name = todo.pop()
        if name not in seen and (found := _module(name)):
            seen[name] = found
            todo += [other for other in found.imports if other.split(".")[0] == "stages"]
    if module not in seen:
        raise ValueError(f"not a module of this repository: {module}")
    return seen


class Module(NamedTuple):
    """A module's code without comments and docstrings, and all that it may import."""

    code: str
    imports: tuple[str, ...]


@functools.cache
def _module(name: str) -> Module | None:
    """A module of this repository, or None for anything else."""
    path = _file(name)
    if path is None:
        return None
    tree = _strip_docstrings(ast.parse(path.read_text(encoding="utf-8")))
    return Module(ast.unparse(tree), tuple(_imports(tree)))


def _file(module: str) -> Path | None:
    """The source file of a module of this repository, or None for anything else."""
    stem = ROOT.joinpath(*module.split("."))
    return next((p for p in (stem.with_suffix(".py"), stem / "__init__.py") if p.is_file()), None)


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


def folder_digest(folder: Path) -> str:
    """SHA-256 over the names and contents of the files of a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return digest({path.relative_to(folder).as_posix(): file_digest(path) for path in files})
