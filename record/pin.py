"""Pins a study's published weights: writes today's commit of each into its model tables.

`python -m record.pin open` for one study; without a name, for that of params.yaml.

Reads:  params.yaml, studies/, the hub
Writes: the column `revision` of the tables that the study's `models` name

Without a pin a run takes each repository's newest commit, and records it in
data/embeddings/index.json; with one, the same weights are taken ever after.
"""

from pathlib import Path

from stages.networks.hub import WEIGHTS, resolve_all
from stages.runtime.door import door
from stages.runtime.errors import UnitError, UsageError
from stages.runtime.tables import Column, read_table, write_table
from stages.study import command
from stages.study.entries import ModelTable
from stages.study.load import load
from stages.study.models import of_row
from stages.study.tables import read_model_table


def main() -> None:
    experiment = load(study=command.study("record.pin"))
    tables = [Path(e.table) for e in experiment.study.models if isinstance(e, ModelTable)]
    if not tables:
        raise UsageError(f"{experiment.file}: models: no 'table', whose revisions could be set")
    failed: dict[str, str] = {}
    for path in tables:
        rows = [of_row(row) for row in read_model_table(path, f"{experiment.file}: models")]
        wanted = {m.name: (m.repo, None, WEIGHTS) for m in rows if m.repo}
        pins, reasons = resolve_all(wanted)
        failed |= reasons
        # Cells are text here: everything but the revisions stays as it is.
        texts = dict.fromkeys(("name", "revision"), Column(blank=True))
        table = read_table(path, texts, more=True)
        commits = table["name"].map({name: pin.commit for name, pin in pins.items()})
        table["revision"] = commits.fillna(table["revision"])
        write_table(path, table.to_dict("records"))  # type: ignore[arg-type]
        print(f"pin: {path}: {len(pins)} of {len(wanted)} models pinned")
    if failed:
        listed = "; ".join(f"{name} ({reason})" for name, reason in failed.items())
        raise UnitError(f"pin: {len(failed)} models could not be pinned: {listed}")


if __name__ == "__main__":
    door(main)
