"""Is it a U? Every test of it, in every specification, side by side.

The paper's z², z² beside a linear term (a quadratic regression), the theory's own regressor, and
the two-lines test; each with and without family effects, controlling for the covariate.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product

import numpy as np

from stages.analysis.families import MIN_FAMILIES
from stages.analysis.known import over_known
from stages.analysis.outcomes import fill_q
from stages.analysis.partial import constant, z, z_squared
from stages.analysis.regression import UndefinedError, coefficients, of_varying
from stages.analysis.twolines import two_lines
from stages.runtime.tables import Record
from stages.similarity.measures import capacity

NUMBERS = "estimate low high p family_low family_high family_p q u break slope_low slope_high"
EMPTY: Record = dict.fromkeys(f"{NUMBERS} p_low p_high".split()) | {"undefined": ""}


def u_tests(
    measures: Mapping[str, np.ndarray],
    controls: np.ndarray,
    labels: Sequence[Record],
    Y: np.ndarray,
    family: np.ndarray,
    confidence: float,
) -> list[Record]:
    """Table `u_tests`: the grid of tests, with false-discovery control of each kind.

    measures : alignment [M] by measure. controls : [M] or [M, C]. Y : [M, K], its columns' labels
    [K]; each test is over the models that have both. family : [M] integers. confidence : level of
    intervals; tests are at 1 - confidence.

    Returns
    -------
    A row a measure, outcome and specification.
    estimate : the coefficient of z² or capacity (of two lines the smaller of fall and rise), in
        standard deviations of the outcome a standard deviation of the regressor.
    p, family_p : of independent models, and by family (CR3), which needs `MIN_FAMILIES` families.
    models, families : beside family effects, without families of one, which carry no information.
    q : Benjamini & Hochberg's (1995), over all `family_p` of a kind of test; all `p` where families
        are too few.
    u : the estimate is positive and q below 1 - confidence; None without a test by family. Of z²
        and capacity that says no more than that the ends are higher than the middle, or than a
        straight line would have them; of two lines, that there is a fall and a rise.
    p_low, p_high : of the two lines' slopes, by family where family_p is.
    """
    rows: list[Record] = []
    controls = controls.reshape(len(family), -1)
    for (measure, x), effects in product(measures.items(), (False, True)):
        tests = ("z²", "capacity") if measure == "triplet" else ("z²",)
        for test, linear in (*product(tests, (False, True)), ("two lines", False)):
            run = partial(tested, test, linear, effects, confidence)
            found = over_known(x, Y, controls, family, run)
            about = {"measure": measure, "test": test, "linear": linear, "family_effects": effects}
            rows += [a | about | b for a, b in zip(labels, found, strict=True)]
    by_family = int(family.max()) + 1 >= MIN_FAMILIES
    fill_q(rows, "family_p" if by_family else "p", "test")
    for row in rows:
        if by_family and row["q"] is not None:
            row["u"] = bool(row["q"] < 1 - confidence and row["estimate"] > 0)
    return rows


def tested(
    test: str,
    linear: bool,
    effects: bool,
    confidence: float,
    x: np.ndarray,
    Y: np.ndarray,
    controls: np.ndarray,
    family: np.ndarray,
) -> list[Record]:
    """One test of K outcomes, "linear" for x alone. The theory's capacity is of triplets alone."""
    sizes = np.bincount(family)
    sizes = sizes[sizes > effects]
    counts = {"models": int(sizes.sum()), "families": len(sizes)}

    def run(Y: np.ndarray) -> list[Record]:
        for name, values in (("alignment", x), *(("covariate", c) for c in controls.T)):
            if constant(values):
                raise UndefinedError(f"all models have the same {name}")
        if test == "two lines":
            given = np.column_stack([controls[:, :0], *map(z, controls.T)])
            return two_lines(x, Y, given, family, effects)
        regressor = {"z²": z_squared, "capacity": capacity, "linear": z}[test](x)
        if constant(regressor):
            raise UndefinedError("all models have the same regressor")
        terms = [regressor, x, *controls.T] if linear else [regressor, *controls.T]
        return coefficients(terms, family, effects, confidence, Y)

    return [counts | EMPTY | found for found in of_varying(Y, run)]
