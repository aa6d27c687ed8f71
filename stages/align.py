"""Measures each model's alignment with people, on each stimulus set.

Reads:  data/embeddings/, data/stimuli/; what is published, from the study's tables
Writes: data/alignment.csv: model, weights, set, measure (pearson, spearman, triplet; the parts and
        bounds of pearson; of what is published, what it is), judge ("group" or a participant),
        value, se (standard error over stimuli; blank for participants, parts and bounds, and where
        it is undefined)
Params: seed, models, stimuli, align; the study's models, recipes, stimuli
"""

from functools import partial
from itertools import product

from stages.networks.embeddings import Embedding, weights_of
from stages.runtime.door import door
from stages.runtime.jobs import Job, run
from stages.runtime.machine import place
from stages.runtime.tables import write_table
from stages.similarity.alignment import alignment
from stages.sources.human import read_judgments
from stages.study.load import load
from stages.study.models import measured
from stages.study.published import likeness


def main() -> None:
    experiment = load()
    paths, p, seed = experiment.paths, experiment.params.align, experiment.params.seed
    judged = experiment.study.judged
    for name in judged:
        read_judgments(paths.stimuli / name)  # bad ones are named before any work
    models = [model.name for model in measured(experiment)] if judged else []
    weights = weights_of(paths.embeddings, models)
    jobs = {}
    for model, name in product(weights, judged):
        embedding = Embedding(paths.embeddings / f"{model}.safetensors", f"stimuli/{name}")
        stimuli = paths.stimuli / name
        call = partial(alignment, embedding, stimuli, p.similarity, p.bootstraps, seed)
        jobs[model, name] = Job(call)
    results = run("align", jobs, place(experiment.params.compute))
    rows = [
        {"model": model, "weights": weights[model], "set": name} | row
        for (model, name), measures in results.items()
        for row in measures
    ]
    write_table(paths.table("alignment"), [*rows, *likeness(experiment)])


if __name__ == "__main__":
    door(main)
