"""Faults, injected on purpose into a small study: what is lost, what is taken that is bad."""
