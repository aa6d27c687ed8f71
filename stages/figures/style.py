"""One look for all figures: colour-blind safe, no decoration, the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe & Ito (2008): distinguishable with any colour vision.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999"]
GROUP = {"high": "#0072B2", "mid": "#999999", "low": "#D55E00"}
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]


def panels(
    columns: int, rows: int = 1, width: float = 3.4, height: float = 3.1
) -> tuple[Figure, list[Axes]]:
    """A figure of equal panels, row by row."""
    plt.rcParams.update(
        {
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 10,
            "axes.titleweight": "bold",
            "legend.frameon": False,
            "savefig.dpi": 160,
        }
    )
    figure, axes = plt.subplots(
        rows, columns, figsize=(width * columns, height * rows), squeeze=False, layout="constrained"
    )
    return figure, list(axes.ravel())


def save(figure: Figure, path: Path, caption: str) -> None:
    """Write a figure with its caption beneath, and in the file; no dates or versions there."""
    figure.supxlabel(caption, fontsize=8, color="#444444", wrap=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None, "Description": caption})
    plt.close(figure)


def axis_of_n(axes: Axes, shots: list[int]) -> None:
    """A logarithmic axis whose ticks are the shots themselves."""
    axes.set_xscale("log")
    axes.set_xticks(shots, [str(n) for n in shots])
    axes.minorticks_off()
    axes.set_xlim(shots[0] / 1.7, shots[-1] * 1.7)
    axes.set_xlabel("n, examples a class")
