"""Measures each model's alignment with people, on each stimulus set.

Reads:  data/embeddings/, data/stimuli/; what is published, from the study's tables
Writes: data/alignment.csv: model, weights, set, measure (pearson, spearman, triplet; the parts and
        bounds of pearson; of what is published, what it is), judge ("group" or a participant),
        value, se (standard error over stimuli; blank for participants, parts and bounds, and where
        it is undefined)
        data/alignment_features.csv: alignment with the group after each of `align.features`: model,
        weights, set, features (raw, centred, zscored), measure, value
Params: seed, models, stimuli, align; the study's models, recipes, stimuli
"""

from functools import partial

from stages.networks.embeddings import Embedding, embedded, weights_of
from stages.runtime.door import door
from stages.runtime.jobs import Job, run
from stages.runtime.machine import place
from stages.runtime.tables import Record, write_table
from stages.similarity.alignment import GROUP, alignment, by_features
from stages.sources.human import read_judgments
from stages.study.load import load
from stages.study.models import measured
from stages.study.published import likeness

FEATURES = ("model", "weights", "set", "features", "measure", "value")


def main() -> None:
    experiment = load()
    paths, p, seed = experiment.paths, experiment.params.align, experiment.params.seed
    judged = experiment.study.judged
    for name in judged:
        read_judgments(paths.stimuli / name)  # bad ones are named before any work
    models = [model.name for model in measured(experiment)] if judged else []
    weights = weights_of(paths.embeddings, models)
    jobs = {}
    for model, name in embedded(paths.embeddings, weights, "stimuli", judged):
        embedding = Embedding(paths.embeddings / f"{model}.safetensors", f"stimuli/{name}")
        stimuli = paths.stimuli / name
        call = partial(alignment, embedding, stimuli, p.features, p.similarity, p.bootstraps, seed)
        jobs[model, name, "alignment"] = Job(call)
        jobs[model, name, "features"] = Job(partial(by_features, embedding, stimuli, p.similarity))
    results = run("align", jobs, place(experiment.params.compute))
    rows: dict[str, list[Record]] = {"alignment": [], "features": []}
    for (model, name, table), measures in results.items():
        about = {"model": model, "weights": weights[model], "set": name}
        rows[table] += [about | row for row in measures]
    write_table(paths.table("alignment"), [*rows["alignment"], *likeness(experiment)])
    write_table(paths.table("alignment_features"), rows["features"], FEATURES)
    for name in dict.fromkeys(row["set"] for row in rows["alignment"]):
        own = [row for row in rows["alignment"] if (row["set"], row["judge"]) == (name, GROUP)]
        values = [row["value"] for row in own if row["measure"] == own[0]["measure"]]
        spread = f"{min(values):.2f} to {max(values):.2f} over {len(values)} models"
        print(f"align: {name}: {own[0]['measure']} alignment {spread}; {paths.table('alignment')}")


if __name__ == "__main__":
    door(main)
