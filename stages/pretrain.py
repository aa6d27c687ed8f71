"""Trains every model of the study that has a recipe, and the reference network.

Reads:  data/benchmarks/training/images.npz
Writes: data/checkpoints/<model>.safetensors (reference.safetensors is not among the models that are
        measured), and index.json; that alone where all models are published
Params: seed, models, pretrain; the study's models, recipes, reference, training
"""

from functools import partial

from stages.networks.pretrain import Plan, train_network
from stages.runtime.door import door
from stages.runtime.files import replacing, write_json
from stages.runtime.jobs import Job, Kept, run
from stages.runtime.machine import place
from stages.runtime.source import digest
from stages.study.load import Experiment, load
from stages.study.models import Model, models, reference


def main() -> None:
    experiment = load()
    paths, seed = experiment.paths, experiment.params.seed
    trained = {model.name: model for model in models(experiment) if model.recipe}
    if outside := reference(experiment.study, experiment.file):
        trained["reference"] = outside
    jobs = {}
    for name, model in trained.items():
        plan = training_plan(experiment, model)
        call = partial(train_network, plan, paths.training / "images.npz", seed, name)
        jobs[name] = Job(call, cost=plan.steps)
    checkpoints = run("pretrain", jobs, place(experiment.params.compute), read=Kept.bytes)
    with replacing(paths.checkpoints) as folder:
        index = {}
        for name, content in checkpoints.items():
            (folder / f"{name}.safetensors").write_bytes(content)
            architecture = trained[name].architecture
            index[name] = {"sha256": digest(content), "architecture": architecture}
        write_json(folder / "index.json", index)


def training_plan(experiment: Experiment, model: Model) -> Plan:
    """How a model is trained: by its recipe, the study's training and params.yaml's `pretrain`."""
    training, recipe = experiment.study.training, model.recipe
    if training is None or recipe is None:
        raise ValueError(f"{model.name}: there is nothing to train on")
    return Plan(
        architecture=model.architecture,
        labels=recipe.labels,
        steps=training.steps if recipe.steps is None else recipe.steps,
        pull=recipe.pull,
        centred=recipe.centred,
        flip=training.flip,
        **experiment.params.pretrain.model_dump(),
    )


if __name__ == "__main__":
    door(main)
