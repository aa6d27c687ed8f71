"""Models that are given by their features, and studies whose models are of several kinds."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy

from stages.networks.given import feature_files, given_features, strangers
from stages.runtime.errors import DataError, UsageError
from stages.runtime.files import npz_bytes
from stages.sources.human import png
from tests import packages
from tests.conftest import TINY, Workspace, copied, make_workspace
from tests.packages import ARCHITECTURE, FILE

NAMES = ["1.png", "10.png", "2.png"]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes(png(np.zeros((4, 4, 3), np.uint8)))
    return folder


X = np.array([[1.0, 2.0, 3.5], [4.0, 0.0, 1.0], [0.25, 5.0, 2.0]])


def read(path: Path, images: Path, order: str | None = None) -> np.ndarray:
    (content,) = given_features(order, each=[{"features": path, "images": images}])
    (images.parent / "out.npy").write_bytes(content)
    return np.asarray(np.load(images.parent / "out.npy"))


def write(path: Path, values: np.ndarray, names: list[str] | None = None) -> Path:
    """Features in the form that a suffix says, with the rows' names if there are some."""
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".npz":
        arrays = {"features": values} | ({"names": np.array(names)} if names else {})
        path.write_bytes(npz_bytes(**arrays))
    else:
        with path.open("w", newline="") as stream:
            rows = values.tolist()
            named = zip(names, rows, strict=True) if names else ((None, row) for row in rows)
            csv.writer(stream).writerows([name, *row] if name else row for name, row in named)
    return path


@pytest.mark.parametrize("suffix", [".npz", ".csv"])
def test_rows_go_by_their_names(tmp_path: Path, images: Path, suffix: str) -> None:
    path = write(tmp_path / f"set{suffix}", X, ["10.png", "2.png", "1.png"])
    found = read(path, images)
    np.testing.assert_array_equal(found, X[[2, 0, 1]].astype(np.float32))


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv"])
def test_rows_without_names_need_a_stated_order(tmp_path: Path, images: Path, suffix: str) -> None:
    path = write(tmp_path / f"set{suffix}", X)
    with pytest.raises(DataError, match=r"nothing names the rows, and the images' orders differ"):
        read(path, images)
    np.testing.assert_array_equal(read(path, images, "lexicographic"), X.astype(np.float32))
    np.testing.assert_array_equal(read(path, images, "natural"), X[[0, 2, 1]].astype(np.float32))


def test_images_of_an_npz_are_numbered(tmp_path: Path) -> None:
    images = tmp_path / "task.npz"
    np.savez(images, images=np.zeros((3, 4, 4, 3), np.uint8), labels=np.arange(3))
    path = write(tmp_path / "set.npy", X)
    np.testing.assert_array_equal(read(path, images), X.astype(np.float32))
    path = write(tmp_path / "set.csv", X, ["000002.png", "000000.png", "000001.png"])
    np.testing.assert_array_equal(read(path, images), X[[1, 2, 0]].astype(np.float32))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (X[:2], r"shape \(2, 3\)"),
        (np.vstack([X, X]), r"shape \(6, 3\)"),
        (X * [[1], [np.nan], [1]], r"image '10\.png' has features that are not finite"),
        (X * [[1], [1], [np.inf]], r"inf"),
        (np.ones((3, 4)), "every image has the same features"),
        (X[:, :1], r"shape \(3, 1\)"),
        (X.astype(str), "numbers are needed"),
        (X.astype(object), "Object arrays cannot be loaded"),
    ],
)
def test_bad_features_give_one_line(
    tmp_path: Path, images: Path, values: np.ndarray, said: str
) -> None:
    path = write(tmp_path / "set.npy", values)
    with pytest.raises(DataError, match=said) as caught:
        read(path, images, "lexicographic")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_are_of_image_sets(tmp_path: Path) -> None:
    sets = ["stimuli/discs", "tasks/novel"]
    folder = tmp_path / "clip"
    with pytest.raises(UsageError, match="is no folder"):
        feature_files(folder, sets, "here")
    folder.mkdir()
    with pytest.raises(UsageError, match=r"has no file for any of \['discs', 'novel'\]"):
        feature_files(folder, sets, "here")
    write(folder / "novel.npy", X)
    assert feature_files(folder, sets, "here") == {"tasks/novel": folder / "novel.npy"}
    write(folder / "novel.csv", X)
    with pytest.raises(UsageError, match=r"here: .*'novel.csv' are both of 'tasks/novel'"):
        feature_files(folder, sets, "here")
    (folder / "novel.csv").rename(folder / "novels.csv")
    assert feature_files(folder, sets, "here") == {"tasks/novel": folder / "novel.npy"}
    assert strangers(folder, sets) == ["novels.csv"]  # which check names
    with pytest.raises(UsageError, match="image sets of one name"):
        feature_files(folder, ["stimuli/a", "tasks/a"], "here")


