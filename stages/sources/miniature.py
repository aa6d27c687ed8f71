"""The miniature world's image sets: training and held-out images, stimuli, tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from stages.runtime.random import rng_for
from stages.sources.human import Judgments, png, stimulus_files
from stages.sources.labelled import Labelled, TrainingImages
from stages.sources.observers import perceived_similarity, rate
from stages.sources.render import draw
from stages.sources.world import SUPERCLASSES, Objects, World, draw_objects, make_world


def world_training(
    seed: int, classes: Mapping[str, int], per_class: int, readout: int, clean: int, pool: int
) -> TrainingImages:
    """Images of the pretraining classes; the target similarity is that of the classes' centres."""
    world = make_world(seed, dict(classes))

    def take(name: str, count: int) -> Objects:
        return draw_objects(world, "pretraining", count, rng_for(seed, "training", name))

    objects = take("train", per_class)
    first = np.arange(len(objects)) % per_class < readout
    images = draw(objects)
    sets = {name: take(name, count) for name, count in (("clean", clean), ("pool", pool))}
    return TrainingImages(
        train=Labelled(images, objects.label),
        superclasses=objects.superclass,
        nuisances=objects.nuisance,
        target=perceived_similarity(_centres(world)),
        readout=Labelled(images[first], objects.label[first]),
        clean=Labelled(draw(sets["clean"]), sets["clean"].label),
        pool=Labelled(draw(sets["pool"]), sets["pool"].label),
    )


def _centres(world: World) -> Objects:
    """One object at the centre of each pretraining class."""
    return draw_objects(world, "pretraining", 1, rng_for(world.seed, "centres"), spread=0.0)


def world_task(seed: int, classes: Mapping[str, int], per_class: int, style: str) -> Labelled:
    """New classes, painted or drawn; both styles show the same objects."""
    world = make_world(seed, dict(classes))
    objects = draw_objects(world, "fewshot", per_class, rng_for(seed, "task"))
    return Labelled(draw(objects, style), objects.label)


def world_stimuli(
    seed: int,
    classes: Mapping[str, int],
    name: str,
    superclasses: Sequence[str],
    per_class: int,
    observers: int,
    disagreement: float,
    noise: float,
) -> dict[str, bytes]:
    """The files of a stimulus set with a panel of simulated observers."""
    world = make_world(seed, dict(classes))
    rows = tuple(SUPERCLASSES.index(kind) for kind in superclasses)
    objects = draw_objects(world, "stimuli", per_class, rng_for(seed, "stimuli", name), rows)
    panel = rate(objects, observers, rng_for(seed, "observers", name), disagreement, noise)
    images = {
        f"{i:03d}-{SUPERCLASSES[objects.superclass[i]]}.png": png(image)
        for i, image in enumerate(draw(objects))
    }
    provenance = {
        "source": "miniature world",
        "simulated": True,
        "judged by": f"{observers} simulated observers",
        "world seed": seed,
    }
    judgments = Judgments(len(objects), similarity=panel.mean(0), participants=panel)
    return stimulus_files(images, judgments.check(name), provenance)
