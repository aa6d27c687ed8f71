"""Checks params.yaml and the study before anything else runs.

Reads:  params.yaml, studies/
Writes: data/checked.txt (one text for all studies with judgments, another for all without, so that
        nothing else runs again because of it)

Every other stage comes after this one, so a wrong value leaves all earlier outputs untouched.
"""

from stages.networks.given import strangers
from stages.networks.published import read_config
from stages.runtime.door import door
from stages.runtime.files import write_bytes
from stages.study.checks import check_count, check_files, check_measure, check_tasks, unsuited
from stages.study.load import check_tables, load
from stages.study.models import models
from stages.study.published import benchmark_rows, fewshot, likeness
from stages.study.weights import given_files


def main() -> None:
    experiment = load()
    check_tables(experiment)
    chosen = models(experiment)
    given = given_files(experiment, chosen)
    left_out = unsuited(experiment, chosen, given) if experiment.study.embeds else {}
    check_count(len(chosen) - len(left_out))
    check_measure(experiment)
    check_files(experiment)
    check_tasks(experiment)
    for rows_of in (likeness, fewshot, benchmark_rows):
        rows_of(experiment)  # bad tables of others are named before any work
    asked = b"" if experiment.study.judged else b"nobody is asked anything\n"
    content = b"params.yaml and its study are valid\n" + asked
    write_bytes(experiment.paths.data / "checked.txt", content)
    print(f"check: study '{experiment.params.study}', {len(chosen)} models")
    for name, reason in left_out.items():
        print(f"check: {name} will be left out of the analysis: {reason}")
    for model in chosen:
        if model.given:
            lacks = [name for name in experiment.every_set if name not in given[model.name]]
            others = strangers(model.given, experiment.every_set)
            for what, names in (("no features of", lacks), ("not of this study:", others)):
                if names:
                    print(f"check: {model.name}: {model.given}: {what} {', '.join(names)}")
        if model.config and (said := read_config(model.config).said):
            print(f"check: {model.name}: {model.config}: {said}")


if __name__ == "__main__":
    door(main)
