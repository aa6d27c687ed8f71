"""Embedding: exact, in bounded memory, halving the batch where memory runs out."""

import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import timm.data
import torch
from PIL import Image

from benchmarks.sides import peak_gb
from stages.networks.checkpoints import penultimate
from stages.networks.embeddings import Embedding, write_embeddings
from stages.networks.features import (
    Preprocess,
    batch_size,
    batches,
    embed_to,
    prepared,
    resize_stack,
)
from stages.networks.images import Images, NpzImages, image_set, picture_files
from stages.networks.load import Machine
from stages.runtime.errors import DataError, UnsuitableError
from stages.runtime.files import npz_bytes
from tests.arrays import npy_bytes

CPU = Machine()


def network(name: str = "test_vit", **arguments: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    model: torch.nn.Module = timm.create_model(name, **arguments).eval()
    return model


def embed(
    model: torch.nn.Module, images: Images, batch: int, machine: Machine = CPU, **more: Any
) -> np.ndarray:
    """Penultimate features of images: [N, D] float32."""
    return np.concatenate(list(batches(model, images, batch, machine, **more)))


def pictures(n: int, size: tuple[int, int] = (28, 28)) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, *size, 3)).astype(np.uint8)


def files(folder: Path, images: np.ndarray) -> Images:
    """The same images as files of a folder."""
    paths = [folder / f"{i:02}.png" for i in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    return picture_files(paths)


def test_images_are_the_same_from_npz_and_files(tmp_path: Path) -> None:
    images, npz, folder = pictures(7), tmp_path / "set.npz", tmp_path / "stimuli"
    npz.write_bytes(npz_bytes(images=images, labels=np.arange(7)))
    folder.mkdir()
    files(folder, images)
    for size in (1, 3, 7, 50):
        for found in (NpzImages(npz), image_set(npz), image_set(folder)):
            assert len(found) == 7
            arrays = [
                image if isinstance(image, np.ndarray) else np.asarray(image())
                for start in range(0, 7, size)
                for image in found[start : start + size]
            ]
            np.testing.assert_array_equal(arrays, images)


def test_grey_palette_and_transparent_files_become_rgb(tmp_path: Path) -> None:
    grey = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    for mode in ("L", "P", "RGBA", "1"):
        path = tmp_path / f"{mode}.png"
        grey.convert(mode).save(path)
        found = picture_files([path])[0]()
        assert found.mode == "RGB"
        np.testing.assert_array_equal(found, grey.convert(mode).convert("RGB"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no archive", "not readable as NPZ"),
        (npz_bytes(labels=np.arange(3)), "not readable as NPZ with 'images'"),
        (npz_bytes(images=np.zeros((3, 8, 8), np.uint8)), r"need uint8 \[N, H, W, 3\]"),
        (npz_bytes(images=np.zeros((3, 8, 8, 3))), "images are float64"),
    ],
)
def test_a_malformed_image_set_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"bad\.npz: .*{message}"):
        NpzImages(path)


@pytest.mark.parametrize("name", ["test_vit", "test_resnet", "test_efficientnet"])
def test_batches_and_file_give_the_same_numbers(tmp_path: Path, name: str) -> None:
    """timm's transform an image at a time, against batches, and the streamed file."""
    model, images = network(name), pictures(9)
    config = timm.data.resolve_model_data_config(model)
    transform = timm.data.create_transform(**config, is_training=False)
    with torch.inference_mode():
        plain = [penultimate(model, transform(Image.fromarray(i))[None])[0] for i in images]
    expected = torch.stack(plain).numpy()
    found, path = embed(model, images, 4), tmp_path / "features.npy"
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    embed_to(path, model, images, 4, CPU)
    np.testing.assert_array_equal(np.load(path), found)


def test_half_precision_is_near() -> None:
    model, images = network("test_vit"), pictures(4)
    exact, half = (embed(model, images, 4, Machine(precision=p)) for p in ("float32", "bfloat16"))
    assert half.dtype == np.float32
    assert not np.array_equal(exact, half)
    assert np.linalg.norm(exact - half) < 0.03 * np.linalg.norm(exact)


def test_weights_are_cast_to_half_precision_once() -> None:
    """And what autocast keeps of them is gone at the end."""
    model = network("test_resnet")
    weights = sum(p.ndim > 1 for p in model.parameters())

    def casts(batches: int) -> int:
        images = pictures(2 * batches)
        with torch.profiler.profile() as profile:
            embed(model, images, 2, Machine(precision="bfloat16"))
        return sum(e.count for e in profile.key_averages() if e.key == "aten::_to_copy")

    casts(1)
    one, two, five = casts(1), casts(2), casts(5)
    assert one > weights
    assert (five - two) / 3 < weights / 2


def test_it_halves_the_batch_when_memory_runs_out(capsys: pytest.CaptureFixture[str]) -> None:
    """A device that holds three images: 8, 4, 2; what was found is kept for the next batch."""
    model, images = network(), pictures(16, (160, 160))
    tried: list[int] = []

    def forward(m: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        tried.append(len(x))
        if len(x) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return penultimate(m, x)

    found = embed(model, images, 8, forward=forward)
    assert tried == [8, 4, 2, 2, 2, 2, 2, 2, 2, 2]
    assert capsys.readouterr().err.splitlines() == [
        "out of memory: continuing with batches of 4",
        "out of memory: continuing with batches of 2",
    ]
    np.testing.assert_allclose(found, embed(model, images, 8), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("full"), RuntimeError("a real fault")])
