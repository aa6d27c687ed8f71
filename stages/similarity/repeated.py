"""Stimulus sets whose judgments were repeated, with their noise ceilings: a unit of work a set."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from stages.runtime.random import rng_for
from stages.similarity.ceilings import Ceiling, participants_ceilings, votes_ceiling
from stages.sources.human import Judgments, read_judgments


@dataclass(frozen=True)
class Repeated:
    """A set that was judged more than once.

    form : "participants" or "votes". judges : participants; of votes the most that a triplet has.
    stimuli : how many. ceilings : one a measure that there is one of.
    """

    form: str
    judges: int
    stimuli: int
    ceilings: list[Ceiling]

    def as_json(self) -> bytes:
        return json.dumps(asdict(self), allow_nan=False).encode()

    @classmethod
    def of_json(cls, content: bytes) -> Repeated | None:
        """What a unit holds; None of a set that was judged once."""
        if (found := json.loads(content)) is None:
            return None
        return cls(**found | {"ceilings": [Ceiling(**one) for one in found["ceilings"]]})


def repeated(human: Judgments, rng: np.random.Generator) -> Repeated | None:
    """Noise ceilings of a set; None where it was judged once. `rng` : of random splits."""
    if human.participants is not None:
        found = participants_ceilings(human.participants, rng)
        return Repeated("participants", len(human.participants), human.n, found)
    if human.similarity is None and human.soft_labels is None and human.votes is not None:
        ceiling = votes_ceiling(human.votes)
        if ceiling is not None:
            return Repeated("votes", int(human.votes.sum(1).max()), human.n, [ceiling])
    return None


def ceilings(stimuli: Path, seed: int, wanted: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """The noise ceilings of each wanted set of a folder of stimulus sets, or null, as JSON.

    seed : of random splits of participants, drawn for each set by its name.
    """
    for name in wanted:
        found = repeated(read_judgments(stimuli / name), rng_for(seed, "ceilings", name))
        yield name, b"null" if found is None else found.as_json()
