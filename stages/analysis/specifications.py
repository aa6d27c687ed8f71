"""Every claim by every specification that one might have chosen: a specification curve.

Simonsohn, Simmons & Nelson (2020, doi:10.1038/s41562-020-0912-z): measure, what is done to
features, published table, covariates, family effects and test are choices; all their combinations
are made, and counted.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product

import numpy as np
import pandas as pd

from stages.analysis.known import over_known
from stages.analysis.outcomes import records
from stages.analysis.results import Results
from stages.analysis.ushape import tested
from stages.runtime.tables import Record

A_U, MORE = "a U", "more with alignment"
"""The claims."""
TESTS = (
    (A_U, "z²", False),
    (A_U, "z²", True),
    (A_U, "two lines", False),
    (MORE, "linear", False),
)
"""Each claim's tests, and whether they have a linear term beside their own."""
COVARIATES = {
    "covariate": ("none", "covariate", "covariate, its square", "covariate, kind"),
    "none": ("none", "kind"),
}
"""What is controlled for, where there is a covariate and where there is none."""
KEY = ["kind", "outcome", "head", "n", "top", "claim"]


def specifications(tables: Mapping[str, Results], measure: str, confidence: float) -> list[Record]:
    """Table `specifications`: a row a claim about an outcome shown, and a specification of it.

    tables : the results by published table, the study's own first. measure : the one shown.

    estimate, family_low to family_p : as in `u_tests`. `supports` is 1 where the estimate is above
    0 and family_p below 1 - confidence, -1 where it is below 0 (no two lines show an inverted U),
    else 0; None without a test by family. `naive` is the same by p, of models taken for
    independent. `paper` marks the paper's own: the measure shown, the study's features and table,
    the covariate alone, z² (or alignment itself) without family effects; the paper goes by p.
    """
    rows: list[Record] = []
    for (table, results), effects in product(tables.items(), (False, True)):
        Y = np.column_stack([outcome.values.to_numpy(float) for outcome in results.shown])
        own = "covariate" if results.covariate is not None else "none"
        asked = [name for name in COVARIATES[own] if name in results.given]
        both = product(results.measures, results.by_features)
        measured = [(name, how) for name, how in both if name in results.by_features[how]]
        for (name, features), given, (claim, test, linear) in product(measured, asked, TESTS):
            x = results.by_features[features][name].to_numpy()
            run = partial(tested, test, linear, effects, confidence)
            found = over_known(x, Y, results.given[given], results.family, run)
            about: Record = {"claim": claim, "measure": name, "features": features}
            about |= {"table": table, "covariates": given}
            about |= {"family_effects": effects, "test": test + " + linear" * linear}
            first = table == next(iter(tables)) and name == measure and given == own
            first &= features == next(iter(results.by_features))
            about["paper"] = first and not (effects or linear) and test != "two lines"
            rows += [
                outcome.labels | about | judged(row, 1 - confidence)
                for outcome, row in zip(results.shown, found, strict=True)
            ]
    return rows


def judged(row: Record, alpha: float) -> Record:
    """What a test says of its claim, by family and for independent models."""
    kept = ("models", "families", "estimate", "p", "family_low", "family_high", "family_p")
    found = {name: row[name] for name in kept}
    for name, p in (("supports", row["family_p"]), ("naive", row["p"])):
        small = p is not None and p < alpha
        found[name] = None if p is None else int(small) * int(np.sign(row["estimate"]))
    return found | {"undefined": row["undefined"]}


def curve(rows: Sequence[Record]) -> list[Record]:
    """Table `specification_curve`: of each claim, how many specifications support it, which way.

    supporting, opposing : by family, of `tested` ones; naive_ : for independent models. median : of
    all estimates. paper_ : of the paper's own, and its rank among them from the largest.
    """
    found = []
    for key, part in pd.DataFrame(rows).groupby(KEY, sort=False):
        own = part[part["paper"]]
        counts: Record = {"specifications": len(part), "tested": int(part["supports"].count())}
        for prefix, column in (("", "supports"), ("naive_", "naive")):
            counts[f"{prefix}supporting"] = int((part[column] == 1).sum())
            counts[f"{prefix}opposing"] = int((part[column] == -1).sum())
        estimate = part["estimate"].astype(float)
        counts["median"] = estimate.median()
        counts |= {f"paper_{name}": own[name].iloc[0] for name in ("estimate", "supports", "naive")}
        first = estimate[part["paper"]].iloc[0]
        counts["paper_rank"] = None if np.isnan(first) else int((estimate > first).sum()) + 1
        found.append(dict(zip(KEY, key, strict=True)) | counts)
    return records(pd.DataFrame(found))
