"""Makes the facts on published models: `make record`, behind which this stands.

Reads:  the pinned originals (or $DATA_MIRROR), studies/models/paper.csv, timm's registry of names
Writes: studies/models/: clickme.csv, brain.csv, layers.csv: models, their names in timm's tables
        studies/published/: timm_2022.csv, timm_2026.csv, clickme.csv, brain.csv, layers.csv,
        layers_imagenet.csv, layers_imagenet21k.csv: what was published of them

docs/published.md describes them, and the originals, of which nothing else is kept.
"""

from pathlib import Path

import pandas as pd
from timm.models import _registry as timm

from record import originals
from stages.analysis.outcomes import records
from stages.runtime.door import door
from stages.runtime.tables import write_table
from stages.sources.timm_tables import IMAGES
from stages.study.tables import MODELS as COLUMNS
from stages.study.tables import PAPER, read_model_table

FACTS, MODELS = Path("studies/published"), Path("studies/models")
SIZE = 224  # pixels of ClickMe's images
AS_PAPER, CHECKED = "as studies/models/paper.csv has it", "size, parameters and top-1 agree"


def main() -> None:
    then = originals.timm_results("timm_results", list(IMAGES)).reset_index("img_size")
    now = originals.timm_results("timm_2026", list(IMAGES))
    now = now.query("img_size == @SIZE").droplevel("img_size")
    known = {row.timm_2022: row.timm for row in read_model_table(PAPER, "record")}

    clickme = originals.clickme()
    today = clickme[["top1"]].assign(img_size=SIZE, parameters=now["parameters"])
    rows = then.rename(columns={"imagenet": "top1"})
    registry = {old: str(new) for old, new in timm._deprecated_models.items()}
    old = originals.join_2022(today, rows, registry, known)
    names = clickme.index.to_series()
    clickme["timm_2022"], clickme["timm"] = names.map(old), names.where(names.isin(now.index))
    clickme["family"] = names.map(family)
    checked = clickme["timm_2022"].isin(list(known)).map({True: AS_PAPER, False: CHECKED})
    clickme["evidence"] = checked.where(clickme["timm_2022"].notna())

    brain = originals.brain()
    brain["timm_2022"] = brain["timm_2022"].where(brain["timm_2022"].isin(then.index))
    brain["timm"] = brain["timm_2022"].map(known)
    brain["family"] = brain["timm_2022"].map(family, na_action="ignore")

    layers = originals.layers()
    for name, table in (("clickme", clickme), ("brain", brain), ("layers", layers)):
        write(MODELS / f"{name}.csv", models(table))
    write(FACTS / "clickme.csv", clickme[["imagenet", "co3d", "co3d_probe"]])
    write(FACTS / "brain.csv", brain[list(originals.METRICS)])
    write(FACTS / "layers.csv", layers[list(originals.REGIONS)])
    for task, heads in (("imagenet21k", ("linear", "prototype")), ("imagenet", ("linear",))):
        write_table(FACTS / f"layers_{task}.csv", originals.layers_fewshot(task, heads))
    write(FACTS / "timm_2022.csv", then)
    write(FACTS / "timm_2026.csv", now[now.index.isin([*names, *brain["timm"]])].sort_index())


def family(name: str) -> str:
    """timm's module of a model, today's or of 2022."""
    today = str(timm._deprecated_models.get(name, name))
    return str(timm._model_to_module[today.partition(".")[0]])


def models(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of a model table; blank where the original has none."""
    return table.reindex(columns=[name for name in COLUMNS if name != "name"]).rename_axis("name")


def write(path: Path, table: pd.DataFrame) -> None:
    """A table with its index as the first column."""
    write_table(path, records(table.reset_index()))


if __name__ == "__main__":
    door(main)
