"""Reads and checks params.yaml and the study that it names, before any work begins."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from stages.networks.published import pretrained
from stages.runtime.errors import UsageError, suggest, untracked
from stages.study.entries import ModelTable
from stages.study.experiment import STUDIES, Experiment, Paths
from stages.study.models import all_models
from stages.study.params import Params
from stages.study.spec import Study
from stages.study.tables import PAPER, read_model_table, read_pairs, read_values

PARAMS = Path("params.yaml")
LONGEST = 200  # characters of a wrong value that a message shows
LARGEST = 100_000  # values in a file; those that anchors repeat count each time
_BAD_VALUE = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)
_M = TypeVar("_M", bound=BaseModel)


def load(root: Path = Path(), study: str | None = None) -> Experiment:
    """Read params.yaml and its study, or another one, without the sets of `stimuli.exclude`.

    Raises UsageError, which names the file, the key, the value and what is allowed.
    """
    params = parse(root / PARAMS, Params)
    params = params.model_copy(update={"study": study or params.study})
    known = sorted(path.stem for path in (root / STUDIES).glob("*.yaml"))
    if params.study not in known:
        wrong = f"params.yaml: study: '{params.study}' is not one of {known}"
        raise UsageError(wrong + suggest(params.study, known) + untracked())
    spec, excluded = parse(root / STUDIES / f"{params.study}.yaml", Study), params.stimuli.exclude
    for name in excluded:
        if name not in spec.stimuli:
            wrong = f"'{name}' is not among the study's stimulus sets {list(spec.stimuli)}"
            wrong += suggest(name, spec.stimuli)
            raise UsageError(f"params.yaml: stimuli.exclude: {wrong}")
    kept = {name: stimuli for name, stimuli in spec.stimuli.items() if name not in excluded}
    if not kept:
        raise UsageError("params.yaml: stimuli.exclude: leaves no stimulus set")
    return Experiment(params, spec.model_copy(update={"stimuli": kept}), Paths(root))


def parse(path: Path, schema: type[_M]) -> _M:
    """A YAML file as a checked object."""
    content = read_yaml(path)
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise UsageError(f"{path}: a mapping of keys to values is needed, not {kind}")
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        found = (f"{path}: {_explain(schema, item, content)}" for item in error.errors())
        raise UsageError("; ".join(found)) from None


def _written(content: Any, location: Sequence[Any]) -> Iterator[Any]:
    """A location as the file has it: without the forms that pydantic tells entries apart by."""
    for i, part in enumerate(location):
        inside = isinstance(content, list) or (isinstance(content, dict) and part in content)
        if inside or i == len(location) - 1:
            yield part
        if inside and i < len(location) - 1:
            content = content[part]


def _explain(schema: type[BaseModel], item: Any, content: Any) -> str:
    """One of pydantic's findings as: key, what is wrong, the value."""
    location = [str(part) for part in _written(content, item["loc"])]
    if item["type"].startswith("union_tag"):
        key = ".".join([*map(_shown, location), item["ctx"]["discriminator"].strip("'")])
        if "tag" not in item["ctx"]:
            return f"{key}: this key is missing"
        tag, known = item["ctx"]["tag"], re.findall("'([^']*)'", item["ctx"]["expected_tags"])
        return f"{key}: '{_shown(tag)}' is not one of {known}" + suggest(tag[:LONGEST], known)
    key = ".".join(map(_shown, location)) or "(the whole file)"
    if item["type"] == "extra_forbidden":
        return f"{key}: unknown key" + suggest(location[-1][:LONGEST], _keys(schema, location[:-1]))
    if item["type"] == "missing":
        return f"{key}: this key is missing"
    message, value = str(item["msg"]).removeprefix("Value error, "), item["input"]
    found = "" if isinstance(value, dict | BaseModel) else f" (value: {_shown(repr(value))})"
    return f"{key}: {message[0].lower()}{message[1:]}{found}"


def _shown(text: str) -> str:
    """A text as part of one line: escaped where it cannot be printed, cut where it is long."""
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def _keys(schema: type[BaseModel], location: list[str]) -> list[str]:
    """Allowed keys at a location, as far as the schema tells."""
    for part in location:
        inner = schema.model_fields[part].annotation if part in schema.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        schema = inner
    return list(schema.model_fields)


def read_yaml(path: Path) -> Any:
    """The content of a YAML file: plain values, unique keys, bounded size; no tag makes an object.

    It is read as DVC reads and writes it, by YAML 1.2: 1e-5 is a number, 010 ten, and `no` a text.

    Raises UsageError, which names what is wrong.
    """
    try:
        reader = YAML(typ="safe", pure=True)
        node = reader.compose(path.read_text(encoding="utf-8"))
        if node is not None and _size(path, node, {}) > LARGEST:
            raise UsageError(f"{path}: holds more than {LARGEST} values, anchors expanded")
        return None if node is None else reader.constructor.construct_document(node)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise UsageError(f"{path}: not readable as YAML: nested too deeply") from error
    except (YAMLError, *_BAD_VALUE) as error:  # such as the date 2001-99-99, or !!int ""
        raise UsageError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from error


def _size(path: Path, node: Node, sizes: dict[Node, int]) -> int:
    """How many values a node holds with its anchors expanded; 0 while it is being counted."""
    if node in sizes and not sizes[node]:
        raise UsageError(f"{path}: line {node.start_mark.line + 1}: an anchor within itself")
    if node not in sizes:
        sizes[node], seen = 0, set[str]()
        for key, _ in node.value if isinstance(node, MappingNode) else ():
            if isinstance(key, ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    line = key.start_mark.line + 1
                    raise UsageError(f"{path}: line {line}: duplicate key {key.value!r}")
                seen.add(key.value)
        parts = [] if isinstance(node, ScalarNode) else node.value
        inner = [p for part in parts for p in (part if isinstance(part, tuple) else [part])]
        sizes[node] = 1 + sum(_size(path, part, sizes) for part in inner)
    return sizes[node]


def check_tables(experiment: Experiment) -> None:
    """Raise UsageError where a file that the study names is wrong: models, pairs, printed values.

    Only stage `check` does this, because timm's list takes long to make the first time. Pairs may
    name models of the paper that the study lacks.
    """
    study, file, root = experiment.study, experiment.file, experiment.paths.root
    tables = [entry.table for entry in study.models if isinstance(entry, ModelTable)]
    for path in tables if study.embeds else ():
        known = pretrained()
        for row in read_model_table(Path(path), f"{file}: models"):
            if row.timm and row.timm not in known:
                wrong = f"{path}: {row.name}: '{row.timm}' is not one of timm's published weights"
                raise UsageError(wrong + suggest(row.timm, known))
    if study.contrasts:
        where, names = f"{file}: contrasts", {model.name for model in all_models(study, file)}
        names |= {row.name for row in read_model_table(PAPER, where)} if PAPER.is_file() else set()
        read_pairs(root / study.contrasts, where, names)
    if study.paper and study.paper.values:
        read_values(root / study.paper.values, f"{file}: paper.values")
