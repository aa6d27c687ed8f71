"""Which models a study has, which of them params.yaml chooses, and pairs of them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from typing import Any

from stages.networks.hub import WEIGHTS, resolve_all
from stages.networks.load import Source
from stages.networks.published import architectures, hub_repo, pretrained
from stages.runtime.errors import UsageError, suggest, untracked
from stages.sources.folders import check_links
from stages.study import spec
from stages.study.experiment import Experiment
from stages.study.tables import PAPER, Row, read_model_table, read_pairs

CONFIG = "config.json"


@dataclass(frozen=True)
class Model:
    """One network of a study."""

    name: str
    architecture: str
    group: str  # what figures colour it by: its recipe, or its family
    recipe: spec.Recipe | None = None  # how it is trained here; None for a published one
    timm: str | None = None  # `architecture.tag` of published weights; None if a config.json says
    repo: str | None = None  # on the hub
    revision: str | None = None  # of the repo; None is the newest
    weights: Path | None = None  # your own files
    config: Path | None = None
    table: str | None = None  # timm's name of 2022, under which its published results stand
    row: Row | None = None  # its size and kind, from a model table
    absent: str = ""  # why no weights are available

    @property
    def published(self) -> dict[str, str]:
        """What is known of it where it was not opened."""
        row = {"kind": self.row.kind} if self.row and self.row.kind else {}
        about = {"architecture": self.architecture, "group": self.group, "source": "published"}
        return about | {"weights": "published"} | row

    def about(self, source: Source) -> dict[str, Any]:
        """What the index of embeddings says of it."""
        where = "trained here" if self.recipe else "hub" if self.repo else "file of one's own"
        about = {"architecture": self.architecture, "group": self.group, "source": where}
        return about | {"files": source.record()}


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


def _of_entry(study: spec.Study, entry: spec.ModelEntry, where: str) -> Iterator[Model]:
    match entry:
        case spec.TrainedModels():
            yield from _trained(study, where, entry.architectures, entry.recipes)
        case spec.ModelTable():
            yield from map(of_row, read_model_table(Path(entry.table), where))
        case spec.TimmPatterns():
            yield from _of_timm(entry.timm, where)
        case spec.HubModel():
            yield Model(entry.name, entry.name, "own", repo=entry.hub, revision=entry.revision)
        case spec.LocalModel():
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
    known = set(architectures())
    for name, recipe in product(names, recipes):
        if name not in known:
            wrong = f"{where}: architecture '{name}' is not one of timm's"
            raise UsageError(wrong + suggest(name, known))
        if recipe not in study.recipes:
            wrong = f"{where}: recipe '{recipe}' is not among 'recipes': {sorted(study.recipes)}"
            raise UsageError(wrong + suggest(recipe, study.recipes))
        yield Model(f"{name}.{recipe}", name, recipe, recipe=study.recipes[recipe])


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


def sources(
    experiment: Experiment, chosen: list[Model]
) -> tuple[dict[str, Source], dict[str, str]]:
    """Where each model's weights are, and the reasons for those whose weights are unavailable.

    The hub is asked for the commit and digest of every published model; nothing is downloaded.
    """
    wanted = {(m.name, WEIGHTS): (m.repo, m.revision, WEIGHTS) for m in chosen if m.repo}
    wanted |= {
        (m.name, CONFIG): (m.repo, m.revision, CONFIG) for m in chosen if m.repo and not m.timm
    }
    pins, failed = resolve_all(wanted)
    reasons = {name: reason for (name, _), reason in failed.items()}
    known = {}
    for m in chosen:
        if m.recipe:
            known[m.name] = Source(experiment.paths.checkpoint(m.name))
        elif m.weights:
            known[m.name] = Source(m.weights, config=m.config)
        elif m.name not in reasons:
            config = pins.get((m.name, CONFIG))
            known[m.name] = Source(pins[m.name, WEIGHTS], m.timm, config)
    return known, reasons


@dataclass(frozen=True)
class Pair:
    """Two models that differ in one factor only, of which a has more; a's family."""

    factor: str
    a: str
    b: str
    family: str


def pairs_of(
    study: spec.Study, every: Collection[Model], names: Collection[str], root: Path = Path()
) -> tuple[list[Pair], list[tuple[str, str, str]]]:
    """The pairs of a study whose models both have results.

    every : all models of the study. names : of those that have results. root : the repository.

    Returns pairs of the file that `contrasts` names, with the family (group) of a; then networks
    of one architecture trained here whose recipes differ in `pull` only, λ ≠ 0 against λ = 0, with
    the architecture as family. And the (factor, a, b) left out because a model has no results.
    """
    groups = {model.name: model.group for model in every}
    listed = read_pairs(root / study.contrasts, "contrasts") if study.contrasts else []
    found = [Pair(*line, groups.get(line[1], "")) for line in listed]
    default = study.training.steps if study.training else 0
    trained = []
    for m in every:
        if m.recipe and (steps := default if m.recipe.steps is None else m.recipe.steps):
            trained.append((m, m.recipe, (m.architecture, m.recipe.labels, steps)))
    for (a, recipe, kind), (b, baseline, as_b) in product(trained, repeat=2):
        if kind == as_b and recipe.pull != 0 and baseline.pull == 0:
            centred = " (centred)" * recipe.centred
            factor = f"λ = {recipe.pull:g}{centred} against 0".replace("-", "−")
            found.append(Pair(factor, a.name, b.name, a.architecture))
    used = [pair for pair in found if {pair.a, pair.b} <= set(names)]
    return used, [(pair.factor, pair.a, pair.b) for pair in found if pair not in used]
