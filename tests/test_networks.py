"""Networks trained here: checkpoints that come back, training that obeys λ."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stages.networks.cards import read_card, read_classifier
from stages.networks.checkpoints import penultimate, read
from stages.networks.embeddings import Embedding
from stages.networks.pretrain import Plan, train_network
from stages.networks.training import (
    TrainingSet,
    channel_statistics,
    double_centred,
    similarity_correlation,
    train,
)
from stages.runtime.errors import DataError
from stages.runtime.files import npz_bytes
from stages.similarity.decomposition import decomposition
from stages.similarity.matrices import pairs, similarity_matrix
from tests.test_embedding import embed

PLAN = Plan("test_vit", "categories", 4, 0.0, False, 32, 0.004, 0.05)


def training_set(n: int = 96) -> TrainingSet:
    """Four categories in two superclasses, told apart by colour."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 4
    images = rng.integers(0, 80, (n, 32, 32, 3))
    images[..., 0] += 40 * labels[:, None, None]
    target = np.eye(4) / 2 + np.kron(np.eye(2), np.ones((2, 2))) / 2
    return TrainingSet(
        images.astype(np.uint8), labels, labels // 2, rng.permutation(labels), target
    )


def checkpoint(folder: Path, data: TrainingSet, **changes: Any) -> Path:
    """A network trained by the plan with some changes."""
    path = folder / "model.safetensors"
    path.write_bytes(train(replace(PLAN, **changes), data, 0, "m"))
    return path


def test_the_classifier_reads_penultimate_features(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, training_set())
    model, _ = read(path)
    weight, bias = read_classifier(path)
    x = torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        features, logits = penultimate(model, x), model(x)
    np.testing.assert_allclose(features.numpy() @ weight.T + bias, logits.numpy(), atol=1e-5)


def test_training_repeats_to_the_byte_and_depends_on_the_name() -> None:
    data = training_set()
    first = train(PLAN, data, 0, "a")
    assert first == train(PLAN, data, 0, "a")
    assert first != train(PLAN, data, 0, "b")
    assert first != train(PLAN, data, 1, "a")


def test_the_unit_trains_on_a_file(tmp_path: Path) -> None:
    data = training_set()
    path = tmp_path / "images.npz"
    arrays = asdict(data)
    path.write_bytes(npz_bytes(labels=arrays.pop("categories"), **arrays))
    assert train_network(PLAN, path, 0, "a") == train(PLAN, data, 0, "a")
    path.write_bytes(npz_bytes(labels=data.categories))
    with pytest.raises(DataError, match=r"images\.npz: array 'images' is missing"):
        train_network(PLAN, path, 0, "a")


def test_an_untrained_network_says_so(tmp_path: Path) -> None:
    assert read_card(checkpoint(tmp_path, training_set(), steps=0)).labels == "none"


def test_pull_moves_the_similarity_of_training_images(tmp_path: Path) -> None:
    """After training, λ > 0 is nearer to the target than λ = 0, and λ < 0 further away."""
    data = training_set(n=256)
    wanted = torch.from_numpy(data.target[data.categories][:, data.categories]).float()
    reached = []
    for pull in (-3.0, 0.0, 3.0):
        path = checkpoint(tmp_path, data, steps=40, pull=pull, batch=64)
        features = torch.from_numpy(embed(read(path)[0], data.images, 64))
        reached.append(float(similarity_correlation(features, wanted)))
    assert reached[0] < reached[1] < reached[2]


def test_a_centred_target_measures_the_centred_part_of_alignment_alone() -> None:
    x, y = np.random.default_rng(5).normal(size=(2, 9, 4)) + 1
    target = y @ y.T
    features, centred = torch.from_numpy(x), double_centred(torch.from_numpy(target))
    found = float(similarity_correlation(features, centred))
    spread, whole = (pairs(m).std() for m in (centred.numpy(), target))
    part = decomposition(similarity_matrix(x), target)["centred"]
    assert found == pytest.approx(part * whole / spread)


def test_a_centred_target_trains_another_network() -> None:
    plan = replace(PLAN, pull=-2.0)
    centred = train(replace(plan, centred=True), training_set(), 0, "a")
    assert centred == train(replace(plan, centred=True), training_set(), 0, "a")
    assert centred != train(plan, training_set(), 0, "a")


def test_similarity_correlation_is_numpys() -> None:
    rng = np.random.default_rng(3)
    x, target = rng.normal(size=(9, 5)), rng.normal(size=(9, 9))
    target = target + target.T
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    i, j = np.triu_indices(9, 1)
    expected = np.corrcoef((unit @ unit.T)[i, j], target[i, j])[0, 1]
    ours = similarity_correlation(torch.from_numpy(x), torch.from_numpy(target))
    assert float(ours) == pytest.approx(expected)


def test_channel_statistics_are_numpys() -> None:
    images = np.random.default_rng(4).integers(0, 256, (7, 8, 8, 3)).astype(np.uint8)
    mean, std = channel_statistics(images)
    np.testing.assert_allclose(mean, (images / 255).mean((0, 1, 2)), atol=1e-6)
    np.testing.assert_allclose(std, (images / 255).std((0, 1, 2)), atol=1e-6)


def test_a_file_that_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(b"\xff" * 64)
    for function in (read_card, read_classifier, read, lambda p: Embedding(p, "x").read()):
        with pytest.raises(DataError, match=r"bad\.safetensors"):
            function(path)
