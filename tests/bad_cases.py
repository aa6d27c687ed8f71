"""Wrong inputs of every stage and every kind of file, as a table; and how a file is damaged."""

from __future__ import annotations

import csv
import functools
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import yaml

from stages.runtime.files import npy_bytes, npz_bytes
from stages.sources.human import png
from tests.bad_params import BAD, COLUMNS, GOOD, MODELS, PAIRS, PAPER, PUBLISHED, YAML, P, S
from tests.hostile import pickles, saved

DATA = Path("data/tiny")
VIT = "test_vit.repel.safetensors"
USAGE, BAD_DATA, FAILED_UNITS = 1, 2, 3

Damage = Callable[[], None]


@dataclass(frozen=True)
class Case:
    """What is done to a repository whose study has run, the stage that meets it, what it says."""

    name: str
    stage: str
    damage: Damage
    code: int
    words: str
    environment: dict[str, str] = field(default_factory=dict)


def nothing() -> None:
    """The repository stays as it is."""


def put(path: Path | str, content: bytes | str | None) -> Damage:
    """Write a file, or remove it; the copies of it that other repositories have stay whole."""

    def damage() -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).unlink(missing_ok=content is not None)
        if content is not None:
            Path(path).write_bytes(content.encode() if isinstance(content, str) else content)

    return damage


