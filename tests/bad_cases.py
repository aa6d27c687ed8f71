"""Wrong inputs of every stage and every kind of file, as a table; and how a file is damaged."""

import io
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial, reduce
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import safetensors.numpy
import yaml

from stages.runtime.files import npz_bytes
from stages.sources.human import png
from tests import bad_params as bad
from tests.arrays import npy_bytes
from tests.bad_params import COLUMNS, GOOD, P, S
from tests.hostile import pickles

DATA = Path("data")
CSV, VALUES = "studies/models/mine.csv", "studies/published/mine.csv"
VIT = "test_vit.repel.safetensors"
USAGE, BAD_DATA, FAILED_UNITS = 1, 2, 3

Damage = Callable[[], None]


@dataclass(frozen=True)
class Case:
    """What is done to a repository whose study has run, the stage that meets it, what it says."""

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


def changed(path: Path | str, change: Callable[[bytes], bytes]) -> Damage:
    """Replace the bytes of a file by what `change` makes of them."""
    return lambda: put(path, change(Path(path).read_bytes()))()


def cut(name: str) -> Damage:
    """Keep the first two thirds of a file of the study's data."""
    return changed(DATA / name, lambda content: content[: len(content) * 2 // 3])


def edit(file: str, *keys: str | int, value: Any) -> Damage:
    """Set a value of a YAML file, or append it to a list."""

    def change(text: bytes) -> bytes:
        content = yaml.safe_load(text)
        inner = reduce(lambda part, key: part[key], keys[:-1], content)
        if isinstance(inner, list) and keys[-1] == len(inner):
            inner.append(value)
        else:
            inner[keys[-1]] = value
        return yaml.safe_dump(content, sort_keys=False).encode()

    return changed(file, change)


def both(*damages: Damage) -> Damage:
    return lambda: [damage() for damage in damages].clear()


def table(name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Damage:
    """Change a table of the study, whose cells are text."""

    def damaged(content: bytes) -> bytes:
        rows = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
        return change(rows).to_csv(index=False).encode()

    return changed(DATA / f"{name}.csv", damaged)


def cell(name: str, column: str, value: str, row: int) -> Damage:
    """Set a cell of a table of the study."""

    def change(rows: pd.DataFrame) -> pd.DataFrame:
        rows.loc[row, column] = value
        return rows

    return table(name, change)


def tensors(name: str, change: Callable[[dict[str, np.ndarray]], object]) -> Damage:
    """Change the tensors of a safetensors file of the study's data."""

    def damaged(content: bytes) -> bytes:
        found = safetensors.numpy.load(content)
        change(found)
        return safetensors.numpy.save(found)

    return changed(DATA / name, damaged)


def npz(name: str, **arrays: np.ndarray) -> Damage:
    """Replace arrays of an NPZ of the study's data."""
    return changed(DATA / name, lambda b: npz_bytes(**{**np.load(io.BytesIO(b)), **arrays}))


def own(source: str, file: str, content: bytes | str, **keys: Any) -> Damage:
    """A stimulus set of four own images, with judgments from a file."""
    images = [put(f"pictures/{i}.png", png(np.full((8, 8, 3), 40 * i, np.uint8))) for i in range(4)]
    spec = {"source": source, "images": "pictures", "file": file, **keys}
    return both(*images, put(file, content), edit(S, "stimuli", "own", value=spec))


def task(source: str, **keys: Any) -> Damage:
    return edit(S, "tasks", "novel", value={"source": source, **keys})


def cases(stage: str, code: int, *rows: tuple[Damage, str]) -> list[Case]:
    """Cases of one stage and exit code: damage, what the error says."""
    return [Case(stage, damage, code, words) for damage, words in rows]


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


def paper(content: str) -> Damage:
    return both(put(VALUES, content), edit(S, "paper", value={"covariate_r": {}, "values": VALUES}))


PARAMETERS = cases(
    "check",
    USAGE,
    *((edit(f, *keys(k), value=v), said(f, k, m)) for f, k, v, m in bad.FIELDS),
    *((edit(f, *keys(k), value=v), said(f, "", m)) for f, k, v, m in bad.WHOLE),
    *((put(f, c), m) for f, c, m in bad.YAML),
    *((published(k, v), m) for k, v, m in bad.PUBLISHED),
    (
        both(
            published("stimuli", {"m": {"source": "materials"}}),
            edit("params.yaml", "analyze", "measure", value="pearson"),
        ),
        r"supports 'pearson'; allowed: \['triplet'\]",
    ),
    *((both(published("models", [{"table": CSV}]), put(CSV, c)), m) for c, m in bad.MODELS),
    *((both(put(CSV, c), edit(S, "contrasts", value=CSV)), m) for c, m in bad.PAIRS),
    *((paper(c), m) for c, m in bad.PAPER),
)
DESCRIBE = "record.describe"
COMMANDS = [
    *(
        Case(line, nothing, USAGE, words)
        for line, words in (
            ("download", "usage: .*stimuli.tasks.benchmarks; 0 words"),
            ("download tasks stimuli", "usage: .*; 2 words are given"),
            ("download task", "not 'task'; did you mean 'tasks'"),
            ("embed", "usage: .*stages.embed transfer.benchmarks; 0 words"),
            ("embed ../x", r"usage: .*transfer.benchmarks; not '\.\./x'"),
            ("commands.plan tyni", "study: 'tyni' is not one of .*did you mean 'tiny'"),
            ("commands.plan tiny open", "usage: .*plan .study.; 2 words are given"),
            ("record.pin tiny", "tiny.yaml: models: no 'table', whose revisions"),
            ("commands.prefetch x/y", "study: 'x/y' is not one of"),
            (DESCRIBE, "usage: python -m record.describe TABLE"),
            ("commands.plots --all", "^error: --all: revisions are branches, commits"),
        )
    ),
    Case(f"{DESCRIBE} x.csv", nothing, BAD_DATA, "x.csv:? cannot be read: .*No such"),
    Case(f"{DESCRIBE} y.csv", put("y.csv", "name\n"), BAD_DATA, "y.csv: column 'timm' is missing"),
]

VARIABLES = {
    "WORKERS": ("a whole number from 1", ("0", "-1", "two", "1.5", "", "٣", "100000")),
    "SCHEDULER": (
        "an address such as tcp://host:8786, or null, is allowed",
        ("host:8786", "http://host:8786", "tcp://host"),
    ),
    "UNIT_LIMIT": ("seconds above 0, or null, are allowed", ("0", "-1", "1 h", "1e3", "٣")),
}
IDX = Path("mirror/ossci-datasets.s3.amazonaws.com/mnist/t10k-images-idx3-ubyte.gz")
NO_MIRROR = "is not a folder and not an ht"
ENVIRONMENT = [
    *(
        Case("align", nothing, USAGE, f"{name}: '{v}'; {needs}", {name: v})
        for name, (needs, values) in VARIABLES.items()
        for v in values
    ),
    *(
        Case("download tasks", both(task("mnist"), damage), code, words, {"DATA_MIRROR": mirror})
        for mirror, damage, code, words in (
            ("nowhere", nothing, USAGE, f"DATA_MIRROR: 'nowhere' {NO_MIRROR}"),
            ("ftp://x", nothing, USAGE, f"DATA_MIRROR: 'ftp:.*' {NO_MIRROR}"),
            ("mirror", put("mirror/x", ""), BAD_DATA, f"{IDX}: missing in DATA_MIRROR .public add"),
            ("mirror/.", put(IDX, "x"), BAD_DATA, f"{IDX}: wrong digest sha256:.*is sha256:8d42"),
        )
    ),
]

FOUR = np.arange(16.0).reshape(4, 4) + np.arange(16.0).reshape(4, 4).T
LINES = both(own("matrix", "m.csv", ""), put("pictures/a\nb.png", ""))
BAD_IMAGE = both(own("matrix", "m.npy", npy_bytes(FOUR)), put("pictures/1.png", b"\x89PNG\r\n"))
PICKLED = both(task("npz", file="t.npz"), put("t.npz", pickles()["npz"]))
MINE = "studies/files/mine"
LINKED = both(
    own("matrix", "m.npy", npy_bytes(FOUR)),
    put("studies/files/x", ""),
    lambda: Path(MINE).symlink_to(Path("pictures").absolute()),
    edit(S, "stimuli", "own", "images", value=MINE),
)
OWN = [  # what else is wrong with a file of your own is in test_own.py and hostile.py
    Case("check", LINES, BAD_DATA, r"pictures: 'a.nb.png': a printable name without backslash"),
    *cases(
        "download stimuli",
        FAILED_UNITS,
        (BAD_IMAGE, "pictures/1.png: not readable as an image"),
        (own("matrix", "m.mat", b"\x89HDF\r\n\x1a\n"), "m.mat: .* of version 7.3; .* option '-v7'"),
    ),
    Case("check", LINKED, USAGE, f"stimuli.own: '{MINE}' is behind a link to a folder, .* copy"),
    Case("download tasks", PICKLED, FAILED_UNITS, "t.npz: .*Object arrays cannot be loaded"),
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


NO_STIMULI = partial(shutil.rmtree, DATA / HUMAN)
OTHERS = put(DATA / HUMAN / "judgments.npz", npz_bytes(similarity=FOUR))
WITHOUT = tensors(EMBEDDINGS, lambda t: t.pop("stimuli/discs"))
WITH_NAN = tensors(EMBEDDINGS, lambda t: t["stimuli/discs"].fill(np.nan))
NEGATIVE, WORDS = npz(NOVEL, labels=np.array([-1, 0])), npz(NOVEL, labels=np.array(["a", "b"]))
MADE = [
    *cases("pretrain", BAD_DATA, (gone(IMAGES), f"images.npz: {ABSENT}")),
    *cases("pretrain", FAILED_UNITS, (cut(IMAGES), f"7 of 7 jobs failed: .*{IMAGES}: {PART}")),
    *cases(
        "embed transfer",
        BAD_DATA,
        (gone(CHECKPOINT), f"{CHECKPOINT}: {ABSENT}"),
        (NO_STIMULI, f"data/{HUMAN}/images: {ABSENT}"),
    ),
    *cases(
        "embed transfer",
        FAILED_UNITS,
        (cut(CHECKPOINT), f"2 of 12 jobs .*{CHECKPOINT}: not a check"),
        (put(DATA / PICTURE, "x"), f"6 of 12 .*{PICTURE}: not readable as an im"),
        (cut(NOVEL), f"6 of 12 jobs failed: .*{NOVEL}: {PART}"),
    ),
    *cases(
        "align",
        BAD_DATA,
        (gone(f"{HUMAN}/judgments.npz"), f"discs/judgments.npz: {PART}: .*No such file"),
        (OTHERS, r"similarity: float64 of shape \(4, 4\); 10 stimuli need"),
        (gone(EMBEDDINGS), f"{EMBEDDINGS}: No such file"),
        (cut(EMBEDDINGS), f"{EMBEDDINGS}: .*incomplete metadata"),
        (WITHOUT, f"{EMBEDDINGS}: .*stimuli/discs"),
        (WITH_NAN, "'stimuli/discs' must be finite"),
        (gone(INDEX), f"{INDEX}: not readable as JSON: .*No such file"),
        (index([]), f"{INDEX}: a mapping of models is needed, not list"),
    ),
    *cases(
        "fewshot",
        BAD_DATA,
        (tensors(EMBEDDINGS, halved), r"'tasks/novel' is F16 \[.*\]; F32 \[N, D\] is needed"),
        (index({}), f"{INDEX}: test_vit.untrained: this model is missing"),
        (cut(NOVEL), f"{NOVEL}: {PART}"),
        (NEGATIVE, rf"{NOVEL}: labels are int64 \(2,\); \[N\] from 0 are needed"),
        (WORDS, rf"{NOVEL}: labels are <U1 \(2,\); \[N\] from 0 are needed"),
    ),
    *(
        Case(stage, edit(P, *keys, value=value), USAGE, f"params.yaml: fewshot.n: {words}")
        for stage, keys, value, words in (
            ("fewshot", ["fewshot", "n"], [1, 9], "9; the smallest .* 1 to 8 are allowed"),
            ("check", ["fewshot", "n"], [1, 9], "9; .* task 'novel' has 9 .* 1 to 8 are allowed"),
            ("check", ["tasks", "per_class"], 2, "3; .* has 2 images, so that 1 to 1 are allowed"),
            ("check", ["tasks", "per_class"], 1, "1; .* has 1 image, so that two are needed"),
        )
    ),
    *cases(
        "robustness",
        BAD_DATA,
        (gone("benchmarks/edges.npz"), f"benchmarks/edges.npz: {ABSENT}"),
        (
            cut("checkpoints/reference.safetensors"),
            "checkpoints/reference.safetensors: not a checkpoint of this project",
        ),
        (
            tensors(REFERENCE, five),
            r"reference.safetensors: .*adversarial' has 5 rows, .*adversarial.npz has \(72,\)",
        ),
        (
            npz(POOL, labels=np.arange(3)),
            r"'benchmarks/adversarial' has 72 rows, .*adversarial.npz has \(3,\) labels",
        ),
    ),
]

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
HEADER, SHIFT = "model' is missing", "theory/shift.csv"
TABLES = cases(
    "analyze",
    BAD_DATA,
    (index({"a": {"weights": "tuned"}}), "a: weights: 'tuned'; one of .*'trained'"),
    (gone("covariate.json"), "covariate.json: not readable as JSON: .*No such file"),
    (put(DATA / "covariate.json", "{}"), "covariate.json: not readable as .*'left_out'"),
    *((gone(f"{t}.csv"), f"{t}.csv cannot be read: .*No such file") for t in NEEDED),
    *(
        (cell(t, c, v, row), f"{t}.csv: line {row + 2}: {c}: '{v}'; {m}")
        for t, c, v, row, m in CELLS
    ),
    (put(DATA / "alignment.csv", ""), f"alignment.csv: column '{HEADER}"),
    (table("alignment", lambda rows: rows[:0]), r"alignment.csv: has no rows"),
    (put(DATA / "fewshot.csv", "a,b\n1,2\n"), rf"fewshot.csv: column '{HEADER}; \['model', 'weig"),
    (
        table("fewshot", lambda rows: pd.concat([rows, rows[-1:]])),
        "fewshot.csv: line 74: duplicate: model",
    ),
    (
        table("fewshot", lambda rows: rows[rows["model"] != "test_vit.repel"]),
        "novel.*: no value for test_vit.repel",
    ),
    (put(DATA / SHIFT, "epsilon\n0.1\n"), f"{SHIFT}: column 'shift' is missing"),
    (cut("stimuli/stars/judgments.npz"), f"stars/judgments.npz: {PART}"),
    (
        gone("stimuli/stars/images/000-stars.png"),
        r"stars/judgments.npz: similarity: float64 of shape \(10, 10\); 9 stimuli",
    ),
)

CASES = [*PARAMETERS, *COMMANDS, *ENVIRONMENT, *OWN, *MADE, *TABLES]
