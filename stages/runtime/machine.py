"""The machine that work is planned for. It decides how fast, never what."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Plan:
    """Worker processes (None: one each core), and threads that prepare images in each."""

    workers: int | None
    threads: int


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def plan_machine(device: str) -> Plan:
    """One worker that all cores prepare images for where there is a GPU, else one worker a core.

    Parameters
    ----------
    device : params.yaml's `compute.device`.

    A GPU is seen by its driver's file, so that this does not import torch.
    """
    accelerated = device != "cpu" and (device != "auto" or Path("/dev/nvidiactl").exists())
    return Plan(1, cores()) if accelerated else Plan(None, 1)
