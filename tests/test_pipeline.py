"""End to end through DVC on a tiny study: run, rerun, change one thing, see only that change."""

from __future__ import annotations

import json
import re
import subprocess
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import vl_convert

from stages.study.load import load
from stages.study.sizes import image_counts
from tests.conftest import STAGES, THEORY, TINY, Workspace, make_workspace

TRANSFER = 2 + 1  # stimuli, tasks
BENCHMARKS = 1 + 3  # readout, benchmarks with clean


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace under git and DVC in which the tiny study has run once."""
    folder = tmp_path_factory.mktemp("pipeline")
    workspace = make_workspace(folder / "repository", folder / "cache")
    workspace.git()
    workspace.dvc("repro")
    commit(workspace)
    return workspace


def commit(workspace: Workspace) -> None:
    assert workspace.run("git", "add", "-A").returncode == 0
    assert workspace.run("git", "commit", "-qm", "results").returncode == 0


def computed(log: str) -> dict[str, tuple[int, int, int]]:
    """(units, from the cache, computed) that each stage reported."""
    pattern = r"^(\w[\w ]*): (\d+) units, (\d+) from the cache, (\d+) computed, 0 failed"
    found = re.findall(pattern, log, re.MULTILINE)
    return {stage: (int(u), int(c), int(n)) for stage, u, c, n in found}


def table(workspace: Workspace, name: str) -> pd.DataFrame:
    return pd.read_csv(workspace.root / "data" / "tiny" / f"{name}.csv", keep_default_na=False)


def test_a_second_run_runs_nothing(workspace: Workspace) -> None:
    log = workspace.dvc("repro")
    for stage in STAGES:
        assert f"Stage '{stage.replace(' ', '@')}' didn't change, skipping" in log
    assert "Data and pipelines are up to date" in log
    assert "up to date" in workspace.dvc("status")
    assert workspace.run("git", "status", "--porcelain").stdout == ""


def test_tables_hold_one_row_a_measurement(workspace: Workspace) -> None:
    models = {f"{a}.{r}" for g in TINY["models"] for a in g["architectures"] for r in g["recipes"]}
    alignment, fewshot = table(workspace, "alignment"), table(workspace, "fewshot")
    robustness = table(workspace, "robustness")
    for rows in (alignment, fewshot, robustness):
        assert set(rows["model"]) == models
    assert len(alignment) == 6 * 2 * 3 * (1 + 3)  # models, sets, measures, group and observers
    assert len(fewshot) == 6 * 1 * 3 * 2 * 2  # models, tasks, heads, n, repeats
    assert fewshot["accuracy"].between(0, 1).all()
    own = robustness[robustness["classifier"] == "own"]["model"].unique()
    assert set(own) == {m for m in models if not m.endswith("untrained")}
    assert (robustness["top5"] >= robustness["top1"]).all()
    adversarial = robustness[robustness["benchmark"] == "adversarial"]["images"].unique()
    assert len(adversarial) == 1
    assert 0 < adversarial[0] <= 72  # of a pool of 12 classes x 6, those that fool the reference


def test_the_theory_is_simulated_for_the_n_of_the_study(workspace: Workspace) -> None:
    epsilons, sizes = set(THEORY["epsilon"]), len(THEORY["game"]["objects"])
    queries, fewshot = table(workspace, "theory/queries"), table(workspace, "theory/fewshot")
    assert len(queries) == 4 * sizes * 2  # ε, sizes, strategies
    assert len(table(workspace, "theory/worlds")) == len(queries) * THEORY["game"]["worlds"]
    assert set(zip(fewshot["epsilon"], fewshot["n"], strict=True)) == set(product(epsilons, (1, 3)))
    assert len(fewshot) == 4 * 2
    assert len(table(workspace, "theory/shift")) == 4
    assert len(table(workspace, "theory/adversarial")) == 4 * 2
    for rows in (queries, fewshot):
        assert set(rows["epsilon"]) == epsilons
    shown = json.loads((workspace.root / "metrics" / "tiny" / "theory.json").read_text())
    assert shown["exponent"]["adaptive"] > 0
    plots = workspace.root / "plots" / "tiny"
    assert len(json.loads((plots / "theory_queries.json").read_text())) == len(queries)
    assert len(json.loads((plots / "theory_fewshot.json").read_text())) == len(fewshot)


def test_embeddings_hold_every_image_set(workspace: Workspace) -> None:
    data = workspace.root / "data" / "tiny"
    tensors = safetensors.numpy.load_file(data / "embeddings" / "test_vit.repel.safetensors")
    assert len(tensors) == TRANSFER
    assert {t.dtype for t in tensors.values()} == {np.dtype(np.float32)}
    assert tensors["stimuli/discs"].shape == (10, 64)
    assert not (data / "embeddings" / "test_vit2.categories.safetensors").exists()


def test_the_plan_knows_how_many_images_there_are(workspace: Workspace) -> None:
    study = load(workspace.root).study
    data = workspace.root / "data" / "tiny"
    tensors = safetensors.numpy.load_file(data / "embeddings" / "test_vit.repel.safetensors")
    assert image_counts(study, None) == {name: len(found) for name, found in tensors.items()}


def test_metrics_and_plots_are_drawn(workspace: Workspace) -> None:
    shown = workspace.dvc("metrics", "show", "--json")
    assert '"r_z2"' in shown
    plots = workspace.root / "plots" / "tiny"
    figures = {path.stem for path in (plots / "figures").iterdir()}
    assert len(figures) == 18  # all but that of relabelled images, which the study has not
    assert {path.stem for path in (plots / "svg").iterdir()} == figures
    workspace.dvc("plots", "show", "--out", "pages")
    page = (workspace.root / "pages" / "index.html").read_text()
    found = list(re.finditer(r"var spec = ", page))
    assert len(found) == 10
    for match in found:
        spec, _ = json.JSONDecoder().raw_decode(page[match.end() :])
        assert vl_convert.vegalite_to_png(json.dumps(spec), vl_version="5.8")[:4] == b"\x89PNG"
    assert page.count("<img") == len(figures)


def test_the_report_has_every_figure_and_table(workspace: Workspace) -> None:
    root = workspace.root
    report = (root / "plots" / "tiny" / "report.html").read_text()
    for figure in (root / "plots" / "tiny" / "svg").iterdir():
        assert f'id="figure-{figure.stem}"' in report
    assert "cannot be told: " in report  # three families are too few
    assert "judgments here are simulated" in report
    tables = {path.stem for path in (root / "data" / "tiny" / "tables").iterdir()}
    assert {"correlations", "u_tests", "table1", "table2", "factors", "reliability"} <= tables


def test_fewshot_n_alone_reruns_what_it_changes(workspace: Workspace) -> None:
    log = workspace.dvc("exp", "run", "-S", "fewshot.n=2")
    assert computed(log) == {
        "fewshot": (36, 0, 36),
        "theory": (16, 12, 4),  # of four ε, two sizes of game, appendix and few-shot: the last
        "ceilings": (2, 2, 0),
        "figures": (19, 6, 13),  # six show no few-shot accuracy
    }
    assert set(table(workspace, "theory/fewshot")["n"]) == {2}
    assert set(table(workspace, "fewshot")["n"]) == {2}
    assert "accuracy.novel" in workspace.dvc("metrics", "diff")
    workspace.dvc("plots", "diff", "--out", "pages")
    page = (workspace.root / "pages" / "index.html").read_text()
    assert '"rev": "HEAD"' in page
    assert '"rev": "workspace"' in page
    assert "fewshot.n" in workspace.dvc("exp", "show", "--csv")
    log = workspace.dvc("exp", "run", "-S", "fewshot.n=[1,3]")
    # DVC's own run cache brings the outputs back; analyze's are in git, and it runs again.
    assert computed(log) == {"ceilings": (2, 2, 0), "figures": (19, 19, 0)}
    assert workspace.run("git", "checkout", "-q", "params.yaml").returncode == 0
    assert "up to date" in workspace.dvc("status")


def test_one_more_architecture_computes_one_model(workspace: Workspace) -> None:
    before = workspace.outputs()
    more = {"architectures": ["test_vit3"], "recipes": ["categories"]}
    workspace.edit("studies/tiny.yaml", "models", value=[*TINY["models"], more])
    log = workspace.dvc("repro")
    assert computed(log) == {
        "pretrain": (8, 7, 1),
        # A set is a unit, and so is whether the weights are trained, which both stages ask for;
        # the reference has one set.
        "embed transfer": (7 * (TRANSFER + 1), 6 * (TRANSFER + 1), TRANSFER + 1),
        "embed benchmarks": (7 * (BENCHMARKS + 1) + 2, 6 * (BENCHMARKS + 1) + 3, BENCHMARKS),
        "align": (14, 12, 2),
        "fewshot": (7 * 12, 6 * 12, 12),
        "robustness": (21, 18, 3),
        "ceilings": (2, 2, 0),
        "figures": (19, 0, 19),
    }
    assert "test_vit3.categories" in set(table(workspace, "fewshot")["model"])
    workspace.edit("studies/tiny.yaml", "models", value=TINY["models"])
    log = workspace.dvc("repro")
    assert all(new == 0 for _, _, new in computed(log).values())
    assert workspace.outputs() == before


def test_worker_count_changes_no_byte(workspace: Workspace, tmp_path: Path) -> None:
    """From an empty artifact cache, one worker makes what two made."""
    alone = make_workspace(tmp_path / "repository", tmp_path / "own-cache")
    for stage in STAGES:
        done = alone.stage(stage, WORKERS="1")
        assert done.returncode == 0, done.stderr
    assert alone.outputs() == workspace.outputs()


def test_a_wrong_value_stops_dvc_before_anything_is_touched(workspace: Workspace) -> None:
    before = workspace.outputs()
    done = workspace.run("dvc", "exp", "run", "-S", "fewshot.n=five")
    refused(done, "error: params.yaml: fewshot.n.0: input should be a valid integer")
    assert workspace.outputs() == before
    assert workspace.run("git", "checkout", "-q", "params.yaml").returncode == 0
    workspace.edit("params.yaml", "study", value="tniy")
    refused(workspace.run("dvc", "repro"), "error: params.yaml: study: 'tniy' is not one of")
    assert workspace.outputs() == before
    assert workspace.run("git", "checkout", "-q", "params.yaml").returncode == 0
    workspace.dvc("repro")
    assert workspace.outputs() == before


def test_a_wrong_study_of_an_experiment_loses_nothing(workspace: Workspace) -> None:
    """`dvc exp run` takes the old study's files from the workspace first; they come back whole."""
    before = workspace.outputs()
    done = workspace.run("dvc", "exp", "run", "-S", "study=tniy")
    refused(done, "error: params.yaml: study: 'tniy' is not one of")
    log = workspace.dvc("exp", "run", "-S", "study=tiny")
    assert computed(log) == {}
    assert workspace.outputs() == before
    assert workspace.run("git", "checkout", "-q", "params.yaml").returncode == 0


