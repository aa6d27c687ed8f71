"""What stage download makes, one function a piece; each returns the piece's files, packed.

`source` and `arguments` are a study's declaration of the piece.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stages.runtime.files import pack
from stages.runtime.random import rng_for
from stages.sources import world
from stages.sources.human import Judgments, png, stimulus_files
from stages.sources.image_folders import index_folder
from stages.sources.judged import real_stimuli
from stages.sources.labelled import Labelled, TrainingImages
from stages.sources.own import LOCAL, own_stimuli, own_task
from stages.sources.real import cifar100_training, real_task
from stages.sources.render import draw
from stages.sources.renditions import RENDITIONS
from stages.sources.timm_tables import class_indices


def training(
    source: str, arguments: Mapping[str, Any], renditions: Mapping[str, str], pools: Sequence[str]
) -> bytes:
    """Training and readout images, and the benchmarks made with them.

    renditions : the rendition of the clean images that each such benchmark has.
    pools : the benchmarks that are selected from the pool of candidates.
    """
    data = world_training(**arguments) if source == "world" else cifar100_training(**arguments)
    more = {"superclasses": data.superclasses, "nuisances": data.nuisances, "target": data.target}
    sets = {"training/readout": data.readout, "clean": data.clean}
    for name, rendition in renditions.items():
        sets[name] = Labelled(RENDITIONS[rendition](data.clean.images), data.clean.labels)
    sets |= dict.fromkeys(pools, data.pool)
    files = {f"{name}.npz": labelled.npz() for name, labelled in sets.items()}
    return pack({"training/images.npz": data.train.npz(**more)} | files)


def stimuli(name: str, source: str, arguments: Mapping[str, Any]) -> bytes:
    """A stimulus set: images, judgments and provenance."""
    if source == "world":
        files = world_stimuli(**arguments)
    elif source in LOCAL:
        files = own_stimuli({"source": source, **arguments})
    else:
        files = real_stimuli(source)
    return pack({f"{name}/{path}": content for path, content in files.items()})


def task(name: str, source: str, arguments: Mapping[str, Any], per_class: int | None) -> bytes:
    """A few-shot task, with the first `per_class` images of each class; None for all."""
    if source in LOCAL:
        return pack(own_task(name, {"source": source, **arguments}, per_class))
    data = world_task(**arguments) if source == "world" else real_task(source, **arguments)
    return pack({f"{name}.npz": data.first(per_class).npz()})


def image_index(name: str, key: str, folder: str, classes: str) -> bytes:
    """The index of an image folder; `key` names it for messages, `classes` a list of classes."""
    return pack({f"{name}.json": index_folder(Path(folder), class_indices(classes), key)})


def made_from(inputs: Sequence[Any], make: Callable[[], bytes]) -> bytes:
    """The files of a piece. `inputs` are the downloads and files that it reads, for its key."""
    return make()


def world_training(
    seed: int, classes: Mapping[str, int], per_class: int, readout: int, clean: int, pool: int
) -> TrainingImages:
    """Images of the pretraining classes; the target similarity is that of the classes' centres."""
    centres = world.make_world(seed, classes)["pretraining"]

    def take(name: str, count: int) -> tuple[world.Objects, Labelled]:
        objects = world.draw_objects(centres, count, rng_for(seed, "training", name))
        return objects, Labelled(draw(objects), objects.label)

    objects, train = take("train", per_class)
    average = world.draw_objects(centres, 1, rng_for(seed, "centres"), spread=0.0)
    return TrainingImages(
        train=train,
        superclasses=objects.superclass,
        nuisances=objects.nuisance,
        target=world.perceived_similarity(average),
        readout=train.first(readout),
        clean=take("clean", clean)[1],
        pool=take("pool", pool)[1],
    )


def world_task(seed: int, classes: Mapping[str, int], per_class: int, style: str) -> Labelled:
    """New classes, painted or drawn; both styles show the same objects."""
    centres = world.make_world(seed, classes)["fewshot"]
    objects = world.draw_objects(centres, per_class, rng_for(seed, "task"))
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
    use: str = "stimuli",
) -> dict[str, bytes]:
    """The files of a stimulus set with a panel of simulated observers."""
    centres = world.make_world(seed, classes)[use]
    rng = rng_for(seed, "stimuli", name)
    objects = world.draw_objects(centres, per_class, rng, superclasses)
    panel = world.rate(objects, observers, rng_for(seed, "observers", name), disagreement, noise)
    kinds = np.array(world.SUPERCLASSES)[objects.superclass]
    images = {f"{i:03d}-{kinds[i]}.png": png(image) for i, image in enumerate(draw(objects))}
    provenance = {
        "source": "miniature world",
        "simulated": True,
        "judged by": f"{observers} simulated observers",
        "world seed": seed,
    }
    judgments = Judgments(len(objects), similarity=panel.mean(0), participants=panel)
    return stimulus_files(images, judgments.check(name), provenance)
