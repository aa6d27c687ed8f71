"""Downloads a study's published weights into the hub's cache, so that a run needs no network.

`python -m stages.prefetch open` for one study; without a name, for that of params.yaml.

Reads:  params.yaml, studies/, the hub
Writes: the hub's cache (HF_HOME); nothing of the study
"""

from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm

from stages.runtime.door import door
from stages.runtime.errors import DataError, UnitError
from stages.study import command
from stages.study.load import load
from stages.study.weights import sources
from stages.study.zoo import measured
from stages.zoo.hub import Pin, fetch

THREADS = 4


def main() -> None:
    experiment = load(study=command.study("prefetch"))
    known, failed = sources(experiment, measured(experiment))
    pins = {name: [pin for pin in (s.pin, s.config_pin) if pin] for name, s in known.items()}
    wanted = [(name, pin) for name, own in pins.items() for pin in own]
    with ThreadPoolExecutor(THREADS) as pool:
        done = pool.map(lambda item: attempt(*item), wanted)
        for name, reason in tqdm(done, total=len(wanted), desc="weights", disable=None):
            if reason:
                failed[name] = reason
    size = sum(pin.size for name, pin in wanted if name not in failed)
    there = [name for name in pins if name not in failed]
    print(f"prefetch: weights of {len(there)} published models, {size / 1e9:.1f} GB, are there")
    if failed:
        reasons = "; ".join(f"{name} ({reason})" for name, reason in failed.items())
        raise UnitError(f"prefetch: {len(failed)} models could not be had: {reasons}")


def attempt(name: str, pin: Pin) -> tuple[str, str]:
    """Fetch one file; the reason where it cannot be had, else nothing."""
    try:
        fetch(pin)
    except DataError as error:
        return name, str(error)
    return name, ""


if __name__ == "__main__":
    door(main)
