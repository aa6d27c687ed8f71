"""The report's tables of noise: ceilings, participants, draws of examples, single models."""

from __future__ import annotations

from stages.figures.cells import (
    Cell,
    Grid,
    count,
    decimal,
    missing,
    number,
    percent,
    word,
)
from stages.figures.grids import LONG
from stages.inference.facts import HEADS, MEASURES, Facts
from stages.inference.outcomes import Record, Tables


def ceilings(tables: Tables, facts: Facts) -> Grid:
    """How well could any model do?"""
    rows = tables.get("ceilings", [])
    return Grid(
        "ceilings",
        "Noise ceilings: how well could any model do?",
        f"Agreement of {facts.judges} among themselves. Leave-one-out, each with all others: the "
        "lower bound of what the best model could reach; upper, each with all: the upper bound. "
        "Split half: two halves with each other, and that stepped up to all (Spearman-Brown). "
        "Best model: where there are participants, its mean agreement with them one by one; where "
        "there are votes only, its agreement with majorities, which may exceed upper.",
        [
            "set",
            "form",
            "measure",
            "judges",
            "stimuli",
            "leave-one-out",
            "upper",
            "split half",
            "Spearman-Brown",
            "best model",
            "its value",
        ],
        [
            [
                word(row["set"]),
                word(row["form"]),
                word(MEASURES[row["measure"]]),
                count(row["judges"]),
                count(row["stimuli"]),
                *(
                    number(row[column], reason=_undefined(row, column))
                    for column in ("leave_one_out", "upper", "split_half", "spearman_brown")
                ),
                word(row["best_model"]),
                number(row["best_value"]),
            ]
            for row in rows
        ],
        len(rows) > LONG,
        "No stimulus set of this study has repeated judgments.",
    )


def _undefined(row: Record, column: str) -> str:
    """Why a set has no such ceiling."""
    if column == "spearman_brown" and (row["split_half"] or 0) < 0:
        return "the halves do not correlate above 0"
    if row["form"] == "participants" and column in ("upper", "split_half"):
        return "too many stimuli for triplets"
    return f"not defined for {row['form']} by this measure"


def participants(tables: Tables, facts: Facts) -> Grid:
    """Alignment with each participant."""
    rows = tables.get("participants", [])
    what = f"{rows[0]['task']} {rows[0]['n']}-shot" if rows else ""
    who = "simulated observer" if facts.simulated else "participant"
    same = "all models score the same"
    return Grid(
        "participants",
        f"Alignment with each {who}",
        f"Mean, lowest and highest over models; partial correlation of z² and of alignment itself "
        f"with {what} accuracy, given {facts.given}.",
        ["set", who, "measure", "mean", "lowest", "highest", "best model", "r of z²", "r"],
        [
            [
                word(row["set"]),
                word(row["participant"]),
                word(MEASURES[row["measure"]]),
                *(number(row[column]) for column in ("mean", "lowest", "highest")),
                word(row["best_model"]),
                *(number(row[column], reason=same) for column in ("r_z2", "r_linear")),
            ]
            for row in rows
        ],
        True,
        "No stimulus set of this study has participants told apart.",
    )


def reliability(tables: Tables, facts: Facts) -> Grid:
    """Would another draw of examples say the same?"""
    rows = tables.get("reliability", [])
    single = "needs two draws"
    return Grid(
        "reliability-table",
        "Would another draw of the examples say the same?",
        "sd: over draws of one model’s accuracy, in percentage points, mean over models. "
        "Stability: mean Spearman correlation of two draws’ rankings. Reliability: of the mean "
        "over draws (Spearman-Brown).",
        ["task", "head", "n", "draws", "models", "sd", "stability", "reliability"],
        [
            [
                word(row["task"]),
                word(HEADS[row["head"]]),
                *(count(row[column]) for column in ("n", "repeats", "models")),
                percent(row["sd"], row.get("undefined") or single),
                number(row["rank_stability"], 3, reason=row.get("undefined") or single),
                number(row["reliability"], 3, reason=row.get("undefined") or single),
            ]
            for row in rows
        ],
        len(rows) > LONG,
        "Nothing is known of other draws.",
    )


def models(tables: Tables, facts: Facts) -> Grid:
    """Every model and how sure its alignment is."""
    rows = tables.get("models", [])
    own = [m for m in MEASURES if rows and m in rows[0]]
    return Grid(
        "models",
        f"All {len(rows)} models",
        f"Covariate in per cent ({facts.given}); alignment ± its standard error, a bootstrap over "
        "stimuli of the mean over sets.",
        ["model", "family", "weights", "covariate", *(MEASURES[m] for m in own)],
        [
            [
                *(word(row[column]) for column in ("model", "group", "weights")),
                percent(row["covariate"]),
                *(_sure(row, m) for m in own),
            ]
            for row in rows
        ],
        True,
    )


def _sure(row: Record, measure: str) -> Cell:
    value, error = row[measure], row.get(f"{measure}_se")
    if value is None:
        return missing("no stimulus set supports this measure")
    about = "no standard error" if error is None else f"± {decimal(error, 3)}"
    return Cell(decimal(value, 3), below=about)
