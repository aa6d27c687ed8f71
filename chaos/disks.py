"""Small disks and disks that may only be read; both need the right to mount."""

from __future__ import annotations

import contextlib
import errno
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

PAGE = 4096


class AbsentError(Exception):
    """A fault cannot be shown on this machine; the message says why."""


@contextlib.contextmanager
def full_disk(folder: Path, pages: int = 0, megabytes: int = 64) -> Iterator[None]:
    """A small disk over a folder that holds what the folder held and is full, but for so many pages
    of 4 KiB. Afterwards the folder has what the disk held."""
    held = folder.with_name(f"{folder.name}.under")
    folder.rename(held)
    folder.mkdir()
    with _mounted(folder, "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs"):
        _copy(held, folder)
        with _filled(folder, pages):
            yield
        shutil.rmtree(held)
        held.mkdir()
        _copy(folder, held)
    folder.rmdir()
    held.rename(folder)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder, to be read alone: also by root, whom a file's mode does not stop."""
    with _mounted(folder, "--bind", str(folder)):
        _mount("-o", "remount,bind,ro", str(folder))
        yield


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", f"{source}/.", str(target)], check=True)


@contextlib.contextmanager
def _filled(folder: Path, pages: int) -> Iterator[None]:
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
