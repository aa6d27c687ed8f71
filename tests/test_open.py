"""The open study end to end through DVC: a local hub, the mirror's real images and judgments.

The hub serves untrained weights of the right architectures, for published ones cannot be had here;
so this also tests that everything the run writes says that they are untrained.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import safetensors.torch
import timm.data
import torch
from PIL import Image

from stages.networks.images import image_set
from tests.conftest import Workspace, make_workspace
from tests.hub import Hub, make_weights

FAMILIES = {
    "resnet18": "resnet18.tv_in1k",
    "vit_tiny_r_s16_p8_224": "vit_tiny_r_s16_p8_224.augreg_in21k_ft_in1k",
    "regnetx_002": "regnetx_002.pycls_in1k",
    "efficientnet_lite0": "efficientnet_lite0.ra_in1k",
    "deit_tiny_distilled_patch16_224": "deit_tiny_distilled_patch16_224.fb_in1k",
    "mobilenetv3_large_100": "mobilenetv3_large_100.ra_in1k",
}
PAPER = Path(__file__).resolve().parents[1] / "studies" / "models" / "paper.csv"
LONE = "convnext_atto.d2_in1k"  # not among the paper's, nor in the published tables
DISTILLED = "deit_tiny_distilled_patch16_224"
EXTRA = f"{DISTILLED},{DISTILLED},{DISTILLED}.fb_in1k,by name,,192,5910800,1.26,224,deit"
EMBED = (sys.executable, "-m", "stages.embed", "transfer")
UNTRAINED = "6 models, untrained"
SETTINGS = (
    "study=open",
    f"models.include=[{','.join([*FAMILIES, LONE])}]",
    "stimuli.exclude=[animals]",
    "tasks.per_class=2",
    "fewshot.n=[1]",
    "fewshot.repeats=2",
    "fewshot.mlp1.steps=20",
    "fewshot.mlp2.steps=20",
    "analyze.group_size=2",
)


class Open(NamedTuple):
    """A workspace in which the open study has run, the hub it asked, and what it printed."""

    workspace: Workspace
    hub: Hub
    log: str

    @property
    def data(self) -> Path:
        return self.workspace.root / "data"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, mirror: Path) -> Iterator[Open]:
    folder = tmp_path_factory.mktemp("open")
    make_weights([*FAMILIES.values(), LONE], folder / "hub")
    workspace = make_workspace(folder)
    # A model that the paper has not, by a table of one's own: it has two classifier heads.
    header = PAPER.read_text().splitlines()[0]
    (workspace.root / "studies" / "models" / "extra.csv").write_text(f"{header}\n{EXTRA}\n")
    entries = [
        {"table": "studies/models/paper.csv"},
        {"table": "studies/models/extra.csv"},
        {"timm": [LONE.replace("d2", "*")]},
    ]
    workspace.edit("studies/open.yaml", "models", value=entries)
    workspace.git()
    with Hub(folder / "hub") as hub:
        workspace.environment |= hub.environment(folder / "home") | {"DATA_MIRROR": str(mirror)}
        log = workspace.dvc("exp", "run", *(word for s in SETTINGS for word in ("-S", s)))
        yield Open(workspace, hub, log)


def test_it_runs_once_and_then_not_again(study: Open) -> None:
    index = json.loads((study.data / "embeddings" / "index.json").read_text())
    assert set(index) == {*FAMILIES, LONE}
    for name, entry in index.items():
        repo = f"timm/{FAMILIES.get(name, name)}"
        assert entry["source"] == "hub"
        assert entry["files"]["weights"]["repo"] == repo
        assert entry["files"]["weights"]["commit"] == study.hub.commit(repo)
        assert entry["files"]["weights"]["sha256"] == study.hub.sha256(repo, "model.safetensors")
    assert "up to date" in study.workspace.dvc("status")


@pytest.mark.parametrize("name", [*FAMILIES, LONE])
def test_embeddings_are_timms_own(study: Open, name: str) -> None:
    """Each set's first images, one at a time through plain timm, with the served weights."""
    pretrained = FAMILIES.get(name, name)
    served = study.hub.repos[f"timm/{pretrained}"]["model.safetensors"]
    model: Any = timm.create_model(pretrained).eval()
    model.load_state_dict(safetensors.torch.load(served))
    transform = timm.data.create_transform(
        **timm.data.resolve_model_data_config(model), is_training=False
    )
    found = safetensors.numpy.load_file(study.data / "embeddings" / f"{name}.safetensors")
    tasks = {f"tasks/{task}" for task in ("cifar100", "fashion_mnist", "mnist")}
    assert set(found) == {"stimuli/objects92", "stimuli/materials", *tasks}
    tables = [PAPER, study.workspace.root / "studies" / "models" / "extra.csv"]
    sizes = pd.concat(map(pd.read_csv, tables)).set_index("name")["features"]
    for unit, features in found.items():
        folder, npz = study.data / unit / "images", study.data / f"{unit}.npz"
        images = image_set(folder if folder.is_dir() else npz)
        assert features.shape == (len(images), sizes.get(name, model.num_features))
        rgb = [Image.fromarray(i) if isinstance(i, np.ndarray) else i() for i in images[:2]]
        with torch.inference_mode():
            x = torch.stack([transform(image) for image in rgb])
            expected = model.forward_head(model.forward_features(x), pre_logits=True).numpy()
        np.testing.assert_allclose(features[:2], expected, rtol=1e-3, atol=1e-4)


