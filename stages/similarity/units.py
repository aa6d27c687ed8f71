"""The units of work of alignment: one model, one stimulus set, every measure it supports."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import safetensors

from stages.runtime.random import rng_for
from stages.similarity import resample
from stages.similarity.labels import label_similarity
from stages.similarity.matrices import similarity_matrix
from stages.similarity.measures import pearson, spearman, triplet, triplet_votes
from stages.sources.human import Judgments, read_judgments

GROUP = "group"


def align(
    embeddings: Path, stimuli: Path, kind: str, bootstraps: int, seed: int, wanted: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """Alignment of one model with each wanted stimulus set, as JSON rows.

    Parameters
    ----------
    embeddings : the model's safetensors; stimuli : the folder of stimulus sets.
    kind : of model similarity.
    bootstraps : resamples of the stimuli. They depend on seed and set alone, so that all models are
        measured on the same.
    """
    with safetensors.safe_open(embeddings, "np") as archive:
        for name in wanted:
            model = similarity_matrix(archive.get_tensor(f"stimuli/{name}"), kind)
            human = read_judgments(stimuli / name)
            rng = rng_for(seed, "stimuli", name)
            errors = standard_errors(model, human, bootstraps, rng)
            rows = [
                row | {"se": errors[str(row["measure"])] if row["judge"] == GROUP else None}
                for row in measure(model, human)
            ]
            yield name, json.dumps(rows, allow_nan=False).encode()


def measure(model: np.ndarray, human: Judgments) -> list[dict[str, object]]:
    """Every measure that the judgments support, for the group and for each participant."""
    similarity = group_similarity(human)
    if similarity is None:
        value = triplet_votes(model, *judged(human))
        return [{"measure": "triplet", "judge": GROUP, "value": value}]
    judges = {GROUP: similarity}
    if human.participants is not None:
        judges |= {f"p{i + 1:02d}": matrix for i, matrix in enumerate(human.participants)}
    return [
        {"measure": function.__name__, "judge": judge, "value": function(model, matrix)}
        for judge, matrix in judges.items()
        for function in (pearson, spearman, triplet)
    ]


def standard_errors(
    model: np.ndarray, human: Judgments, bootstraps: int, rng: np.random.Generator
) -> dict[str, float | None]:
    """Standard error of alignment with the group, by measure: bootstrap over stimuli.

    None for a matrix of more than `resample.LARGEST` stimuli, which would take too long, and where
    the measure is undefined in more than `resample.UNDEFINED` of the resamples.
    """
    similarity = group_similarity(human)
    if similarity is None:
        w = resample.multiplicities(human.n, bootstraps, rng)
        values = resample.triplet_votes(model, *judged(human), w)
        return {"triplet": resample.standard_error(values)}
    functions = (resample.pearson, resample.spearman, resample.triplet)
    if human.n > resample.LARGEST:
        return {function.__name__: None for function in functions}
    w = resample.multiplicities(human.n, bootstraps, rng)
    return {
        function.__name__: resample.standard_error(function(model, similarity, w))
        for function in functions
    }


def group_similarity(human: Judgments) -> np.ndarray | None:
    """The group's similarity matrix [n, n]; None where there are only judged triplets."""
    if human.similarity is None and human.soft_labels is not None:
        return label_similarity(human.soft_labels, str(human.label_similarity))
    return human.similarity


def judged(human: Judgments) -> tuple[np.ndarray, np.ndarray]:
    """Judged triplets [T, 3] and their votes [T, 2]."""
    if human.triplets is None or human.votes is None:
        raise ValueError("judgments hold neither similarities nor triplets nor soft labels")
    return human.triplets, human.votes
