"""Writing a stage's outputs: whole or not at all, and equal bytes for equal content."""

import contextlib
import io
import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from stages.runtime.errors import DataError
from stages.runtime.guards import readable, room


@contextlib.contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A fresh folder that takes the place of `folder` when the block ends without an error."""
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        yield fresh
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    fresh.replace(folder)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that it appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(content)
    fresh.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON; floats that are not finite are refused."""
    write_bytes(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file, naming it where it is malformed."""
    with readable(path, "JSON"):
        return json.loads(path.read_bytes())


def read_arrays(path: Path, *names: str, optional: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Arrays of an NPZ by name, all or those named; no pickle is ever loaded.

    A DataError where it is damaged, lacks a name or has one twice, has bytes after an array, or
    unpacks to more than `room`.
    """
    with readable(path, "NPZ"), np.load(path, allow_pickle=False) as archive:
        members, allowed = archive.zip.infolist(), room(path.stat().st_size)
        if (size := sum(member.file_size for member in members)) > allowed:
            raise DataError(f"{path}: {size} bytes unpacked; at most {allowed} are allowed")
        if len(set(archive.files)) < len(members):
            raise DataError(f"{path}: duplicate names among {archive.files}")
        for name in names:
            if name not in archive:
                raise DataError(f"{path}: array '{name}' is missing; it holds {list(archive)}")
        wanted = [*names, *(name for name in optional if name in archive)] or list(archive)
        return {name: _member(archive, name, path) for name in wanted}


def _member(archive: Any, name: str, path: Path) -> np.ndarray:
    member = name if name in archive.zip.namelist() else f"{name}.npy"
    with archive.zip.open(member) as stream:
        if not stream.peek().startswith(np.lib.format.MAGIC_PREFIX):
            raise DataError(f"{path}: '{name}' is no array")
        return whole_array(stream, f"{path}: array '{name}'")


def whole_array(stream: IO[bytes], where: str) -> np.ndarray:
    """The array that an open NPY file holds; a DataError if bytes follow it."""
    array: np.ndarray = np.lib.format.read_array(stream, allow_pickle=False)
    if stream.read(1):
        raise DataError(f"{where}: bytes follow its end")
    return array


def read_npz(path: Path, *names: str) -> list[np.ndarray]:
    """Named arrays of an NPZ, in order."""
    return list(read_arrays(path, *names).values())


def npz_bytes(**arrays: np.ndarray) -> bytes:
    """Named arrays in uncompressed NPZ format; equal arrays give equal bytes."""
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def npy_bytes(array: np.ndarray) -> bytes:
    """An array in NPY format."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def pack(files: Mapping[str, bytes]) -> bytes:
    """Several files as one payload: an uncompressed zip with fixed dates."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


def unpack(payload: bytes, folder: Path) -> None:
    """Write the files of a payload below a folder."""
    with zipfile.ZipFile(io.BytesIO(payload)) as archive:
        for name in archive.namelist():
            if not (folder / name).resolve().is_relative_to(folder.resolve()):
                raise DataError(f"'{name}' would be written outside {folder}")
        archive.extractall(folder)