def test_the_counts_are_right(study: Open) -> None:
    table = study.workspace.table
    alignment, fewshot, robustness = map(table, ("alignment", "fewshot", "robustness"))
    assert set(robustness["model"]) == set(FAMILIES)
    assert set(alignment["model"]) == set(fewshot["model"]) == {*FAMILIES, LONE}
    # 92 objects: three measures, the group and 16 people; materials: triplets of the group. And
    # the five parts and bounds of Pearson alignment with the group.
    assert len(alignment) == 7 * (3 * 17 + 1 + 5)
    assert len(fewshot) == 7 * 3 * 3 * 1 * 2
    assert set(robustness["classifier"]) == {"published"}
    row = robustness[(robustness["model"] == "resnet18") & (robustness["benchmark"] == "imagenet")]
    assert row["top1"].tolist() == [pytest.approx(0.69744)]


def test_a_model_without_a_published_row_is_named_and_left_out(study: Open) -> None:
    """It has alignment and few-shot accuracy, and no covariate: it is in no correlation."""
    assert f"robustness: {LONE}: no published row in imagenet, imagenet_a, " in study.log
    assert f"analyze: {LONE} is left out: no published row in imagenet, " in study.log
    covariate = json.loads((study.data / "covariate.json").read_text())
    assert list(covariate["without_row"]) == [LONE]
    summary = json.loads((study.workspace.root / "metrics" / "summary.json").read_text())
    assert (summary["models"], summary["models_left_out"]) == (6, 1)
    assert set(study.workspace.table("tables/correlations")["models"]) == {6}


def test_untrained_weights_are_said_to_be_untrained_everywhere(study: Open) -> None:
    """Tables, embeddings, metrics, plots, the summary, the captions: all of them say it."""
    root = study.workspace.root
    for name in ("alignment", "fewshot"):
        assert set(study.workspace.table(name)["weights"]) == {"untrained"}
    assert set(study.workspace.table("tables/correlations")["untrained_models"]) == {6}
    for path in (study.data / "embeddings").glob("*.safetensors"):
        with safetensors.safe_open(path, "np") as archive:
            assert archive.metadata() == {"weights": "untrained"}
    metrics = json.loads((root / "metrics" / "summary.json").read_text())
    assert metrics["untrained_models"] == 6
    plots = list((root / "plots").glob("*.json"))
    assert len(plots) == 10
    for path in plots:
        if not path.stem.startswith("theory_"):  # they show no models
            rows = json.loads(path.read_text())
            none = path.stem == "contrasts"  # of these models no two differ in one factor only
            assert {row["untrained_models"] for row in rows} == (set() if none else {6}), path
    assert UNTRAINED in " ".join(study.log.split())
    figures = sorted((root / "plots" / "figures").glob("*.png"))
    assert len(figures) == 21  # all but the contrasts
    for path in figures:
        if path.stem not in ("theory_queries", "theory_appendix"):  # of no models
            assert UNTRAINED in Image.open(path).info["Description"]
    assert UNTRAINED in (root / "data" / "report" / "report.html").read_text()


def test_weights_that_cannot_be_had_are_named_and_the_others_finish(study: Open) -> None:
    workspace = study.workspace
    kept = workspace.outputs()
    study.hub.gated.add("timm/regnetx_002.pycls_in1k")
    gone = study.hub.repos.pop("timm/resnet18.tv_in1k")
    done = workspace.stage("embed transfer")
    study.hub.gated.clear()
    study.hub.repos["timm/resnet18.tv_in1k"] = gone
    assert done.returncode == 3
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    for words in ("2 of 12 jobs failed", "timm/regnetx_002.pycls_in1k", "timm/resnet18.tv_in1k"):
        assert words in line
    assert "Traceback" not in done.stderr
    assert workspace.outputs() == kept


