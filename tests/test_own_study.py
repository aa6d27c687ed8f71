"""Your own study, by YAML alone: models, human data in every form, tasks; through DVC."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.io
import timm.data
import torch
import yaml
from PIL import Image

from stages.sources.timm_tables import TABLES
from tests.conftest import Workspace, make_workspace
from tests.hub import Hub, make_weights

N = 9
FILES = "studies/files"
MODELS = ["test_resnet.r160_in1k", "test_vit.r160_in1k", "test_efficientnet.r160_in1k"]
IMAGES, CONFIG = f"{FILES}/birds", f"{FILES}/config.json"
WEIGHTS = [f"{FILES}/own{i}.safetensors" for i in range(4)]

STUDY: dict[str, Any] = {
    "title": "Own: a study for tests",
    "simulated": True,
    "world": None,
    "training": None,
    "recipes": {},
    "reference": None,
    "contrasts": None,
    "paper": None,
    "stimuli": {
        "csv": {"source": "matrix", "file": f"{FILES}/birds.csv", "images": IMAGES},
        "npy": {"source": "matrix", "file": f"{FILES}/birds.npy", "images": IMAGES},
        "mat": {"source": "matrix", "file": f"{FILES}/birds.mat", "images": IMAGES},
        "raters": {"source": "participants", "folder": f"{FILES}/raters", "images": IMAGES},
        "odd": {"source": "triplets", "file": f"{FILES}/triplets.csv", "images": IMAGES},
        "soft": {"source": "soft_labels", "file": f"{FILES}/counts.csv", "images": IMAGES},
    },
    "tasks": {
        "flowers": {"source": "folder", "folder": f"{FILES}/flowers"},
        "mine": {"source": "npz", "file": f"{FILES}/mine.npz"},
    },
    "benchmarks": {
        "owls": {"images": f"{FILES}/owls", "classes": "imagenet"},
        "finches": {"images": f"{FILES}/finches", "classes": "imagenet_a"},
    },
    "covariate": {"benchmark": "owls", "classifier": "own"},
    "models": [
        {"timm": ["test_resnet.*", "test_vit.r160_*"]},
        {"name": "hosted", "hub": "someone/net"},
        *({"name": f"own{i}", "weights": w, "config": CONFIG} for i, w in enumerate(WEIGHTS)),
    ],
}


def write_files(folder: Path) -> None:
    """Human data, tasks and benchmarks, small and random."""
    rng = np.random.default_rng(0)
    similarity = rng.random((N, N))
    similarity = (similarity + similarity.T) / 2
    people = similarity + rng.normal(0, 0.1, (4, N, N))
    people = (people + people.transpose(0, 2, 1)) / 2

    def pictures(place: Path, count: int, sizes: tuple[int, ...] = (40,)) -> None:
        place.mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(0, 256, (30, sizes[i % len(sizes)], 3)).astype(np.uint8)
            Image.fromarray(pixels).save(place / f"{i}.png")

    pictures(folder / "birds", N)
    names = [f"{i}.png" for i in range(N)]
    pd.DataFrame(similarity, names, names).to_csv(folder / "birds.csv")
    np.save(folder / "birds.npy", similarity)
    scipy.io.savemat(folder / "birds.mat", {"simMatrix": similarity, "note": "x"})
    (folder / "raters").mkdir()
    for i, matrix in enumerate(people):
        np.savetxt(folder / "raters" / f"person{i}.csv", matrix, delimiter=",")
    triplets = np.array([rng.permutation(N)[:3] for _ in range(50)])
    table = pd.DataFrame(triplets, columns=["anchor", "near", "far"])
    table["votes"], table["votes_against"] = rng.integers(1, 5, (2, 50))
    table.to_csv(folder / "triplets.csv", index=False)
    np.savetxt(folder / "counts.csv", rng.integers(1, 9, (N, 4)), delimiter=",")
    for name in ("daisy", "rose", "tulip"):
        pictures(folder / "flowers" / name, 5, sizes=(30, 50))
    labels = np.repeat(["cat", "dog"], 6)
    images = rng.integers(0, 256, (12, 20, 20)).astype(np.uint8)
    np.savez(folder / "mine.npz", images=images, labels=labels)


def make_birds(
    folder: Path, weights: list[Path], mirror: Path, classes: str, shares: list[int]
) -> None:
    """Images labelled as one or another of these networks sees them, so that accuracy differs."""
    results = mirror / TABLES["imagenet"].place.parent
    synsets = (results / "imagenet_synsets.txt").read_text().split()
    allowed = [synsets.index(s) for s in (results / f"{classes}_synsets.txt").read_text().split()]
    images = np.random.default_rng(1).integers(0, 256, (100, 40, 40, 3)).astype(np.uint8)
    images[..., 0] //= 1 + (np.arange(100, dtype=np.uint8) % 4)[:, None, None]
    owners = np.repeat(np.arange(4), shares)
    for i, path in enumerate(weights):
        model = timm.create_model(MODELS[0], checkpoint_path=str(path)).eval()
        transform = timm.data.create_transform(
            **timm.data.resolve_model_data_config(model), is_training=False
        )
        for j in np.flatnonzero(owners == i):
            picture = Image.fromarray(images[j])
            with torch.inference_mode():
                label = allowed[int(model(transform(picture)[None])[0, allowed].argmax())]
            (folder / synsets[label]).mkdir(parents=True, exist_ok=True)
            picture.save(folder / synsets[label] / f"{j}.png")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, mirror: Path) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("own")
    workspace = make_workspace(folder / "repository", folder / "cache")
    make_weights(MODELS, folder / "hub")
    own_files = [workspace.root / path for path in WEIGHTS]
    for seed, path in enumerate(own_files):
        made = make_weights(MODELS[:1], folder / f"{seed}", seed=seed + 1) / "timm" / MODELS[0]
        shutil.copy(made / "model.safetensors", path)
        shutil.copy(made / "config.json", workspace.root / CONFIG)
    write_files(workspace.root / FILES)
    make_birds(workspace.root / FILES / "owls", own_files, mirror, "imagenet", [10, 20, 30, 40])
    make_birds(workspace.root / FILES / "finches", own_files, mirror, "imagenet_a", [30, 15, 50, 5])
    (workspace.root / "studies" / "own.yaml").write_text(yaml.safe_dump(STUDY, sort_keys=False))
    workspace.edit("params.yaml", "study", value="own")
    workspace.git()
    (folder / "hub" / "someone").mkdir()
    (folder / "hub" / "timm" / MODELS[2]).rename(folder / "hub" / "someone" / "net")
    with Hub(folder / "hub") as hub:
        workspace.environment |= {**hub.environment(folder / "home"), "DATA_MIRROR": str(mirror)}
        workspace.dvc("repro")
        yield workspace


def test_every_form_is_measured(workspace: Workspace) -> None:
    alignment, fewshot = workspace.table("alignment"), workspace.table("fewshot")
    models = [*MODELS[:2], "hosted", "own0", "own1", "own2", "own3"]
    assert sorted(alignment["model"].unique()) == sorted(models)
    rows = alignment.groupby("set").size() / len(models)
    # Three measures for a matrix, and for each of four raters; triplets give their own agreement.
    assert rows.to_dict() == {"csv": 3, "npy": 3, "mat": 3, "raters": 15, "odd": 1, "soft": 3}
    assert set(fewshot["task"]) == {"flowers", "mine"}
    one = alignment[alignment["judge"] == "group"].pivot_table(
        index=["model", "measure"], columns="set", values="value"
    )
    np.testing.assert_array_equal(one["npy"], one["mat"])
    np.testing.assert_allclose(one["npy"].dropna(), one["csv"].dropna(), rtol=1e-9)
    robustness = workspace.table("robustness")
    assert set(robustness["benchmark"]) == {"owls", "finches"}
    images = robustness.groupby("benchmark")["images"].first().to_dict()
    assert images == {"finches": 100, "owls": 100}


def test_hosted_and_local_weights_are_recorded(workspace: Workspace) -> None:
    path = workspace.root / "data" / "embeddings" / "index.json"
    index = json.loads(path.read_text())
    assert index["hosted"]["weights"] == "untrained"
    assert index["hosted"]["files"]["weights"]["repo"] == "someone/net"
    assert {"weights", "config"} <= set(index["own1"]["files"])
    assert index["own1"]["source"] == "file of one's own"


def test_changed_files_are_noticed(workspace: Workspace) -> None:
    """DVC sees a change below studies/files; only the set that it touches is computed anew."""
    path = workspace.root / FILES / "birds.npy"
    before, similarity = workspace.table("alignment"), np.load(path)
    np.save(path, np.sqrt(similarity))
    log = workspace.dvc("repro")
    assert "align: 42 units, 35 from the cache, 7 computed" in log
    after = workspace.table("alignment")
    changed = before[before["value"] != after["value"]]["set"].unique()
    assert changed.tolist() == ["npy"]
    np.save(path, similarity)


def test_a_missing_file_is_named_before_anything_runs(workspace: Workspace) -> None:
    path = workspace.root / FILES / "triplets.csv"
    kept = path.read_bytes()
    path.unlink()
    done = workspace.stage("check")
    path.write_bytes(kept)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: studies/own.yaml: stimuli.odd")
    assert "triplets.csv" in line
