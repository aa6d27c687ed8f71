"""What lies in a workspace's artifact cache; small disks, and disks that may only be read."""

import contextlib
import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import Workspace

PAGE = 4096


def cache_of(workspace: Workspace) -> Path:
    """A workspace's artifact cache."""
    return Path(workspace.environment["ARTIFACT_CACHE"])


def units_of(workspace: Workspace) -> dict[str, Path]:
    """Files under a key in a workspace's cache, by their path in it."""
    root = cache_of(workspace)
    found = sorted(path for path in root.glob("??/*") if not path.name.startswith("."))
    return {path.relative_to(root).as_posix(): path for path in found}


def torn(workspace: Workspace) -> list[str]:
    """Files under a key that are not whole, as problems: a digest and the payload that it is of."""
    found = []
    for name, path in units_of(workspace).items():
        content = path.read_bytes()
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            found.append(f"{name} is half-written")
    return found


def unfinished(workspace: Workspace) -> list[str]:
    """Temporary files in the cache, as problems."""
    return [f"{path.name} is left" for path in cache_of(workspace).rglob(".tmp-*")]


class AbsentError(Exception):
    """A fault cannot be shown on this machine; the message says why."""


@contextlib.contextmanager
def full_disk(folder: Path, pages: int = 0) -> Iterator[None]:
    """A small disk over a folder that holds what the folder held and is full, but for so many pages
    of 4 KiB. Afterwards the folder has what the disk held."""
    held = folder.rename(folder.with_name(f"{folder.name}.under"))
    folder.mkdir()
    with _mounted(folder, "-t", "tmpfs", "-o", "size=64m", "tmpfs"):
        _copy(held, folder)
        filler = folder / ".filler"
        filler.write_bytes(bytes(shutil.disk_usage(folder).free - pages * PAGE))
        yield
        filler.unlink()
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
