"""The short chaos: every fault it injects is survived, and none is left out unseen."""

import re
import subprocess
import sys

import pytest

from chaos.outcomes import Outcome, totals
from chaos.running import Counted, report
from tests.conftest import ROOT

ROW = re.compile(r"^(\S.+?) +(\d+) +(\d+) +(\d+)   (?:(\d+) of (\d+)|-)$", re.MULTILINE)
FAMILIES = [
    *("kill -9 of a stage", "SIGINT", "SIGTERM", "worker process", "full disk", "read-only"),
    *("two runs", "flipped", "cut to half", "clock", "download: slow drip", "weights: "),
]
FEWEST = 80
"""Faults injected by `--short`, those that need the right to mount left out."""


@pytest.mark.skipif(sys.platform != "linux", reason="faults are injected by means of Linux")
def test_nothing_is_lost_and_nothing_bad_accepted() -> None:
    command = [sys.executable, "-m", "chaos", "--short"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    table = done.stdout
    rows = {name: [int(count or 0) for count in counts] for name, *counts in ROW.findall(table)}
    injected, survived, recomputed, equal, compared = rows.pop("all")
    assert injected == survived == sum(row[0] for row in rows.values()) >= FEWEST
    assert equal == compared == sum(row[4] for row in rows.values()) >= FEWEST
    assert recomputed == sum(row[2] for row in rows.values()) > 0
    assert min(row[0] for row in rows.values()) > 0
    assert "\nlost: 0\naccepted: 0\n" in table
    assert [family for family in FAMILIES if family not in table] == []


def test_what_does_not_hold_is_counted_and_told() -> None:
    good, bad = Outcome("good"), Outcome("bad")
    good.recomputed = 3
    good.count(good.compare(True))
    bad.count(["left", *bad.compare(False)], "theory")
    bad.count(bad.compare(False, taken=False))
    assert (bad.injected, bad.lost, bad.accepted) == (2, 2, 1)
    assert "theory: left; other bytes than undisturbed" in bad.row()
    assert totals([good, bad]).endswith("\nlost: 2\naccepted: 1")
    assert re.search(r"^all +3 +1 +3   1 of 3$", totals([good, bad]), re.MULTILINE)


def test_a_stages_reports_count_together() -> None:
    log = "ceilings: 2 units, 2 from the cache, 0 computed, 0 failed, 0.0 s\n"
    assert report(log) == Counted(2, 2, 0, 0)
    log += "figures: 19 units, 1 from the cache, 17 computed, 1 failed, 3.0 s\n"
    assert report(log) == Counted(21, 3, 17, 1)
    assert report("error: a disk is full") == Counted(-1, -1, -1, -1)
