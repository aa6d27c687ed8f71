"""The miniature world, renditions and parsers, on data made here."""

import gzip
import tarfile
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from stages.runtime.errors import DataError
from stages.runtime.files import pack, unpack
from stages.sources.datasets import world_stimuli, world_task, world_training
from stages.sources.human import Judgments, read_judgments
from stages.sources.judged import read_materials
from stages.sources.labelled import Labelled
from stages.sources.matlab import read_matlab, read_pinned
from stages.sources.real import cifar100_names, read_cifar100, read_idx
from stages.sources.render import draw
from stages.sources.renditions import RENDITIONS, luminance, otsu
from stages.sources.world import Objects, draw_objects, make_world, perceived_similarity, rate
from tests import hostile

CLASSES = {"pretraining": 3, "fewshot": 2, "stimuli": 2}


@pytest.fixture
def objects() -> Objects:
    return draw_objects(make_world(0, CLASSES)["stimuli"], 3, np.random.default_rng(0))


def test_an_image_does_not_depend_on_its_neighbours(objects: Objects) -> None:
    rows = np.array([7, 3, 20])
    for style in ("painted", "drawn"):
        assert np.array_equal(draw(objects, style)[rows], draw(objects[rows], style))


def test_the_seed_is_the_world(objects: Objects) -> None:
    again = draw_objects(make_world(0, CLASSES)["stimuli"], 3, np.random.default_rng(0))
    other = draw_objects(make_world(1, CLASSES)["stimuli"], 3, np.random.default_rng(0))
    assert np.array_equal(draw(objects), draw(again))
    assert not np.array_equal(draw(objects), draw(other))


def test_uses_share_no_class() -> None:
    world = make_world(3, CLASSES)
    points = np.concatenate([c.reshape(-1, c.shape[-1]) for c in world.values()])
    assert len(np.unique(points, axis=0)) == len(points) == 6 * (3 + 2 + 2)


def test_objects_scatter_around_their_class() -> None:
    classes = make_world(0, CLASSES)["fewshot"]
    drawn = draw_objects(classes, 400, np.random.default_rng(1), spread=0.12)
    centres = classes.reshape(12, -1)
    for label in range(12):
        own = drawn.factors[drawn.label == label]
        np.testing.assert_allclose(own.mean(0), centres[label], atol=0.03)
        np.testing.assert_allclose(own.std(0), 0.12, atol=0.02)


def test_perceived_similarity_by_definition(objects: Objects) -> None:
    weights = np.linspace(0.5, 1.5, objects.factors.shape[1])
    s = perceived_similarity(objects, weights)
    a, b = 2, 30
    d2 = (weights * (objects.factors[a] - objects.factors[b]) ** 2).sum()
    same = objects.superclass[a] == objects.superclass[b]
    assert s[a, b] == pytest.approx(0.65 * np.exp(-d2 / 2) + 0.35 * same)
    np.testing.assert_allclose(np.diag(s), 1)


def test_observers_answer_on_their_scale_and_agree_when_noise_is_gone(objects: Objects) -> None:
    panel = rate(objects, 4, np.random.default_rng(0), 0.5, 2.0)
    assert panel.shape == (4, len(objects), len(objects))
    assert np.array_equal(panel, panel.transpose(0, 2, 1))
    assert set(np.unique(panel)) <= set(range(11))
    quiet = rate(objects, 3, np.random.default_rng(0), 0.0, 0.0)
    assert np.array_equal(quiet[0], quiet[1])
    assert np.array_equal(quiet[0], np.rint(10 * perceived_similarity(objects)))


def test_training_pieces_are_disjoint_parts_of_the_same_classes() -> None:
    data = world_training(0, CLASSES, per_class=8, readout=3, clean=4, pool=5)
    assert len(data.train.labels) == 18 * 8
    assert np.array_equal(np.bincount(data.readout.labels), np.full(18, 3))
    assert data.target.shape == (18, 18)
    for part in (data.clean, data.pool):
        together = np.concatenate([part.images, data.train.images]).reshape(-1, 32 * 32 * 3)
        assert len(np.unique(together, axis=0)) == len(together)


