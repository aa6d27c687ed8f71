"""Benchmarks: each measures both sides in one run."""

import stages  # noqa: F401  (before NumPy: it sets the instruction set)
