"""Reads and checks params.yaml and the study that it names, before any work begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from stages.runtime.errors import UsageError, suggest
from stages.study.pairs import read_pairs
from stages.study.params import Params
from stages.study.paths import Paths
from stages.study.spec import Study
from stages.study.values import read_values
from stages.study.yaml_file import read_yaml

PARAMS = Path("params.yaml")
STUDIES = Path("studies")
LONGEST = 200
"""Characters of a wrong value that a message shows."""
_M = TypeVar("_M", bound=BaseModel)


@dataclass(frozen=True)
class Experiment:
    """Everything that a stage needs to know: parameters, the study, where things lie."""

    params: Params
    study: Study
    paths: Paths

    @property
    def file(self) -> str:
        """The study's YAML, for messages."""
        return str(STUDIES / f"{self.params.study}.yaml")


def load(root: Path = Path(), study: str | None = None) -> Experiment:
    """Read params.yaml and its study, or another one.

    Raises
    ------
    UsageError
        Names the file, the key, the value and what is allowed.
    """
    params = parse(root / PARAMS, Params)
    params = params.model_copy(update={"study": study}) if study else params
    known = sorted(path.stem for path in (root / STUDIES).glob("*.yaml"))
    if params.study not in known:
        raise UsageError(
            f"params.yaml: study: '{params.study}' is not one of {known}"
            + suggest(params.study, known)
        )
    file = root / STUDIES / f"{params.study}.yaml"
    spec = parse(file, Study)
    check_named(spec, root, str(file))
    return Experiment(params, without(spec, params.stimuli.exclude), Paths(params.study, root))


def check_named(study: Study, root: Path, file: str) -> None:
    """Raise UsageError where a file of pairs or of published values is wrong."""
    if study.contrasts:
        read_pairs(root / study.contrasts, f"{file}: contrasts")
    if study.paper and study.paper.values:
        read_values(root / study.paper.values, f"{file}: paper.values")


def without(study: Study, excluded: list[str]) -> Study:
    """The study without some of its stimulus sets (`stimuli.exclude`)."""
    for name in excluded:
        if name not in study.stimuli:
            raise UsageError(
                f"params.yaml: stimuli.exclude: '{name}' is not among the study's stimulus sets "
                f"{list(study.stimuli)}" + suggest(name, study.stimuli)
            )
    kept = {name: spec for name, spec in study.stimuli.items() if name not in excluded}
    if not kept:
        raise UsageError("params.yaml: stimuli.exclude: leaves no stimulus set")
    return study.model_copy(update={"stimuli": kept})


def parse(path: Path, schema: type[_M]) -> _M:
    """A YAML file as a checked object."""
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise UsageError(
            f"{path}: a mapping of keys to values is needed, not {type(content).__name__}"
        )
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        raise UsageError(
            "; ".join(_explain(path, schema, item) for item in error.errors())
        ) from None


def _explain(path: Path, schema: type[BaseModel], item: Any) -> str:
    """One of pydantic's findings as: file, key, what is wrong, the value."""
    location = [str(part) for part in item["loc"]]
    key = ".".join(map(shown, location)) or "(the whole file)"
    if item["type"] == "extra_forbidden":
        return f"{path}: {key}: unknown key" + suggest(
            location[-1][:LONGEST], _keys(schema, location[:-1])
        )
    if item["type"] == "missing":
        return f"{path}: {key}: this key is missing"
    message = str(item["msg"]).removeprefix("Value error, ")
    value = item["input"]
    found = "" if isinstance(value, dict | BaseModel) else f" (value: {shown(repr(value))})"
    return f"{path}: {key}: {message[0].lower()}{message[1:]}{found}"


def shown(text: str) -> str:
    """A text as part of one line: escaped where it cannot be printed, cut where it is long."""
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def _keys(schema: type[BaseModel], location: list[str]) -> list[str]:
    """Allowed keys at a location, as far as the schema tells."""
    for part in location:
        field = schema.model_fields.get(part)
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        schema = inner
    return list(schema.model_fields)
