"""The units of work of alignment: one model, one stimulus set, every measure it supports."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import safetensors

from stages.similarity.labels import label_similarity
from stages.similarity.matrices import similarity_matrix
from stages.similarity.measures import pearson, spearman, triplet, triplet_votes
from stages.sources.human import Judgments, read_judgments

GROUP = "group"


def align(
    embeddings: Path, stimuli: Path, kind: str, wanted: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """Alignment of one model with each wanted stimulus set, as JSON rows.

    Parameters
    ----------
    embeddings : the model's safetensors; stimuli : the folder of stimulus sets.
    kind : of model similarity.
    """
    with safetensors.safe_open(embeddings, "np") as archive:
        for name in wanted:
            model = similarity_matrix(archive.get_tensor(f"stimuli/{name}"), kind)
            rows = measure(model, read_judgments(stimuli / name))
            yield name, json.dumps(rows).encode()


def measure(model: np.ndarray, human: Judgments) -> list[dict[str, object]]:
    """Every measure that the judgments support, for the group and for each participant."""
    similarity = human.similarity
    if similarity is None and human.soft_labels is not None:
        similarity = label_similarity(human.soft_labels, str(human.label_similarity))
    if similarity is None:
        if human.triplets is None or human.votes is None:
            raise ValueError("judgments hold neither similarities nor triplets nor soft labels")
        value = triplet_votes(model, human.triplets, human.votes)
        return [{"measure": "triplet", "judge": GROUP, "value": value}]
    judges = {GROUP: similarity}
    if human.participants is not None:
        judges |= {f"p{i + 1:02d}": matrix for i, matrix in enumerate(human.participants)}
    return [
        {"measure": function.__name__, "judge": judge, "value": function(model, matrix)}
        for judge, matrix in judges.items()
        for function in (pearson, spearman, triplet)
    ]
