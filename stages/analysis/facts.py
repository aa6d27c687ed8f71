"""What captions need to know beyond the tables: whose judgments, how many models, which level."""

from dataclasses import dataclass

MEASURE_WORDS = {"pearson": "Pearson", "spearman": "Spearman", "triplet": "triplet"}
HEAD_WORDS = {"linear": "linear probe", "mlp1": "1-layer head", "mlp2": "2-layer head"}


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
    simulated : whether the judgments are those of simulated observers.
    group_size : models in each of high, mid and low. confidence : level of the intervals.
    few_shot : None where no few-shot accuracy is shown. models, untrained : how many there are.
    given : the covariate in words. zoo : the models in words, with how many are untrained.
    family, families : what a family of models is, in words, and how many there are.
    """

    measure: str
    simulated: bool
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
    def judges(self) -> str:
        return "simulated observers" if self.simulated else "people"

    @property
    def alignment(self) -> str:
        """Label of an axis of alignment."""
        return f"{capital(MEASURE_WORDS[self.measure])} alignment with {self.judges}"

    @property
    def who(self) -> str:
        return f"{capital(self.zoo)}; alignment is with {self.judges}."

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
        return f"mean of {self.repeats} draws" if self.repeats > 1 else "one draw"

    @property
    def outcome(self) -> str:
        """Head and draws of the few-shot accuracy that is shown where only one is."""
        return f"{capital(HEAD_WORDS[self.head])}, {self.draws}"

    @property
    def hollow(self) -> str:
        """What hollow marks are, where there are any."""
        return " Hollow: untrained." if self.untrained else ""

    @property
    def each_family(self) -> str:
        count = "one family," if self.families == 1 else f"{self.families} families, each"
        return f"{count} {'an' if self.family[:1] in 'aeiou' else 'a'} {self.family}"


def capital(text: str) -> str:
    """The text with its first letter large."""
    return text[:1].upper() + text[1:]
