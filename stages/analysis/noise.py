"""How far alignment and few-shot accuracy can be trusted: noise ceilings, participants, repeats."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from scipy.stats import t as student_t

from stages.analysis.inputs import aligned
from stages.analysis.outcomes import records
from stages.analysis.partial import TERMS, constant, partial_correlation
from stages.analysis.results import Outcome
from stages.runtime.errors import DataError
from stages.runtime.tables import Record

CELL = ["task", "head", "n"]


def ceilings(sets: Mapping[str, Record | None], alignment: pd.DataFrame) -> list[Record]:
    """Table `ceilings`: noise ceilings of every set with repeated judgments, by measure.

    None is a value that is undefined; for which, see `stages.similarity.ceilings`. `best_model` is
    that of the highest value comparable with `leave_one_out` and `upper`: with participants, its
    mean alignment with them one by one. With votes it is alignment with the majorities of triplets
    that are not tied, the only one that is measured; single votes agree with that less, so that it
    may exceed `upper`.

    sets : by name, what `noise_ceilings` returned. alignment : alignment.csv.
    """
    alignment = alignment.assign(single=alignment["judge"] != "group")
    cells = alignment.groupby(["set", "single", "measure"])
    rows = []
    for name, judged in ((name, found) for name, found in sets.items() if found is not None):
        for ceiling in judged["ceilings"]:
            cell = cells.get_group((name, judged["form"] == "participants", ceiling["measure"]))
            values = cell.groupby("model", sort=False)["value"].mean()
            about = {"set": name, "form": judged["form"], "measure": ceiling["measure"]}
            about |= {"judges": judged["judges"], "stimuli": judged["stimuli"]}
            best = {"best_model": str(values.idxmax()), "best_value": float(values.max())}
            rows.append(about | ceiling | best)
    return rows


def participants(
    alignment: pd.DataFrame, controls: pd.DataFrame | pd.Series, outcome: Outcome
) -> list[Record]:
    """Table `participants`: alignment with each one, over models, and its relation to an outcome.

    r_z2 and r_linear are partial correlations of z² and of plain alignment with the outcome,
    controlling for the controls; None where all models score the same on one of the three.

    alignment : alignment.csv. controls : [M] or [M, C], indexed by model.
    """
    single = alignment[alignment["judge"] != "group"]
    rows: list[Record] = []
    for (name, judge, measure), cell in single.groupby(["set", "judge", "measure"], sort=False):
        values = cell.set_index("model")["value"]
        y = aligned(outcome.values, values.index, f"{name}, {judge}: the outcome").to_numpy()
        c = controls.loc[values.index].to_numpy()
        x = values.to_numpy()
        row = {"set": name, "participant": judge, "measure": measure}
        row |= {"mean": x.mean(), "lowest": x.min(), "highest": x.max()}
        row["best_model"] = values.idxmax()
        for column, transform in zip(("r_z2", "r_linear"), TERMS.values(), strict=True):
            scores = x if constant(x) else transform(x)
            row[column] = partial_correlation(scores, y, c)["r"]
        rows.append(row | {"task": outcome.outcome, "n": outcome.n})
    return rows


def reliability(fewshot: pd.DataFrame) -> list[Record]:
    """Table `reliability`: of each task, head and n, how far its repeats agree.

    sd : mean over models of the standard deviation (n - 1) over repeats.
    rank_stability : mean Spearman correlation, over pairs of repeats, of the models' accuracy.
    reliability : of the mean over k repeats, k r / (1 + (k - 1) r) with r the mean Pearson
        correlation over pairs of repeats (Spearman 1910; Brown 1910).

    None, with the reason in `undefined`, for one repeat, and where in a repeat all models score the
    same; reliability alone where r is below 0. A model without a repeat is a DataError.
    """
    rows = []
    for key, part in fewshot.groupby(CELL, sort=False):
        wide = part.pivot(index="model", columns="repeat", values="accuracy")
        labels = dict(zip(CELL, key, strict=True))
        if (gaps := wide.isna().any(axis=1)).any():
            lacking = ", ".join(map(str, wide.index[gaps]))
            raise DataError(f"fewshot: {labels}: repeats are missing of {lacking}")
        size = {"repeats": wide.shape[1], "models": wide.shape[0]}
        rows.append(labels | size | _agreement(wide.to_numpy(float)))
    return rows


def _agreement(values: np.ndarray) -> Record:
    """sd, rank_stability and reliability of accuracies [M models, R repeats]."""
    models, repeats = values.shape
    found: Record = {"sd": None, "rank_stability": None, "reliability": None}
    if repeats < 2:
        return found | {"undefined": "one repeat"}
    found["sd"] = float(values.std(axis=1, ddof=1).mean())
    if models < 2:
        return found | {"undefined": "one model"}
    if any(constant(column) for column in values.T):
        return found | {"undefined": "all models score the same in a repeat"}
    pairs = np.triu_indices(repeats, 1)
    r, found["rank_stability"] = (
        float(np.asarray(np.corrcoef(columns, rowvar=False))[pairs].mean())
        for columns in (values, rankdata(values, axis=0))
    )
    if r < 0:
        return found | {"undefined": "repeats correlate negatively"}
    return found | {"reliability": repeats * r / (1 + (repeats - 1) * r), "undefined": ""}


def accuracy(fewshot: pd.DataFrame, confidence: float) -> list[Record]:
    """Table `accuracy`: each model's mean over repeats, and its t interval; None for one repeat.

    It says how far other examples would move the mean; with few repeats it may leave [0, 1].
    """
    cells = fewshot.groupby(["model", *CELL], sort=False)["accuracy"]
    table = cells.agg(accuracy="mean", sd="std", repeats="count").reset_index()
    freedom = np.maximum(table["repeats"] - 1, 1)
    # The standard deviation of one repeat is NaN.
    half = student_t.ppf(0.5 + confidence / 2, freedom) * table["sd"] / np.sqrt(table["repeats"])
    table = table.assign(low=table["accuracy"] - half, high=table["accuracy"] + half)
    return records(table[["model", *CELL, "accuracy", "low", "high", "repeats"]])