def test_what_no_batch_size_mends_is_raised(error: RuntimeError) -> None:
    def forward(_: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        raise error

    with pytest.raises(type(error), match=str(error)):
        embed(network(), pictures(4), 4, forward=forward)


def test_features_that_are_not_finite_are_an_error() -> None:
    model = network()
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    with pytest.raises(UnsuitableError, match=r"not finite in float32; models\.exclude"):
        embed(model, pictures(2), 2)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"crop_pct": 1.0},
        {"crop_pct": 1.0, "crop_mode": "squash", "interpolation": "bilinear"},
        {"crop_pct": 0.9, "crop_mode": "squash"},
        {"crop_pct": 0.8, "crop_mode": "border"},
        {"crop_pct": 1.0, "crop_mode": "border"},
        {"input_size": (3, 48, 64), "crop_pct": 1.0},
    ],
)
@pytest.mark.parametrize("size", [(48, 48), (20, 20), (61, 61), (48, 64), (70, 50)])
def test_preprocessing_is_timms_to_the_bit(
    tmp_path: Path, settings: dict[str, Any], size: tuple[int, int]
) -> None:
    """Arrays and files, however prepared, against timm's evaluation transform image by image."""
    cfg = {"input_size": (3, 48, 48), "interpolation": "bicubic", **settings}
    model, images = network("test_resnet", pretrained_cfg_overlay=cfg), pictures(11, size)
    config = timm.data.resolve_model_data_config(model)
    transform = timm.data.create_transform(**config, is_training=False)
    expected = torch.stack([transform(Image.fromarray(image)) for image in images])
    preprocess = Preprocess(model)
    for given, threads in itertools.product((images, files(tmp_path, images)), (1, 3, 20)):
        found = [preprocess.scale(x) for x in prepared(given, preprocess, 9, threads)]
        assert torch.equal(torch.cat(found), expected)
        assert found[0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("mode", ["NEAREST", "BILINEAR", "BICUBIC", "LANCZOS", "BOX", "HAMMING"])
def test_a_stack_is_resized_as_each_image_is(mode: str) -> None:
    how = Image.Resampling[mode]
    for shape, size in (((8, 8), 32), ((45, 31), 17), ((16, 16), 16)):
        images = pictures(5, shape)
        expected = [np.asarray(Image.fromarray(i).resize((size, size), how)) for i in images]
        np.testing.assert_array_equal(resize_stack(images, size, how), expected)


def test_the_batch_on_a_cpu_is_bounded_by_pixels() -> None:
    for batch, side, bounded in ((256, 32, 256), (256, 224, 16), (4, 224, 4), (256, 2000, 1)):
        assert batch_size(batch, (side, side), "cpu") == bounded
        assert batch_size(batch, (side, side), "cuda") == batch


def test_embeddings_are_written_as_safetensors_reads_them(tmp_path: Path) -> None:
    """The streamed writer against the safetensors library."""
    rng = np.random.default_rng(0)
    sets = {name: rng.normal(size=(n, 5)).astype(np.float32) for name, n in (("a/x", 3), ("b", 1))}
    path = tmp_path / "m.safetensors"
    streams = {name: io.BytesIO(npy_bytes(array)) for name, array in sets.items()}
    write_embeddings(path, streams, {"weights": "untrained"})
    found = safetensors.numpy.load_file(path)
    assert set(found) == set(sets)
    for name, array in sets.items():
        np.testing.assert_array_equal(found[name], array)
    with safetensors.safe_open(path, "np") as archive:
        assert archive.metadata() == {"weights": "untrained"}
    a, b = (Embedding(path, name).identity() for name in sets)
    assert (a[0], b[0]) == ("a/x", "b")  # draws are seeded by the name
    assert a[1] != b[1]


def embed_npz(path: Path) -> None:
    """Embed an NPZ of images of 32 x 32 to a file beside it, by a network that computes nothing."""
    overlay = {"input_size": (3, 32, 32), "crop_pct": 1.0}
    model: Any = network(pretrained_cfg_overlay=overlay, img_size=32)
    model.forward_features = lambda x: x.flatten(1)[:, :256]
    model.forward_head = lambda x, pre_logits: x
    embed_to(path.with_suffix(".npy"), model, NpzImages(path), 64, Machine())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    """30 000 images are 88 MiB and their features 29 MiB; the peak grows by next to nothing."""
    peaks, path = [], tmp_path / "images.npz"
    for n in (1_000, 30_000):
        path.write_bytes(npz_bytes(images=np.zeros((n, 32, 32, 3), np.uint8)))
        peaks.append(peak_gb(embed_npz, path))
        assert np.load(tmp_path / "images.npy", mmap_mode="r").shape == (n, 256)
    assert peaks[1] - peaks[0] < 0.015, peaks
