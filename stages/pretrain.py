"""Trains the zoo: every model of the study that has a recipe, and the reference network beside it.

Reads:  data/<study>/benchmarks/training/images.npz
Writes: data/<study>/checkpoints/<model>.safetensors (and reference.safetensors, not of the zoo),
        and index.json; that alone where all models are published
Params: seed, models, pretrain; the study's models, recipes, reference, training
"""

from stages.runtime.door import door
from stages.runtime.files import replacing, write_json
from stages.runtime.jobs import Job, payload, run
from stages.runtime.machine import place
from stages.runtime.source import digest, file_digest, unit_key
from stages.study.load import Experiment, load
from stages.study.spec import Recipe
from stages.study.zoo import Model, models, reference


def main() -> None:
    experiment = load()
    zoo = {model.name: model for model in models(experiment) if model.recipe}
    if experiment.study.reference:
        zoo["reference"] = reference(experiment)
    images = experiment.paths.training / "images.npz"
    data = file_digest(images) if zoo else ""
    jobs = [job(experiment, name, m, m.recipe, data) for name, m in zoo.items() if m.recipe]
    run("pretrain", jobs, place(experiment.params.compute))
    with replacing(experiment.paths.checkpoints) as folder:
        index = {}
        for unit in jobs:
            content = payload(unit, unit.name)
            (folder / f"{unit.name}.safetensors").write_bytes(content)
            index[unit.name] = {
                "sha256": digest(content),
                "architecture": zoo[unit.name].architecture,
            }
        write_json(folder / "index.json", index)


def job(experiment: Experiment, name: str, model: Model, recipe: Recipe, data: str) -> Job:
    """One model's training; `data` is the digest of what it is trained on."""
    training = experiment.study.training
    if training is None:
        raise ValueError(f"{name}: there is nothing to train on")
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
