"""Downloads a study's published weights into the hub's cache, so that a run needs no network.

`python -m commands.prefetch open` for one study; without a name, for that of params.yaml.

Reads:  params.yaml, studies/, the hub
Writes: the hub's cache (HF_HOME); nothing of the study
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from tqdm import tqdm

from stages.networks.hub import Pin, fetch
from stages.runtime.door import door
from stages.runtime.errors import DataError, UnitError
from stages.study import command
from stages.study.load import load
from stages.study.models import measured
from stages.study.weights import sources

THREADS = 4


def main() -> None:
    experiment = load(study=command.study("commands.prefetch"))
    known, failed = sources(experiment, measured(experiment))
    wanted = {name: source.pins.values() for name, source in known.items() if source.pins}
    with ThreadPoolExecutor(THREADS) as pool:
        reasons = pool.map(fetch_all, wanted.values())
        done = tqdm(zip(wanted, reasons, strict=True), "weights", len(wanted), disable=None)
        failed |= {name: reason for name, reason in done if reason}
    there = [pin for name, pins in wanted.items() if name not in failed for pin in pins]
    size = sum(pin.size for pin in there) / 1e9
    models = len(set(wanted) - set(failed))
    print(f"prefetch: weights of {models} published models, {size:.1f} GB, are in the hub's cache")
    if failed:
        listed = "; ".join(f"{name} ({reason})" for name, reason in failed.items())
        raise UnitError(f"prefetch: {len(failed)} models could not be had: {listed}")


def fetch_all(pins: Iterable[Pin]) -> str:
    """Fetch a model's files; the reason why one cannot be had, or nothing."""
    try:
        for pin in pins:
            fetch(pin)
    except DataError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    door(main)
