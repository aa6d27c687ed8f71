"""All that is found, as tables of records; figures, plots and the report show nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stages.inference.bridge import bridge, bridge_tests
from stages.inference.contrasts import contrasts, factors
from stages.inference.correlations import Families, correlations
from stages.inference.families import family_index
from stages.inference.noise import alignment_errors, ceilings, participants
from stages.inference.outcomes import Tables
from stages.inference.paper import (
    appendix_c,
    gain,
    measures,
    relabelled,
    relabelled_tests,
)
from stages.inference.paper import beside as with_paper
from stages.inference.records import (
    alignment_fewshot,
    families,
    groups_by_n,
    scatter,
    table1,
)
from stages.inference.reliability import accuracy, reliability
from stages.inference.results import Record, Results
from stages.inference.ushape import u_tests
from stages.similarity.repeated import Repeated
from stages.study.pairs import Pair
from stages.study.values import Values


@dataclass(frozen=True)
class Beside:
    """What a study has beside its three tables.

    Parameters
    ----------
    repeated : stimulus sets that were judged more than once. published : by benchmark, timm's table
        of it. pairs : models that differ in one factor only. values : what the paper found, where
        the study is the paper's. curve : the theory's n-shot accuracy, by ε and n.
    """

    repeated: Mapping[str, Repeated]
    pairs: Sequence[Pair]
    published: Mapping[str, str | None]
    values: Values | None
    curve: Sequence[Record]


def all_tables(results: Results, measure: str, resamples: Families, beside: Beside) -> Tables:
    """Every table of the study, by name; `measure` is the one shown where only one is."""
    confidence = resamples.confidence
    first = results.shown[0]
    found = correlations(results, resamples)
    gained = gain(results, beside.published)
    pairs = contrasts(results, beside.pairs)
    tables = {
        "alignment_fewshot": alignment_fewshot(results, measure, confidence),
        "covariate_alignment": scatter(results, measure, results.covariate, confidence),
        "groups_by_n": groups_by_n(results),
        "correlations": found,
        "table1": table1(results),
        "table2": table2(found),
        "u_tests": u_tests(
            {name: results.alignment[name].to_numpy() for name in results.measures},
            results.covariate.to_numpy(),
            [outcome.labels for outcome in results.outcomes],
            results.scores,
            family_index(results.families),
            confidence,
        ),
        "measures": measures(results, resamples),
        "appendix_c": appendix_c(results, resamples),
        "relabelled": relabelled(results, measure, gained, confidence),
        "relabelled_tests": relabelled_tests(results, gained, resamples),
        "families": families(results, measure, first),
        "contrasts": pairs,
        "factors": factors(pairs, confidence),
        "reliability": reliability(results.fewshot),
        "accuracy": accuracy(results.fewshot, confidence),
        "ceilings": ceilings(beside.repeated, results.judged),
        "participants": participants(
            results.judged,
            results.covariate,
            first.values,
            {"task": first.outcome, "n": first.n},
        ),
        "bridge": bridge(results, beside.curve, confidence),
        "bridge_tests": bridge_tests(results, resamples),
        "models": models(results),
    }
    return with_paper(tables, beside.values)


def table2(found: list[Record]) -> list[Record]:
    """The paper's Table 2: z² alignment with accuracy on each benchmark, for each measure."""
    names = ("top", "measure", "r", "p", "low", "high", "family_low", "family_high", "undefined")
    return [
        {"benchmark": row["outcome"], **{name: row[name] for name in names}}
        for row in found
        if row["kind"] == "robustness" and row["term"] == "z²"
    ]


def models(results: Results) -> list[Record]:
    """Every model: what it is, its covariate, its alignment and how sure that is."""
    alignment = alignment_errors(results.judged)
    return [
        {
            **results.about(str(model)),
            "covariate": float(results.covariate[model]),
            **alignment[str(model)],
        }
        for model in results.models
    ]
