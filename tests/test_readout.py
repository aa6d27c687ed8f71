"""Readouts and networks' own classifiers on benchmarks, by definition and by scikit-learn."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from sklearn.linear_model import LogisticRegression

from stages.networks.cards import top_k
from stages.networks.embeddings import Embedding
from stages.probes.readout import LabelledEmbedding, fooled, readout_accuracy
from stages.runtime.errors import DataError
from tests.arrays import blobs

CLASSES, WIDTH = 8, 12
SETTINGS = {"C": 1.0, "tolerance": 1e-7, "max_iterations": 10000}


def labelled(folder: Path, name: str, per_class: int) -> LabelledEmbedding:
    """Embedded images of eight classes that overlap."""
    x, y = blobs(0, per_class, CLASSES, WIDTH, noise=1.5)
    safetensors.numpy.save_file({name: x}, folder / f"{name}.safetensors")
    np.savez(folder / f"{name}.npz", labels=y)
    embedding = Embedding(folder / f"{name}.safetensors", name)
    return LabelledEmbedding(embedding, folder / f"{name}.npz")


def checkpoint(folder: Path, labels: str, width: int = WIDTH) -> Path:
    """A checkpoint with a random classifier, which is right more often than not."""
    centres = np.random.default_rng(0).normal(size=(CLASSES, WIDTH)).astype(np.float32)
    tensors = {"classifier.weight": np.resize(centres, (CLASSES, width))}
    tensors["classifier.bias"] = np.linspace(0, 1, CLASSES, dtype=np.float32)
    card = {"architecture": "a", "classes": CLASSES, "size": 32, "labels": labels}
    card |= {"mean": [0.5] * 3, "std": [0.5] * 3}
    file = folder / "c.safetensors"
    safetensors.numpy.save_file(tensors, file, {"card": json.dumps(card)})
    return file


def own_scores(images: LabelledEmbedding, file: Path) -> np.ndarray:
    """Scores of the classifier in a checkpoint, in double precision."""
    tensors = safetensors.numpy.load_file(file)
    features, weight = images.embedding.read().astype(float), tensors["classifier.weight"]
    return np.asarray(np.einsum("nd,kd->nk", features, weight) + tensors["classifier.bias"])


@pytest.mark.parametrize("labels", ["categories", "superclasses", "none"])
def test_accuracy_on_benchmarks_by_definition(tmp_path: Path, labels: str) -> None:
    train, clean = labelled(tmp_path, "train", 40), labelled(tmp_path, "clean", 31)
    chosen = LabelledEmbedding(clean.embedding, clean.labels, [3, 4, 50, 77])
    file = checkpoint(tmp_path, labels)
    weights = "untrained" if labels == "none" else "trained"
    both = list(readout_accuracy(train, weights, file, SETTINGS, each=[clean, chosen]))

    (x, y), (z, truth) = train.read(), clean.read()
    scale = np.sqrt(np.mean((x - x.mean(0)) ** 2))
    model = LogisticRegression(tol=1e-9, solver="newton-cholesky").fit((x - x.mean(0)) / scale, y)
    scores = {"readout": model.decision_function((z - x.mean(0)) / scale)}
    if labels == "categories":
        scores["own"] = own_scores(clean, file)
    for found, rows in zip(both, (list(range(len(z))), [3, 4, 50, 77]), strict=True):
        assert [row.pop("classifier") for row in found] == list(scores)
        for row, values in zip(found, scores.values(), strict=True):
            order = [sorted(range(CLASSES), key=lambda k: -values[i][k]) for i in rows]
            hits = np.array([o.index(truth[i]) for i, o in zip(rows, order, strict=True)])
            assert row == {
                "benchmark": "clean",
                "weights": weights,
                "images": len(rows),
                "top1": pytest.approx(np.mean(hits < 1)),
                "top5": pytest.approx(np.mean(hits < 5)),
            }
    assert 1.5 / CLASSES < both[0][0]["top1"] < 1
    assert top_k(np.zeros((10, 9)), np.zeros(10, int), 5) == 0  # ties do not help


def test_fooled_are_the_rows_that_the_networks_own_classifier_gets_wrong(tmp_path: Path) -> None:
    images, file = labelled(tmp_path, "pool", 20), checkpoint(tmp_path, "categories")
    truth = images.read()[1]
    wrong = [i for i, scores in enumerate(own_scores(images, file)) if scores.argmax() != truth[i]]
    assert fooled(images, file) == wrong
    assert 0 < len(wrong) < len(truth)
    # On these rows alone, its own top-1 is 0.
    chosen = LabelledEmbedding(images.embedding, images.labels, wrong)
    ((_, own),) = readout_accuracy(images, "trained", file, SETTINGS, each=[chosen])
    assert (own["classifier"], own["images"], own["top1"]) == ("own", len(wrong), 0)


def test_what_does_not_fit_together_is_named(tmp_path: Path) -> None:
    images = labelled(tmp_path, "pool", 20)
    narrow = checkpoint(tmp_path, "categories", WIDTH - 1)
    with pytest.raises(DataError, match=r"c\.safetensors: .*\(8, 11\).*\(160, 12\)"):
        fooled(images, narrow)
    np.savez(images.labels, labels=np.zeros(7, int))
    with pytest.raises(DataError, match=r"'pool' has 160 rows, .*pool\.npz has \(7,\) labels"):
        images.read()
