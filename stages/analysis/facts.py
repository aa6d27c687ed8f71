"""What captions need to know beyond the tables: whose judgments, how many models, which level."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

OTHERWISE = {"Alignment": "Likeness", "alignment": "likeness"}


class Words(dict[str, str]):
    """What names are in words; those that others published are words already."""

    def __missing__(self, name: str) -> str:
        return name


MEASURE_WORDS = Words({"pearson": "Pearson", "spearman": "Spearman", "triplet": "triplet"})
HEAD_WORDS = Words({"linear": "linear probe", "mlp1": "1-layer head", "mlp2": "2-layer head"})
HEAD_WORDS["prototype"] = "nearest prototype"


def listed(names: Sequence[str]) -> str:
    """One or more names as a sentence has them: a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


NOTHING = "nothing"
"""What is controlled for in a study without a covariate."""


@dataclass(frozen=True)
class FewShot:
    """First head and smallest n, shown where only one outcome a task is; draws of the examples."""

    head: str
    n: int
    repeats: int


@dataclass(frozen=True)
class Facts:
    """What figures and captions need to know of a study.

    measure : the measure of alignment that is shown where only one is.
    judges : whose judgments there are: people, simulated observers, or both.
    asked : what the report asks of models that are more like them.
    group_size : models in each of high, mid and low. confidence : level of the intervals.
    few_shot : None where no few-shot accuracy is shown; of n = 0 where there is none.
    models, untrained : how many there are.
    given : the covariate in words. zoo : the models in words, with how many are untrained.
    family, families : what a family of models is, in words, and how many there are.
    """

    measure: str
    judges: str
    asked: str
    group_size: int
    confidence: float
    few_shot: FewShot | None
    models: int
    untrained: int
    given: str
    zoo: str
    family: str
    families: int

    @property
    def percent(self) -> str:
        return f"{100 * self.confidence:g} %"

    @property
    def alpha(self) -> str:
        """The level of tests, 1 - confidence."""
        return f"{1 - self.confidence:.3g}"

    @property
    def simulated(self) -> bool:
        """Whether judgments are simulated, all or some."""
        return "simulated" in self.judges

    @property
    def measured(self) -> bool:
        """Whether the shown measure is one of similarity; else it is called what it is."""
        return self.measure in MEASURE_WORDS

    @property
    def named(self) -> str:
        """The shown measure in words."""
        return measure_name(self.measure)

    @property
    def of_whom(self) -> str:
        """The same, and with whom."""
        return f"{self.named} with {self.judges}" if self.measured else self.named

    @property
    def alignment(self) -> str:
        """Label of an axis of alignment."""
        return capital(self.of_whom)

    @property
    def who(self) -> str:
        what = f"alignment is with {self.judges}" if self.measured else f"shown: {self.named}"
        return f"{capital(self.zoo)}; {what}."

    @property
    def who_all(self) -> str:
        """The same for figures of several measures."""
        return self.who if self.measured else f"{capital(self.zoo)}."

    @property
    def controls(self) -> bool:
        """Whether correlations and tests control for anything."""
        return self.given != NOTHING

    @property
    def controlling(self) -> str:
        """What they control for."""
        what = f"controlling for {self.given}"
        return what if self.controls else "without a covariate, which this study lacks"

    def say(self, text: str) -> str:
        """A text about alignment, of a study whose likeness to people is another."""
        if self.measured:
            return text
        text = re.sub(r"\b[Aa]lignment\b", lambda m: OTHERWISE[m[0]], text)
        return re.sub(r"\baligned\b", "humanlike", text)

    @property
    def shown(self) -> FewShot:
        if self.few_shot is None:
            raise ValueError("no few-shot accuracy is shown")
        return self.few_shot

    @property
    def head(self) -> str:
        return self.shown.head

    @property
    def n(self) -> int:
        return self.shown.n

    @property
    def repeats(self) -> int:
        return self.shown.repeats

    @property
    def draws(self) -> str:
        if not self.measured:
            return "as published"
        return f"mean of {self.repeats} draws" if self.repeats > 1 else "one draw"

    @property
    def outcome(self) -> str:
        """Head and draws of the few-shot accuracy that is shown where only one is."""
        return f"{capital(HEAD_WORDS[self.head])}, {self.draws}"

    @property
    def about_outcome(self) -> str:
        """The same as a sentence; nothing where the study has no few-shot accuracy."""
        return f"{self.outcome}." if self.n else ""

    @property
    def few(self) -> str:
        """The same where other outcomes are shown, too."""
        return f"Few-shot: {self.outcome.lower()}." if self.n else ""

    @property
    def hollow(self) -> str:
        """What hollow marks are, where there are any."""
        return " Hollow: untrained." if self.untrained else ""

    @property
    def each_family(self) -> str:
        count = "one family," if self.families == 1 else f"{self.families} families, each"
        return f"{count} {'an' if self.family[:1] in 'aeiou' else 'a'} {self.family}"


def measure_name(measure: str) -> str:
    """A measure in words: one of similarity is an alignment, another is called what it is."""
    if measure in MEASURE_WORDS:
        return f"{MEASURE_WORDS[measure]} alignment"
    return measure.replace(": ", " in ")  # likeness to people: saliency


def capital(text: str) -> str:
    """The text with its first letter large."""
    return text[:1].upper() + text[1:]
