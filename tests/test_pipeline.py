"""End to end through DVC on a tiny study: run, rerun, change one thing, see only that change."""

import json
import re
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import vl_convert
import yaml

from stages.similarity.decomposition import PARTS
from stages.similarity.measures import MEASURES
from stages.study.load import load
from stages.study.sizes import image_counts
from tests.conftest import PARAMS, STAGES, TINY, Workspace, make_workspace

OTHER = TINY | {"title": "Of one set", "stimuli": {"discs": TINY["stimuli"]["discs"]}}
TRANSFER = 2 + 1  # stimuli, tasks
BENCHMARKS = 1 + 3  # readout, benchmarks with clean


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace under git and DVC in which the tiny study has run once."""
    workspace = make_workspace(tmp_path_factory.mktemp("pipeline"))
    workspace.git()
    workspace.dvc("repro", WORKERS="2")
    workspace.commit()
    return workspace


def computed(log: str) -> dict[str, tuple[int, int, int]]:
    """(units, from the cache, computed) that each stage reported."""
    pattern = r"^(\w[\w ]*): (\d+) units, (\d+) from the cache, (\d+) computed, 0 failed"
    found = re.findall(pattern, log, re.MULTILINE)
    return {stage: (int(u), int(c), int(n)) for stage, u, c, n in found}


def test_a_second_run_runs_nothing(workspace: Workspace) -> None:
    log = workspace.dvc("repro")
    for stage in STAGES:
        assert f"Stage '{stage.replace(' ', '@')}' didn't change, skipping" in log
    assert "Data and pipelines are up to date" in log
    assert "up to date" in workspace.dvc("status")
    assert workspace.do("git", "status", "--porcelain") == ""


def test_tables_hold_one_row_a_measurement(workspace: Workspace) -> None:
    models = {f"{a}.{r}" for g in TINY["models"] for a in g["architectures"] for r in g["recipes"]}
    alignment, fewshot = workspace.table("alignment"), workspace.table("fewshot")
    robustness = workspace.table("robustness")
    for rows in (alignment, fewshot, robustness):
        assert set(rows["model"]) == models
    assert len(alignment) == 6 * 2 * (3 * (1 + 3) + len(PARTS))  # models, sets, measures, judges
    group = alignment[alignment["judge"] == "group"]
    changed = workspace.table("alignment_features")
    raw = changed[changed["features"] == "raw"].drop(columns="features")
    same = group[group["measure"].isin(MEASURES)][raw.columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(raw.reset_index(drop=True), same)
    assert len(changed) == 3 * len(raw)
    parts = group.pivot(index=["model", "set"], columns="measure", values="value")
    both = parts["centred"] + parts["typicality"]
    np.testing.assert_allclose(both, parts["pearson"], atol=1e-12)
    assert (parts["centred"] >= parts["bound"]).all()
    shown = workspace.table("tables/decomposition").set_index(["model", "set"]).sort_index()
    for name in ("pearson", *PARTS):
        assert shown[name].tolist() == parts[name].tolist()
    assert len(fewshot) == 6 * 1 * 3 * 2 * 2  # models, tasks, heads, n, repeats
    assert fewshot["accuracy"].between(0, 1).all()
    own = robustness[robustness["classifier"] == "own"]["model"].unique()
    assert set(own) == {m for m in models if not m.endswith("untrained")}
    assert (robustness["top5"] >= robustness["top1"]).all()
    adversarial = robustness[robustness["benchmark"] == "adversarial"]["images"].unique()
    assert len(adversarial) == 1
    assert 0 < adversarial[0] <= 72  # of a pool of 12 classes x 6, those that fool the reference


def test_the_theory_is_simulated_for_the_n_of_the_study(workspace: Workspace) -> None:
    theory = PARAMS["theory"]
    epsilons, sizes = set(theory["epsilon"]), len(theory["game"]["objects"])
    queries, fewshot = workspace.table("theory/queries"), workspace.table("theory/fewshot")
    assert len(queries) == 4 * sizes * 2  # ε, sizes, strategies
    assert len(workspace.table("theory/worlds")) == len(queries) * theory["game"]["worlds"]
    assert set(zip(fewshot["epsilon"], fewshot["n"], strict=True)) == set(product(epsilons, (1, 3)))
    assert len(fewshot) == 4 * 2
    assert len(workspace.table("theory/shift")) == 4
    assert len(workspace.table("theory/adversarial")) == 4 * 2
    reach, reached = workspace.table("theory/reach"), workspace.table("theory/reached")
    assert len(reach) == 4 * len(theory["reach"]["stimuli"])  # representations
    lookups = reach[reach["representation"] == "lookup"]
    assert reached["epsilon"].tolist() == lookups["epsilon"].tolist()
    assert set(reached["n"]) == {1}
    for rows in (queries, fewshot):
        assert set(rows["epsilon"]) == epsilons
    shown = json.loads((workspace.root / "data" / "theory" / "summary.json").read_text())
    assert shown["exponent"]["adaptive"] > 0
    plots = workspace.root / "plots"
    assert len(json.loads((plots / "theory_queries.json").read_text())) == len(queries)
    assert len(json.loads((plots / "theory_fewshot.json").read_text())) == len(fewshot)


def test_embeddings_hold_every_image_set(workspace: Workspace) -> None:
    """As many images as `make plan` counts."""
    folder = workspace.root / "data" / "embeddings"
    tensors = safetensors.numpy.load_file(folder / "test_vit.repel.safetensors")
    assert len(tensors) == TRANSFER
    assert {t.dtype for t in tensors.values()} == {np.dtype(np.float32)}
    assert tensors["stimuli/discs"].shape == (10, 64)
    assert not (folder / "test_vit2.categories.safetensors").exists()
    study = load(workspace.root).study
    assert image_counts(study, None) == {name: len(found) for name, found in tensors.items()}


def test_metrics_and_plots_are_drawn(workspace: Workspace, tmp_path: Path) -> None:
    shown = workspace.dvc("metrics", "show", "--json")
    assert '"r_z2_main_outcome"' in shown
    plots = workspace.root / "plots"
    figures = {path.stem for path in (plots / "figures").iterdir()}
    svgs = workspace.root / "data" / "report" / "svg"
    assert len(figures) == 21  # all but two, of relabelled images and for lack of few-shot accuracy
    assert {path.stem for path in svgs.iterdir()} == figures
    workspace.dvc("plots", "show", "--out", str(tmp_path))
    page = (tmp_path / "index.html").read_text()
    found = list(re.finditer(r"var spec = ", page))
    assert len(found) == 10
    for match in found:
        spec, _ = json.JSONDecoder().raw_decode(page[match.end() :])
        assert vl_convert.vegalite_to_png(json.dumps(spec), vl_version="5.8")[:4] == b"\x89PNG"
    assert page.count("<img") == len(figures)


def test_the_report_has_every_figure_and_table(workspace: Workspace) -> None:
    root = workspace.root
    report = (root / "data" / "report" / "report.html").read_text()
    for figure in (root / "data" / "report" / "svg").iterdir():
        assert f'id="figure-{figure.stem}"' in report
    assert "inconclusive: by family: too few families" in report  # three families are too few
    assert "judgments here are simulated" in report
    tables = {path.stem for path in (root / "data" / "tables").iterdir()}
    assert {"correlations", "u_tests", "table1", "table2", "factors", "reliability"} <= tables


def test_fewshot_n_alone_reruns_what_it_changes(workspace: Workspace, tmp_path: Path) -> None:
    log = workspace.dvc("exp", "run", "-S", "fewshot.n=2")
    assert computed(log) == {
        "fewshot": (37, 0, 37),  # one compares the solvers
        "theory": (26, 22, 4),  # of four ε: games, shifts, adversarial and few-shot, which is new
        "theory reached": (2, 0, 2),
        "ceilings": (2, 2, 0),
        "figures": (21, 6, 15),  # six show no few-shot accuracy
    }
    assert set(workspace.table("theory/fewshot")["n"]) == {2}
    assert set(workspace.table("fewshot")["n"]) == {2}
    assert "mean_fewshot_accuracy" in workspace.dvc("metrics", "diff")
    workspace.dvc("plots", "diff", "--out", str(tmp_path))
    page = (tmp_path / "index.html").read_text()
    assert '"rev": "HEAD"' in page
    assert '"rev": "workspace"' in page
    assert "fewshot.n" in workspace.dvc("exp", "show", "--csv")
    log = workspace.dvc("exp", "run", "-S", "fewshot.n=[1,3]")
    assert computed(log) == {}  # DVC's own run cache brings the outputs back
    workspace.do("git", "checkout", "-q", "params.yaml")
    assert "up to date" in workspace.dvc("status")


def test_another_study_and_back(workspace: Workspace) -> None:
    """One set of files whatever the study, so that git loses none, and DVC keeps each version."""
    before, summary = workspace.outputs(), workspace.root / "metrics" / "summary.json"
    (workspace.root / "studies" / "other.yaml").write_text(yaml.safe_dump(OTHER, sort_keys=False))
    metrics = json.loads(summary.read_text())
    assert len(metrics) <= 12
    assert all(value is None or isinstance(value, int | float) for value in metrics.values())
    log = workspace.dvc("exp", "run", "-S", "study=other")
    assert computed(log)["pretrain"][2] == computed(log)["fewshot"][2] == 0  # the same networks
    assert "theory" not in computed(log)
    assert {row["set"] for _, row in workspace.table("alignment").iterrows()} == {"discs"}
    assert json.loads(summary.read_text()).keys() == metrics.keys()
    assert not re.search("^.?D", workspace.do("git", "status", "--porcelain"), re.M)
    (workspace.root / "plots" / "figures" / "others.png").touch()  # of the other study alone
    workspace.do("git", "checkout", "-q", ".")  # README's way back
    assert computed(workspace.dvc("repro")) == {}
    assert workspace.outputs() == before
    (workspace.root / "studies" / "other.yaml").unlink()
    workspace.do("git", "checkout", "-q", "dvc.lock")
    assert workspace.do("git", "status", "--porcelain") == ""


def test_what_is_cached_needs_neither_torch_nor_timm(workspace: Workspace) -> None:
    before = workspace.outputs()
    log = workspace.stages()
    assert len(computed(log)) >= 8  # stages with units
    assert all(new == 0 for _, _, new in computed(log).values())
    (imported,) = re.findall("^imported: (.*)$", log, re.MULTILINE)
    assert "numpy" in imported.split()
    assert not {"torch", "timm"} & set(imported.split())
    assert workspace.outputs() == before


def test_one_more_architecture_computes_one_model(workspace: Workspace) -> None:
    before = workspace.outputs()
    more = {"architectures": ["test_vit3"], "recipes": ["categories"]}
    workspace.edit("studies/tiny.yaml", "models", value=[*TINY["models"], more])
    log = workspace.dvc("repro")
    assert computed(log) == {
        "pretrain": (8, 7, 1),
        # A unit a set, and one for what the weights are, which both stages share; the reference
        # has one set.
        "embed transfer": (7 * (TRANSFER + 1), 6 * (TRANSFER + 1), TRANSFER + 1),
        "embed benchmarks": (7 * (BENCHMARKS + 1) + 2, 6 * (BENCHMARKS + 1) + 3, BENCHMARKS),
        "align": (28, 24, 4),
        "fewshot": (7 * 12 + 2, 6 * 12 + 2, 12),
        "robustness": (21, 18, 3),
        "ceilings": (2, 2, 0),
        "figures": (21, 0, 21),
    }
    assert "test_vit3.categories" in set(workspace.table("fewshot")["model"])
    workspace.edit("studies/tiny.yaml", "models", value=TINY["models"])
    log = workspace.dvc("repro")
    assert all(new == 0 for _, _, new in computed(log).values())
    assert workspace.outputs() == before


def test_worker_count_changes_no_byte(workspace: Workspace, ran: Workspace) -> None:
    """From an empty artifact cache, one worker makes what two made."""
    assert ran.outputs() == workspace.outputs()


def test_a_wrong_value_stops_dvc_before_anything_is_touched(workspace: Workspace) -> None:
    before = workspace.outputs()
    for setting, message in (
        ("fewshot.n=five", "fewshot.n.0: input should be a valid integer"),
        ("study=tniy", "study: 'tniy' is not one of"),
    ):
        for command in (["exp", "run", "-S", setting], ["repro"]):  # the first sets params.yaml
            done = workspace.run("dvc", *command)
            assert done.returncode != 0
            assert f"error: params.yaml: {message}" in done.stdout + done.stderr
            assert "Traceback" not in done.stdout + done.stderr
            assert workspace.outputs() == before
        workspace.do("git", "checkout", "-q", "params.yaml")
    assert computed(workspace.dvc("exp", "run", "-S", "study=tiny")) == {}
    assert workspace.outputs() == before
