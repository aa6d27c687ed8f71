"""Benchmarks: each measures both sides in one run."""
