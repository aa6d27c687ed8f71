"""Pictures, links, numbers and models as people have them: never silently wrong, rarely refused."""

import io
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from dvc.utils.hydra import apply_overrides
from PIL import Image
from sklearn.datasets import load_digits

from stages.analysis.inputs import missing_rows
from stages.analysis.regression import Regression, UndefinedError
from stages.networks.classify import logits
from stages.networks.embeddings import left_out_of, weights_of
from stages.networks.features import batches
from stages.networks.images import image_set
from stages.networks.load import Machine
from stages.networks.published import read_config
from stages.runtime.errors import DataError, UnitError, UnsuitableError, UsageError
from stages.runtime.files import write_json
from stages.runtime.jobs import Job, left_out, run
from stages.runtime.machine import Place
from stages.sources.folders import decode
from stages.sources.image_folders import index_folder, read_index
from stages.sources.own import local_files, own_task
from stages.sources.real import real_task
from stages.study.checks import check_count
from stages.study.load import load, read_yaml
from stages.study.sizes import SMALLEST
from tests.conftest import make_workspace
from tests.jobs import nan, suited

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3)).astype(np.uint8)
TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].transpose(1, 0, 2),
    8: lambda stored: np.rot90(stored),
}
"""What people see of pixels stored so, by EXIF's orientation (CIPA DC-008, "Orientation")."""
FORMATS: dict[str, dict[str, Any]] = {"JPEG": {}, "PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}}


def encoded(form: str, orientation: int | None = None, **options: Any) -> bytes:
    """`PIXELS` as a file, with an orientation or none."""
    stream, exif = io.BytesIO(), Image.Exif()
    if orientation:
        exif[0x112] = orientation
    options = {"exif": exif} | FORMATS.get(form, {}) | options
    Image.fromarray(PIXELS).save(stream, form, **options)
    return stream.getvalue()


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("form", FORMATS)
def test_pictures_stand_as_people_saw_them(form: str, orientation: int, tmp_path: Path) -> None:
    """In stimuli, tasks and benchmarks alike; a JPEG's losses are those of its pixels."""
    content = encoded(form, orientation)
    with Image.open(io.BytesIO(encoded(form))) as plain:
        seen = TURNS[orientation](np.asarray(plain))
    assert np.array_equal(decode(content, "x"), seen)
    for name in ("a", "b"):
        (tmp_path / "own" / name).mkdir(parents=True)
        (tmp_path / "own" / name / f"0.{form.lower()}").write_bytes(content)
    (opened,) = image_set(tmp_path / "own" / "a")[:1]
    assert not isinstance(opened, np.ndarray)
    assert np.array_equal(np.asarray(opened()), seen)
    task = own_task("t", {"source": "folder", "folder": str(tmp_path / "own")}, None)["t.npz"]
    assert np.array_equal(np.load(io.BytesIO(task))["images"], [seen, seen])
    (tmp_path / "index.json").write_bytes(index_folder(tmp_path / "own", {"a": 0, "b": 1}, "k"))
    assert np.array_equal(np.asarray(read_index(tmp_path / "index.json").open(1)), seen)


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b""])
def test_damaged_exif_turns_nothing(exif: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of what is damaged
        found = decode(encoded("JPEG", exif=exif), "x")
    assert np.array_equal(found, decode(encoded("JPEG"), "x"))


@pytest.mark.parametrize("form", ["GIF", "PNG", "TIFF", "WEBP"])
def test_a_file_of_several_frames_is_refused(form: str, tmp_path: Path) -> None:
    film = encoded(form, save_all=True, append_images=[Image.fromarray(255 - PIXELS)])
    assert decode(encoded(form), "x").shape == PIXELS.shape
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / f"film.{form.lower()}").write_bytes(film)
    opener: Any = image_set(tmp_path / "a")[:1]
    for read in (
        lambda: decode(film, f"film.{form.lower()}"),
        lambda: index_folder(tmp_path, {"a": 0, "b": 1}, "k"),
        lambda: own_task("t", {"source": "folder", "folder": str(tmp_path)}, None),
        lambda: opener[0](),
    ):
        with pytest.raises(DataError, match=r"film\.\w+: has several frames; save the one that"):
            read()


