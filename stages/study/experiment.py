"""What every stage works with: the parameters, the study, and where its files lie."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.study.params import Params
from stages.study.spec import Study

STUDIES = Path("studies")


class Paths:
    """Where every input and output lies, below the repository's root."""

    def __init__(self, root: Path = Path()) -> None:
        self.root = root
        self.data, self.metrics, self.plots = root / "data", root / "metrics", root / "plots"
        self.stimuli = self.data / "stimuli"
        self.tasks = self.data / "tasks"
        self.benchmarks = self.data / "benchmarks"
        self.training = self.benchmarks / "training"
        self.checkpoints = self.data / "checkpoints"
        self.embeddings = self.embeddings_of("transfer")
        self.theory = self.data / "theory"
        self.report = self.data / "report"

    def embeddings_of(self, group: str) -> Path:
        """Of stimuli and tasks ("transfer"), or of benchmarks ("benchmarks")."""
        return self.data / {"transfer": "embeddings", "benchmarks": "benchmark_embeddings"}[group]

    def table(self, name: str) -> Path:
        return self.data / f"{name}.csv"

    def checkpoint(self, model: str) -> Path:
        return self.checkpoints / f"{model}.safetensors"

    def labels_of(self, images: str) -> Path:
        """The NPZ with the labels of benchmarks/<name> or of training/readout."""
        folder = self.data if images.startswith("benchmarks/") else self.benchmarks
        return folder / f"{images}.npz"


@dataclass(frozen=True)
class Experiment:
    """One run of a study: params.yaml, studies/<study>.yaml, and the paths of its files."""

    params: Params
    study: Study
    paths: Paths

    @property
    def file(self) -> str:
        """The study's YAML, for messages."""
        return str(STUDIES / f"{self.params.study}.yaml")

    @property
    def world(self) -> dict[str, Any]:
        """Seed and classes of the miniature world; empty where the study has none."""
        classes = self.study.world
        return {"seed": self.params.world.seed, "classes": classes.model_dump()} if classes else {}

    @property
    def every_set(self) -> list[str]:
        """Names of all image sets."""
        return [*self.image_sets("transfer"), *self.image_sets("benchmarks")]

    def image_sets(self, group: str) -> dict[str, Path]:
        """Folder of images or NPZ of each image set, by its name: stimuli/x, tasks/x, ...

        group : "transfer" (stimuli and tasks) or "benchmarks" (those that the study makes itself).
        """
        study, paths = self.study, self.paths
        if group == "benchmarks":
            made = [f"benchmarks/{name}" for name in study.made_benchmarks]
            return {n: paths.labels_of(n) for n in ("training/readout", *made)} if made else {}
        sets = {f"stimuli/{name}": paths.stimuli / name / "images" for name in study.judged}
        for name in study.taught:  # images that differ in size lie in a folder, not in the NPZ
            folder, npz = paths.tasks / name, paths.tasks / f"{name}.npz"
            sets[f"tasks/{name}"] = folder if folder.is_dir() else npz
        return sets
