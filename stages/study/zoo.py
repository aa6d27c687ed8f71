"""Which models a study has, and which of them params.yaml chooses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from stages.runtime.errors import UsageError, suggest
from stages.study.load import Experiment
from stages.study.params import Models
from stages.study.spec import Recipe, Study
from stages.zoo.names import architectures


@dataclass(frozen=True)
class Model:
    """One network of the zoo: an architecture of timm's, trained by a recipe of the study's."""

    architecture: str
    recipe_name: str
    recipe: Recipe

    @property
    def name(self) -> str:
        return f"{self.architecture}.{self.recipe_name}"


def models(experiment: Experiment) -> list[Model]:
    """The models that this experiment has."""
    every = all_models(experiment.study, experiment.file, architectures())
    return choose(every, experiment.params.models)


def all_models(study: Study, file: str, architectures: Iterable[str]) -> list[Model]:
    """Every model of a study, in the order of its YAML.

    Parameters
    ----------
    file : the study's path, for messages.
    architectures : the names that exist.
    """
    known = set(architectures)
    models: dict[str, Model] = {}
    for grid in study.models:
        for architecture in grid.architectures:
            for recipe in grid.recipes:
                model = _model(study, file, known, "models", architecture, recipe)
                if model.name in models:
                    raise UsageError(f"{file}: models: '{model.name}' is there twice")
                models[model.name] = model
    outside = _reference(study, file, known)
    if outside and outside.name in models:
        raise UsageError(f"{file}: reference: '{outside.name}' is in the zoo; it must not be")
    return list(models.values())


def reference(experiment: Experiment) -> Model:
    """The reference network, outside the zoo."""
    model = _reference(experiment.study, experiment.file, set(architectures()))
    if model is None:
        raise UsageError(f"{experiment.file}: reference: this section is missing")
    return model


def _reference(study: Study, file: str, known: set[str]) -> Model | None:
    if study.reference is None:
        return None
    architecture, recipe = study.reference.architecture, study.reference.recipe
    model = _model(study, file, known, "reference", architecture, recipe)
    if model.recipe.labels != "categories":
        raise UsageError(f"{file}: reference: recipe '{recipe}' must learn 'categories'")
    return model


def _model(
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
    return Model(architecture, recipe, study.recipes[recipe])


def choose(models: list[Model], wanted: Models) -> list[Model]:
    """The models that `models.include`, `exclude` and `limit` of params.yaml leave."""
    names = [model.name for model in models]
    for key, patterns in (("include", wanted.include), ("exclude", wanted.exclude)):
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise UsageError(
                    f"params.yaml: models.{key}: '{pattern}' matches none of the study's "
                    f"{len(names)} models" + suggest(pattern, names)
                )
    chosen = [
        model
        for model in models
        if any(fnmatchcase(model.name, pattern) for pattern in wanted.include)
        and not any(fnmatchcase(model.name, pattern) for pattern in wanted.exclude)
    ]
    if not chosen:
        raise UsageError("params.yaml: models: include and exclude leave no model")
    return chosen[: wanted.limit]