def test_a_cameras_jpeg_is_the_picture_that_viewers_show() -> None:
    other = [Image.fromarray(255 - PIXELS)]
    content = encoded("MPO", save_all=True, append_images=other)
    assert np.array_equal(decode(content, "x"), decode(encoded("JPEG"), "x"))


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Class folders of pictures outside of the repository, which is the working folder."""
    for name in ("a", "b"):
        (tmp_path / "outside" / name).mkdir(parents=True)
        for i in range(3):
            (tmp_path / "outside" / name / f"{i}.png").write_bytes(encoded("PNG"))
    (tmp_path / "repository" / "studies" / "files").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "repository")
    return tmp_path / "outside"


TASK = {"source": "folder", "folder": "studies/files/own"}
NPZ = {"source": "npz", "file": "studies/files/own/a/0.png"}


@pytest.mark.parametrize("spec", [TASK, NPZ, TASK | {"folder": "./studies/../studies/files/own"}])
def test_links_to_folders_hide_changes_and_are_refused(
    spec: dict[str, Any], elsewhere: Path
) -> None:
    own = Path("studies/files/own")
    own.symlink_to(elsewhere)
    words = r"^s\.yaml: t: 'studies/files/own(/a)?' is behind a link to a folder, .*\(cp -rs\)"
    with pytest.raises(UsageError, match=words):
        local_files(spec, "s.yaml: t")
    own.unlink()
    own.mkdir()
    (own / "a").symlink_to(elsewhere / "a")  # of its folders only one
    (own / "b").mkdir()
    (own / "b" / "0.png").write_bytes(encoded("PNG"))
    with pytest.raises(UsageError, match=words):
        local_files(spec, "s.yaml: t")


def test_links_that_dvc_follows_are_read(elsewhere: Path) -> None:
    """Links to files, links within studies/files; outside of it DVC sees nothing in any case."""
    for name in ("a", "b"):
        Path("studies/files/own", name).mkdir(parents=True)
        for i in range(3):
            Path("studies/files/own", name, f"{i}.png").symlink_to(elsewhere / name / f"{i}.png")
    Path("studies/files/again").symlink_to("own")
    Path("linked").symlink_to(elsewhere)
    for folder in ("studies/files/own", "studies/files/again", "linked"):
        assert len(local_files({"source": "folder", "folder": folder})) == 6
    Path("studies/files").rename("moved")
    Path("studies/files").symlink_to(Path("moved").absolute())
    assert len(local_files(TASK)) == 6
    Path("dvc.yaml").write_text(
        "stages: {s: {cmd: echo > out, deps: [studies/files], outs: [out]}}\n"
    )
    for words in (("init", "--no-scm", "-q"), ("repro", "-q"), ("status", "-q")):
        subprocess.run([sys.executable, "-m", "dvc", *words], check=True)
    (elsewhere / "a" / "0.png").write_bytes(encoded("PNG", 6))
    done = subprocess.run([sys.executable, "-m", "dvc", "status", "-q"], check=False)
    assert done.returncode == 1


NUMBERS: list[tuple[str, Any]] = [
    *(("1e-5", 0.00001), ("4e-3", 0.004), ("010", 10), ("0.00005", 0.00005), ("5e-05", 0.00005)),
    *(("1E3", 1000.0), ("1e+22", 1e22), (".5e-3", 0.0005), ("+2e1", 20.0), ("-010", -10)),
    *(("0o17", 15), ("0x1F", 31), ("08", 8), ("1_000", 1000), ("12:30", "12:30")),
    *(("no", "no"), ("on", "on"), ("y", "y"), ("true", True), ("'1e5'", "1e5"), ("e5", "e5")),
]
"""YAML 1.2.2, section 10.3.2: the value by hand. 1.1 reads most of them otherwise."""


@pytest.mark.parametrize(("text", "value"), NUMBERS)
def test_numbers_are_those_of_yaml_1_2(text: str, value: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f"a: {text}\nb: [{text}]\n{text}: 1\n")
    content = read_yaml(path)
    assert repr(content["a"]) == repr(value)
    assert repr(content["b"]) == repr([value])
    assert set(content) == {"a", "b", value}


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        *(("linear.tolerance=1e-5", "tolerance", 1e-5), ("linear.C=4e-3", "C", 0.004)),
        *(("linear.tolerance=0.00005", "tolerance", 5e-5), ("linear.C=1e22", "C", 1e22)),
    ],
)
def test_what_dvc_writes_is_what_is_read(
    override: str, key: str, value: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`apply_overrides` is what writes params.yaml for `dvc exp run -S`."""
    monkeypatch.chdir(make_workspace(tmp_path).root)
    apply_overrides("params.yaml", [f"fewshot.{override}", "models.exclude=[no,12:30,'1e5']"])
    params = load().params
    assert getattr(params.fewshot.linear, key) == value
    assert params.models.exclude == ["no", "12:30", "1e5"]


