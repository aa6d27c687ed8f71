"""Wrong inputs of every stage and every kind of file, as a table; and how a file is damaged."""

from __future__ import annotations

import csv
import functools
import io
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import yaml

from stages.runtime.files import npz_bytes
from stages.sources.human import png
from tests.arrays import npy_bytes
from tests.bad_params import (
    COLUMNS,
    FIELDS,
    GOOD,
    MODELS,
    PAIRS,
    PAPER,
    PUBLISHED,
    WHOLE,
    YAML,
    P,
    S,
)
from tests.hostile import pickles, saved

DATA = Path("data")
CSV, VALUES = "studies/models/mine.csv", "studies/published/mine.csv"
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


def gone(name: str) -> Damage:
    """Remove a file of the study's data."""
    return put(DATA / name, None)


def cut(name: str) -> Damage:
    """Keep the first two thirds of a file of the study's data."""
    return lambda: put(
        DATA / name, (DATA / name).read_bytes()[: -(DATA / name).stat().st_size // 3]
    )()


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


def tensors(name: str, change: Callable[[dict[str, np.ndarray]], object]) -> Damage:
    """Change the tensors of a safetensors file of the study's data."""

    def damage() -> None:
        found = safetensors.numpy.load_file(DATA / name)
        change(found)
        put(DATA / name, safetensors.numpy.save(found))()

    return damage


def npz(name: str, **arrays: np.ndarray) -> Damage:
    """Replace arrays of an NPZ of the study's data."""

    def damage() -> None:
        with np.load(DATA / name) as archive:
            put(DATA / name, npz_bytes(**{**archive, **arrays}))()

    return damage


def own(source: str, file: str, content: bytes | str, **keys: Any) -> Damage:
    """A stimulus set of four own images, with judgments from a file."""
    images = [put(f"pictures/{i}.png", png(np.full((8, 8, 3), 40 * i, np.uint8))) for i in range(4)]
    spec = {"source": source, "images": "pictures", "file": file, **keys}
    return both(*images, put(file, content), edit(S, "stimuli", "own", value=spec))


def task(source: str, **keys: Any) -> Damage:
    return edit(S, "tasks", "novel", value={"source": source, **keys})


def cases(stage: str, code: int, *rows: tuple[str, Damage, str], **environment: str) -> list[Case]:
    """Cases of one stage and exit code: name, damage, what the error says."""
    return [Case(name, stage, damage, code, words, environment) for name, damage, words in rows]


def keys(dotted: str) -> list[str | int]:
    """The keys that a case of `tests.bad_params` names."""
    return [int(key) if key.isdecimal() else key for key in dotted.split()]


def said(file: str, key: str, message: str) -> str:
    """What an error must match: the file, every part of the key, and the message."""
    parts = "".join(f"(?=.*{re.escape(part)})" for part in key.split())
    return f"^error: {file}: {parts}.*({message})"


def published(key: str, value: Any) -> Damage:
    """Edit the study of published models, which has a table of fifteen."""
    rows = "".join(GOOD.replace("a,a22", f"m{i},m{i}") for i in range(15))
    return both(
        edit(P, "study", value="open"),
        edit("studies/open.yaml", "contrasts", value=None),  # of models of the paper's
        put("studies/models/paper.csv", COLUMNS + rows),
        edit("studies/open.yaml", *keys(key), value=value),
    )


def listed(content: bytes | str) -> Damage:
    """Models of a table."""
    return both(published("models", [{"table": CSV}]), put(CSV, content))


FOUR = np.arange(16.0).reshape(4, 4) + np.arange(16.0).reshape(4, 4).T
NAN = np.where(np.eye(4) > 0, np.nan, FOUR)
IDX = Path("mirror/ossci-datasets.s3.amazonaws.com/mnist/t10k-images-idx3-ubyte.gz")


def paper(content: str) -> Damage:
    return both(put(VALUES, content), edit(S, "paper", value={"covariate_r": {}, "values": VALUES}))


PARAMETERS = cases(
    "check",
    USAGE,
    *((f"{f} {k}", edit(f, *keys(k), value=v), said(f, k, m)) for f, k, v, m in FIELDS),
    *((f"{f} {k}", edit(f, *keys(k), value=v), said(f, "", m)) for f, k, v, m in WHOLE),
    *((f"{f} {i}", put(f, c), m) for i, (f, c, m) in enumerate(YAML)),
    *((f"open {k}", published(k, v), m) for k, v, m in PUBLISHED),
    *((f"models {i}", listed(c), m) for i, (c, m) in enumerate(MODELS)),
    *(
        (f"pairs {i}", both(put(CSV, c), edit(S, "contrasts", value=CSV)), m)
        for i, (c, m) in enumerate(PAIRS)
    ),
    *((f"paper {i}", paper(c), m) for i, (c, m) in enumerate(PAPER)),
)


def command(line: str, words: str, damage: Damage = nothing, code: int = USAGE) -> Case:
    return Case(line, line, damage, code, words)


DESCRIBE = "networks.describe"
COMMANDS = [
    command("download", "usage: .*stimuli.tasks.benchmarks; 0 words"),
    command("download tasks stimuli", "usage: .*; 2 words are given"),
    command("download task", "not 'task'; did you mean 'tasks'"),
    command("embed", "usage: .*stages.embed transfer.benchmarks; 0 words"),
    command("embed ../x", r"usage: .*transfer.benchmarks; not '\.\./x'"),
    command("plan tyni", "study: 'tyni' is not one of .*did you mean 'tiny'"),
    command("plan tiny open", "usage: .*plan .study.; 2 words are given"),
    command("pin tiny", "tiny.yaml: models: no 'table', whose revisions"),
    command("prefetch x/y", "study: 'x/y' is not one of"),
    command(DESCRIBE, "usage: python -m stages.networks.describe TABLE"),
    command(f"{DESCRIBE} x.csv", "x.csv:? cannot be read: .*No such", code=BAD_DATA),
    command(
        f"{DESCRIBE} y.csv", "y.csv: column 'timm' is missing", put("y.csv", "name\na\n"), BAD_DATA
    ),
    command("plots --all", "^error: --all: revisions are branches, commits"),
]

VARIABLES = {
    "WORKERS": ("a whole number from 1", ("0", "-1", "two", "1.5", "", "٣", "100000")),
    "SCHEDULER": (
        "an address such as tcp://host:8786, or null, is allowed",
        ("host:8786", "http://host:8786", "tcp://host"),
    ),
    "UNIT_LIMIT": ("seconds above 0, or null, are allowed", ("0", "-1", "1 h", "1e3", "٣")),
}
MIRROR = "missing in DATA_MIRROR .public address: https"
ENVIRONMENT = [
    *(
        Case(f"{name} {v}", "align", nothing, USAGE, f"{name}: '{v}'; {needs}", {name: v})
        for name, (needs, values) in VARIABLES.items()
        for v in values
    ),
    *(
        Case(
            f"mirror {v}{code}",
            "download tasks",
            both(task("mnist"), d),
            code,
            m,
            {"DATA_MIRROR": v},
        )
        for v, d, code, m in (
            ("nowhere", nothing, USAGE, "DATA_MIRROR: 'nowhere' is not a folder and not an ht"),
            ("ftp://x", nothing, USAGE, "DATA_MIRROR: 'ftp:.*' is not a folder and not an ht"),
            ("mirror", put("mirror/x", ""), BAD_DATA, f"{IDX}: {MIRROR}"),
            ("mirror/.", put(IDX, "x"), BAD_DATA, f"{IDX}: wrong digest sha256:.*is sha256:8d42"),
        )
    ),
]


def own_file(file: str, content: bytes | str, **keys: Any) -> Damage:
    """A stimulus set whose judgments are a matrix in a file."""
    return own("matrix", file, content, **keys)


MATLAB_73 = b"\x89HDF\r\n\x1a\n"
TWO_VOTES = "anchor,near,far,votes,votes\n0,1,2,1,1\n"
OWN = [  # what is wrong with a file of your own is in test_own.py and hostile.py
    *cases(
        "check",
        USAGE,
        (
            "no file",
            both(own_file("m.csv", ""), put("m.csv", None)),
            "tiny.yaml: stimuli.own: file: 'm.csv' is no file",
        ),
        (
            "a long name",
            own_file("m.csv", "", images="x" * 300),
            "stimuli.own.matrix.images: a name of 300 bytes; at most 255 are allowed",
        ),
    ),
    *cases(
        "check",
        BAD_DATA,
        (
            "a name of two lines",
            both(own_file("m.csv", ""), put("pictures/a\nb.png", "")),
            r"pictures: 'a.nb.png': a printable name without backslash",
        ),
        (
            "an empty class",
            both(task("folder", folder="f"), put("f/a/x.png", ""), put("f/b/.x", "")),
            "f/b: holds no images",
        ),
    ),
    *cases(
        "download stimuli",
        FAILED_UNITS,
        (
            "a damaged image",
            both(own_file("m.npy", npy_bytes(FOUR)), put("pictures/1.png", b"\x89PNG\r\n")),
            "pictures/1.png: not readable as an image",
        ),
        ("NaN in a matrix", own_file("m.npy", npy_bytes(NAN)), r"m.npy: holds nan at \(0, 0\)"),
        ("MATLAB 7.3", own_file("m.mat", MATLAB_73), "m.mat: .* of version 7.3; .* option '-v7'"),
        (
            "MATLAB in part",
            own_file("m.mat", saved(m=FOUR)[:-20]),
            "m.mat: .* MATLAB: .*ends beyond",
        ),
        (
            "votes twice",
            own("triplets", "t.csv", TWO_VOTES),
            "t.csv: column 'votes' is there 2 times",
        ),
    ),
    *cases(
        "download tasks",
        FAILED_UNITS,
        (
            "a pickled task",
            both(task("npz", file="t.npz"), put("t.npz", pickles()["npz"])),
            "t.npz: 'images.npy': holds objects; a pickle is never loaded",
        ),
    ),
]

IMAGES, NOVEL, HUMAN = "benchmarks/training/images.npz", "tasks/novel.npz", "stimuli/discs"
CHECKPOINT, EMBEDDINGS, INDEX = f"checkpoints/{VIT}", f"embeddings/{VIT}", "embeddings/index.json"
POOL, REFERENCE = "benchmarks/adversarial.npz", "benchmark_embeddings/reference.safetensors"
PICTURE, ABSENT = f"{HUMAN}/images/000-discs.png", "cannot be read: No such file"
PART = "not readable as NPZ"


def index(content: object) -> Damage:
    """Replace the index of the embeddings."""
    return put(DATA / INDEX, json.dumps(content))


def halved(t: dict[str, np.ndarray]) -> None:
    t["tasks/novel"] = t["tasks/novel"].astype(np.float16)


def five(t: dict[str, np.ndarray]) -> None:
    t.update({name: tensor[:5].copy() for name, tensor in t.items()})


MADE = [
    *cases("pretrain", BAD_DATA, ("no training images", gone(IMAGES), f"images.npz: {ABSENT}")),
    *cases(
        "pretrain",
        FAILED_UNITS,
        ("training images in part", cut(IMAGES), f"7 of 7 jobs failed: .*{IMAGES}: {PART}"),
    ),
    *cases(
        "embed transfer",
        BAD_DATA,
        ("no checkpoint", gone(CHECKPOINT), f"{CHECKPOINT}: {ABSENT}"),
        ("no stimuli", lambda: shutil.rmtree(DATA / HUMAN), f"data/{HUMAN}/images: {ABSENT}"),
    ),
    *cases(
        "embed transfer",
        FAILED_UNITS,
        (
            "a checkpoint in part",
            cut(CHECKPOINT),
            f"2 of 12 jobs .*{CHECKPOINT}: not a check",
        ),
        (
            "a damaged stimulus",
            put(DATA / PICTURE, "x"),
            f"6 of 12 .*{PICTURE}: not readable as an im",
        ),
        ("a task in part", cut(NOVEL), f"6 of 12 jobs failed: .*{NOVEL}: {PART}"),
    ),
    *cases(
        "align",
        BAD_DATA,
        (
            "no judgments",
            gone(f"{HUMAN}/judgments.npz"),
            "discs/judgments.npz: not readable as NPZ: .*No such file",
        ),
        (
            "judgments of others",
            put(DATA / HUMAN / "judgments.npz", npz_bytes(similarity=FOUR)),
            r"similarity: float64 of shape \(4, 4\); 10 stimuli need",
        ),
        ("no embeddings", gone(EMBEDDINGS), f"{EMBEDDINGS}: No such file"),
        ("embeddings in part", cut(EMBEDDINGS), f"{EMBEDDINGS}: .*incomplete metadata"),
        (
            "embeddings without a set",
            tensors(EMBEDDINGS, lambda t: t.pop("stimuli/discs")),
            f"{EMBEDDINGS}: .*stimuli/discs",
        ),
        (
            "embeddings with NaN",
            tensors(EMBEDDINGS, lambda t: t["stimuli/discs"].fill(np.nan)),
            "'stimuli/discs' must be finite",
        ),
        ("no index", gone(INDEX), f"{INDEX}: not readable as JSON: .*No such file"),
        ("an index that is a list", index([]), f"{INDEX}: a mapping of models is needed, not list"),
    ),
    *cases(
        "fewshot",
        BAD_DATA,
        (
            "embeddings in halves",
            tensors(EMBEDDINGS, halved),
            r"'tasks/novel' is F16 \[.*\]; F32 \[N, D\] is needed",
        ),
        ("an index of others", index({}), f"{INDEX}: test_vit.untrained: this model is missing"),
        ("labels in part", cut(NOVEL), f"{NOVEL}: {PART}"),
        (
            "labels below 0",
            npz(NOVEL, labels=np.array([-1, 0])),
            rf"{NOVEL}: labels are int64 \(2,\); \[N\] from 0 are needed",
        ),
        (
            "labels in words",
            npz(NOVEL, labels=np.array(["a", "b"])),
            rf"{NOVEL}: labels are <U1 \(2,\); \[N\] from 0 are needed",
        ),
    ),
    *cases(
        "fewshot",
        USAGE,
        (
            "too many shots",
            edit(P, "fewshot", "n", value=[1, 9]),
            "params.yaml: fewshot.n: 9; the smallest class of .* 1 to 8 are allowed",
        ),
    ),
    *cases(
        "robustness",
        BAD_DATA,
        ("no benchmark", gone("benchmarks/edges.npz"), f"benchmarks/edges.npz: {ABSENT}"),
        (
            "a reference in part",
            cut("checkpoints/reference.safetensors"),
            "checkpoints/reference.safetensors: not a checkpoint of this project",
        ),
        (
            "a reference of other images",
            tensors(REFERENCE, five),
            r"reference.safetensors: .*adversarial' has 5 rows, .*adversarial.npz has \(72,\)",
        ),
        (
            "a pool with fewer labels",
            npz(POOL, labels=np.arange(3)),
            r"'benchmarks/adversarial' has 72 rows, .*adversarial.npz has \(3,\) labels",
        ),
    ),
    *cases(
        "analyze",
        BAD_DATA,
        (
            "an index without weights",
            index({"a": {"weights": "tuned"}}),
            "a: weights: 'tuned'; one of .*'trained'",
        ),
    ),
]


def repeat_last_row() -> None:
    path = DATA / "fewshot.csv"
    path_content = path.read_text()
    put(path, path_content + path_content.splitlines()[-1])()


CELLS = [  # table, column, value, row, what is said
    ("alignment", "value", "high", 3, "a number from -1 to 1"),
    ("alignment", "value", "", 0, "a number from -1 to 1"),
    ("alignment", "se", "low", 0, "a number"),
    ("fewshot", "accuracy", "61.5", 0, "a number from 0 to 1"),
    ("robustness", "top1", "nan", 0, "a number from 0 to 1"),
    ("fewshot", "n", "-1", 0, "a whole number from 0 to"),
    ("theory/fewshot", "accuracy", "high", 0, "a number"),
]
NEEDED = ("alignment", "fewshot", "robustness", "theory/queries", "theory/shift")
TABLES = cases(
    "analyze",
    BAD_DATA,
    *((f"no {t}", gone(f"{t}.csv"), f"{t}.csv cannot be read: .*No such file") for t in NEEDED),
    *(
        (f"{t} {v}", cell(t, c, v, row), f"{t}.csv: line {row + 2}: {c}: '{v}'; {m}")
        for t, c, v, row, m in CELLS
    ),
    ("an empty table", put(DATA / "alignment.csv", ""), "alignment.csv: column 'model' is missing"),
    ("no rows", lines("alignment", lambda line: False), r"alignment.csv: has no rows"),
    (
        "other columns",
        put(DATA / "fewshot.csv", "a,b\n1,2\n"),
        r"fewshot.csv: column 'model' is missing; \['model', 'weights'",
    ),
    ("a duplicate row", repeat_last_row, "fewshot.csv: line 74: duplicate: model"),
    (
        "a model without accuracy",
        lines("fewshot", lambda line: "vit.repel" not in line),
        "novel.*: no value for test_vit.repel",
    ),
    (
        "a column of the theory",
        put(DATA / "theory/shift.csv", "epsilon\n0.1\n"),
        "theory/shift.csv: column 'shift' is missing",
    ),
    ("judgments in part", cut("stimuli/stars/judgments.npz"), f"stars/judgments.npz: {PART}"),
    (
        "fewer stimuli",
        gone("stimuli/stars/images/000-stars.png"),
        r"stars/judgments.npz: similarity: float64 of shape \(10, 10\); 9 stimuli",
    ),
)

CASES = [*PARAMETERS, *COMMANDS, *ENVIRONMENT, *OWN, *MADE, *TABLES]
