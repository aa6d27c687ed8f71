"""What a study would cost: downloads, disk, images, GPU and CPU hours. Runs nothing.

`python -m commands.plan open` plans a study; without a name, that of params.yaml.

Reads:  params.yaml, studies/, the hub's cache; timm's published throughput (downloaded once)
Writes: nothing

GPU hours are those of the published throughput table (one RTX 3090, mixed precision), scaled to
each model's input size by its area. CPU hours are multiply-adds divided by a share of the speed of
a matrix product on this machine now. Several GPU workers are simulated.
"""

import textwrap

import pandas as pd

from commands.costs import times
from stages.networks.hub import WEIGHTS, cached
from stages.runtime.door import door
from stages.study import command
from stages.study.load import load
from stages.study.models import models
from stages.study.sizes import image_counts
from stages.study.tables import Row


def main() -> None:
    experiment = load(study=command.study("commands.plan"))
    chosen = models(experiment)
    sets = image_counts(experiment.study, experiment.params.tasks.per_class)
    images = sum(sets.values())
    print(f"plan: study '{experiment.params.study}', {len(chosen)} models, {images:,} images each")
    print(*(f"  {count:>9,}  {name}" for name, count in sets.items()), sep="\n")
    trained = [m.name for m in chosen if m.has_checkpoint]
    unknown = [m.name for m in chosen if not (m.has_checkpoint or m.absent or m.row)]
    out = [f"{m.name}: no weights ({m.absent})" for m in chosen if m.absent]
    out += [f"{len(trained)} networks that stage pretrain makes"] * bool(trained)
    out += [f"{len(unknown)} whose size is in no table: {', '.join(unknown)}"] * bool(unknown)

    known = [m for m in chosen if m.row and not m.absent]
    rows = pd.DataFrame([m.row for m in known], [m.name for m in known], list(Row._fields))
    kept = [m.name for m in known if m.repo and cached(m.repo, m.revision, WEIGHTS)]
    size, features = 4e-9 * rows["parameters"], rows["features"].sum()
    storage = [
        f"weights     {size.drop(kept).sum():.1f} GB to download for {len(known) - len(kept)} "
        f"models; {len(kept)} are in the hub's cache ({size[kept].sum():.1f} GB)",
        f"embeddings  {4e-9 * images * features:.1f} GB in data/, as much again in the artifact "
        "cache",
    ]
    hours = times(rows, images) if known else []
    for line in [*(f"  not counted: {reason}" for reason in out), *storage, *hours]:
        print(textwrap.fill(line, 99, subsequent_indent=" " * 12, break_on_hyphens=False))
    print("not counted: few-shot learning, which runs on the CPU")


if __name__ == "__main__":
    door(main)
