"""Robustness: published tables joined by name, and accuracy measured on image folders."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import timm.data
import torch
from PIL import Image

from stages.analysis.inputs import best_classifier, missing_rows
from stages.analysis.published import covariate_metrics
from stages.networks.cards import top_k
from stages.networks.classify import classify_folders
from stages.networks.load import Machine, Source
from stages.runtime.errors import DataError, UsageError
from stages.sources.image_folders import index_folder, read_index
from stages.sources.timm_tables import IMAGES, RESULTS, class_indices, read_published
from tests.conftest import ROOT, Workspace, make_workspace
from tests.hub import Hub, make_weights

NAMES = ["n01440764", "n01443537", "n01484850", "n01491361", "n01494475", "n01496331"]
CLASSES = {name: 3 * i for i, name in enumerate(NAMES)}


def make_folder(folder: Path, names: list[str], per_class: int = 3, seed: int = 0) -> Path:
    """Class folders of small random pictures, some of them grey."""
    rng = np.random.default_rng(seed)
    for name in names:
        (folder / name).mkdir(parents=True)
        for i in range(per_class):
            shape = (20 + i, 30) if i % 2 else (25, 20 + i, 3)
            picture = Image.fromarray(rng.integers(0, 256, shape).astype(np.uint8))
            picture.save(folder / name / f"{i}.png")
    return folder


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The index of a folder of images of half of the classes."""
    path = tmp_path / "index.json"
    path.write_bytes(index_folder(make_folder(tmp_path / "images", NAMES[:3]), CLASSES, "images"))
    return path


def test_the_index_holds_every_image_with_its_label(path: Path) -> None:
    index = read_index(path)
    assert index.labels.tolist() == [0] * 3 + [3] * 3 + [6] * 3
    assert index.classes.tolist() == [0, 3, 6, 9, 12, 15]
    assert index.files[4] == f"{NAMES[1]}/1.png"
    assert index.open(4).mode == "RGB"
    first, second = (index.root / NAMES[1] / f"{i}.png" for i in (0, 1))
    second.write_bytes(first.read_bytes())
    with pytest.raises(DataError, match=r"1\.png: not the image that was indexed; `dvc repro"):
        index.open(4)


def test_wrong_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"study: images: '.*nowhere' is no folder"):
        index_folder(tmp_path / "nowhere", CLASSES, "study: images")
    folder = make_folder(tmp_path / "images", [*NAMES[:2], "n01440765"])
    with pytest.raises(DataError, match=r"'n01440765' is not the WordNet id .* 'n01440764'"):
        index_folder(folder, CLASSES, "study: images")


def test_a_models_own_classifier_is_timms(tmp_path: Path, path: Path) -> None:
    """Top-1 and top-5 against plain timm, with two hundred classes masked as validate.py does."""
    name = "mobilenetv3_small_050.lamb_in1k"
    make_weights([name], tmp_path)
    weights = tmp_path / "timm" / name / "model.safetensors"
    source = Source(weights, config=weights.with_name("config.json"))
    ((row,),) = classify_folders(source, 4, Machine(), each=[path])
    index = read_index(path)
    model = timm.create_model(name, checkpoint_path=str(weights)).eval()
    config = timm.data.resolve_model_data_config(model)
    transform = timm.data.create_transform(**config, is_training=False)
    pictures = [Image.open(index.root / file).convert("RGB") for file in index.files]
    with torch.inference_mode():  # one image at a time
        logits = torch.cat([model(transform(picture)[None]) for picture in pictures])
    scores = logits.numpy()[:, index.classes]
    labels = np.searchsorted(index.classes, index.labels)
    tops = {f"top{k}": top_k(scores, labels, k) for k in (1, 5)}
    assert row.pop("benchmark") == path.stem
    assert row == {"classifier": "own", "weights": "untrained", "images": 9} | tops
    order = np.argsort(-scores, axis=1)
    assert row["top5"] == np.mean((order[:, :5] == labels[:, None]).any(1))