def test_a_study_that_git_does_not_track_is_named_where_dvc_copied_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = {"source": "npz", "file": "studies/files/x.npz"}
    hint = "; `dvc exp run --temp` and --queue copy what git tracks: `git add` it"
    for folder, said in (("own", ""), (".dvc/tmp/exps/standalone/x", hint)):
        root = make_workspace(tmp_path, folder).root
        monkeypatch.chdir(root)
        apply_overrides("params.yaml", ["study=mine"])
        with pytest.raises(
            UsageError, match=f"study: 'mine' is not one of .*'miniature'[?]{said}$"
        ):
            load()
        with pytest.raises(UsageError, match=f"'studies/files/x.npz' is no file{said}$"):
            local_files(missing, "s.yaml: t")


def network(**arguments: Any) -> Any:
    torch.manual_seed(0)
    return timm.create_model("test_vit", **arguments).eval()


def features(model: Any, precision: str = "float32", **more: Any) -> np.ndarray:
    images = np.stack([PIXELS, PIXELS[::-1]])
    return np.concatenate(list(batches(model, images, 2, Machine(precision=precision), **more)))


@pytest.mark.parametrize("channels", [1, 4, 6])
def test_a_network_of_other_channels_does_not_suit(channels: int) -> None:
    config = network().pretrained_cfg | {"input_size": (channels, 160, 160)}
    with pytest.raises(UnsuitableError, match=f"its input: {channels}, not 3; models.exclude"):
        features(network(in_chans=channels, pretrained_cfg=config))


@pytest.mark.parametrize(
    ("precision", "words"),
    [
        ("float16", "not finite in float16; embed.precision: float32 may mend it; models.excl"),
        ("bfloat16", None),
        ("float32", None),
    ],
)
def test_a_network_that_overflows_in_float16_does_not_suit(
    precision: str, words: str | None
) -> None:
    """Scores about 1e5: float16 ends at 65504, bfloat16 and float32 at 3e38."""
    model = network()
    with torch.no_grad():
        model.head.weight.fill_(0)
        model.head.bias.fill_(1e5)
    if words:
        with pytest.raises(UnsuitableError, match=words):
            features(model, precision, forward=logits)
    else:
        found = features(model, precision, forward=logits)
        np.testing.assert_allclose(found, np.full((2, 1000), 1e5), rtol=0.01)


@pytest.mark.parametrize("classes", [0, 10, 999])
def test_a_network_without_imagenets_classes_does_not_suit(classes: int) -> None:
    with pytest.raises(UnsuitableError, match=f"for {classes} classes, not ImageNet's 1000; mod"):
        features(network(num_classes=classes), forward=logits)


def test_a_thousand_features_are_no_classes() -> None:
    model: Any = torch.nn.Flatten()
    model.num_classes = 0
    with pytest.raises(UnsuitableError, match=r"gives \[1000\] scores for 0 classes"):
        logits(model, torch.zeros(2, 10, 100))


def test_the_rest_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    """Also where two names stand for one network, whose results are kept once."""
    reasons = {"a": "", "b": "no head", "c": "", "d": "grey", "again": "grey"}
    jobs = {(name, "x"): Job(partial(suited, reason)) for name, reason in reasons.items()}
    results = run("s", jobs, Place())
    way_out = "; models.exclude leaves it out"
    expected = {name: reason + way_out for name, reason in reasons.items() if reason}
    assert left_out("s", results) == expected
    assert [results[name, "x"] for name in "ac"] == ["made", "made"]
    said = capsys.readouterr().err
    assert "1 computed, 0 failed" in said
    assert said.endswith("".join(f"s: {name} is left out: {r}\n" for name, r in expected.items()))
    with pytest.raises(UnitError, match="s: 1 of 6 jobs failed: e x "):
        run("s", jobs | {("e", "x"): Job(partial(nan))}, Place())


