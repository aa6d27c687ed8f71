"""YAML as params.yaml and studies have it: plain values, unique keys, bounded size."""

from pathlib import Path
from typing import Any

import yaml

from stages.runtime.errors import UsageError

LARGEST = 100_000  # values in a file; those that anchors repeat count each time
_BAD_VALUE = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)


def read_yaml(path: Path) -> Any:
    """The content of a YAML file; UsageError names what is wrong. No tag creates an object."""
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        if node is not None and _size(path, node, {}) > LARGEST:
            raise UsageError(f"{path}: holds more than {LARGEST} values, anchors expanded")
        return None if node is None else loader.construct_document(node)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise UsageError(f"{path}: not readable as YAML: nested too deeply") from error
    except (yaml.YAMLError, *_BAD_VALUE) as error:  # such as the date 2001-99-99, or !!int ""
        raise UsageError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from error


def _size(path: Path, node: yaml.Node, sizes: dict[yaml.Node, int]) -> int:
    """How many values a node holds with its anchors expanded; 0 while it is being counted."""
    if node in sizes and not sizes[node]:
        raise UsageError(f"{path}: line {node.start_mark.line + 1}: an anchor within itself")
    if node not in sizes:
        sizes[node], seen = 0, set[str]()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    line = key.start_mark.line + 1
                    raise UsageError(f"{path}: line {line}: duplicate key {key.value!r}")
                seen.add(key.value)
        parts = [] if isinstance(node, yaml.ScalarNode) else node.value
        inner = [p for part in parts for p in (part if isinstance(part, tuple) else [part])]
        sizes[node] = 1 + sum(_size(path, part, sizes) for part in inner)
    return sizes[node]