def test_networks_trained_here_of_a_package_and_models_by_their_features_in_one_study(
    tmp_path: Path, ran: Workspace
) -> None:
    """Each lacks what it must lack, by name; without them the others' results are the same bytes.

    The features of `mine` are those of a network trained here, taken from its embeddings: so all
    that is measured of it must be what is measured of that network by its readout.
    """
    place = copied(ran, tmp_path)
    (tmp_path / "index" / "simple").mkdir(parents=True)
    content = packages.saved(packages.foreign(packages.network(classes=1000).state_dict()))
    package = packages.published(tmp_path / "index", content)
    before = {n: place.table(n) for n in ("alignment", "fewshot", "robustness")}
    original = "test_vit.repel"

    for name, lacks in {"mine": (), "some": ("novel", "edges"), "blind": ("stars",)}.items():
        folder = place.root / "studies" / "files" / name
        folder.mkdir(parents=True)
        for group in ("embeddings", "benchmark_embeddings"):
            file = place.root / "data" / group / f"{original}.safetensors"
            for key, values in safetensors.numpy.load_file(file).items():
                if (short := key.rpartition("/")[2]) not in lacks:
                    np.save(folder / f"{short}.npy", values)
    entry: dict[str, Any] = {"name": "net", "package": package.package, "file": FILE}
    entry |= {"sha256": package.sha256, "architecture": ARCHITECTURE}
    entry["recipes"] = ["half", "untrained"]
    given = [{"name": n, "features": f"studies/files/{n}"} for n in ("mine", "some", "blind")]
    place.edit("studies/tiny.yaml", "models", value=[*TINY["models"], entry, *given])
    place.edit("studies/tiny.yaml", "recipes", "half", value={"kept": 0.5})
    with packages.serving(tmp_path / "index") as environment:
        place.environment |= environment
        said = place.stages()
    assert "blind is left out: no features of stimuli/stars" in said
    assert "check: blind will be left out of the analysis: no features of stimuli/stars" in said
    assert "some: studies/files/some: no features of tasks/novel, benchmarks/edges" in said
    (place.root / "studies/files/some/novels.npy").write_bytes(b"")
    assert "some: studies/files/some: not of this study: novels.npy" in place.stage("check").stdout
    place.edit("params.yaml", "stimuli", "exclude", value=["stars"])
    done = place.stage("check")  # the set's file is no error then
    assert done.returncode == 0
    assert "blind will be left out" not in done.stdout

    after = {name: place.table(name) for name in before}
    new = {"net", "net.half", "net.untrained", "mine", "some", "blind"}
    for name, table in after.items():
        assert set(table["model"]) - set(before[name]["model"]) <= new
        old = table[~table["model"].isin(new)].reset_index(drop=True)
        pd.testing.assert_frame_equal(old, before[name])
    for name, keys in (
        ("alignment", ["set", "measure", "judge"]),
        ("fewshot", ["task", "head", "n", "repeat"]),
        ("robustness", ["benchmark", "classifier"]),
    ):
        table = after[name].drop(columns="weights").query("model in ['mine', @original]")
        table = table[table["classifier"] == "readout"] if "classifier" in table else table
        mine, theirs = (
            table[table["model"] == model].drop(columns="model").set_index(keys).sort_index()
            for model in ("mine", original)
        )
        pd.testing.assert_frame_equal(mine, theirs)
    assert "some" not in set(after["fewshot"]["model"])
    benchmarks = after["robustness"].groupby("model")["benchmark"].agg(set)
    assert benchmarks["some"] == {"clean", "adversarial"}
    assert benchmarks["net"] == benchmarks["mine"] == {"clean", "adversarial", "edges"}
    models = place.table("tables/models").set_index("model")
    assert list(models.loc[["net", "net.half", "net.untrained", "mine"], "group"]) == [
        *("efficientnet", "efficientnet", "untrained", "own"),
    ]
    assert models.loc["net.untrained", "weights"] == "untrained"
    assert "blind" not in models.index
    pairs = place.table("tables/contrasts")
    assert {"half against published", "untrained against published"} <= set(pairs["factor"])
    report = json.loads((place.root / "data/report/answer.json").read_text())
    assert report


def test_images_are_listed_for_other_programs(tmp_path: Path, ran: Workspace) -> None:
    bare, place = make_workspace(tmp_path, "bare"), copied(ran, tmp_path)
    assert "is missing: run `dvc repro" in bare.stage("commands.features_list").stderr
    said = place.stages("commands.features_list tiny")
    images = place.root / "data" / "images"
    assert "images of tasks/novel" in said
    names = (images / "novel.txt").read_text().splitlines()
    with np.load(place.root / "data/tasks/novel.npz") as task:
        assert len(names) == len(task["images"])
        from PIL import Image

        for name, image in zip(names, task["images"], strict=True):
            np.testing.assert_array_equal(np.asarray(Image.open(images / "novel" / name)), image)
    discs = (images / "discs.txt").read_text().splitlines()
    for name in discs:
        original = place.root / "data/stimuli/discs/images" / name
        assert (images / "discs" / name).read_bytes() == original.read_bytes()
