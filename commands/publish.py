"""Keeps what a study found as a snapshot in git. `make publish` runs it.

Reads:  data/report/, data/tables/, data/theory/, plots/figures/, metrics/, dvc.lock, of a run whose
        inputs are committed
Writes: docs/results/<study>/: figures/, report.html, answer.json, summary.json, theory.json, a few
        tables, and digests.json: SHA-256 of the measurements, and the digests in dvc.lock
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from stages.runtime.door import door
from stages.runtime.errors import DataError
from stages.runtime.files import replacing, write_json
from stages.runtime.source import file_digest
from stages.study.load import load

RESULTS = Path("docs/results")
TABLES = (
    *("table1", "table2", "correlations", "u_tests", "measures", "appendix_c", "factors"),
    *("specification_curve", "decomposition", "features"),
)
"""Tables that docs/ quotes."""
MEASURED = ("alignment.csv", "fewshot.csv", "robustness.csv")
INPUTS = ("stages", "studies", "params.yaml", "dvc.yaml")


def main() -> None:
    experiment = load()
    paths, study = experiment.paths, experiment.params.study
    check_committed()
    with replacing(RESULTS / study) as folder:
        shutil.copytree(paths.plots / "figures", folder / "figures")
        shutil.copy(paths.theory / "summary.json", folder / "theory.json")
        tables = [paths.data / "tables" / f"{name}.csv" for name in TABLES]
        whole = [paths.report / "report.html", paths.report / "answer.json"]
        for file in (*whole, paths.metrics / "summary.json", *filter(Path.is_file, tables)):
            shutil.copy(file, folder)
        lock = yaml.safe_load(Path("dvc.lock").read_text(encoding="utf-8"))
        outputs = {
            out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]
        }
        digests = {name: file_digest(paths.data / name) for name in MEASURED}
        write_json(folder / "digests.json", {"sha256": digests, "dvc.lock": outputs})
    print(f"publish: {RESULTS / study} holds what study '{study}' found; commit it with dvc.lock")


def check_committed() -> None:
    """Raise DataError where the inputs differ from the last commit, or the run from the inputs."""
    changed = output("git", "status", "--porcelain", "--", *INPUTS).splitlines()
    if changed:
        names = ", ".join(line[3:] for line in changed)
        raise DataError(f"not committed: {names}; commit before you publish")
    stale = json.loads(output(sys.executable, "-m", "dvc", "status", "--json"))
    if stale:
        raise DataError(f"older than the inputs: {', '.join(stale)}; run `dvc repro` first")


def output(*command: str) -> str:
    """What a command prints on stdout; DataError where it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise DataError(f"{' '.join(command)} failed")
    return done.stdout


if __name__ == "__main__":
    door(main)