def refused(done: subprocess.CompletedProcess[str], message: str) -> None:
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_damaged_inputs_are_named_and_outputs_kept(workspace: Workspace) -> None:
    """Each stage names the file that is wrong, fails, and leaves its earlier output alone."""
    data = workspace.root / "data" / "tiny"
    embedding = data / "embeddings" / "test_vit.repel.safetensors"
    tensors = safetensors.numpy.load_file(embedding)
    bad_value = {k: np.full_like(v, np.nan) for k, v in tensors.items()}
    bad_shape = {k: v[:, None] for k, v in tensors.items()}
    fewer = {k: v for k, v in tensors.items() if not k.startswith("tasks")}
    task = data / "tasks" / "novel.npz"
    judgments = data / "stimuli" / "discs" / "judgments.npz"
    rows = (data / "alignment.csv").read_bytes()
    fewer_models = b"\n".join(r for r in rows.split(b"\n") if b"test_vit.repel" not in r)
    cases = [
        ("align", embedding, safetensors.numpy.save(bad_value), "must be finite"),
        ("align", embedding, safetensors.numpy.save(bad_shape), "F32 [N, D] is needed"),
        ("fewshot", embedding, safetensors.numpy.save(fewer), "tasks/novel"),
        ("fewshot", embedding, b"not safetensors at all", "test_vit.repel.safetensors"),
        ("fewshot", task, task.read_bytes()[:100], "novel.npz"),
        ("fewshot", task, b"", "novel.npz"),
        ("align", judgments, judgments.read_bytes()[:300], "judgments.npz"),
        ("pretrain", data / "benchmarks" / "training" / "images.npz", None, "images.npz"),
        (
            "embed transfer",
            data / "checkpoints" / "test_vit.repel.safetensors",
            None,
            "test_vit.repel",
        ),
        ("robustness", data / "checkpoints" / "reference.safetensors", b"x" * 99, "reference"),
        ("analyze", data / "fewshot.csv", b"", "fewshot.csv"),
        ("analyze", data / "theory" / "fewshot.csv", b"", "theory/fewshot.csv"),
        ("analyze", data / "theory" / "shift.csv", None, "theory/shift.csv"),
        ("analyze", data / "fewshot.csv", b"model,task\na,b\n", "fewshot.csv"),
        ("analyze", data / "alignment.csv", fewer_models, "test_vit.repel"),
    ]
    kept = workspace.outputs()
    for stage, path, content, message in cases:
        original = path.read_bytes()
        path.unlink()  # outputs may be links into DVC's cache
        if content is not None:
            path.write_bytes(content)
        done = workspace.stage(stage)
        lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert (done.returncode, len(lines)) in ((2, 1), (3, 1)), (stage, message, done.stderr)
        assert message in lines[0], (stage, lines[0])
        assert "Traceback" not in done.stderr
        path.unlink(missing_ok=True)
        path.write_bytes(original)
        assert workspace.outputs() == kept, (stage, message)
