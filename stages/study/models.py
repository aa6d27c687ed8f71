"""Which models a study has, and which of them params.yaml chooses."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from typing import Any

from stages.networks.packages import Package
from stages.networks.published import architectures, family_of, hub_repo, pretrained
from stages.runtime.errors import UsageError, suggest, untracked
from stages.sources.folders import check_links
from stages.study import entries, spec
from stages.study.experiment import Experiment
from stages.study.tables import PAPER, Row, read_model_table


@dataclass(frozen=True)
class Model:
    """One model of a study: a network, or features that are given as files."""

    name: str
    architecture: str
    group: str  # what figures colour it by: its recipe, or its family
    recipe: spec.Recipe | None = None  # how it is trained or changed here
    package: Package | None = None  # whence its weights, which the recipe may change, come
    timm: str | None = None  # `architecture.tag` of published weights; None if a config.json says
    repo: str | None = None  # on the hub
    revision: str | None = None  # of the repo; None is the newest
    weights: Path | None = None  # your own files
    config: Path | None = None
    given: Path | None = None  # the folder of its features, where these are files
    state: str = ""  # "trained" or "untrained", where it is not opened
    order: str | None = None  # of rows of features without names
    table: str | None = None  # timm's name of 2022, under which its published results stand
    row: Row | None = None  # its size and kind, from a model table
    absent: str = ""  # why no weights are available

    @property
    def share(self) -> float:
        """Of a package's network, the share of its blocks that keep their published weights."""
        return (self.recipe.share or 0.0) if self.recipe else 1.0

    def cost(self, size: int) -> float:
        """Billions of multiply-adds an image; 0.15 for each million parameters where not known.

        size : bytes of its weights.
        """
        return self.row.gmacs if self.row and self.row.gmacs else 0.15 * size / 4e6

    @property
    def classifies(self) -> bool:
        """Whether its own classifier is asked about ImageNet's classes; else a readout serves."""
        return not (self.has_checkpoint or self.given)

    @property
    def has_checkpoint(self) -> bool:
        """Whether stage pretrain makes its weights."""
        return bool(self.recipe or self.package)

    @property
    def published(self) -> dict[str, str]:
        """What is known of it where it was not opened."""
        row = {"kind": self.row.kind} if self.row and self.row.kind else {}
        about = {"architecture": self.architecture, "group": self.group, "source": "published"}
        return about | {"weights": "published"} | row

    @property
    def source(self) -> str:
        """Where its features come from, in words."""
        known: dict[str, Any] = {"package": self.package, "trained here": self.recipe}
        known |= {"hub": self.repo, "features": self.given}
        return next((where for where, there in known.items() if there), "file of one's own")

    @property
    def about(self) -> dict[str, Any]:
        """What the index of embeddings says of it."""
        return {"architecture": self.architecture, "group": self.group, "source": self.source}


