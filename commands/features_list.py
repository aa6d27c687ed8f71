"""Writes a study's images as files, so that another program can extract features of them.

`python -m commands.features_list laptop` for one study, which must be that of params.yaml, whose
images stage download made; without a name, for it.

Reads:  data/stimuli/, data/tasks/, data/benchmarks/
Writes: data/images/<set>/: every image of the set as a file; <set>.txt: their names in order

A model whose features you extracted is declared as {name: ..., features: <folder>}, with a file
<set>.npy, .npz or .csv for each set: a row an image, with its name or, with `order:
lexicographic`, in the order of <set>.txt. Declare it after you have extracted the features.
"""

import shutil

import numpy as np
from PIL import Image

from stages.networks.given import image_names, short_names
from stages.networks.images import image_set
from stages.runtime.door import door
from stages.runtime.errors import UsageError
from stages.runtime.files import replacing, write_bytes
from stages.study import command
from stages.study.load import load
from stages.study.pieces import GROUPS

BATCH = 256


def main() -> None:
    experiment, asked = load(), command.study("commands.features_list")
    if asked not in (None, experiment.params.study):
        wrong = f"params.yaml: study: '{experiment.params.study}', not '{asked}'"
        raise UsageError(f"{wrong}: run the study's stage download first")
    sets = experiment.image_sets("transfer") | experiment.image_sets("benchmarks")
    if absent := [str(path) for path in sets.values() if not path.exists()]:
        stages = " ".join(f"download@{group}" for group in GROUPS)
        raise UsageError(f"{absent[0]} is missing: run `dvc repro {stages}` first")
    short = short_names(list(sets), f"{experiment.file}: models")
    out = experiment.paths.data / "images"
    with replacing(out) as folder:
        for name, place in sets.items():
            names, images = image_names(place), image_set(place)
            (folder / short[name]).mkdir()
            for start in range(0, len(names), BATCH):
                batch = images[start : start + BATCH]
                for file, image in zip(names[start : start + BATCH], batch, strict=True):
                    target = folder / short[name] / file
                    if isinstance(image, np.ndarray):
                        Image.fromarray(image).save(target)
                    else:
                        shutil.copyfile(place / file, target)
            write_bytes(folder / f"{short[name]}.txt", "".join(f"{n}\n" for n in names).encode())
            print(f"features_list: {len(names):>7,} images of {name}: {out}/{short[name]}/")


if __name__ == "__main__":
    door(main)
