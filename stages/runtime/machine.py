"""The machine that work is planned for. It decides where and how fast, never what."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stages.runtime.errors import UsageError

GPU = Path("/dev/nvidiactl")
"""The driver's file, by which a GPU is seen."""

ADDRESS = r"^(tcp|tls|ws|wss)://[^\s/]+:\d+$"
"""What the address of a dask.distributed scheduler looks like."""


class Compute(Protocol):
    """What params.yaml's `compute` says of where units run."""

    @property
    def workers(self) -> int | None: ...
    @property
    def scheduler(self) -> str | None: ...
    @property
    def limit(self) -> float | None: ...
    @property
    def device(self) -> str: ...


@dataclass(frozen=True)
class Place:
    """Where units run.

    workers : processes; with 1 and no limit everything runs in this process.
    scheduler : address of a dask.distributed scheduler, which decides how many workers there are.
    limit : seconds that one unit may take.
    """

    workers: int = 1
    scheduler: str | None = None
    limit: float | None = None

    @property
    def in_processes(self) -> bool:
        """Whether work that no scheduler is given goes to processes of its own."""
        return self.workers > 1 or self.limit is not None


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


def place(compute: Compute, planned: int | None = None) -> Place:
    """Where params.yaml and the environment have units run.

    Parameters
    ----------
    planned : workers where neither says how many; None for one each core.

    Raises
    ------
    UsageError
        `$WORKERS`, `$SCHEDULER` or `$UNIT_LIMIT` is none of the values allowed.
    """
    workers = worker_count(compute.workers or planned)
    scheduler, limit = compute.scheduler, compute.limit
    if text := os.environ.get("SCHEDULER"):
        if text != "null" and not re.fullmatch(ADDRESS, text):
            allowed = "an address such as tcp://host:8786, or null, is allowed"
            raise UsageError(f"$SCHEDULER: '{text}'; {allowed}")
        scheduler = None if text == "null" else text
    if text := os.environ.get("UNIT_LIMIT"):
        number = re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text)
        if text != "null" and not (number and float(text) > 0):
            raise UsageError(f"$UNIT_LIMIT: '{text}'; seconds above 0, or null, are allowed")
        limit = None if text == "null" else float(text)
    return Place(workers, scheduler, limit)


def worker_count(asked: int | None) -> int:
    """`$WORKERS`, else the number asked for, else one for each core this process may use."""
    if "WORKERS" in os.environ:
        text = os.environ["WORKERS"]
        if not re.fullmatch("[1-9][0-9]{0,4}", text):
            raise UsageError(f"$WORKERS: '{text}'; a whole number from 1 to 99999 is allowed")
        return int(text)
    return asked or cores()


def plan_machine(device: str) -> Plan:
    """One worker that all cores prepare images for where there is a GPU, else one worker a core.

    Parameters
    ----------
    device : params.yaml's `compute.device`.

    A GPU is seen by its driver's file, so that this does not import torch.
    """
    accelerated = device != "cpu" and (device != "auto" or GPU.exists())
    return Plan(1, cores()) if accelerated else Plan(None, 1)


def device_of(compute: Compute) -> str:
    """`compute.device`. For a cluster `auto` is what this machine has: workers may differ, and
    kinds of processor round differently."""
    if compute.device != "auto" or place(compute).scheduler is None:
        return compute.device
    return "cuda" if GPU.exists() else "cpu"


def resources(device: str) -> dict[str, float]:
    """What a dask worker must have to compute on a device."""
    return {"GPU": 1} if device.startswith("cuda") else {}
