"""Injects every fault and prints what became of it: `python -m chaos`, or `--short` in a minute.

`python -m chaos signals caches` injects those of some families alone. Exit code 1 where anything
was lost, or bad data accepted.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from chaos.caches import caches
from chaos.downloads import downloads, weights
from chaos.lab import Lab
from chaos.outcomes import HEAD, Outcome, totals
from chaos.processes import cluster, kills, signals

FAMILIES = {
    family.__name__: family for family in (kills, signals, cluster, caches, downloads, weights)
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a few stages, each fault a few times")
    parser.add_argument("families", nargs="*", metavar="family", help=", ".join(FAMILIES))
    asked = parser.parse_args()
    if sys.platform != "linux":
        parser.error("faults of processes and disks are injected by means of Linux alone")
    if unknown := set(asked.families) - set(FAMILIES):
        parser.error(f"no such family: {sorted(unknown)}; there are {list(FAMILIES)}")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unmounts and removes what it made
    start, outcomes = time.monotonic(), list[Outcome]()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        lab = Lab(Path(folder), asked.short)
        print(HEAD, flush=True)
        for name in asked.families or FAMILIES:
            for outcome in FAMILIES[name](lab):
                outcomes.append(outcome)
                print(outcome.row(), flush=True)
    print(f"{totals(outcomes)}\n{time.monotonic() - start:.0f} s on {os.cpu_count()} cores")
    sys.exit(any(outcome.lost or outcome.accepted for outcome in outcomes))


if __name__ == "__main__":
    main()
