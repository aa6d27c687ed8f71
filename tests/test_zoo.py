"""Networks: embeddings against plain timm, checkpoints that come back, training that obeys λ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm.data
import torch
from PIL import Image

from stages.runtime.errors import DataError
from stages.zoo.cards import read_card, read_classifier
from stages.zoo.embeddings import tensor_digests
from stages.zoo.features import embed
from stages.zoo.images import ArrayImages, PictureFiles
from stages.zoo.networks import penultimate, read
from stages.zoo.training import (
    Plan,
    TrainingSet,
    channel_statistics,
    similarity_correlation,
    train,
)

PLAN = Plan("test_vit", "categories", 4, 0.0, False, 32, 0.004, 0.05)


def training_set(seed: int = 0, n: int = 96) -> TrainingSet:
    """Four categories in two superclasses, told apart by colour."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    images = rng.integers(0, 80, (n, 32, 32, 3))
    images[..., 0] += 40 * labels[:, None, None]
    target = np.eye(4) / 2 + np.kron(np.eye(2), np.ones((2, 2))) / 2
    return TrainingSet(
        images.astype(np.uint8), labels, labels // 2, rng.permutation(labels), target
    )


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    path.write_bytes(train(PLAN, training_set(), 0, "model"))
    return path


def plain(model: Any, x: torch.Tensor) -> torch.Tensor:
    """timm's own two calls for penultimate features."""
    features: torch.Tensor = model.forward_head(model.forward_features(x), pre_logits=True)
    return features


def test_features_are_plain_timms(checkpoint: Path, tmp_path: Path) -> None:
    """The project's path, in batches, equals timm's own per image, for arrays, files, any size."""
    model, _ = read(checkpoint)
    config = timm.data.resolve_model_data_config(model)
    transform = timm.data.create_transform(**config, is_training=False)
    rng = np.random.default_rng(1)
    for size in ((32, 32), (28, 28), (50, 70)):
        images = rng.integers(0, 256, (5, *size, 3)).astype(np.uint8)
        paths = [tmp_path / f"{i}.png" for i in range(5)]
        with torch.inference_mode():
            expected = [
                plain(model, transform(Image.fromarray(image))[None])[0].numpy() for image in images
            ]
        for image, path in zip(images, paths, strict=True):
            Image.fromarray(image).save(path)
        for given in (ArrayImages(images), PictureFiles(paths)):
            np.testing.assert_allclose(embed(model, given, batch=2), expected, atol=2e-5)


def test_the_classifier_reads_penultimate_features(checkpoint: Path) -> None:
    model, _ = read(checkpoint)
    weight, bias = read_classifier(checkpoint)
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


def test_an_untrained_network_says_so(tmp_path: Path) -> None:
    plan = Plan("test_vit", "categories", 0, 0.0, False, 32, 0.004, 0.05)
    path = tmp_path / "untrained.safetensors"
    path.write_bytes(train(plan, training_set(), 0, "m"))
    assert read_card(path).labels == "none"


def test_pull_moves_the_similarity_of_training_images() -> None:
    """After training, λ > 0 is nearer to the target than λ = 0, and λ < 0 further away."""
    data = training_set(n=256)
    reached = {}
    for pull in (-3.0, 0.0, 3.0):
        plan = Plan("test_vit", "categories", 40, pull, False, 64, 0.004, 0.05)
        torch.manual_seed(0)
        path = Path("model")
        reached[pull] = _correlation_after(plan, data, path)
    assert reached[-3.0] < reached[0.0] < reached[3.0]


def _correlation_after(plan: Plan, data: TrainingSet, path: Path) -> float:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / path
        file.write_bytes(train(plan, data, 0, "m"))
        model, _ = read(file)
    features = torch.from_numpy(embed(model, ArrayImages(data.images), 64))
    wanted = torch.from_numpy(data.target[data.labels][:, data.labels]).float()
    return float(similarity_correlation(features, wanted))


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
    for function in (read_card, read_classifier, read):
        with pytest.raises(DataError, match=r"bad\.safetensors"):
            function(path)
    with pytest.raises(DataError, match=r"bad\.safetensors"):
        tensor_digests(path, ["x"])
