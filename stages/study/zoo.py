"""Which models a study has, and which of them params.yaml chooses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from stages.runtime.errors import UsageError, suggest
from stages.study.load import Experiment
from stages.study.pairs import read_pairs
from stages.study.params import Models
from stages.study.spec import Grid, HubModel, LocalModel, ModelTable, Recipe, Study, TimmPatterns
from stages.study.table import PAPER, Row, read_model_table
from stages.zoo.names import architectures, pretrained
from stages.zoo.published import hub_repo


@dataclass(frozen=True)
class Model:
    """One network of the zoo.

    Attributes
    ----------
    group : what figures colour it by: its recipe, or its family.
    recipe : how it is trained here; None for a published one.
    timm : timm's `architecture.tag` of published weights; None where a config.json says.
    repo, revision : on the hub; revision None is the newest. weights, config : files of one's own.
    table : timm's name of 2022, under which its published results stand.
    row : what a model table says of its size. absent : why there are no weights to be had.
    """

    name: str
    architecture: str
    group: str
    recipe: Recipe | None = None
    timm: str | None = None
    repo: str | None = None
    revision: str | None = None
    weights: Path | None = None
    config: Path | None = None
    table: str | None = None
    row: Row | None = None
    absent: str = ""


def models(experiment: Experiment) -> list[Model]:
    """The models that this experiment has, those without weights too."""
    return choose(all_models(experiment.study, experiment.file), experiment.params.models)


def measured(experiment: Experiment) -> list[Model]:
    """The models of this experiment whose weights can be had: all but those that left timm."""
    return [model for model in models(experiment) if not model.absent]


def all_models(study: Study, file: str) -> list[Model]:
    """Every model of a study, in its YAML's order; `file` is the study's path, for messages."""
    found: dict[str, Model] = {}
    for entry in study.models:
        for model in _entry(study, file, entry):
            if model.name in found:
                raise UsageError(f"{file}: models: '{model.name}' is there twice")
            found[model.name] = model
    outside = _reference(study, file)
    if outside and outside.name in found:
        raise UsageError(f"{file}: reference: '{outside.name}' is in the zoo; it must not be")
    return list(found.values())


def _entry(
    study: Study, file: str, entry: Grid | ModelTable | TimmPatterns | HubModel | LocalModel
) -> Iterator[Model]:
    if isinstance(entry, Grid):
        known = set(architectures())
        for architecture in entry.architectures:
            for recipe in entry.recipes:
                yield _trained(study, file, known, "models", architecture, recipe)
    elif isinstance(entry, ModelTable):
        yield from map(of_row, read_model_table(Path(entry.table), f"{file}: models"))
    elif isinstance(entry, TimmPatterns):
        yield from _of_timm(entry.timm, f"{file}: models")
    elif isinstance(entry, HubModel):
        yield Model(entry.name, entry.name, "own", repo=entry.hub, revision=entry.revision)
    else:
        for path in (entry.weights, entry.config):
            if not Path(path).is_file():
                raise UsageError(f"{file}: models: {entry.name}: '{path}' is no file")
        weights, config = Path(entry.weights), Path(entry.config)
        yield Model(entry.name, entry.name, "own", weights=weights, config=config)


def check_tables(experiment: Experiment) -> None:
    """Raise UsageError where a table names weights that timm has not, or a pair names no model.

    Apart from `models`, for it takes timm's list, which is slow to make the first time.
    """
    for entry in experiment.study.models:
        if isinstance(entry, ModelTable):
            known = pretrained()
            for row in read_model_table(Path(entry.table), f"{experiment.file}: models"):
                if row.timm and row.timm not in known:
                    raise UsageError(
                        f"{entry.table}: {row.name}: '{row.timm}' is not one of timm's published "
                        "weights" + suggest(row.timm, known)
                    )
    _check_pairs(experiment)


def _check_pairs(experiment: Experiment) -> None:
    """Models that `contrasts` pairs are the study's or the paper's, be they in the study or not."""
    study, where = experiment.study, f"{experiment.file}: contrasts"
    if study.contrasts:
        known = {model.name for model in all_models(study, experiment.file)}
        if PAPER.is_file():
            known |= {row.name for row in read_model_table(PAPER, where)}
        read_pairs(experiment.paths.root / study.contrasts, where, known)


def of_row(row: Row) -> Model:
    """A line of a model table as a model."""
    model = Model(
        row.name,
        row.timm.partition(".")[0] or row.name,
        row.family or "none",
        table=row.timm_2022 or None,
        row=row,
    )
    if not row.timm:
        return replace(model, absent=row.evidence or "no weights named")
    return replace(model, timm=row.timm, repo=hub_repo(row.timm), revision=row.revision or None)


def _of_timm(patterns: list[str], where: str) -> Iterator[Model]:
    """Published models by pattern, in timm's order; each pattern must match something."""
    known = pretrained()
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise UsageError(
                f"{where}: timm: '{pattern}' matches none of timm's {len(known)} published weights"
                + suggest(pattern, known)
            )
    rows = {row.timm: row for row in read_model_table(PAPER, where)} if PAPER.is_file() else {}
    for name, family in known.items():
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            row = rows.get(name)
            yield Model(
                name,
                name.partition(".")[0],
                family,
                timm=name,
                repo=hub_repo(name),
                revision=row.revision or None if row else None,
                table=row.timm_2022 if row else None,
                row=row,
            )


def reference(experiment: Experiment) -> Model:
    """The reference network, outside the zoo."""
    model = _reference(experiment.study, experiment.file)
    if model is None:
        raise UsageError(f"{experiment.file}: reference: this section is missing")
    return model


def _reference(study: Study, file: str) -> Model | None:
    if study.reference is None:
        return None
    architecture, recipe = study.reference.architecture, study.reference.recipe
    model = _trained(study, file, set(architectures()), "reference", architecture, recipe)
    if study.recipes[recipe].labels != "categories":
        raise UsageError(f"{file}: reference: recipe '{recipe}' must learn 'categories'")
    return model


def _trained(
    study: Study, file: str, known: set[str], key: str, architecture: str, recipe: str
) -> Model:
    if architecture not in known:
        raise UsageError(
            f"{file}: {key}: architecture '{architecture}' is not one of timm's"
            + suggest(architecture, known)
        )
    if recipe not in study.recipes:
        raise UsageError(
            f"{file}: {key}: recipe '{recipe}' is not among 'recipes': {sorted(study.recipes)}"
            + suggest(recipe, study.recipes)
        )
    return Model(f"{architecture}.{recipe}", architecture, recipe, recipe=study.recipes[recipe])


def choose(every: list[Model], wanted: Models) -> list[Model]:
    """The models that `models.include`, `exclude` and `limit` of params.yaml leave."""
    names = [model.name for model in every]
    for key, patterns in (("include", wanted.include), ("exclude", wanted.exclude)):
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise UsageError(
                    f"params.yaml: models.{key}: '{pattern}' matches none of the study's "
                    f"{len(names)} models" + suggest(pattern, names)
                )
    chosen = [
        model
        for model in every
        if _matches(model.name, wanted.include) and not _matches(model.name, wanted.exclude)
    ]
    if not chosen:
        raise UsageError("params.yaml: models: include and exclude leave no model")
    if wanted.limit is None or wanted.limit >= len(chosen):
        return chosen
    # Evenly spaced, so that a tenth of a long list has a tenth of each family.
    return [chosen[i * len(chosen) // wanted.limit] for i in range(wanted.limit)]


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
