"""YAML as studies and params.yaml may have it: plain values, each key once, of bounded size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from stages.runtime.errors import UsageError

LARGEST = 100_000
"""Values that a file may hold, those that its anchors repeat counted each time."""
_CONSTRUCTION = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)


def read_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises
    ------
    UsageError
        Names the file and the place: it cannot be read, is not YAML, has a tag that makes an
        object, a key twice, an anchor within itself, or more than `LARGEST` values.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not readable as YAML: {error}") from error
    try:
        loader = yaml.SafeLoader(text)  # no tag makes an object
        node = loader.get_single_node()
        if node is None:
            return None
        _check(path, node, {})
        return loader.construct_document(node)
    except RecursionError as error:
        raise UsageError(f"{path}: not readable as YAML: nested too deeply") from error
    except (yaml.YAMLError, *_CONSTRUCTION) as error:  # a date such as 2001-99-99, !!int ""
        raise UsageError(f"{path}: not readable as YAML: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _check(path: Path, node: yaml.Node, sizes: dict[yaml.Node, int]) -> int:
    """How many values a node holds, its anchors written out; 0 while it is being counted."""
    if node in sizes:
        if not sizes[node]:
            raise UsageError(f"{path}: line {_line(node)}: an anchor stands within itself")
        return sizes[node]
    sizes[node], size = 0, 1
    if isinstance(node, yaml.MappingNode):
        seen = set[str]()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise UsageError(f"{path}: line {_line(key)}: key {key.value!r} is there twice")
                seen.add(key.value)
            size += _check(path, key, sizes) + _check(path, value, sizes)
    elif isinstance(node, yaml.SequenceNode):
        size += sum(_check(path, value, sizes) for value in node.value)
    if size > LARGEST:
        raise UsageError(f"{path}: holds more than {LARGEST} values, repeated anchors counted")
    sizes[node] = size
    return size


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