def models(experiment: Experiment) -> list[Model]:
    """The models that params.yaml chooses from the study's, those without weights too."""
    every, wanted = all_models(experiment.study, experiment.file), experiment.params.models
    names, what = [model.name for model in every], "models of the study"
    include = _matching(wanted.include, names, "params.yaml: models.include", what)
    exclude = _matching(wanted.exclude, names, "params.yaml: models.exclude", what)
    chosen = [model for model in every if model.name in include and model.name not in exclude]
    if not chosen:
        raise UsageError("params.yaml: models: include and exclude leave no model")
    # Evenly spaced, so that a tenth of a long list has a tenth of each family.
    limit = min(wanted.limit or len(chosen), len(chosen))
    return [chosen[i * len(chosen) // limit] for i in range(limit)]


def measured(experiment: Experiment) -> list[Model]:
    """The models that are opened: all but those that left timm; none where all is published."""
    return [m for m in models(experiment) if experiment.study.embeds and not m.absent]


def all_models(study: spec.Study, file: str) -> list[Model]:
    """Every model of a study, in its YAML's order; `file` is the study's path, for messages."""
    found: dict[str, Model] = {}
    for entry in study.models:
        for model in _of_entry(study, entry, f"{file}: models"):
            if model.name in found:
                raise UsageError(f"{file}: models: duplicate model '{model.name}'")
            found[model.name] = model
    outside = reference(study, file)
    if outside and outside.name in found:
        raise UsageError(f"{file}: reference: '{outside.name}' must not be among the models")
    return list(found.values())


def reference(study: spec.Study, file: str) -> Model | None:
    """The reference network, which is not among the study's models; None where there is none."""
    if study.reference is None:
        return None
    where, wanted = f"{file}: reference", study.reference
    (model,) = _trained(study, where, [wanted.architecture], [wanted.recipe])
    if study.recipes[wanted.recipe].labels != "categories":
        raise UsageError(f"{where}: recipe '{wanted.recipe}' must learn 'categories'")
    return model


def _of_entry(study: spec.Study, entry: entries.ModelEntry, where: str) -> Iterator[Model]:
    match entry:
        case entries.TrainedModels():
            yield from _trained(study, where, entry.architectures, entry.recipes)
        case entries.ModelTable():
            yield from map(of_row, read_model_table(Path(entry.table), where))
        case entries.TimmPatterns():
            yield from _of_timm(entry.timm, where)
        case entries.PackageModel():
            yield from _of_package(study, entry, f"{where}: {entry.name}")
        case entries.FeaturesModel():
            yield Model(
                entry.name,
                entry.name,
                entry.family,
                given=Path(entry.features),
                state=entry.weights,
                order=entry.order,
            )
        case entries.HubModel():
            yield Model(entry.name, entry.name, "own", repo=entry.hub, revision=entry.revision)
        case entries.LocalModel():
            weights, config = Path(entry.weights), Path(entry.config)
            for path in (weights, config):
                if not path.is_file():
                    wrong = f"{where}: {entry.name}: '{path}' is not a file"
                    raise UsageError(wrong + untracked())
            check_links((weights, config), f"{where}: {entry.name}")
            yield Model(entry.name, entry.name, "own", weights=weights, config=config)


def _trained(
    study: spec.Study, where: str, names: list[str], recipes: list[str]
) -> Iterator[Model]:
    """Every architecture with every recipe."""
    for name, wanted in product(names, recipes):
        _check_architecture(name, where)
        recipe = _recipe(study, wanted, where)
        if recipe.kept is not None:
            raise UsageError(f"{where}: recipe '{wanted}' has 'kept', for networks of a package")
        yield Model(f"{name}.{wanted}", name, wanted, recipe=recipe)


def _of_package(study: spec.Study, entry: entries.PackageModel, where: str) -> Iterator[Model]:
    """A published network as it is, and by every recipe of its entry.

    What has published weights is of timm's family, however many it kept; the rest of its recipe's.
    """
    _check_architecture(entry.architecture, where)
    package = Package(entry.package, entry.file, entry.sha256, entry.architecture)
    family = family_of(entry.architecture)
    yield Model(entry.name, entry.architecture, family, package=package)
    for wanted in entry.recipes:
        recipe = _recipe(study, wanted, where)
        if recipe.share is None:
            needs = "'kept', or 'steps: 0', is needed"
            raise UsageError(f"{where}: recipe '{wanted}' trains a network; {needs}")
        group = family if recipe.share else wanted
        name = f"{entry.name}.{wanted}"
        yield Model(name, entry.architecture, group, recipe=recipe, package=package)


def _check_architecture(name: str, where: str) -> None:
    if name not in (known := architectures()):
        wrong = f"{where}: architecture '{name}' is not one of timm's"
        raise UsageError(wrong + suggest(name, known))


def _recipe(study: spec.Study, name: str, where: str) -> spec.Recipe:
    if name not in study.recipes:
        wrong = f"{where}: recipe '{name}' is not among 'recipes': {sorted(study.recipes)}"
        raise UsageError(wrong + suggest(name, study.recipes))
    return study.recipes[name]


def of_row(row: Row) -> Model:
    """A line of a model table as a model."""
    name, family = row.timm.partition(".")[0] or row.name, row.family or "none"
    model = Model(row.name, name, family, table=row.timm_2022 or None, row=row)
    if not row.timm:
        return replace(model, absent=row.evidence or "no weights named")
    return replace(model, timm=row.timm, repo=hub_repo(row.timm), revision=row.revision or None)


def _of_timm(patterns: list[str], where: str) -> Iterator[Model]:
    """Published models by pattern, in timm's order; each pattern must match something."""
    known = pretrained()
    rows = {row.timm: row for row in read_model_table(PAPER, where)} if PAPER.is_file() else {}
    for name in _matching(patterns, known, f"{where}: timm", "published weights of timm's"):
        architecture = name.partition(".")[0]
        model = of_row(rows[name]) if name in rows else Model(name, architecture, known[name])
        yield replace(model, name=name, group=known[name], timm=name, repo=hub_repo(name))


def _matching(
    patterns: list[str], names: Collection[str], where: str, what: str
) -> dict[str, None]:
    """The names that match a pattern, in their order; each pattern must match one."""
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            wrong = f"{where}: '{pattern}' matches none of the {len(names)} {what}"
            raise UsageError(wrong + suggest(pattern, names))
    return {n: None for n in names if any(fnmatchcase(n, pattern) for pattern in patterns)}
