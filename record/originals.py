"""Published tables of real models as their authors keep them, and how their models are joined.

Likeness to people or brains, and accuracies. All are pinned in `registry.txt`; docs/published.md
says what each is, and what of it is not known. Only `make record` reads them.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from stages.runtime.errors import DataError
from stages.runtime.tables import Column, Record, read_table
from stages.sources.fetch import REMOTES, fetch

PARAMETERS, TOP1 = 0.01, 0.1
"""Two rows are of the same weights if parameters differ by at most this share, top-1 by at most so
many points, and their images are of one size."""
CLICKME = {"imgnet_alignment": "imagenet", "co3d_alignment": "co3d", "acc": "co3d_probe"}
CLICKME |= {"imgnet_acc": "top1"}
METRICS = ("crsa", "wrsa", "srpr")
NETWORK = ["architecture", "source", "task", "kind"]
REGIONS = ("loc", "pfs", "evc", "it")
DEEPNSD = {"resnet50": "tv_resnet50", "regnety_064": ""}
"""Names of DeepNSD that mean other weights than the same names of January 2022. Its own top-1 tells
them (publication/source_data/model_statistics/imagenet1k.csv): resnet50 has 76.1, torchvision's;
regnety_064 has 83.72, of weights that came with timm 0.6, against 79.72. All others that both have
are at most 0.03 points apart."""


def original(name: str, columns: Mapping[str, Column], unique: Sequence[str] = ()) -> pd.DataFrame:
    """A pinned table, its columns checked; others are kept as text."""
    return read_table(fetch(REMOTES[name]), columns, unique=unique, more=True)


def timm_results(source: str, benchmarks: Sequence[str]) -> pd.DataFrame:
    """timm's results, index (model, img_size): parameters in millions; top-1 and top-5 in per cent.

    source : "timm_results" (January 2022) or "timm_2026". A benchmark's columns are <benchmark> and
    <benchmark>_top5; NaN where it lacks a row of ImageNet's.
    """
    key, percent = ["model", "img_size"], Column(float, low=0, high=100)
    parts: list[pd.Series | pd.DataFrame] = []
    schema = {"model": Column(), "img_size": Column(int), "top1": percent, "top5": percent}
    for benchmark in benchmarks:
        table = original(f"{source}/{benchmark}", schema, key).set_index(key)
        if not parts:
            millions = table["param_count"].str.replace(",", "").astype(float)
            parts.append(millions.rename("parameters"))
        names = {"top1": benchmark, "top5": f"{benchmark}_top5"}
        parts.append(table[list(names)].rename(columns=names))
    return pd.concat(parts, axis=1).loc[parts[0].index]


def clickme() -> pd.DataFrame:
    """Index model, today's name: kind, the two kinds of likeness, CO3D's probe, and its top-1."""
    schema = {"model": Column(), "model_type": Column()} | dict.fromkeys(CLICKME, Column(float))
    table = original("clickme/models", schema, ["model"]).set_index("model").sort_index()
    found = table[list(CLICKME)].rename(columns=CLICKME)
    return found.assign(kind=table["model_type"].replace("timm", "other"))  # of one, a hybrid


def brain() -> pd.DataFrame:
    """Index model, DeepNSD's name: kind, the agreement of each measure, and the name of 2022."""
    schema = dict.fromkeys(("model", "train_task", "metric", "model_class"), Column())
    schema |= {"score": Column(float)}
    table = original("brain/models", schema, ["model", "train_task", "metric"])
    table = table[table["train_task"] == "classification"]
    found = table.pivot(index="model", columns="metric", values="score")[list(METRICS)]
    kinds = table.drop_duplicates("model").set_index("model")["model_class"].str.lower()
    old = [DEEPNSD.get(str(name), str(name)) for name in found.index]
    return found.assign(kind=kinds, timm_2022=old)


