"""Where every artifact lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """Paths of one study, relative to the repository's root."""

    study: str
    root: Path = Path()

    @property
    def data(self) -> Path:
        return self.root / "data" / self.study

    @property
    def metrics(self) -> Path:
        return self.root / "metrics" / self.study

    @property
    def plots(self) -> Path:
        return self.root / "plots" / self.study

    @property
    def stimuli(self) -> Path:
        return self.data / "stimuli"

    @property
    def tasks(self) -> Path:
        return self.data / "tasks"

    @property
    def training(self) -> Path:
        return self.benchmarks / "training"

    @property
    def benchmarks(self) -> Path:
        return self.data / "benchmarks"

    @property
    def checkpoints(self) -> Path:
        return self.data / "checkpoints"

    @property
    def embeddings(self) -> Path:
        return self.embeddings_of("transfer")

    @property
    def theory(self) -> Path:
        return self.data / "theory"

    def embeddings_of(self, group: str) -> Path:
        """Of stimuli and tasks ("transfer"), or of benchmarks ("benchmarks")."""
        return self.data / {"transfer": "embeddings", "benchmarks": "benchmark_embeddings"}[group]

    def table(self, name: str) -> Path:
        return self.data / f"{name}.csv"
