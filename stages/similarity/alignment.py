"""Alignment of a model with people on one stimulus set, by every measure that it supports."""

from pathlib import Path

import numpy as np

from stages.networks.embeddings import Embedding
from stages.runtime.random import rng_for
from stages.runtime.tables import Record
from stages.similarity import resample
from stages.similarity.decomposition import decomposition
from stages.similarity.matrices import FEATURES, label_similarity, similarity_matrix
from stages.similarity.measures import MEASURES, triplet_votes
from stages.sources.human import Judgments, read_judgments

GROUP = "group"


def alignment(
    embedding: Embedding,
    stimuli: Path,
    features: str,
    similarity: str,
    bootstraps: int,
    seed: int,
) -> list[Record]:
    """A row a measure (pearson, spearman, triplet) and judge ("group", or a participant, "p01").

    Its `value` and, for the group, its `se`, the standard error over stimuli. Where judgments make
    a matrix, `decomposition` adds rows of the group, without an error.

    embedding : of the set's images. stimuli : the set's folder.
    features : what is done to them, of `FEATURES`. similarity : of two embeddings: cosine, dot,
    pearson or euclidean.
    bootstraps : resamples of the stimuli. They depend on the seed and the set's name alone, so that
    all models are measured on the same resamples.
    """
    model = similarity_matrix(FEATURES[features](embedding.read()), similarity)
    human = read_judgments(stimuli)
    errors = standard_errors(model, human, bootstraps, rng_for(seed, "stimuli", embedding.set))
    rows = [
        row | {"se": errors[row["measure"]] if row["judge"] == GROUP else None}
        for row in agreements(model, human)
    ]
    group = group_similarity(human)
    parts = {} if group is None else decomposition(model, group)
    return rows + [
        {"measure": name, "judge": GROUP, "value": value, "se": None}
        for name, value in parts.items()
    ]


def by_features(embedding: Embedding, stimuli: Path, similarity: str) -> list[Record]:
    """Alignment with the group, a row a measure, after each thing that may be done to features."""
    human, x = read_judgments(stimuli), embedding.read()
    return [
        {"features": name, "measure": row["measure"], "value": row["value"]}
        for name, change in FEATURES.items()
        for row in agreements(similarity_matrix(change(x), similarity), human, people=False)
    ]


def agreements(model: np.ndarray, human: Judgments, people: bool = True) -> list[Record]:
    """Every measure that the judgments support, for the group and, if asked, each participant."""
    group, judged = group_similarity(human), human.arrays()
    if group is None:
        value = triplet_votes(model, judged["triplets"], judged["votes"])
        return [{"measure": "triplet", "judge": GROUP, "value": value}]
    each = judged.get("participants", ()) if people else ()
    judges = {GROUP: group, **{f"p{i:02d}": matrix for i, matrix in enumerate(each, 1)}}
    return [
        {"measure": measure, "judge": judge, "value": agree(model, matrix)}
        for judge, matrix in judges.items()
        for measure, agree in MEASURES.items()
    ]


def standard_errors(
    model: np.ndarray, human: Judgments, bootstraps: int, rng: np.random.Generator
) -> dict[str, float | None]:
    """Standard error of alignment with the group, by measure: bootstrap over stimuli.

    None for a matrix of more than `resample.LARGEST` stimuli, which would take too long, and where
    the measure is undefined in more than `resample.UNDEFINED` of the resamples.
    """
    group, judged = group_similarity(human), human.arrays()
    if group is not None and human.n > resample.LARGEST:
        return dict.fromkeys(MEASURES)
    w = resample.multiplicities(human.n, bootstraps, rng)
    if group is None:
        values = {"triplet": resample.triplet_votes(model, judged["triplets"], judged["votes"], w)}
    else:
        functions = (resample.pearson, resample.spearman, resample.triplet)
        values = {function.__name__: function(model, group, w) for function in functions}
    return {measure: resample.standard_error(found) for measure, found in values.items()}


def group_similarity(human: Judgments) -> np.ndarray | None:
    """The group's similarity matrix [n, n]; None where there are only judged triplets."""
    if human.similarity is None and human.soft_labels is not None:
        return label_similarity(human.soft_labels, str(human.label_similarity))
    return human.similarity