def test_published_tables(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published numbers and class lists, as they are."""
    monkeypatch.setenv("DATA_MIRROR", str(mirror))
    from stages.sources.fetch import REMOTES, fetch

    tables = {name: read_published(ROOT / RESULTS[2022], name) for name in IMAGES}
    assert {len(table) for table in tables.values()} == {552}
    found = tables["imagenet"].loc["beit_large_patch16_512"].to_numpy(float)
    np.testing.assert_allclose(found, [0.88602, 0.98656])  # the table's first row
    folder = fetch(REMOTES["timm_results/imagenet"]).parent
    for name in ("imagenet_a", "imagenet_r"):
        listed = (folder / f"{name}_indices.txt").read_text().split()
        assert list(class_indices(name).values()) == list(map(int, listed))
    assert list(class_indices("imagenet").values()) == list(range(1000))


def test_a_malformed_published_table_is_named(tmp_path: Path) -> None:
    header, row = "model,imagenet,imagenet_top5,parameters\n", "a,70.1,90.2,11\n"
    path = tmp_path / "results.csv"
    for content, message in (
        (header.replace("top5", "top_5") + row, "column 'imagenet_top5' is missing"),
        (header + row + row, "line 3: duplicate: model 'a' is in an earlier line too"),
        (header + row.replace("70.1", "170"), "line 2: imagenet: '170'; a number from 0 to 100"),
        (header + row.replace("70.1", "x"), "line 2: imagenet: 'x'; a number from 0 to 100"),
    ):
        path.write_text(content)
        with pytest.raises(DataError, match=rf"results\.csv: {message}"):
            read_published(path, "imagenet")


def row(model: str, benchmark: str, classifier: str, top1: float) -> dict[str, Any]:
    weights = "published" if classifier == "published" else "untrained"
    what = {"model": model, "benchmark": benchmark, "classifier": classifier, "weights": weights}
    return {**what, "top1": top1}


def test_the_covariates_correlations_are_numpys() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 8))
    rows = [row(f"m{i}", "imagenet", "published", v) for i, v in enumerate(x)]
    rows += [row(f"m{i}", "imagenet_a", "published", v) for i, v in enumerate(y)]
    rows += [row("m0", "imagenet_a", "own", y[0] + 0.25), row("m1", "imagenet_a", "own", y[1])]
    measured: dict[str, Any] = {"models": 2, "untrained_models": 2, "mean_difference": 0.125}
    measured |= {"largest_difference": 0.25, "of": "m0"}
    r = round(float(np.corrcoef(x, y)[0, 1]), 4)
    found = {
        "measured": measured,
        "models": 8,
        "r": r,
        "paper": 0.5,
        "difference": round(r - 0.5, 4),
    }
    assert covariate_metrics(rows, "imagenet", "published", {"imagenet_a": 0.5}) == {
        "untrained_models": 2,
        "covariate_r": {"imagenet_a": found},
    }
    best = best_classifier(pd.DataFrame(rows))
    assert set(best["classifier"]) == {"published"}
    assert len(best) == 16


def test_published_and_measured_are_never_mixed() -> None:
    """Of a benchmark all rows are published where all models have them, else all are measured."""
    rows = [row(m, "a", "published", 0.1) for m in "xyz"]
    rows += [row(m, "a", "own", 0.2) for m in "xyz"]
    rows += [row(m, "b", "published", 0.3) for m in "xy"]
    rows += [row(m, "b", "own", 0.4) for m in "xyz"]
    rows += [row(m, "c", "published", 0.5) for m in "xy"]
    rows += [row("x", "d", "own", 0.6), *(row(m, "d", "readout", 0.7) for m in "xyz")]
    table = pd.DataFrame(rows)
    best = best_classifier(table)
    found = best.groupby("benchmark")["top1"].apply(list).to_dict()
    assert found == {"a": [0.1] * 3, "b": [0.4] * 3, "c": [0.5] * 2, "d": [0.6, 0.7, 0.7]}
    assert missing_rows(table, ("a", "published"), "xyz") == {"z": ["c"]}
    assert missing_rows(table, ("b", "published"), "xyz") == {"z": ["b", "c"]}
    assert missing_rows(table[table["benchmark"] != "c"], ("d", "readout"), "xyz") == {}
    lone = missing_rows(table[table["classifier"] == "published"], ("a", "published"), "xw")
    assert lone == {"w": ["a", "b", "c"]}


def covariate_of(workspace: Workspace, **environment: str) -> tuple[dict[str, Any], str]:
    """covariate.json of a study, and what the stages said."""
    names = ("download benchmarks", "pretrain", "embed benchmarks", "robustness")
    said = workspace.stages(*names, **environment)
    return json.loads((workspace.root / "data" / "covariate.json").read_text()), said


def test_measured_stands_beside_published(tmp_path: Path, mirror: Path) -> None:
    """A study of two published models that has ImageNet-A as a folder, beside its table; the model
    that the published tables have not is said to be without a row."""
    workspace = make_workspace(tmp_path)
    names = ["mobilenetv3_small_050.lamb_in1k", "resnet18.tv_in1k"]
    make_weights(names, tmp_path / "hub")
    folder = make_folder(tmp_path / "imagenet-a", ["n01498041", "n01531178"])
    benchmark = {"published": "imagenet_a", "images": str(folder), "classes": "imagenet_a"}
    workspace.edit("params.yaml", "study", value="open")
    workspace.edit("studies/open.yaml", "models", value=[{"timm": names}])
    workspace.edit("studies/open.yaml", "benchmarks", "imagenet_a", value=benchmark)
    with Hub(tmp_path / "hub") as hub:
        environment = hub.environment(tmp_path / "home")
        metrics, said = covariate_of(workspace, DATA_MIRROR=str(mirror), **environment)
    table = workspace.table("robustness")
    own = table[table["classifier"] == "own"]
    assert own["benchmark"].tolist() == ["imagenet_a"] * 2
    assert own["images"].tolist() == [6, 6]
    assert set(own["weights"]) == {"untrained"}
    published = table[table["classifier"] == "published"]
    assert published["model"].unique().tolist() == ["resnet18.tv_in1k"]
    assert metrics["covariate_r"]["imagenet_a"]["measured"]["models"] == 1
    ((missing, benchmarks),) = metrics["without_row"].items()
    assert missing == names[0]
    assert "imagenet" in benchmarks
    assert f"{names[0]}: no published row in imagenet, " in said


def test_the_papers_correlations_without_any_weights(tmp_path: Path) -> None:
    """Appendix C over all 491 models; docs/models.md says the same."""
    workspace = make_workspace(tmp_path)
    workspace.edit("params.yaml", "study", value="open")
    metrics, _ = covariate_of(workspace, HF_ENDPOINT="http://127.0.0.1:9")
    page = (ROOT / "docs" / "models.md").read_text()
    for name, r in (("A", 0.8137), ("Sketch", 0.8629), ("R", 0.8266)):
        found = metrics["covariate_r"][f"imagenet_{name.lower()}"]
        assert (found["models"], found["r"]) == (491, r)
        assert f"| ImageNet-{name} | {found['r']:.2f} | {found['paper']:.2f} |" in page
    assert metrics["without_row"] == {}
