"""Known facts of the real data, read through the project's own code. Skipped without a mirror."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from stages.runtime.errors import DataError
from stages.similarity.ceilings import leave_one_out
from stages.similarity.matrices import pairs
from stages.sources import judged, real
from stages.sources.fetch import REMOTES, fetch
from stages.sources.folders import decode
from stages.sources.human import png
from stages.sources.matlab import read_matlab


@pytest.fixture(autouse=True)
def _use(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_MIRROR", str(mirror))


def test_92_objects() -> None:
    images, judgments = judged.read_92objects(
        fetch(REMOTES["objects92/judgments"]), fetch(REMOTES["objects92/images"])
    )
    assert len(images) == 92
    assert {decode(image, "png").shape for image in images.values()} == {(175, 175, 3)}
    participants = judgments.arrays()["participants"]
    assert participants.shape == (16, 92, 92)
    assert leave_one_out(participants, "pearson") == pytest.approx(0.57, abs=0.01)


def test_animals() -> None:
    path = fetch(REMOTES["animals/judgments"])
    found, ratings = read_matlab(path), judged.read_ratings(path)
    first, second = found["simMatrixFirstBatch"], found["simMatrixSecondBatch"]
    assert ratings.shape == (120, 120)
    assert np.corrcoef(pairs(first), pairs(second))[0, 1] == pytest.approx(0.913, abs=5e-4)
    np.testing.assert_allclose((first + second) / 2, ratings)


def test_animals_images_are_not_in_the_mirror_and_its_numbers_give_their_order(
    tmp_path: Path,
) -> None:
    if not (Path(os.environ["DATA_MIRROR"]) / REMOTES["animals/images"].place).is_file():
        with pytest.raises(DataError, match=r"animals\.zip: missing .*stimuli\.exclude"):
            judged.real_stimuli("animals")
    path = fetch(REMOTES["animals/judgments"])
    called = read_matlab(path)["animals_big_idx"].ravel().tolist()
    assert len(set(called)) == 120
    with zipfile.ZipFile(tmp_path / "animals.zip", "w") as archive:
        for number in sorted(called, key=str):  # in the order of text: 1005 before 7
            picture = np.full((2, 2, 3), (number // 256, number % 256, 0), np.uint8)
            archive.writestr(f"{number}.png", png(picture))
    images, judgments = judged.read_animals(path, tmp_path / "animals.zip")
    assert [int(Path(name).stem.split("-")[1]) for name in sorted(images)] == called
    assert judgments.n == 120


def test_materials() -> None:
    judgments = judged.read_materials(
        fetch(REMOTES["materials/train"]), fetch(REMOTES["materials/test"])
    )
    votes = judgments.arrays()["votes"]
    assert len(votes) == 25801
    assert (votes[:, 0] >= votes[:, 1]).all()
    assert (votes[:, 0] == votes[:, 1]).sum() == 1395 + 262
    images = [name for name in judged.real_stimuli("materials") if name.startswith("images/")]
    assert len(images) == 100
    assert images == sorted(images)


def test_cifar100_and_its_split() -> None:
    path = fetch(REMOTES["cifar100/archive"])
    images, fine, coarse = real.read_cifar100(path, "test")
    assert images.shape == (10000, 32, 32, 3)
    assert np.array_equal(np.bincount(fine), np.full(100, 100))
    assert np.array_equal(np.bincount(coarse), np.full(20, 500))
    names = real.cifar100_names(path)
    assert (names[0], names[99]) == ("apple", "worm")
    pretraining, fewshot = real.cifar100_split(path)
    assert (len(pretraining), len(fewshot)) == (60, 40)
    assert set(pretraining) | set(fewshot) == set(range(100))
    superclass = dict(zip(fine.tolist(), coarse.tolist(), strict=True))
    assert np.array_equal(np.bincount([superclass[c] for c in pretraining]), np.full(20, 3))
    # Superclass 4, fruit and vegetables: apple mushroom orange | pear sweet_pepper.
    fruit = [names[c] for c in pretraining if superclass[c] == 4]
    assert sorted(fruit) == ["apple", "mushroom", "orange"]
    data = real.cifar100_training(per_class=5, readout=2, clean=50, pool=50)
    assert (len(data.clean.labels), len(data.pool.labels)) == (3000, 3000)
    assert np.unique(data.target).tolist() == [0, 0.5, 1]
    assert np.array_equal((data.target == 0.5).sum(1), np.full(60, 2))
    task = real.real_task("cifar100", classes="all").check("cifar100")  # as in the paper
    assert np.array_equal(task.images, images)
    assert np.array_equal(task.labels, fine)


@pytest.mark.parametrize("source", ["mnist", "fashion_mnist", "cifar100"])
def test_tasks(source: str) -> None:
    task = real.real_task(source).check(source)
    counts = np.bincount(task.labels)
    if source == "cifar100":
        assert np.array_equal(counts, np.full(40, 100))
    else:
        assert task.images.shape == (10000, 28, 28, 3)
        assert counts.sum() == 10000
        assert (counts[7], task.labels[0]) == ((1028, 7) if source == "mnist" else (1000, 9))
