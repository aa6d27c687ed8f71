"""Random generators that depend on a seed and a name, never on what ran before."""

import hashlib

import numpy as np


def words(seed: int, *name: object) -> np.ndarray:
    """Eight 32-bit words from a seed and a unit's own name."""
    text = "/".join(str(part) for part in (seed, *name))
    return np.frombuffer(hashlib.sha256(text.encode()).digest(), dtype=np.uint32)


def rng_for(seed: int, *name: object) -> np.random.Generator:
    """A generator that depends on the study's seed and the unit's own name alone."""
    return np.random.default_rng(words(seed, *name))


def torch_seed(seed: int, *name: object) -> int:
    """A seed for torch's generators, likewise."""
    return int(words(seed, *name)[:2].view(np.uint64)[0] >> 1)
