"""Makes the checkpoints of all models that the study trains, or takes from a Python package.

Reads:  data/benchmarks/training/images.npz; packages, from the machine's own index
Writes: data/checkpoints/<model>.safetensors (reference.safetensors, of the reference network, is
        not among the models that are measured), and index.json; that alone where all models are
        published elsewhere
Params: seed, models, pretrain; the study's models, recipes, reference, training
"""

from functools import partial

from stages.networks.packages import package_network
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
    made = {model.name: model for model in models(experiment) if model.has_checkpoint}
    if outside := reference(experiment.study, experiment.file):
        made["reference"] = outside
    jobs = {}
    for name, model in made.items():
        if model.package:
            jobs[name] = Job(partial(package_network, model.package, model.share, seed), cost=0)
            continue
        plan = training_plan(experiment, model)
        call = partial(train_network, plan, paths.training / "images.npz", seed, name)
        jobs[name] = Job(call, cost=plan.steps)
    checkpoints = run("pretrain", jobs, place(experiment.params.compute), read=Kept.bytes)
    with replacing(paths.checkpoints) as folder:
        index = {}
        for name, content in checkpoints.items():
            (folder / f"{name}.safetensors").write_bytes(content)
            architecture = made[name].architecture
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
