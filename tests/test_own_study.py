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
from PIL import Image

from stages.sources.fetch import REMOTES
from tests.conftest import ROOT, Workspace, make_workspace
from tests.hub import Hub, make_weights

N = 9
FILES = "studies/files"
MODELS = ["test_resnet.r160_in1k", "test_vit.r160_in1k", "test_efficientnet.r160_in1k"]
CONFIG = f"{FILES}/config.json"
WEIGHTS = [f"{FILES}/own{i}.safetensors" for i in range(4)]
UNSUITABLE: dict[str, dict[str, Any]] = {
    "headless": {"num_classes": 10},
    "grey": {"in_chans": 1},
    "broken": {},
}
"""Models that cannot give all that is asked, by what they differ in."""


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
    named = pd.DataFrame(similarity, names, names).iloc[::-1]
    named.to_csv(folder / "birds.csv", sep=";", decimal=",")
    np.save(folder / "birds.npy", similarity)
    at = np.transpose(np.triu_indices(N, 1))
    rows = [(f"p{p}", names[i], names[j], people[p, i, j]) for p in (0, 2, 3) for i, j in at]
    rated = pd.DataFrame(rows, columns=["participant", "first", "second", "rating"])
    rated.to_csv(folder / "rated.csv", index=False)
    gaps = similarity.copy()
    gaps[2, 5] = gaps[5, 2] = np.nan  # a pair that nobody judged
    pd.DataFrame(gaps, names, names).to_csv(folder / "gaps.csv")
    scipy.io.savemat(folder / "birds.mat", {"simMatrix": similarity, "note": "x"})
    (folder / "raters").mkdir()
    people[1, 0, 3] = people[1, 3, 0] = np.nan
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
    results = mirror / REMOTES["timm_results/imagenet"].place.parent
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
    workspace = make_workspace(folder)
    make_weights(MODELS, folder / "hub")
    own_files = [workspace.root / path for path in WEIGHTS]
    for seed, path in enumerate(own_files):
        made = make_weights(MODELS[:1], folder / f"{seed}", seed=seed + 1) / "timm" / MODELS[0]
        shutil.copy(made / "model.safetensors", path)
        shutil.copy(made / "config.json", workspace.root / CONFIG)
    for name, difference in UNSUITABLE.items():
        model = timm.create_model(MODELS[0], **difference)
        if name == "broken":
            next(model.parameters()).data.fill_(float("nan"))
        timm.models.save_for_hf(model, str(folder / name), safe_serialization=True)
        for file in ("model.safetensors", "config.json"):
            place = (workspace.root / FILES / name).with_suffix(Path(file).suffix)
            shutil.copy(folder / name / file, place)
    write_files(workspace.root / FILES)
    make_birds(workspace.root / FILES / "owls", own_files, mirror, "imagenet", [10, 20, 30, 40])
    make_birds(workspace.root / FILES / "finches", own_files, mirror, "imagenet_a", [30, 15, 50, 5])
    shutil.copy(ROOT / "tests" / "own" / "study.yaml", workspace.root / "studies" / "own.yaml")
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
    models = [*MODELS[:2], "hosted", "own0", "own1", "own2", "own3", "headless"]
    assert sorted(alignment["model"].unique()) == sorted(models)
    rows = alignment.groupby("set").size() / len(models)
    # Three measures for a matrix, and for each of four raters; triplets give their own agreement.
    # A matrix has five parts and bounds beside: four without a diagonal, none with a gap.
    forms = {"csv": 8, "npy": 8, "mat": 8, "raters": 20, "odd": 1, "soft": 8}
    assert rows.to_dict() == forms | {"rated": 3 + 4 + 3 * 3, "gaps": 3}
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


def test_the_report_says_how_files_were_read_and_what_is_missing(workspace: Workspace) -> None:
    report = (workspace.root / "data" / "report" / "report.html").read_text()
    for told in (
        "<dt>csv</dt>\n<dd>cells divided by semicolons; decimal commas; first line and first "
        "column read as names; names matched to images: 9 by file name.</dd>",
        "1 of 144 judgments of pairs are missing, most of participant p02 (1)",
    ):
        assert told in report
    ceilings = workspace.table("tables/ceilings")
    upper = ceilings[ceilings["set"] == "raters"].set_index("measure")["upper"]
    assert (upper == "").to_dict() == {"pearson": True, "spearman": True, "triplet": False}


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
    assert "align: 128 units, 112 from the cache, 16 computed" in log
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


def test_models_that_do_not_suit_are_left_out_by_name(workspace: Workspace) -> None:
    """Of what they cannot give: the one without a head has alignment and few-shot accuracy."""
    data, root = workspace.root / "data", workspace.root
    index = json.loads((data / "embeddings" / "index.json").read_text())
    out = {name: about["left_out"] for name, about in index.items() if "left_out" in about}
    assert out.keys() == {"grey", "broken"}
    without = json.loads((data / "covariate.json").read_text())["left_out"]
    assert without.keys() == {"headless", "grey", "broken"}
    assert "[10] scores for 10 classes, not ImageNet's 1000; models.exclude" in without["headless"]
    assert "channels of its input: 1, not 3" in out["grey"]
    assert "not finite in float32" in out["broken"]
    assert set(workspace.table("fewshot")["model"]) == set(workspace.table("alignment")["model"])
    assert not set(workspace.table("robustness")["model"]) & UNSUITABLE.keys()
    numbers = json.loads((root / "metrics" / "summary.json").read_text())
    assert (numbers["models"], numbers["models_left_out"]) == (7, 3)
    report = (data / "report" / "report.html").read_text()
    for name in UNSUITABLE:
        assert f"<li><code>{name}</code>: {(without | out)[name]}".replace("'", "&#39;") in report
    said = workspace.stage("check").stdout
    assert "check: headless will be left out of the analysis: its classifier has 10 cl" in said
    assert "check: grey will be left out of the analysis: channels of its input: 1" in said