def test_the_index_says_who_is_left_out(tmp_path: Path) -> None:
    write_json(tmp_path / "index.json", {"a": {"weights": "trained"}, "b": {"left_out": "grey"}})
    assert weights_of(tmp_path, ["a", "b"]) == {"a": "trained"}
    assert left_out_of(tmp_path) == {"b": "grey"}
    write_json(tmp_path / "index.json", {"b": {"left_out": None}})
    with pytest.raises(DataError, match="b: weights: None; one of"):
        weights_of(tmp_path, ["b"])


def test_unsuitable_models_lack_what_others_were_measured_by() -> None:
    rows = [(m, b, "own", 0.5) for b in ("imagenet", "a") for m in "wxy"]
    rows += [(m, "r", "published", 0.5) for m in "wxyz"]
    table = pd.DataFrame(rows, columns=["model", "benchmark", "classifier", "top1"])
    covariate = ("imagenet", "own")
    assert missing_rows(table, covariate, "wxyz", {"z"}) == {"z": ["imagenet", "a"]}
    assert missing_rows(table, ("r", "published"), "xyz", {"z"}) == {"z": ["imagenet", "a"]}
    assert missing_rows(table, covariate, "wxyz") == {}  # which is an error, in `aligned`
    rows += [(m, "a", "published", 0.5) for m in "wxyz"] + [
        (m, "imagenet", "published", 0.5) for m in "wxyz"
    ]
    table = pd.DataFrame(rows, columns=table.columns)
    assert missing_rows(table, ("imagenet", "published"), "wxyz", {"z"}) == {}
    assert missing_rows(table, covariate, "wxyz", {"z"}) == {"z": ["imagenet"]}


@pytest.mark.parametrize("count", [0, 4])
def test_too_few_models_are_one_line(count: int) -> None:
    words = f"^params\\.yaml: models: {count} models have all that is needed; at least 5 must$"
    with pytest.raises(UsageError, match=words):
        check_count(count)
    check_count(5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_args": {"img_size": 384}}, "img_size 384 beside .*3, 160, 160.*images as .*160"),
        ({"img_size": 384}, "img_size 384 beside .*timm prepares images as .3, 160, 160."),
        ({"model_args": {"img_size": [160, 192]}}, "img_size .160, 192. beside"),
        ({"model_args": {"img_size": 160}}, None),
        ({}, None),
    ],
)
def test_two_sizes_in_one_config_are_said(
    changes: dict[str, Any], said: str | None, tmp_path: Path
) -> None:
    content = {"architecture": "test_vit", "pretrained_cfg": {"input_size": [3, 160, 160]}}
    write_json(tmp_path / "config.json", content | changes)
    config = read_config(tmp_path / "config.json")
    if said is None:
        assert config.said == ""
    else:
        assert re.search(said, config.said)


@pytest.mark.parametrize("name", SMALLEST)
def test_the_smallest_class_of_every_public_task_is_known(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name != "digits":
        monkeypatch.setenv("DATA_MIRROR", str(request.getfixturevalue("mirror")))
    labels = load_digits().target if name == "digits" else real_task(name).labels
    assert np.bincount(labels).min() == SMALLEST[name]


def test_terms_are_independent_or_that_is_said() -> None:
    """By the rank of whole numbers: no division by zero, and no coefficient of what has none."""
    rng, found = np.random.default_rng(0), {True: 0, False: 0}
    lines = [[0, 0, 0, -0.5, -0.5, -0.5], [1.5, 2.5, 0.5, 0, 0, 0], [1, 1, 1, 0, 0, 0]]
    designs = [np.transpose([*lines, [2, 1, 0, 2, 0, 0]])]  # divided by zero
    designs += [rng.integers(0, 2, (6, rng.integers(2, 5))).astype(float) for _ in range(500)]
    for terms in designs:
        whole = np.linalg.matrix_rank(terms - terms.mean(0)) == terms.shape[1]
        found[whole] += 1
        expected = nullcontext() if whole else pytest.raises(UndefinedError, match="collinear")
        with warnings.catch_warnings(action="error"), expected:
            Regression(terms, rng.random((6, 1)), np.arange(6))
    assert min(found.values()) > 50
