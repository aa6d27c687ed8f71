"""How far alignment can be trusted: noise ceilings, single participants, errors over stimuli."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from stages.inference.outcomes import Record
from stages.inference.partial import constant, partial_r, z, z_squared
from stages.inference.tables import aligned
from stages.runtime.jobs import Job, payload, run
from stages.runtime.machine import Place
from stages.runtime.source import file_digest, unit_key
from stages.similarity.measures import MEASURES
from stages.similarity.repeated import Repeated
from stages.sources.human import read_judgments

_GROUP = "group"
REPEATED = "stages.similarity.repeated"


def repeated_sets(stimuli: Path, names: Sequence[str], seed: int) -> dict[str, Repeated]:
    """Those of a folder's stimulus sets that were judged more than once, by name.

    Ceilings depend on no model and no head, so that they are mostly in the artifact cache; else
    they are computed in this process.

    Raises
    ------
    DataError
        Judgments are not readable, or not of as many stimuli as there are images; before any work.
    """
    for name in names:
        read_judgments(stimuli / name)
    keys = {
        name: unit_key(
            "ceilings",
            [REPEATED],
            ["numpy", "scipy"],
            judgments=file_digest(stimuli / name / "judgments.npz"),
            set=name,
            seed=seed,
        )
        for name in names
    }
    job = Job("noise ceilings", keys, f"{REPEATED}:ceilings", (stimuli, seed))
    run("ceilings", [job], Place())
    found = {name: Repeated.of_json(payload(job, name)) for name in names}
    return {name: one for name, one in found.items() if one is not None}


def ceilings(sets: Mapping[str, Repeated], alignment: pd.DataFrame) -> list[Record]:
    """Noise ceilings of every set with repeated judgments, one row a set and measure.

    None is a value that is undefined; for which, see `stages.similarity.ceilings`. `best_model` is
    that of the highest value comparable with `leave_one_out` and `upper`: with participants, its
    mean alignment with them one by one. With votes it is alignment with the majorities of triplets
    that are not tied, the only one that is measured; single votes agree with that less, so that it
    may exceed `upper`.

    Parameters
    ----------
    sets : by name. alignment : columns model, set, measure, judge, value.

    Returns
    -------
    set, form (participants or votes), measure, judges (participants; of votes the most that a
    triplet has), stimuli, leave_one_out, upper, split_half, spearman_brown, best_model, best_value.
    """
    rows: list[Record] = []
    for name, judged in sets.items():
        own = alignment[alignment["set"] == name]
        own = own[(own["judge"] == _GROUP) == (judged.form == "votes")]
        for one in judged.ceilings:
            values = own[own["measure"] == one.measure].groupby("model", sort=False)["value"].mean()
            rows.append(
                {
                    "set": name,
                    "form": judged.form,
                    "measure": one.measure,
                    "judges": judged.judges,
                    "stimuli": judged.stimuli,
                    "leave_one_out": one.leave_one_out,
                    "upper": one.upper,
                    "split_half": one.split_half,
                    "spearman_brown": one.spearman_brown,
                    "best_model": str(values.idxmax()),
                    "best_value": float(values.max()),
                }
            )
    return rows


def participants(
    alignment: pd.DataFrame,
    covariate: pd.Series,
    outcome: pd.Series,
    labels: Mapping[str, Any],
) -> list[Record]:
    """Alignment with each participant: over models, and how it goes with an outcome.

    Parameters
    ----------
    alignment : columns model, set, measure, judge, value.
    covariate, outcome : one value a model, indexed by model.
    labels : what the outcome is (task, n); stands in every row.

    Returns
    -------
    set, participant, measure; mean, lowest and highest over models, and the best model; r_z2 and
    r_linear, the partial Pearson correlation of z² and of plain alignment with the outcome, given
    the covariate; None where all models score the same on one of the three.

    Raises
    ------
    DataError
        A model lacks a value.
    """
    single = alignment[alignment["judge"] != _GROUP]
    rows: list[Record] = []
    for (name, judge, measure), cell in single.groupby(["set", "judge", "measure"], sort=False):
        values = cell.set_index("model")["value"]
        y = aligned(outcome, values.index, f"{name}, {judge}: the outcome").to_numpy()
        c = aligned(covariate, values.index, f"{name}, {judge}: the covariate").to_numpy()
        row: Record = {
            "set": str(name),
            "participant": str(judge),
            "measure": str(measure),
            "mean": float(values.mean()),
            "lowest": float(values.min()),
            "highest": float(values.max()),
            "best_model": str(values.idxmax()),
        }
        for column, transform in (("r_z2", z_squared), ("r_linear", z)):
            x = values.to_numpy()
            x = x if constant(x) else transform(x)
            undefined = any(constant(one) for one in (x, y, c))
            row[column] = None if undefined else partial_r(x, y, c)
        rows.append(row | dict(labels))
    return rows


def alignment_errors(alignment: pd.DataFrame) -> dict[str, Record]:
    """Each model's alignment, the mean over sets, and its standard error over stimuli.

    Sets have stimuli of their own, so that errors are independent: sqrt(sum se²) / sets.

    Parameters
    ----------
    alignment : columns model, set, measure, judge, value, se.

    Returns
    -------
    By model, for each of `MEASURES` its value and, as <measure>_se, its error: both None where no
    set supports the measure, the error also where that of one set is undefined.
    """
    group = alignment[alignment["judge"] == _GROUP]
    models = dict.fromkeys(alignment["model"])
    empty = {key: None for measure in MEASURES for key in (measure, f"{measure}_se")}
    rows: dict[str, Record] = {str(model): dict(empty) for model in models}
    for (model, measure), cell in group.groupby(["model", "measure"], sort=False):
        error = math.sqrt(float((cell["se"] ** 2).sum(skipna=False))) / len(cell)
        rows[str(model)][str(measure)] = float(cell["value"].mean())
        rows[str(model)][f"{measure}_se"] = None if math.isnan(error) else error
    return rows
