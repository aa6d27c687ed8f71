"""Trains the zoo: every model of the study by its recipe, and the reference network beside it.

Reads:  data/<study>/training/images.npz
Writes: data/<study>/checkpoints/<model>.safetensors (and reference.safetensors, not of the zoo)
Params: seed, models, pretrain; the study's models, recipes, reference, training
"""

from stages.runtime.door import door
from stages.runtime.files import replacing
from stages.runtime.jobs import Job, payload, run, worker_count
from stages.runtime.source import file_digest, unit_key
from stages.study.load import Experiment, load
from stages.study.zoo import Model, models, reference


def main() -> None:
    experiment = load()
    zoo = {model.name: model for model in models(experiment)}
    if experiment.study.reference:
        zoo["reference"] = reference(experiment)
    data = file_digest(experiment.paths.training / "images.npz")
    jobs = [job(experiment, name, model, data) for name, model in zoo.items()]
    run("pretrain", jobs, worker_count(experiment.params.compute.workers))
    with replacing(experiment.paths.checkpoints) as folder:
        for unit in jobs:
            (folder / f"{unit.name}.safetensors").write_bytes(payload(unit, unit.name))


def job(experiment: Experiment, name: str, model: Model, data: str) -> Job:
    """One model's training; `data` is the digest of what it is trained on."""
    training, recipe = experiment.study.training, model.recipe
    plan = {
        "architecture": model.architecture,
        "labels": recipe.labels,
        "steps": training.steps if recipe.steps is None else recipe.steps,
        "pull": recipe.pull,
        "flip": training.flip,
        **experiment.params.pretrain.model_dump(),
    }
    seed = experiment.params.seed
    key = unit_key(
        "checkpoint",
        ["stages.zoo.training"],
        ["numpy", "timm", "torch"],
        plan=plan,
        data=data,
        seed=seed,
        name=name,
    )
    args = (plan, experiment.paths.training / "images.npz", seed, name)
    return Job(name, {name: key}, "stages.zoo.units:pretrain", args, cost=float(plan["steps"]))


if __name__ == "__main__":
    door(main)