def test_styles_show_the_same_objects() -> None:
    painted, drawn = (world_task(0, CLASSES, 2, style) for style in ("painted", "drawn"))
    assert np.array_equal(painted.labels, drawn.labels)
    assert not np.array_equal(painted.images, drawn.images)


def test_simulated_observers_are_called_simulated(tmp_path: Path) -> None:
    files = world_stimuli(0, CLASSES, "discs", ["discs"], 3, 4, 0.5, 1.0)
    assert b'"simulated": true' in files["provenance.json"]
    assert b"simulated observers" in files["provenance.json"]
    unpack(pack(files), tmp_path)
    judgments = read_judgments(tmp_path)
    assert judgments.n == 6
    assert judgments.participants is not None
    assert judgments.similarity is not None
    np.testing.assert_allclose(judgments.similarity, judgments.participants.mean(0))


def test_stimuli_may_be_of_the_classes_that_networks_are_trained_on() -> None:
    one, other = (
        world_stimuli(0, CLASSES, "discs", ["discs"], 3, 4, 0.5, 1.0, use)
        for use in ("stimuli", "pretraining")
    )
    assert one == world_stimuli(0, CLASSES, "discs", ["discs"], 3, 4, 0.5, 1.0)
    count = CLASSES["pretraining"] * 3
    assert sum(name.endswith("discs.png") for name in other) == count
    assert not set(one.values()) & {other[name] for name in other if name.endswith(".png")}


def test_otsu_by_brute_force() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 9, 9, 3)).astype(np.uint8)
    light = np.rint(luminance(images)).astype(int)
    for image, found in zip(light, otsu(images), strict=True):
        between = {
            t: (image > t).mean()
            * (image <= t).mean()
            * (image[image > t].mean() - image[image <= t].mean()) ** 2
            for t in range(image.min(), image.max())
        }
        best = max(between, key=between.__getitem__)
        assert np.array_equal(image > found, image > best)


def test_renditions_are_what_they_are_called() -> None:
    images = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    made = {name: function(images) for name, function in RENDITIONS.items()}
    assert all(m.shape == images.shape and m.dtype == np.uint8 for m in made.values())
    flat = np.full((1, 32, 32, 3), 90, np.uint8)
    assert (RENDITIONS["edges"](flat) == 255).all()
    assert set(np.unique(made["posterised"])) == {0, 127, 255}
    assert all(len(np.unique(m.reshape(-1, 3), axis=0)) <= 2 for m in made["silhouettes"])
    assert (made["mosaic"][:, :3, :3] == made["mosaic"][:, :1, :1]).all()


def test_idx(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (4, 5, 6)).astype(np.uint8)
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(hostile.idx(4, 5, 6) + array.tobytes()))
    assert np.array_equal(read_idx(path), array)


def cifar(path: Path, members: dict[str, bytes]) -> None:
    content = [(f"cifar-100-binary/{k}", tarfile.REGTYPE, v, "") for k, v in members.items()]
    path.write_bytes(hostile.tar(*content))


def test_cifar100(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (6, 3, 32, 32)).astype(np.uint8)
    labels = np.stack([np.arange(6) % 20, np.arange(6)], 1).astype(np.uint8)
    records = np.concatenate([labels, pixels.reshape(6, -1)], 1).tobytes()
    path = tmp_path / "cifar.tar.gz"
    cifar(path, {"test.bin": records, "fine_label_names.txt": b"apple\nbear\n"})
    images, fine, coarse = read_cifar100(path, "test")
    assert np.array_equal(images, pixels.transpose(0, 2, 3, 1))
    assert fine.tolist() == list(range(6)) == coarse.tolist()
    assert cifar100_names(path) == ["apple", "bear"]
    with pytest.raises(DataError, match="train"):
        read_cifar100(path, "train")
    cifar(path, {"test.bin": records[:-1]})
    with pytest.raises(DataError, match="multiple of 3074"):
        read_cifar100(path, "test")