def cut(path: Path) -> Damage:
    """Keep the first two thirds of a file."""
    return lambda: put(path, path.read_bytes()[: path.stat().st_size * 2 // 3])()


def edit(file: str, *keys: str | int, value: Any) -> Damage:
    """Set a value of a YAML file, or append it to a list."""

    def damage() -> None:
        content = yaml.safe_load(Path(file).read_text())
        inner = functools.reduce(lambda part, key: part[key], keys[:-1], content)
        if isinstance(inner, list) and keys[-1] == len(inner):
            inner.append(value)
        else:
            inner[keys[-1]] = value
        put(file, yaml.safe_dump(content, sort_keys=False))()

    return damage


def both(*damages: Damage) -> Damage:
    return lambda: [damage() for damage in damages].clear()


def cell(name: str, column: str, value: str, row: int = 0) -> Damage:
    """Set a cell of a table of the study."""

    def damage() -> None:
        path, out = DATA / f"{name}.csv", io.StringIO()
        rows = list(csv.DictReader(io.StringIO(path.read_text())))
        rows[row][column] = value
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        put(path, out.getvalue())()

    return damage


def lines(name: str, keep: Callable[[str], bool]) -> Damage:
    """Keep some lines of a table of the study, and its header."""

    def damage() -> None:
        path = DATA / f"{name}.csv"
        header, *rest = path.read_text().splitlines(keepends=True)
        put(path, header + "".join(filter(keep, rest)))()

    return damage


def tensors(path: Path, change: Callable[[dict[str, np.ndarray]], object]) -> Damage:
    """Change the tensors of a safetensors file."""

    def damage() -> None:
        found = safetensors.numpy.load_file(path)
        change(found)
        put(path, safetensors.numpy.save(found))()

    return damage


def npz(path: Path, **arrays: np.ndarray) -> Damage:
    """Replace arrays of an NPZ."""

    def damage() -> None:
        with np.load(path) as archive:
            put(path, npz_bytes(**{**archive, **arrays}))()

    return damage


def own(source: str, file: str, content: bytes | str, **keys: Any) -> Damage:
    """A stimulus set of four own images, with judgments from a file."""
    images = [put(f"pictures/{i}.png", png(np.full((8, 8, 3), 40 * i, np.uint8))) for i in range(4)]
    spec = {"source": source, "images": "pictures", "file": file, **keys}
    return both(*images, put(file, content), edit(S, "stimuli", "own", value=spec))


def task(source: str, **keys: Any) -> Damage:
    return edit(S, "tasks", "novel", value={"source": source, **keys})


def published(*keys: str | int, value: Any) -> Damage:
    """Edit the study of published models, which has a table of fifteen."""
    rows = "".join(GOOD.replace("a,a22", f"m{i},m{i}") for i in range(15))
    return both(
        edit(P, "study", value="open"),
        edit("studies/open.yaml", "contrasts", value=None),  # of models of the paper's
        put("studies/models/paper.csv", COLUMNS + rows),
        edit("studies/open.yaml", *keys, value=value),
    )


def listed(content: bytes | str) -> Damage:
    """Models of a table."""
    table = "studies/models/mine.csv"
    return both(published("models", value=[{"table": table}]), put(table, content))


FOUR = np.arange(16.0).reshape(4, 4) + np.arange(16.0).reshape(4, 4).T
NAN = np.where(np.eye(4) > 0, np.nan, FOUR)
IDX = Path("mirror/ossci-datasets.s3.amazonaws.com/mnist/t10k-images-idx3-ubyte.gz")

PARAMETERS = [
    *(
        Case(f"{f} {k}", "check", edit(f, *k, value=v), USAGE, f"^error: {f}: .*({m})")
        for f, k, v, m in BAD
    ),
    *(Case(f"{f} {i}", "check", put(f, c), USAGE, m) for i, (f, c, m) in enumerate(YAML)),
    *(Case(f"open {k}", "check", published(*k, value=v), USAGE, m) for k, v, m in PUBLISHED),
    *(Case(f"models {i}", "check", listed(c), USAGE, m) for i, (c, m) in enumerate(MODELS)),
    *(
        Case(
            f"pairs {i}",
            "check",
            both(
                put("studies/models/mine.csv", c),
                edit(S, "contrasts", value="studies/models/mine.csv"),
            ),
            USAGE,
            m,
        )
        for i, (c, m) in enumerate(PAIRS)
    ),
    *(
        Case(
            f"paper {i}",
            "check",
            both(
                put("studies/published/mine.csv", c),
                edit(S, "paper", value={"covariate_r": {}, "values": "studies/published/mine.csv"}),
            ),
            USAGE,
            m,
        )
        for i, (c, m) in enumerate(PAPER)
    ),
]

COMMANDS = [
    Case("download", "download", nothing, USAGE, "usage: .*stimuli.tasks.benchmarks; 0 words"),
    Case("download two", "download tasks stimuli", nothing, USAGE, "usage: .*; 2 words are given"),
    Case("download x", "download task", nothing, USAGE, "not 'task'; did you mean 'tasks'"),
    Case("embed", "embed", nothing, USAGE, "usage: .*stages.embed transfer.benchmarks; 0 words"),
    Case("embed x", "embed ../x", nothing, USAGE, r"usage: .*transfer.benchmarks; not '\.\./x'"),
    Case(
        "plan x", "plan tyni", nothing, USAGE, "study: 'tyni' is not one of .*did you mean 'tiny'"
    ),
    Case("plan two", "plan tiny open", nothing, USAGE, "usage: .*plan .study.; 2 words are given"),
    Case("pin", "pin tiny", nothing, USAGE, "tiny.yaml: models: no 'table', whose revisions"),
    Case("prefetch x", "prefetch x/y", nothing, USAGE, "study: 'x/y' is not one of"),
    Case("describe", "zoo.describe", nothing, USAGE, "usage: python -m stages.zoo.describe TABLE"),
    Case("describe x", "zoo.describe x.csv", nothing, BAD_DATA, "x.csv: cannot be read: .*No such"),
    Case(
        "describe y",
        "zoo.describe x.csv",
        put("x.csv", "name\na\n"),
        BAD_DATA,
        "x.csv: no column 'family'; found name",
    ),
    Case("plots", "plots --all", nothing, USAGE, "^error: --all: revisions are branches, commits"),
]

ENVIRONMENT = [
    *(
        Case(
            f"WORKERS {v}",
            "align",
            nothing,
            USAGE,
            f"WORKERS: '{v}'; a whole number from 1",
            {"WORKERS": v},
        )
        for v in ("0", "-1", "two", "1.5", "", "٣", "100000")
    ),
    *(
        Case(
            f"SCHEDULER {v}",
            "align",
            nothing,
            USAGE,
            f"SCHEDULER: '{v}'; an address such as tcp://host:8786, or null, is allowed",
            {"SCHEDULER": v},
        )
        for v in ("host:8786", "http://host:8786", "tcp://host")
    ),
    *(
        Case(
            f"UNIT_LIMIT {v}",
            "align",
            nothing,
            USAGE,
            f"UNIT_LIMIT: '{v}'; seconds above 0, or null, are allowed",
            {"UNIT_LIMIT": v},
        )
        for v in ("0", "-1", "1 h", "1e3", "٣")
    ),
    Case(
        "no mirror",
        "download tasks",
        task("mnist"),
        USAGE,
        "DATA_MIRROR: 'nowhere' is no folder and no http address",
        {"DATA_MIRROR": "nowhere"},
    ),
    Case(
        "ftp mirror",
        "download tasks",
        task("mnist"),
        USAGE,
        "DATA_MIRROR: 'ftp:.*' is no folder and no http address",
        {"DATA_MIRROR": "ftp://x"},
    ),
    Case(
        "empty mirror",
        "download tasks",
        both(task("mnist"), put("mirror/x", "")),
        BAD_DATA,
        f"{IDX}: missing in DATA_MIRROR .public address: https",
        {"DATA_MIRROR": "mirror"},
    ),
    Case(
        "wrong mirror",
        "download tasks",
        both(task("mnist"), put(IDX, "x")),
        BAD_DATA,
        f"{IDX}: wrong digest sha256:.*accepted is sha256:8d42",
        {"DATA_MIRROR": "mirror"},
    ),
]

OWN = [
    Case(
        "no file",
        "check",
        both(own("matrix", "m.csv", ""), put("m.csv", None)),
        USAGE,
        "tiny.yaml: stimuli.own: file: 'm.csv' is no file",
    ),
    Case(
        "no images",
        "check",
        own("matrix", "m.csv", "", images="nowhere"),
        USAGE,
        "stimuli.own: images: 'nowhere' is no folder",
    ),
    Case(
        "a long name",
        "check",
        own("matrix", "m.csv", "", images="x" * 300),
        USAGE,
        "stimuli.own.matrix.images: a name of 300 bytes; at most 255 are allowed",
    ),
    Case(
        "text beside images",
        "check",
        both(own("matrix", "m.csv", ""), put("pictures/a.txt", "")),
        BAD_DATA,
        "pictures/a.txt: not an image file; .bmp",
    ),
    Case(
        "a name of two lines",
        "check",
        both(own("matrix", "m.csv", ""), put("pictures/a\nb.png", "")),
        BAD_DATA,
        r"pictures: 'a.nb.png': a name without backslash that can be printed",
    ),
    Case(
        "no folder",
        "check",
        task("folder", folder="nowhere"),
        USAGE,
        "tasks.novel: folder: 'nowhere' is no folder",
    ),
    Case(
        "one class",
        "check",
        both(task("folder", folder="f"), put("f/a/x.png", "")),
        BAD_DATA,
        "f: 1 class folders; at least 2 are needed",
    ),
    Case(
        "an empty class",
        "check",
        both(task("folder", folder="f"), put("f/a/x.png", ""), put("f/b/.x", "")),
        BAD_DATA,
        "f/b: holds no images",
    ),
    Case(
        "a damaged image",
        "download stimuli",
        both(own("matrix", "m.npy", npy_bytes(FOUR)), put("pictures/1.png", b"\x89PNG\r\n")),
        FAILED_UNITS,
        "pictures/1.png: not readable as an image",
    ),
    Case(
        "a short matrix",
        "download stimuli",
        own("matrix", "m.csv", "1,2\n2,1\n"),
        FAILED_UNITS,
        r"m.csv: shape \(2, 2\); 4 images need \(4, 4\)",
    ),
    Case(
        "words in a matrix",
        "download stimuli",
        own("matrix", "m.csv", "1,2\n2,x\n"),
        FAILED_UNITS,
        "m.csv: line 2, column 2: 'x' is no finite number",
    ),
    Case(
        "NaN in a matrix",
        "download stimuli",
        own("matrix", "m.npy", npy_bytes(NAN)),
        FAILED_UNITS,
        r"m.npy: holds nan at \(0, 0\)",
    ),
    Case(
        "a matrix that was cut",
        "download stimuli",
        own("matrix", "m.npy", npy_bytes(FOUR)[:-8]),
        FAILED_UNITS,
        r"m.npy: 120 bytes of data for float64 \(4, 4\)",
    ),
    Case(
        "no MATLAB",
        "download stimuli",
        own("matrix", "m.mat", "x" * 200),
        FAILED_UNITS,
        "m.mat: not readable as MATLAB: it is not of level 5",
    ),
    Case(
        "MATLAB 7.3",
        "download stimuli",
        own("matrix", "m.mat", b"\x89HDF\r\n\x1a\n"),
        FAILED_UNITS,
        "m.mat: not readable as MATLAB: it is of version 7.3; save it with MATLAB's option '-v7'",
    ),
    Case(
        "MATLAB that was cut",
        "download stimuli",
        own("matrix", "m.mat", saved(m=FOUR)[:-20]),
        FAILED_UNITS,
        "m.mat: not readable as MATLAB: an element of .* ends beyond",
    ),
    Case(
        "which variable",
        "download stimuli",
        own("matrix", "m.mat", saved(a=FOUR, b=FOUR)),
        FAILED_UNITS,
        "m.mat: 2 square variables among .*; 'key' must name one",
    ),
    Case(
        "no such variable",
        "download stimuli",
        own("matrix", "m.mat", saved(a=FOUR), key="b"),
        FAILED_UNITS,
        r"m.mat: key 'b' is missing; it holds \['a'\]",
    ),
    Case(
        "a participant alone",
        "download stimuli",
        own("participants", "p.npy", npy_bytes(FOUR[None])),
        FAILED_UNITS,
        "p.npy: 1 participants; at least 2 are needed",
    ),
    Case(
        "soft labels",
        "download stimuli",
        own("soft_labels", "l.csv", "1,2\n3,4\n0,0\n1,1\n"),
        FAILED_UNITS,
        r"l.csv: row 2 \(from 0\) has no mass: \[0.0, 0.0\]",
    ),
    Case(
        "triplets",
        "download stimuli",
        own("triplets", "t.csv", "anchor,near,far\n0,1,9\n"),
        FAILED_UNITS,
        "t.csv: line 2: far '9' is not an index 0..3",
    ),
    Case(
        "columns of triplets",
        "download stimuli",
        own("triplets", "t.csv", "anchor,nera,far\n0,1,2\n"),
        FAILED_UNITS,
        "t.csv: column 'nera' is not one of .*; did you mean 'near'",
    ),
    Case(
        "votes twice",
        "download stimuli",
        own("triplets", "t.csv", "anchor,near,far,votes, votes\n0,1,2,1,1\n"),
        FAILED_UNITS,
        "t.csv: column 'votes' is there 2 times, not once",
    ),
    Case(
        "a pickled task",
        "download tasks",
        both(task("npz", file="t.npz"), put("t.npz", pickles()["npz"])),
        FAILED_UNITS,
        "t.npz: 'images.npy': holds objects; a pickle is never loaded",
    ),
    Case(
        "a task of one class",
        "download tasks",
        both(
            task("npz", file="t.npz"),
            put(
                "t.npz", npz_bytes(images=np.zeros((2, 4, 4, 3), np.uint8), labels=np.zeros(2, int))
            ),
        ),
        FAILED_UNITS,
        "t.npz: labels name 1 classes; at least 2 are needed",
    ),
    Case(
        "a task without labels",
        "download tasks",
        both(
            task("npz", file="t.npz"),
            put("t.npz", npz_bytes(images=np.zeros((2, 4, 4, 3), np.uint8))),
        ),
        FAILED_UNITS,
        "t.npz: array 'labels' is missing; it holds .'images'",
    ),
]

MADE = [
    Case(
        "no training images",
        "pretrain",
        put(DATA / "benchmarks/training/images.npz", None),
        BAD_DATA,
        "training/images.npz: cannot be read: No such file",
    ),
    Case(
        "training images that were cut",
        "pretrain",
        cut(DATA / "benchmarks/training/images.npz"),
        FAILED_UNITS,
        "7 of 7 jobs failed: .*training/images.npz: not readable as NPZ",
    ),
    Case(
        "no checkpoint",
        "embed transfer",
        put(DATA / "checkpoints" / VIT, None),
        BAD_DATA,
        f"checkpoints/{VIT}: cannot be read: No such file",
    ),
    Case(
        "a checkpoint that was cut",
        "embed transfer",
        cut(DATA / "checkpoints" / VIT),
        FAILED_UNITS,
        f"1 of 6 jobs failed: .*checkpoints/{VIT}: not a checkpoint of this project",
    ),
    Case(
        "no stimuli",
        "embed transfer",
        lambda: shutil.rmtree(DATA / "stimuli/discs"),
        BAD_DATA,
        "data/tiny/stimuli/discs: cannot be read: No such file",
    ),
    Case(
        "a damaged stimulus",
        "embed transfer",
        put(DATA / "stimuli/discs/images/000-discs.png", "x"),
        FAILED_UNITS,
        "6 of 6 jobs failed: .*discs/images/000-discs.png: not readable as an image",
    ),
    Case(
        "a task that was cut",
        "embed transfer",
        cut(DATA / "tasks/novel.npz"),
        FAILED_UNITS,
        "6 of 6 jobs failed: .*tasks/novel.npz: not readable as NPZ",
    ),
    Case(
        "no judgments",
        "align",
        put(DATA / "stimuli/discs/judgments.npz", None),
        BAD_DATA,
        "discs/judgments.npz: cannot be read: No such file",
    ),
    Case(
        "judgments of others",
        "align",
        put(DATA / "stimuli/discs/judgments.npz", npz_bytes(similarity=FOUR)),
        FAILED_UNITS,
        r"similarity has shape \(4, 4\) for 10 stimuli",
    ),
    Case(
        "no embeddings",
        "align",
        put(DATA / "embeddings" / VIT, None),
        BAD_DATA,
        f"embeddings/{VIT}: No such file",
    ),
    Case(
        "embeddings that were cut",
        "align",
        cut(DATA / "embeddings" / VIT),
        BAD_DATA,
        f"embeddings/{VIT}: .*incomplete metadata",
    ),
    Case(
        "embeddings without a set",
        "align",
        tensors(DATA / "embeddings" / VIT, lambda t: t.pop("stimuli/discs")),
        BAD_DATA,
        f"embeddings/{VIT}: .*stimuli/discs",
    ),
    Case(
        "embeddings with NaN",
        "align",
        tensors(DATA / "embeddings" / VIT, lambda t: t["stimuli/discs"].fill(np.nan)),
        BAD_DATA,
        "'stimuli/discs' must be finite",
    ),
    Case(
        "embeddings in halves",
        "fewshot",
        tensors(
            DATA / "embeddings" / VIT,
            lambda t: t.update({"tasks/novel": t["tasks/novel"].astype(np.float16)}),
        ),
        BAD_DATA,
        r"'tasks/novel' is F16 \[.*\]; F32 \[N, D\] is needed",
    ),
    Case(
        "no index",
        "align",
        put(DATA / "embeddings/index.json", None),
        BAD_DATA,
        "embeddings/index.json: not readable as JSON: .*No such file",
    ),
    Case(
        "an index that is a list",
        "align",
        put(DATA / "embeddings/index.json", "[]"),
        BAD_DATA,
        "embeddings/index.json: a mapping of models is needed, not list",
    ),
    Case(
        "an index of others",
        "fewshot",
        put(DATA / "embeddings/index.json", "{}"),
        BAD_DATA,
        "embeddings/index.json: test_vit.untrained: this model is missing",
    ),
    Case(
        "an index without weights",
        "analyze",
        put(DATA / "embeddings/index.json", json.dumps({"a": {"weights": "tuned"}})),
        BAD_DATA,
        "a: weights: 'tuned'; one of .*'trained'",
    ),
    Case(
        "labels that were cut",
        "fewshot",
        cut(DATA / "tasks/novel.npz"),
        BAD_DATA,
        "tasks/novel.npz: not readable as NPZ",
    ),
    Case(
        "labels below 0",
        "fewshot",
        npz(DATA / "tasks/novel.npz", labels=np.array([-1, 0])),
        BAD_DATA,
        r"tasks/novel.npz: labels are int64 \(2,\); \[N\] from 0 are needed",
    ),
    Case(
        "labels in words",
        "fewshot",
        npz(DATA / "tasks/novel.npz", labels=np.array(["a", "b"])),
        BAD_DATA,
        r"tasks/novel.npz: labels are <U1 \(2,\); \[N\] from 0 are needed",
    ),
    Case(
        "too many shots",
        "fewshot",
        edit(P, "fewshot", "n", value=[1, 9]),
        USAGE,
        "params.yaml: fewshot.n: 9; the smallest class of .* 1 to 8 are allowed",
    ),
    Case(
        "no benchmark",
        "robustness",
        put(DATA / "benchmarks/edges.npz", None),
        BAD_DATA,
        "benchmarks/edges.npz: cannot be read: No such file",
    ),
    Case(
        "a reference that was cut",
        "robustness",
        cut(DATA / "checkpoints/reference.safetensors"),
        BAD_DATA,
        "checkpoints/reference.safetensors: not a checkpoint of this project",
    ),
    Case(
        "a reference of other images",
        "robustness",
        tensors(
            DATA / "benchmark_embeddings/reference.safetensors",
            lambda t: t.update({k: v[:5].copy() for k, v in t.items()}),
        ),
        BAD_DATA,
        r"reference.safetensors: 'benchmarks/adversarial' is \(5, 64\), for \(72,\) labels",
    ),
    Case(
        "a pool with fewer labels",
        "robustness",
        npz(DATA / "benchmarks/adversarial.npz", labels=np.arange(3)),
        BAD_DATA,
        r"'benchmarks/adversarial' is \(72, 64\), for \(3,\) labels",
    ),
]

TABLES = [
    *(
        Case(
            f"no {name}",
            "analyze",
            put(DATA / f"{name}.csv", None),
            BAD_DATA,
            f"{name}.csv: not readable as a table: .*No such file",
        )
        for name in ("alignment", "fewshot", "robustness", "theory/queries", "theory/shift")
    ),
    Case(
        "an empty table",
        "analyze",
        put(DATA / "alignment.csv", ""),
        BAD_DATA,
        "alignment.csv: not readable as a table: No columns",
    ),
    Case(
        "a table without rows",
        "analyze",
        lines("alignment", lambda line: False),
        BAD_DATA,
        r"alignment.csv: has no rows",
    ),
    Case(
        "other columns",
        "analyze",
        put(DATA / "fewshot.csv", "a,b\n1,2\n"),
        BAD_DATA,
        r"fewshot.csv: columns are \['a', 'b'\]; \['model', 'weights'",
    ),
    Case(
        "words for numbers",
        "analyze",
        cell("alignment", "value", "high", 3),
        BAD_DATA,
        "alignment.csv: line 5: value: 'high'; a number from -1 to 1 is needed",
    ),
    Case(
        "an empty cell",
        "analyze",
        cell("alignment", "value", ""),
        BAD_DATA,
        "alignment.csv: line 2: value: ''; a number from -1 to 1 is needed",
    ),
    Case(
        "a standard error in words",
        "analyze",
        cell("alignment", "se", "low"),
        BAD_DATA,
        "alignment.csv: not readable as a table: .*'low'",
    ),
    Case(
        "accuracy in per cent",
        "analyze",
        cell("fewshot", "accuracy", "61.5"),
        BAD_DATA,
        "fewshot.csv: line 2: accuracy: '61.5'; a number from 0 to 1 is needed",
    ),
    Case(
        "NaN",
        "analyze",
        cell("robustness", "top1", "nan"),
        BAD_DATA,
        "robustness.csv: line 2: top1: 'nan'; a number from 0 to 1 is needed",
    ),
    Case(
        "no shots",
        "analyze",
        cell("fewshot", "n", "-1"),
        BAD_DATA,
        "fewshot.csv: line 2: n: '-1'; a number from 0 to",
    ),
    Case(
        "a row twice",
        "analyze",
        lambda: put(
            DATA / "fewshot.csv",
            (DATA / "fewshot.csv").read_text()
            + (DATA / "fewshot.csv").read_text().splitlines()[-1],
        )(),
        BAD_DATA,
        "fewshot.csv: line 74: .*is there twice",
    ),
    Case(
        "a model without accuracy",
        "analyze",
        lines("fewshot", lambda line: "vit.repel" not in line),
        BAD_DATA,
        "novel.*: no value for test_vit.repel",
    ),
    Case(
        "a column of the theory",
        "analyze",
        put(DATA / "theory/shift.csv", "epsilon\n0.1\n"),
        BAD_DATA,
        r"theory/shift.csv: columns \['expected', 'shift', 'student', 'teacher'\] are missing",
    ),
    Case(
        "words in the theory",
        "analyze",
        cell("theory/fewshot", "accuracy", "high"),
        BAD_DATA,
        "theory/fewshot.csv: line 2: accuracy: 'high'; a number is needed",
    ),
    Case(
        "judgments that were cut",
        "analyze",
        cut(DATA / "stimuli/stars/judgments.npz"),
        BAD_DATA,
        "stars/judgments.npz: not readable as NPZ",
    ),
    Case(
        "fewer stimuli",
        "analyze",
        put(DATA / "stimuli/stars/images/000-stars.png", None),
        BAD_DATA,
        r"stars/judgments.npz: similarity has shape \(10, 10\) for 9 stimuli",
    ),
]

CASES = [*PARAMETERS, *COMMANDS, *ENVIRONMENT, *OWN, *MADE, *TABLES]
