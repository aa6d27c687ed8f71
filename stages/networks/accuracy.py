"""Top-k accuracy."""

from __future__ import annotations

import numpy as np


def top_k(scores: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Share of rows whose label is among the k highest scores; ties count against the label.

    Parameters
    ----------
    scores : [N, K].
    labels : [N].
    """
    own = scores[np.arange(len(labels)), labels]
    rivals = (scores >= own[:, None]).sum(1) - 1
    return float(np.mean(rivals < k))