def test_matlab(tmp_path: Path) -> None:
    """Real numbers come back, packed or not; others are passed over, and read where trusted."""
    path = tmp_path / "x.mat"
    numbers = {"simMatrix": np.eye(4) * 10, "counts": np.arange(24).reshape(2, 3, 4)}
    others = {"text": "t", "cell": np.array([{"a": 1}], object), "z": np.eye(2) * 1j}
    for packed in (False, True):
        scipy.io.savemat(path, numbers | others | {"yes": np.eye(2) > 0}, do_compression=packed)
        found = read_matlab(path)
        assert found.keys() == numbers.keys()
        assert all(np.array_equal(found[name], numbers[name]) for name in numbers)
        assert read_pinned(path, "cell").flat[0]["a"].item() == 1
    with pytest.raises(DataError, match=r"x\.mat: not readable as MATLAB: 'other'"):
        read_pinned(path, "other")


def test_materials_rows_turn_to_the_majority(tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    path.write_text(
        '{"answers": [[0, 1, 2], [3, 4, 5], [1, 2, 0]], "agreement": [[3, 1], [0, 2], [2, 2]]}'
    )
    judgments = read_materials(path, n=6)
    assert judgments.arrays()["triplets"].tolist() == [[0, 1, 2], [3, 5, 4], [1, 2, 0]]
    assert judgments.arrays()["votes"].tolist() == [[3, 1], [2, 0], [2, 2]]


GOOD = np.array([[0, 1, 2], [1, 2, 0]])


@pytest.mark.parametrize(
    ("judgments", "message"),
    [
        (Judgments(3), "neither"),
        (Judgments(3, similarity=np.zeros((4, 4))), r"shape \(4, 4\); 3 stimuli"),
        (Judgments(2, similarity=np.array([[0, np.inf], [np.inf, 0]])), r"inf at \(0, 1\)"),
        (Judgments(2, similarity=np.array([[0, np.nan], [1, 0]])), r"nan at \(0, 1\).*not symm"),
        (Judgments(2, similarity=np.full((2, 2), np.nan)), "nobody judged any pair"),
        (Judgments(2, similarity=np.array([[0.0, 1], [2, 0]])), "not symmetric"),
        (Judgments(3, triplets=GOOD), "votes"),
        (Judgments(2, triplets=GOOD, votes=np.ones((2, 2), int)), r"allowed 0\.\.1"),
        (Judgments(2, soft_labels=np.full((3, 2), 0.5)), r"shape \(3, 2\), need \[2, K\]"),
        (Judgments(2, soft_labels=np.ones((2, 2))), "must be a distribution"),
        (Judgments(2, soft_labels=np.full((2, 2), np.nan)), "must be a distribution"),
        (Judgments(2, soft_labels=np.eye(2)), "label_similarity is None, allowed: .'hellinger'"),
        (Judgments(2, np.eye(2), label_similarity=np.array("cosine")), "shape None"),
        (Judgments(3, triplets=GOOD * 0, votes=np.ones((2, 2), int)), "twice"),
        (Judgments(3, triplets=GOOD, votes=np.zeros((2, 2), int)), "at least one"),
    ],
)
def test_wrong_judgments_are_named(judgments: Judgments, message: str) -> None:
    with pytest.raises(DataError, match=f"file.npz.*{message}"):
        judgments.check("file.npz")


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 4, 4), np.uint8), np.arange(2), "N,H,W,3"),
        (np.zeros((2, 4, 4, 3), np.float32), np.arange(2), "float32"),
        (np.zeros((2, 4, 4, 3), np.uint8), np.arange(3), r"\(3,\) for 2"),
        (np.zeros((2, 4, 4, 3), np.uint8), np.array([0, 2]), "no image of class 1"),
        (np.zeros((2, 4, 4, 3), np.uint8), np.array([-1, 0]), "0 or more"),
    ],
)
def test_wrong_labelled_images_are_named(
    images: np.ndarray, labels: np.ndarray, message: str
) -> None:
    with pytest.raises(DataError, match=f"task.npz.*{message}"):
        Labelled(images, labels).check("task.npz")
