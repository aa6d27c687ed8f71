"""What became of a fault that was injected a number of times, and the table of all of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

_LINE = "{:<66} {:>8} {:>8} {:>16}   {}"
_TITLES = _LINE.format("fault", "injected", "survived", "units recomputed", "digests equal")
HEAD = f"{_TITLES}\n{'-' * len(_TITLES)}"
"""The first two lines of the table."""


@dataclass
class Outcome:
    """Counts of one fault.

    injected : how many times; lost : times that a check did not hold.
    recomputed : units that reruns computed.
    equal : outputs or files that were compared with the undisturbed ones and had their digests;
        compared : how many were. None were where the fault leaves nothing to compare.
    accepted : bad data taken for good: an exit code of 0, or a file handed out, and other bytes.
    problems : what did not hold, one line a time that it did not.
    absent : why the fault cannot be shown on this machine, if it cannot.
    """

    fault: str
    injected: int = 0
    lost: int = 0
    recomputed: int = 0
    equal: int = 0
    compared: int = 0
    accepted: int = 0
    problems: list[str] = field(default_factory=list)
    absent: str = ""

    def count(self, problems: Sequence[str], where: str = "") -> None:
        """One injection, and what did not hold after it."""
        self.injected += 1
        if problems:
            self.lost += 1
            self.problems.append(f"{where}: {'; '.join(problems)}".removeprefix(": "))

    def compare(self, same: bool, taken: bool = True) -> list[str]:
        """One comparison of digests, and problems: other bytes were accepted where `taken`."""
        self.compared += 1
        self.equal += same
        self.accepted += taken and not same
        return [] if same else ["other bytes than undisturbed"]

    def row(self) -> str:
        """The outcome's line of the table, and below it what did not hold."""
        if self.absent:
            return _LINE.format(self.fault, "-", "-", "-", f"not shown here: {self.absent}")
        equal = f"{self.equal} of {self.compared}" if self.compared else "-"
        survived = self.injected - self.lost
        row = _LINE.format(self.fault, self.injected, survived, self.recomputed, equal)
        return "\n".join([row, *(f"    {problem}" for problem in self.problems)])


def totals(outcomes: Sequence[Outcome]) -> str:
    """The last lines of the table: what must be 0."""
    counts = ("injected", "lost", "recomputed", "equal", "compared", "accepted")
    every = Outcome("all", *(sum(getattr(o, name) for o in outcomes) for name in counts))
    return f"{every.row()}\nlost: {every.lost}\naccepted: {every.accepted}"
