"""timm's published results: ImageNet and its robustness benchmarks, as of January 2022.

The smallest version of these tables that holds all of the paper's 491 models, under their names of
that time; its crop column is spelt `cropt_pct`. Pinned by commit and digest.
"""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd

from stages.runtime.errors import DataError
from stages.sources.fetch import Remote, fetch
from stages.sources.guards import readable

_RESULTS = (
    "https://raw.githubusercontent.com/huggingface/pytorch-image-models/"
    "499c4749d75fa9eb88001499f5f5a8d86b5d1a09/results"
)


def _remote(name: str, sha256: str, size: int) -> Remote:
    return Remote(f"{_RESULTS}/{name}", (f"sha256:{sha256}:{size}",))


TABLES = {
    "imagenet": _remote(
        "results-imagenet.csv",
        "cb5d9aa1beada6800ca8620a9bcf311b90b541b605ccefd22f1953c50c91cf2d",
        37706,
    ),
    "imagenet_a": _remote(
        "results-imagenet-a.csv",
        "c786339a36c99f83d867664633f9a31e14f461e0f9f15964c1c3a1fe98fffcff",
        48953,
    ),
    "imagenet_r": _remote(
        "results-imagenet-r.csv",
        "62f7ea63267c775a2b064bbb64858edf0e3c4e510d7627949859ab6b8f196df0",
        49220,
    ),
    "imagenet_sketch": _remote(
        "results-sketch.csv",
        "47cafd2426fab293644f6c213cdf1ace28437cc5ea0cc0a7deb175f7d2a58a9e",
        49210,
    ),
    "imagenet_real": _remote(
        "results-imagenet-real.csv",
        "4ba00aedc5ec9f4a972f129523eadb4cd85441e3cf8dc62d4923777695ccd03e",
        47316,
    ),
    "imagenet_v2": _remote(
        "results-imagenetv2-matched-frequency.csv",
        "bfa8fd4838d4589b352cba82a0c2ee29ad6d7c6761d4bc2085d65575ecc8fb29",
        48217,
    ),
}
"""Published accuracy by benchmark."""

IMAGES = {
    "imagenet": 50_000,
    "imagenet_a": 7_500,
    "imagenet_r": 30_000,
    "imagenet_sketch": 50_889,
    "imagenet_real": 46_837,
    "imagenet_v2": 10_000,
}
"""Images that each benchmark has, as its authors say."""

CLASS_LISTS = {
    "imagenet": _remote(
        "imagenet_synsets.txt",
        "70002b0ff5de60a3a17a82dbfcff291931f96225ddf941ad2e182fc39e183d15",
        10000,
    ),
    "imagenet_a": _remote(
        "imagenet_a_synsets.txt",
        "9826a24166e74ce62fb87b27889874ca26917542c745712309d6e25855d63bc2",
        2000,
    ),
    "imagenet_r": _remote(
        "imagenet_r_synsets.txt",
        "a6a0729f7a99230280639cab6e51e01485a3b41a676ea35621a501c9d6e83ca4",
        2000,
    ),
}
"""WordNet ids of the classes of ImageNet, and of the 200 of ImageNet-A and -R."""

THROUGHPUT = _remote(
    "model_benchmark_amp_nchw_rtx3090.csv",
    "fb32a31838fb2caa8dd8de5b0bb1a03ae9948f2195784ecf181d42b8e52eda1a",
    39905,
)
"""Images a second of each model on one RTX 3090, in mixed precision."""

_COLUMNS = ["model", "top1", "top5", "param_count", "img_size", "cropt_pct", "interpolation"]


def read_published(path: Path) -> pd.DataFrame:
    """Published top-1 and top-5 by timm's name of 2022.

    Returns
    -------
    Index model; columns top1, top5, shares in [0, 1].

    Raises
    ------
    DataError
        A column is missing, a model is there twice, or a value is no percentage.
    """
    table = read_csv(path, _COLUMNS)
    numbers = table.set_index("model")[["top1", "top5"]].apply(pd.to_numeric, errors="coerce")
    shares = numbers / 100
    bad = shares[~((shares >= 0) & (shares <= 1)).all(axis=1)]
    if len(bad):
        raise DataError(f"{path}: {bad.index[0]}: top1 and top5 must be percentages, 0 to 100")
    return shares


def read_throughput(path: Path) -> pd.DataFrame:
    """Index model (timm's name of 2022); columns images a second, and the image size it was at."""
    columns = ["model", "infer_samples_per_sec", "infer_img_size"]
    table = read_csv(path, columns).set_index("model")[columns[1:]]
    table = table.apply(pd.to_numeric, errors="coerce")
    bad = table[~((table > 0) & (table < 1e9)).all(axis=1)]
    if len(bad):
        raise DataError(f"{path}: {bad.index[0]}: {columns[1]} and {columns[2]} must be above 0")
    return table


def read_csv(path: Path, columns: list[str]) -> pd.DataFrame:
    """A CSV that has these columns, and each model once."""
    with readable(path, "CSV"):
        table = pd.read_csv(io.BytesIO(path.read_bytes()), dtype={"model": str})
    absent = [column for column in columns if column not in table]
    if absent:
        raise DataError(f"{path}: column '{absent[0]}' is missing; it has {list(table)}")
    twice = table["model"][table["model"].duplicated()]
    if len(twice):
        raise DataError(f"{path}: '{twice.iloc[0]}' is there twice")
    return table


def class_indices(name: str) -> dict[str, int]:
    """Index among ImageNet's 1 000 classes of each class that a benchmark has, by WordNet id."""
    every = fetch(CLASS_LISTS["imagenet"]).read_text().split()
    wanted = fetch(CLASS_LISTS[name]).read_text().split()
    return {synset: every.index(synset) for synset in wanted}
