"""How many models the analysis needs."""

from __future__ import annotations

from stages.runtime.errors import UsageError


def check_groups(size: int, count: int) -> None:
    """High, mid and low groups must not overlap, and a correlation needs some models.

    Parameters
    ----------
    size : params.yaml's `analyze.group_size`. count : models in the analysis.
    """
    if count < max(3 * size, 6):
        raise UsageError(
            f"params.yaml: analyze.group_size: {size} with {count} models; high, mid and low must "
            f"not overlap: at most {count // 3} is allowed, and at least 6 models"
        )
