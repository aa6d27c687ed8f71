"""The machine that work is planned for. It decides where and how fast, never what."""

import ctypes
import os
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import threadpoolctl

from stages.runtime.errors import UsageError

GPU = Path("/dev/nvidiactl")
"""The driver's file, by which a GPU is seen without importing torch."""

ADDRESS = r"^(tcp|tls|ws|wss)://[^\s/]+:\d+$"
"""What the address of a dask.distributed scheduler looks like."""

_VARIABLES = {
    "WORKERS": ("[1-9][0-9]{0,4}", "a whole number from 1 to 99999 is allowed"),
    "SCHEDULER": (f"{ADDRESS}|null|", "an address such as tcp://host:8786, or null, is allowed"),
    "UNIT_LIMIT": (
        r"(?!0+(\.0+)?$)[0-9]{1,9}(\.[0-9]{1,9})?|null|",
        "seconds above 0, or null, are allowed",
    ),
}
"""Environment variables that override params.yaml's `compute`, and what they may hold."""


@dataclass(frozen=True)
class Place:
    """Where jobs run.

    workers : processes; with 1 and no limit everything runs in this process.
    scheduler : address of a dask.distributed scheduler, which has workers of its own.
    limit : seconds that one result may take.
    threads : that prepare images in each worker.
    resources : what a dask worker must have been started with to be given a job.
    """

    workers: int = 1
    scheduler: str | None = None
    limit: float | None = None
    threads: int = 1
    resources: Mapping[str, float] = field(default_factory=dict)

    @property
    def in_processes(self) -> bool:
        """Whether jobs run in processes of their own on this machine."""
        return self.scheduler is None and (self.workers > 1 or self.limit is not None)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def place(compute: Any, device: str = "cpu") -> Place:
    """Where params.yaml and the environment have jobs run.

    Without a number of workers, one a core; on a GPU one, for which all cores prepare images. A
    UsageError where `$WORKERS`, `$SCHEDULER` or `$UNIT_LIMIT` is none of the values allowed.

    compute : params.yaml's `compute`. device : of the networks that the jobs run, as `device_of`
        gives it; "cpu" if they run none.
    """
    accelerated = device != "cpu" and (device != "auto" or GPU.exists())
    limit = _variable("UNIT_LIMIT", compute.limit)
    return Place(
        worker_count(compute.workers or (1 if accelerated else None)),
        _variable("SCHEDULER", compute.scheduler),
        None if limit is None else float(limit),
        cores() if accelerated else 1,
        {"GPU": 1} if device.startswith("cuda") else {},
    )


def worker_count(asked: int | None) -> int:
    """`$WORKERS`, else the number asked for, else one for each core this process may use."""
    return int(_variable("WORKERS", asked) or cores())


def _variable(name: str, otherwise: Any) -> Any:
    """The text of an environment variable, with None for "null"; another value if it is not set."""
    text, (pattern, allowed) = os.environ.get(name), _VARIABLES[name]
    if text is not None and not re.fullmatch(pattern, text):
        raise UsageError(f"${name}: '{text}'; {allowed}")
    return (None if text == "null" else text) if text else otherwise


def device_of(compute: Any) -> str:
    """`compute.device`. For a cluster `auto` is what this machine has: workers may differ, and
    kinds of processor round differently."""
    if compute.device != "auto" or place(compute).scheduler is None:
        return str(compute.device)
    return "cuda" if GPU.exists() else "cpu"


def keep_memory() -> None:
    """Have glibc keep the memory that it was given, which networks ask for again at once.

    Otherwise each large tensor is mapped anew, and the kernel clears its pages: half of the time of
    a forward pass at 224 pixels. No result depends on it.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        for option, value in ((-4, 0), (-1, 2**31 - 1), (-2, 2**28)):
            libc.mallopt(option, value)  # M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD of malloc.h


def one_thread() -> None:
    """One BLAS, OpenMP and torch thread in this process: faster in a pool, and repeatable."""
    for library in ("OMP", "OPENBLAS", "MKL"):  # those that are yet to be loaded
        os.environ[f"{library}_NUM_THREADS"] = "1"
    threadpoolctl.threadpool_limits(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
