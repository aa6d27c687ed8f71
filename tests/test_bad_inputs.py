"""Wrong parameters and studies: one clear line with file, key, value; exit code 1; no traceback."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from stages import check
from stages.runtime import door as door_module
from stages.study.load import load
from stages.study.zoo import measured, models
from tests.conftest import Workspace, make_workspace

P, S = "params.yaml", "studies/tiny.yaml"
PRETRAINED = {"resnet18.a1_in1k": "resnet", "test_vit.r160_in1k": "vision_transformer"}
NAMES = ["test_vit", "test_vit2", "test_vit3", "test_efficientnet", "resnet18"]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.chdir(make_workspace(tmp_path / "repository", tmp_path / "cache").root)
    monkeypatch.setattr("stages.study.zoo.architectures", lambda: NAMES)
    monkeypatch.setattr("stages.study.zoo.pretrained", lambda: PRETRAINED)
    return Workspace(tmp_path / "repository", tmp_path / "cache")


BAD: list[tuple[str, tuple[str | int, ...], Any, str]] = [
    (P, ("study",), "tiyn", "study: 'tiyn' is not one of .*; did you mean 'tiny'"),
    (P, ("study",), "../secret", "study: .*pattern"),
    (P, ("study",), 3, "study: .*valid string"),
    (P, ("seed",), -1, "seed: .*greater than or equal to 0"),
    (P, ("seed",), 1.5, r"seed: .*integer.*1\.5"),
    (P, ("fewshto",), {}, "fewshto: unknown key; did you mean 'fewshot'"),
    (P, ("fewshot", "repeat"), 3, "fewshot.repeat: unknown key; did you mean 'repeats'"),
    (P, ("fewshot", "n"), "five", r"fewshot\.n\.0: .*integer.*'five'"),
    (P, ("fewshot", "n"), [1, "5"], r"fewshot\.n\.1: .*integer.*'5'"),
    (P, ("fewshot", "n"), 0, r"fewshot\.n\.0: .*greater than or equal to 1.*0"),
    (P, ("fewshot", "n"), [], r"fewshot\.n: .*at least 1"),
    (P, ("fewshot", "n"), [5, 5], r"fewshot: 'n' names a value twice: \[5, 5\]"),
    (P, ("fewshot", "n"), True, r"fewshot\.n\.0: .*integer.*True"),
    (P, ("fewshot", "heads"), ["linaer"], r"fewshot\.heads\.0: .*'linear', 'mlp1' or 'mlp2'"),
    (P, ("fewshot", "mlp1", "dropout"), 1.0, r"fewshot\.mlp1\.dropout: .*less than 1"),
    (P, ("fewshot", "linear", "tolerance"), "1e-3", r"linear\.tolerance: .*number.*'1e-3'"),
    (P, ("fewshot", "linear", "C"), float("nan"), r"fewshot\.linear\.C: .*finite"),
    (P, ("fewshot", "mlp2", "hidden"), 0, r"fewshot\.mlp2\.hidden: .*greater than or equal to 1"),
    (P, ("align", "similarity"), "cosin", r"align\.similarity: .*'cosine', 'dot'.*'cosin'"),
    (P, ("pretrain", "batch"), 4, r"pretrain\.batch: .*greater than or equal to 8"),
    (P, ("pretrain", "learning_rate"), 0, r"pretrain\.learning_rate: .*greater than 0"),
    (P, ("models", "include"), ["resnet*"], r"models\.include: 'resnet\*' matches none"),
    (P, ("models", "exclude"), ["test_vit.repl"], r"exclude: .*did you mean 'test_vit\.repel'"),
    (P, ("models", "exclude"), ["*"], "include and exclude leave no model"),
    (P, ("models", "limit"), 0, r"models\.limit: .*greater than or equal to 1"),
    (P, ("models", "limit"), 5, r"analyze\.group_size: 2 with 5 models"),
    (P, ("analyze", "group_size"), 5, r"analyze\.group_size: 5 with 6 models.*at most 2"),
    (P, ("analyze", "confidence"), 95, r"analyze\.confidence: .*less than 1.*95"),
    (P, ("analyze", "measure"), "kendall", r"analyze\.measure: .*'pearson'.*'kendall'"),
    (P, ("compute", "device"), "gpu", r"compute\.device: .*pattern.*'gpu'"),
    (P, ("compute", "workers"), "all", r"compute\.workers: .*integer.*'all'"),
    (P, ("compute", "scheduler"), "host:8786", r"compute\.scheduler: .*pattern.*'host:8786'"),
    (P, ("compute", "scheduler"), 8786, r"compute\.scheduler: .*valid string.*8786"),
    (P, ("compute", "limit"), 0, r"compute\.limit: .*greater than 0"),
    (P, ("compute", "limit"), "1 h", r"compute\.limit: .*number.*'1 h'"),
    (S, ("trianing",), {}, "trianing: unknown key; did you mean 'training'"),
    (S, ("training", "source"), "imagenet", r"training\.source: .*'world' or 'cifar100'"),
    (S, ("training", "steps"), 0, r"training\.steps: .*greater than or equal to 1"),
    (S, ("stimuli",), {}, "stimuli: .*at least 1"),
    (S, ("stimuli", "discs", "source"), "peterson", r"stimuli\.discs: .*'world', 'objects92'"),
    (S, ("stimuli", "discs", "noise"), -1, r"stimuli\.discs.*noise: .*greater than or equal to 0"),
    (S, ("stimuli", "../x"), {"source": "materials"}, r"stimuli\.\.\./x.*: .*pattern"),
    (S, ("tasks", "novel", "style"), "oil", r"tasks\.novel.*style: .*'painted' or 'drawn'"),
    (S, ("benchmarks", "edges"), {}, "benchmarks.edges: .*has one of 'rendition', 'select'"),
    (S, ("benchmarks", "clean"), {"rendition": "edges"}, "'clean' is the name"),
    (S, ("recipes", "repel", "labels"), "category", r"recipes\.repel\.labels: .*'categories'"),
    (S, ("recipes", "repel", "pull"), 1000, r"recipes\.repel\.pull: .*less than or equal to 100"),
    (S, ("models", 0, "recipes"), ["repell"], "recipe 'repell' .*did you mean 'repel'"),
    (S, ("models", 0, "architectures"), ["resnet81"], "'resnet81' is not one of timm's.*resnet18"),
    (S, ("models", 0, "architectures"), ["test_vit"] * 2, r"'test_vit\.untrained' is there twice"),
    (S, ("reference",), None, "'select: reference_fails' needs the section 'reference'"),
    (S, ("reference", "architecture"), "test_vit", r"reference: 'test_vit\.categories' is in the"),
    (S, ("reference", "recipe"), "untrained2", "recipe 'untrained2' is not among"),
    (S, ("world",), None, "source 'world' needs the section 'world'"),
    (S, ("training",), None, "benchmark 'adversarial' needs the section 'training'"),
    (
        S,
        ("covariate", "benchmark"),
        "cleen",
        r"'cleen' with classifier.*clean \(readout\)",
    ),
    (S, ("covariate", "classifier"), "published", "'clean' with classifier 'published' is not"),
    (S, ("benchmarks", "a"), {"published": "imagenet_b"}, r"published: .*'imagenet_sketch'.*_b'"),
    (S, ("benchmarks", "a"), {"images": "x"}, "'images' and 'classes' come together"),
    (S, ("benchmarks", "a"), {"published": "imagenet", "rendition": "edges"}, "has one of"),
    (S, ("models", 0), {"table": "x.csv"}, r"models\.0\.table\.table: .*pattern.*'x.csv'"),
    (S, ("models", 0), "resnet50", r"models\.0\.grid: .*'resnet50'"),
    (S, ("models", 0), None, r"models\.0\.grid: "),
    (S, ("simulated",), False, "simulated: must be true, for judgments of 'discs' are simulated"),
    (
        S,
        ("paper",),
        {"covariate_r": {"edgs": 0.5}, "values": None},
        "covariate_r: 'edgs' is not among the",
    ),
    (
        S,
        ("paper",),
        {"covariate_r": {}, "values": "studies/published/none.csv"},
        "paper.values: .*none.csv' cannot be read",
    ),
    (S, ("contrasts",), "pairs.csv", "contrasts: .*pattern.*'pairs.csv'"),
    (S, ("contrasts",), "studies/models/none.csv", "contrasts: .*none.csv' cannot be read"),
    (
        S,
        ("benchmarks", "a"),
        {"published": "imagenet_a", "images": "x", "classes": "imagenet"},
        "published 'imagenet_a' is about classes 'imagenet_a'",
    ),
    (
        S,
        ("benchmarks", "a"),
        {"published": "imagenet_real", "images": "x", "classes": "imagenet"},
        "published 'imagenet_real' is about other labels",
    ),
    (S, ("benchmarks", "a"), {"published": "imagenet"}, "are for published models"),
    (S, ("models", 0), {"timm": ["test_vit.*"]}, "training: must be null, for no network is"),
    (S, ("models", 1), {"timm": ["test_vit.*"]}, "trained here and published ones are not"),
    (S, ("models", 0), {"timm": []}, r"models\.0\.timm\.timm: .*at least 1"),
    (S, ("models", 0), {"name": "a b", "hub": "o/r"}, r"name: .*pattern.*'a b'"),
    (S, ("models", 0), {"name": "a", "hub": "hf-hub:o/r"}, r"hub: .*pattern.*'hf-hub:o/r'"),
    (S, ("models", 0), {"name": "a", "weights": "a.bin", "config": "c.json"}, "weights: .*pattern"),
    (P, ("stimuli", "exclude"), ["disc"], "exclude: 'disc' is not among.*did you mean 'discs'"),
    (P, ("stimuli", "exclude"), ["discs", "stars"], "exclude: leaves no stimulus set"),
    (P, ("tasks", "per_class"), 0, r"tasks\.per_class: .*greater than or equal to 1"),
    (P, ("theory", "epsilon"), [0.1, 1.2], r"theory\.epsilon\.1: .*less than or equal to 1.*1\.2"),
    (P, ("theory", "epsilon"), -0.1, r"theory\.epsilon\.0: .*greater than or equal to 0.*-0\.1"),
    (P, ("theory", "epsilon"), [float("nan")], r"theory\.epsilon\.0: .*finite.*nan"),
    (P, ("theory", "epsilon"), ["half"], r"theory\.epsilon\.0: .*number.*'half'"),
    (P, ("theory", "epsilon"), [], r"theory\.epsilon: .*at least 1"),
    (
        P,
        ("theory", "epsilon"),
        [0.1, 0.1],
        r"theory: 'epsilon' names a value twice: \[0\.1, 0\.1\]",
    ),
    (P, ("theory", "epsilom"), 0.1, "theory.epsilom: unknown key; did you mean 'epsilon'"),
    (P, ("theory", "game", "objects"), 2, r"game\.objects\.0: .*greater than or equal to 3.*2"),
    (P, ("theory", "game", "objects"), [4, 4], r"theory: 'game\.objects' names a value twice"),
    (P, ("theory", "game", "dimensions"), 0, r"dimensions\.0: .*greater than or equal to 1.*0"),
    (P, ("theory", "game", "dimensions"), [1, 1.5], r"game\.dimensions\.1: .*integer.*1\.5"),
    (P, ("theory", "game", "dimensions"), [], r"game\.dimensions: .*at least 1"),
    (
        P,
        ("theory", "game", "dimensions"),
        [2, 2],
        r"theory: 'game\.dimensions' names a value twice",
    ),
    (P, ("theory", "game", "confidence"), 1.0, r"confidence: .*less than or equal to 0\.99.*1\.0"),
    (P, ("theory", "game", "confidence"), 0.5, r"game\.confidence: .*greater than 0\.5.*0\.5"),
    (P, ("theory", "game", "limit"), 0, r"game\.limit: .*greater than or equal to 1.*0"),
    (P, ("theory", "game", "positions"), 10, r"positions: .*greater than or equal to 100.*10"),
    (P, ("theory", "game", "worlds"), 1, r"game\.worlds: .*greater than or equal to 2.*1"),
    (P, ("theory", "game", "runs"), 0, r"game\.runs: .*greater than or equal to 1.*0"),
    (P, ("theory", "fewshot", "objects"), 2, r"fewshot\.objects: .*greater than or equal to 3.*2"),
    (P, ("theory", "fewshot", "dimensions"), 0, r"dimensions: .*greater than or equal to 1.*0"),
    (P, ("theory", "fewshot", "classes"), 1, r"fewshot\.classes: .*greater than or equal to 2.*1"),
    (
        P,
        ("theory", "fewshot", "classes"),
        101,
        r"theory\.fewshot: 'classes' is 101; at most one a position, 100, is allowed",
    ),
    (P, ("theory", "fewshot", "spread"), 0.0, r"fewshot\.spread: .*greater than 0.*0\.0"),
    (P, ("theory", "fewshot", "worlds"), 1, r"fewshot\.worlds: .*greater than or equal to 2.*1"),
    (P, ("theory", "shift", "sizes"), [-0.1], r"sizes\.0: .*greater than or equal to 0.*-0\.1"),
    (P, ("theory", "shift", "sizes"), [], r"theory\.shift\.sizes: .*at least 1"),
    (P, ("theory", "shift", "sizes"), [0.1, 0.1], r"theory: 'shift\.sizes' names a value twice"),
    (P, ("theory", "shift", "objects"), 2, r"shift\.objects: .*greater than or equal to 3.*2"),
    (P, ("theory", "adversarial", "candidates"), 0, r"candidates\.0: .*greater than or equal to 1"),
    (P, ("theory", "adversarial", "candidates"), [], r"adversarial\.candidates: .*at least 1"),
    (
        P,
        ("theory", "adversarial", "candidates"),
        [5, 5],
        r"'adversarial\.candidates' names a value",
    ),
    (P, ("theory", "adversarial", "worlds"), 1, r"worlds: .*greater than or equal to 2.*1"),
    (P, ("theory", "shift"), None, r"theory\.shift: .*None"),
    (P, ("embed", "precision"), "half", r"embed\.precision: .*'float32', 'float16' or 'bfloat16'"),
]


@pytest.mark.parametrize(("file", "keys", "value", "message"), BAD)
def test_it_is_one_clear_line(
    workspace: Workspace,
    capsys: pytest.CaptureFixture[str],
    file: str,
    keys: tuple[str | int, ...],
    value: object,
    message: str,
) -> None:
    workspace.edit(file, *keys, value=value)
    assert_refused(capsys, f"^error: {file}: .*({message})")


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("models", 0), {"timm": ["resnet19*"]}, r"timm: 'resnet19\*' matches none.*resnet18"),
        (("models", 0), {"table": "studies/models/x.csv"}, "x.csv' cannot be read"),
        (
            ("models", 0),
            {"name": "a", "weights": "a.safetensors", "config": "c.json"},
            "models: a: 'a.safetensors' is no file",
        ),
        (("benchmarks", "edges"), {"rendition": "edges"}, "'edges' needs the section 'training'"),
        (("covariate", "classifier"), "own", r"'imagenet' with classifier 'own' is not measured"),
        (
            ("benchmarks", "imagenet"),
            {"published": "imagenet", "images": "nowhere", "classes": "imagenet"},
            r"benchmarks\.imagenet\.images: 'nowhere' is no folder",
        ),
        (
            ("stimuli",),
            {"materials": {"source": "materials"}},
            r"no stimulus set of this study supports 'pearson'; allowed: \['triplet'\]",
        ),
    ],
)
def test_of_published_models_too(
    workspace: Workspace,
    capsys: pytest.CaptureFixture[str],
    keys: tuple[str | int, ...],
    value: object,
    message: str,
) -> None:
    workspace.edit(P, "study", value="open")
    workspace.edit("studies/open.yaml", "contrasts", value=None)  # of models of the paper's
    table = workspace.root / "studies" / "models" / "paper.csv"
    table.write_text(TABLE + "".join(GOOD.replace("a,a22", f"m{i},m{i}") for i in range(15)))
    check.main()
    shutil.rmtree("data")
    capsys.readouterr()
    workspace.edit("studies/open.yaml", *keys, value=value)
    assert_refused(capsys, message)


def assert_refused(capsys: pytest.CaptureFixture[str], message: str) -> None:
    """The check stage exits with 1, says one line, and writes nothing."""
    with pytest.raises(SystemExit) as stopped:
        door_module.door(check.main)
    assert stopped.value.code == 1
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert re.search(message, line), line
    assert not Path("data").exists()


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (P, b"study: [tiny", "params.yaml: not readable as YAML"),
        (P, b"- a\n- b\n", "params.yaml: a mapping .* not list"),
        (P, b"\xff\xfe\x00", "params.yaml: not readable as YAML"),
        (P, b"study: !!python/object/apply:os.getcwd []", "params.yaml: not readable as YAML"),
        (S, b"", "tiny.yaml: a mapping of keys to values is needed, not NoneType"),
        (P, None, "params.yaml: cannot be read: No such file"),
    ],
)
def test_a_malformed_file_is_named(
    workspace: Workspace,
    capsys: pytest.CaptureFixture[str],
    file: str,
    content: bytes | None,
    message: str,
) -> None:
    path = workspace.root / file
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    assert_refused(capsys, message)


def test_too_many_shots_for_a_task(workspace: Workspace) -> None:
    """Known only once the task is there: the few-shot stage says it before it computes anything."""
    import numpy as np

    from stages.fewshot import task_labels
    from stages.runtime.errors import UsageError
    from stages.runtime.files import npz_bytes, write_bytes

    workspace.edit(P, "fewshot", "n", value=[1, 9])
    labels = np.repeat(np.arange(3), 9)
    write_bytes(Path("data/tiny/tasks/novel.npz"), npz_bytes(labels=labels))
    with pytest.raises(
        UsageError, match=r"fewshot\.n: 9; the smallest class .* 1 to 8 are allowed"
    ):
        task_labels(load(), "novel")


def test_good_ones_pass(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    workspace.edit(P, "fewshot", "n", value=5)
    assert load().params.fewshot.n == [5]
    check.main()
    assert "6 models" in capsys.readouterr().out
    workspace.edit(P, "models", "include", value=["test_vit.*", "*.repel"])
    workspace.edit(P, "models", "exclude", value=["*.untrained"])
    assert [model.name for model in models(load())] == [
        "test_vit.categories",
        "test_vit.repel",
        "test_efficientnet.repel",
    ]


@pytest.mark.parametrize(
    ("study", "count"), [("miniature", 40), ("laptop", 40), ("open", 491), ("paper", 491)]
)
def test_the_repositorys_own_studies_are_valid(
    study: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).resolve().parents[1])
    assert len(models(load(study=study))) == count


TABLE = "name,timm_2022,timm,evidence,revision,features,parameters,gmacs,input_size,family\n"
GOOD = "a,a22,resnet18.a1_in1k,same file,,512,11,1.8,224,resnet\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name,timm\na,b\n", "column 'timm_2022' is missing"),
        (TABLE + GOOD + "a,b\n", "line 3: has more or fewer values than columns"),
        (
            TABLE + GOOD.replace("512", "many"),
            "line 2: features: 'many'; a number from 0 is needed",
        ),
        (TABLE + GOOD.replace("11,", "nan,"), "line 2: parameters: 'nan'; a number from 0"),
        (TABLE + GOOD.replace("1.8", "-5"), "line 2: gmacs: '-5'; a number from 0"),
        (TABLE + GOOD.replace("a,a22", "a b,a22"), "line 2: name: 'a b'"),
        (TABLE + GOOD.replace("resnet18", "resnet81"), "'resnet81.a1_in1k' is not .* did you mean"),
        (TABLE + GOOD + GOOD, "models: 'a' is there twice"),
    ],
)
def test_a_malformed_model_table_is_named(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    (workspace.root / "studies" / "models" / "mine.csv").write_text(content)
    workspace.edit(P, "study", value="open")
    workspace.edit("studies/open.yaml", "models", value=[{"table": "studies/models/mine.csv"}])
    assert_refused(capsys, message)


def test_a_pair_of_no_model_is_named(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names of the study's models and of the paper's are known; both may be in one file."""
    path = workspace.root / "studies" / "models" / "mine.csv"
    workspace.edit(S, "contrasts", value="studies/models/mine.csv")
    good = "factor,a,b\ndepth,vgg16,vgg13\npull,test_vit.repel,test_vit.untrained\n"
    path.write_text(good)
    check.main()
    shutil.rmtree("data")
    capsys.readouterr()
    for line, message in (
        ("depth,vgg19_bm,vgg13", "line 4: a: 'vgg19_bm' is no model .*; did you mean 'vgg19_bn'"),
        ("pull,test_vit.repel,test_vit.repl", "line 4: b: 'test_vit.repl' is .*'test_vit.repel'"),
    ):
        path.write_text(good + line + "\n")
        assert_refused(capsys, f"^error: studies/models/mine.csv: {message}")