def test_offline_it_runs_from_the_hubs_cache(study: Open) -> None:
    asked = len(study.hub.asked)
    done = study.workspace.do(*EMBED, HF_HUB_OFFLINE="1")
    assert "42 from the cache, 0 computed" in done
    assert len(study.hub.asked) == asked


def test_the_plan_counts_what_is_embedded(study: Open) -> None:
    """Images as in the embeddings, the hub's cache as it is, a time for each model."""
    done = study.workspace.stage("commands.plan")
    found = safetensors.numpy.load_file(study.data / "embeddings" / "resnet18.safetensors")
    for name, features in found.items():
        assert re.search(rf"^ +{len(features)}  {name}$", done.stdout, re.MULTILINE)
    total = sum(map(len, found.values()))
    assert f"plan: study 'open', 7 models, {total} images each" in done.stdout
    assert "0.0 GB to download for 0 models; 6 are in the hub's cache (0.1 GB)" in done.stdout
    assert f"not counted: 1 whose size is in no table: {LONE}" in done.stdout
    hours = re.findall(r"^(\w+) +[\d.,]+ +[\d.,]+$", done.stdout, re.MULTILINE)
    assert set(hours) == set(FAMILIES)
    assert "simulated: embedding 6 models on several such GPUs" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_weights_are_fetched_before_a_run(study: Open, tmp_path: Path) -> None:
    """Into the hub's cache; what is there is not downloaded again, nor asked for offline."""
    home, command = study.hub.environment(tmp_path), (sys.executable, "-m", "commands.prefetch")
    study.workspace.do(*command, **home)
    assert len(list(tmp_path.rglob("model.safetensors"))) == 7
    asked = len(study.hub.asked)
    study.workspace.do(*command, **home, HF_HUB_OFFLINE="1")
    assert len(study.hub.asked) == asked
    empty = study.hub.environment(tmp_path / "empty")
    done = study.workspace.stage("commands.prefetch", **empty, HF_HUB_OFFLINE="1")
    assert done.returncode == 3
    assert re.search("7 models could not be had.*HF_HUB_OFFLINE is set", done.stderr)


def test_weights_are_pinned_in_the_table(study: Open) -> None:
    """The hub has six of the models: these get its commits, the others are named."""
    path = study.workspace.root / "studies" / "models" / "paper.csv"
    before, content = pd.read_csv(path, keep_default_na=False), path.read_bytes()
    done = study.workspace.stage("record.pin")
    after = pd.read_csv(path, keep_default_na=False)
    path.write_bytes(content)
    assert done.returncode == 3
    assert "485 models could not be pinned: adv_inception_v3 (timm/inception_v3" in done.stderr
    pinned = after[after["revision"] != ""].set_index("name")["revision"]
    assert set(pinned.index) == set(FAMILIES) - {DISTILLED}
    for name, commit in pinned.items():
        assert commit == study.hub.commit(f"timm/{FAMILIES[str(name)]}")
    pd.testing.assert_frame_equal(before.drop(columns="revision"), after.drop(columns="revision"))


def test_a_killed_embed_stage_goes_on_where_it_was(study: Open) -> None:
    """Killed in the middle of a model, the stage computes what was not finished, and that alone."""
    workspace = study.workspace
    before = (study.data / "embeddings" / "regnetx_002.safetensors").read_bytes()
    cache = workspace.root.parent / "killed-cache"
    own = {**workspace.environment, "ARTIFACT_CACHE": str(cache), "WORKERS": "1"}
    workspace.do(sys.executable, "-m", "stages.check", ARTIFACT_CACHE=str(cache))
    lists = len(finished(cache))  # timm's names, which are no unit
    workspace.edit(
        "params.yaml", "models", "include", value=["regnetx_002", "mobilenetv3_large_100"]
    )
    with subprocess.Popen(EMBED, cwd=workspace.root, env=own, stderr=subprocess.DEVNULL) as stage:
        while len(finished(cache)) < lists + 3:
            assert stage.poll() is None, "it ended before it could be killed"
            time.sleep(0.02)
        stage.kill()
    kept = len(finished(cache)) - lists
    assert 3 <= kept < 2 * 6
    done = workspace.do(*EMBED, ARTIFACT_CACHE=str(cache))
    (line,) = re.findall(r"embed transfer: (\d+) units, (\d+) from the cache, (\d+)", done)
    assert tuple(map(int, line)) == (2 * 6, kept, 2 * 6 - kept)
    assert (study.data / "embeddings" / "regnetx_002.safetensors").read_bytes() == before


def finished(cache: Path) -> list[Path]:
    """Whole payloads in an artifact cache: not what is being written, nor downloads."""
    return [p for p in cache.glob("??/*") if not p.name.startswith(".")]
