"""Fingerprints of what a result depends on: the code that makes it and the libraries it calls.

A unit's key holds the digest of its function's module and of every `stages.*` module reachable from
it by imports. Comments, formatting and docstrings are left out: they change no result.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stages.runtime.errors import DataError

ROOT = Path(__file__).resolve().parents[2]


def _file(module: str) -> Path | None:
    """The source file of a module of this repository, or None for anything else."""
    stem = ROOT.joinpath(*module.split("."))
    for path in (stem.with_suffix(".py"), stem / "__init__.py"):
        if path.is_file():
            return path
    return None


def _imports(tree: ast.AST) -> set[str]:
    """Names of all `stages.*` modules that a syntax tree may import (absolute imports only)."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == "stages"}


def _strip_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
    return tree


@functools.cache
def code_digest(*modules: str) -> str:
    """SHA-256 of the code of the given `stages.*` modules and all that they import from here."""
    todo, seen = list(modules), dict[str, str]()
    while todo:
        name = todo.pop()
        path = _file(name)
        if name in seen or path is None:
            continue
        tree = ast.parse(path.read_text())
        todo += _imports(tree)
        seen[name] = ast.unparse(_strip_docstrings(tree))
    missing = [name for name in modules if name not in seen]
    if missing:
        raise ValueError(f"not modules of this repository: {missing}")
    return digest(seen)


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


@functools.cache
def libraries(*names: str) -> dict[str, str]:
    """Installed versions of the libraries that a result depends on."""
    return {name: importlib.metadata.version(name) for name in names}


def unit_key(kind: str, modules: Sequence[str], packages: Sequence[str], **inputs: Any) -> str:
    """The key of a unit: a digest of all that its result depends on.

    Parameters
    ----------
    kind : what the unit is. modules : `stages.*` modules whose code makes it.
    packages : libraries whose version matters. inputs : digests of data, parameters, names.
    """
    return digest(
        {
            "kind": kind,
            "code": code_digest(*modules),
            "libraries": libraries(*packages),
            "inputs": inputs,
        }
    )


def folder_digest(folder: Path) -> str:
    """SHA-256 over the names and contents of the files of a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return digest({path.relative_to(folder).as_posix(): file_digest(path) for path in files})