def join_2022(
    models: pd.DataFrame,
    rows: pd.DataFrame,
    registry: Mapping[str, str],
    known: Mapping[str, str],
) -> dict[str, str]:
    """The name in January 2022 of each of today's models whose weights were there.

    Parameters
    ----------
    models, rows : of today and of 2022, index name; columns img_size, parameters (NaN is not
        compared) and top1.
    registry : timm's deprecation registry, old name -> `architecture.tag`. It is wrong in places
        (ig_resnext101_32x16d), and so is a name without its tag: `same_weights` must agree.
    known : name of 2022 -> today's, from studies/models/paper.csv, which compared checkpoints. It
        decides where it knows a name: two kinds of weights may be near in top-1 (resnet101's of
        2022 and torchvision's second ones by 0.05 points).

    Raises
    ------
    DataError
        No model has a row; or a row fits two models, or a model two rows.
    """
    today, then = models.to_dict("index"), rows.to_dict("index")
    pairs = [(name, old) for old, name in registry.items()]
    pairs += [(name, name.partition(".")[0]) for name in map(str, models.index)]
    found = [
        (name, old)
        for name, old in dict.fromkeys(pairs)
        if name in today and old in then
        if old == name or known.get(old, name) == name
        if same_weights(today[name], then[old])
    ]
    if not found:
        raise DataError("join: no model has a row of January 2022")
    for side, other in ((0, 1), (1, 0)):
        for one, count in Counter(pair[side] for pair in found).items():
            if count > 1:
                several = sorted(pair[other] for pair in found if pair[side] == one)
                raise DataError(f"join: '{one}' is ambiguous: it fits {' and '.join(several)}")
    return dict(found)


def same_weights(a: Mapping[Any, Any], b: Mapping[Any, Any]) -> bool:
    """Whether two rows of results may be of the same weights: size, parameters and top-1."""
    apart = abs(a["parameters"] / b["parameters"] - 1)
    near = abs(a["top1"] - b["top1"]) <= TOP1 + 1e-9
    return bool(a["img_size"] == b["img_size"] and not apart > PARAMETERS and near)


def networks(table: pd.DataFrame) -> pd.Series:
    """What each row's network is called: its architecture, where it is from, what it learned."""
    learned = table["task"].where(table["task"] != "None", table["kind"])
    names = table["architecture"] + " " + table["source"] + " " + learned
    return names.map(lambda name: "-".join(re.findall(r"[A-Za-z0-9]+", name)))


def layers() -> pd.DataFrame:
    """A row a layer, index model: its network (family), kind, and the score of each region."""
    parts = []
    for region in REGIONS:
        schema = dict.fromkeys((*NETWORK, "layer"), Column()) | {"score": Column(float)}
        table = original(f"layers/{region}", schema, [*NETWORK, "layer"])
        table["family"] = networks(table)
        table = table.set_index(table["family"] + "." + table["layer"])
        parts.append(table["score"].rename(region))
    kinds = table["kind"].str.lower()
    return pd.concat([table["family"], kinds, *parts], axis=1).rename_axis("model")


def layers_fewshot(task: str, heads: Sequence[str]) -> list[Record]:
    """A row a layer and head: mean top-1 over ten draws, a column for each n."""
    rows: list[Record] = []
    key = [*NETWORK, "layer", "n_train", "i_repeat"]
    schema = dict.fromkeys(key[:-2], Column()) | dict.fromkeys(key[-2:], Column(int, low=0))
    schema |= {"accuracy (top 1)": Column(float, low=0, high=1)}
    for head in heads:
        table = original(f"layers/{task}_{head}", schema, key)
        model = (networks(table) + "." + table["layer"]).rename("model")
        cells = table.groupby([model, table["n_train"]], sort=False)["accuracy (top 1)"].mean()
        wide = cells.unstack().round(6)
        rows += [
            {"model": model, "head": head} | {str(n): value for n, value in row.items()}
            for model, row in wide.to_dict("index").items()
        ]
    return rows