def test_models_come_in_many_ways(workspace: Workspace) -> None:
    """From a table, by pattern, from the hub, and from files, in one study."""
    root = workspace.root
    more = "gone,gone22,,left timm,,,,,,\n"
    (root / "studies" / "models" / "mine.csv").write_text(TABLE + GOOD + more)
    for name in ("w.safetensors", "c.json"):
        (root / name).write_bytes(b"")
    entries = [
        {"table": "studies/models/mine.csv"},
        {"timm": ["test_vit.*"]},
        {"name": "hosted", "hub": "someone/net", "revision": "abc"},
        {"name": "own", "weights": "w.safetensors", "config": "c.json"},
    ]
    workspace.edit("studies/open.yaml", "models", value=entries)
    found = {model.name: model for model in models(load(study="open"))}
    assert list(found) == ["a", "gone", "test_vit.r160_in1k", "hosted", "own"]
    assert (found["a"].repo, found["a"].table) == ("timm/resnet18.a1_in1k", "a22")
    assert found["gone"].absent == "left timm"
    assert found["test_vit.r160_in1k"].timm == "test_vit.r160_in1k"
    assert (found["hosted"].repo, found["hosted"].revision) == ("someone/net", "abc")
    assert found["own"].weights == Path("w.safetensors")
    kept = [m.name for m in measured(load(study="open"))]
    assert kept == [name for name in found if name != "gone"]


def test_a_limit_takes_models_evenly(workspace: Workspace) -> None:
    workspace.edit(P, "models", "limit", value=3)
    assert [model.name for model in models(load())] == [
        "test_vit.untrained",
        "test_vit.repel",
        "test_efficientnet.categories",
    ]
