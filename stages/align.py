"""Measures each model's alignment with each stimulus set: pearson, spearman, triplet.

Reads:  data/<study>/embeddings/, stimuli/
Writes: data/<study>/alignment.csv: model, weights, set, measure, judge, value, se; a judge is
        "group" or a participant; se is the standard error over stimuli, blank for participants and
        where it is undefined
Params: seed, models, stimuli, align; the study's models, recipes, stimuli
"""

import json

from stages.runtime.door import door
from stages.runtime.files import write_table
from stages.runtime.jobs import Job, payload, run
from stages.runtime.machine import place
from stages.runtime.source import file_digest, unit_key
from stages.study.load import Experiment, load
from stages.study.zoo import measured
from stages.zoo.embeddings import tensor_digests, weights_of


def main() -> None:
    experiment = load()
    stimuli = experiment.paths.stimuli
    judgments = {
        name: file_digest(stimuli / name / "judgments.npz") for name in experiment.study.stimuli
    }
    names = [model.name for model in measured(experiment)]
    jobs = [job(experiment, name, judgments) for name in names]
    weights = weights_of(experiment.paths.embeddings, names)
    run("align", jobs, place(experiment.params.compute))
    rows = [
        {"model": unit.name, "weights": weights[unit.name], "set": name, **row}
        for unit in jobs
        for name in unit.keys
        for row in json.loads(payload(unit, name))
    ]
    write_table(experiment.paths.table("alignment"), rows)


def job(experiment: Experiment, model: str, judgments: dict[str, str]) -> Job:
    """One model's alignment with every stimulus set; `judgments` holds their digests."""
    embeddings = experiment.paths.embeddings / f"{model}.safetensors"
    p, seed = experiment.params.align, experiment.params.seed
    digests = tensor_digests(embeddings, [f"stimuli/{name}" for name in judgments])
    keys = {
        name: unit_key(
            "alignment",
            ["stages.similarity.units"],
            ["numpy", "scipy"],
            embedding=digests[f"stimuli/{name}"],
            judgments=judged,
            set=name,
            similarity=p.similarity,
            bootstraps=p.bootstraps,
            seed=seed,
        )
        for name, judged in judgments.items()
    }
    args = (embeddings, experiment.paths.stimuli, p.similarity, p.bootstraps, seed)
    return Job(model, keys, "stages.similarity.units:align", args)


if __name__ == "__main__":
    door(main)
