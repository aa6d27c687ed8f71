"""Pins a study's published weights: writes today's commit of each into its model tables.

`python -m stages.pin open` for one study; without a name, for that of params.yaml.

Reads:  params.yaml, studies/, the hub
Writes: the column `revision` of the tables that the study's `models` name

Without a pin a run takes each repository's newest commit, and records it in
data/<study>/embeddings/index.json; with one, the same weights are taken ever after.
"""

import csv
import io
from pathlib import Path

from stages.runtime.door import door
from stages.runtime.errors import UnitError, UsageError
from stages.runtime.files import write_bytes
from stages.study import command
from stages.study.load import load
from stages.study.spec import ModelTable
from stages.study.table import read_model_table
from stages.study.zoo import of_row
from stages.zoo.hub import WEIGHTS, resolve_all


def main() -> None:
    experiment = load(study=command.study("pin"))
    tables = [Path(e.table) for e in experiment.study.models if isinstance(e, ModelTable)]
    if not tables:
        raise UsageError(f"{experiment.file}: models: no 'table', whose revisions could be set")
    failed: dict[str, str] = {}
    for path in tables:
        rows = [of_row(row) for row in read_model_table(path, f"{experiment.file}: models")]
        wanted = {m.name: (m.repo, None, WEIGHTS) for m in rows if m.repo}
        pins, reasons = resolve_all(wanted)
        failed |= reasons
        write_revisions(path, {name: pin.commit for name, pin in pins.items()})
        print(f"pin: {path}: {len(pins)} of {len(wanted)} models pinned")
    if failed:
        reasons_ = "; ".join(f"{name} ({reason})" for name, reason in failed.items())
        raise UnitError(f"pin: {len(failed)} models could not be pinned: {reasons_}")


def write_revisions(path: Path, commits: dict[str, str]) -> None:
    """Set `revision` of the models given; everything else of the table stays as it is."""
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        lines = list(reader)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(reader.fieldnames or []), lineterminator="\n")
    writer.writeheader()
    for line in lines:
        writer.writerow(line | {"revision": commits.get(line["name"], line["revision"])})
    write_bytes(path, out.getvalue().encode())


if __name__ == "__main__":
    door(main)
