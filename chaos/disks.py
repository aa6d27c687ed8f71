"""Small disks and disks that may only be read; both need the right to mount."""

from __future__ import annotations

import contextlib
import errno
import subprocess
from collections.abc import Iterator
from pathlib import Path

PAGE = 4096


class AbsentError(Exception):
    """A fault cannot be shown on this machine; the message says why."""


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A disk of so many megabytes over a folder, with what the folder held on it."""
    held = folder.with_name(f"{folder.name}.under")
    folder.rename(held)
    folder.mkdir()
    with _mounted(folder, "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs"):
        subprocess.run(["cp", "-a", f"{held}/.", str(folder)], check=True)
        yield


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder, to be read alone: also by root, whom a file's mode does not stop."""
    with _mounted(folder, "--bind", str(folder)):
        _mount("-o", "remount,bind,ro", str(folder))
        yield


@contextlib.contextmanager
def filled(folder: Path, pages: int) -> Iterator[None]:
    """The folder's disk, full but for so many pages of 4 KiB."""
    filler = folder / ".filler"
    with filler.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(PAGE))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        stream.truncate(stream.tell() // PAGE * PAGE - pages * PAGE)
    try:
        yield
    finally:
        filler.unlink()


@contextlib.contextmanager
def _mounted(folder: Path, *options: str) -> Iterator[None]:
    _mount(*options, str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*options: str) -> None:
    try:
        subprocess.run(["mount", *options], capture_output=True, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise AbsentError("it takes the right to mount") from error
