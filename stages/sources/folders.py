"""Images as files: folders of them, an archive of them. Names give the order, nothing is left out.

Files whose names begin with a dot (and __MACOSX in archives) are a machine's, and are passed over;
whatever else is not an image is an error.
"""

from __future__ import annotations

import contextlib
import io
import logging
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from stages.runtime.errors import DataError, UsageError
from stages.sources.guards import ROOM, readable

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
"""What Pillow may take a file for, whatever its name: EPS would start Ghostscript."""
logging.getLogger("PIL").addHandler(logging.NullHandler())  # what it says, errors say too
_MODES = ("1", "CMYK", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "YCbCr")
_LARGEST_ARCHIVE = ROOM


def entries(folder: Path, where: str) -> list[Path]:
    """What a folder holds, by name, hidden files apart; `where` names the key that asks for it.

    Raises
    ------
    UsageError
        There is no such folder.
    DataError
        A name in it cannot be printed, or has a backslash, which stands for a folder elsewhere.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except (OSError, ValueError) as error:
        raise UsageError(f"{where}: '{folder}' is no folder") from error
    for path in paths:
        check_name(path.name, str(folder))
    return paths


def check_name(name: str, where: str) -> None:
    """Raise DataError where a file's name is none on other systems, or breaks a line of text."""
    if not name.isprintable() or "\\" in name:
        raise DataError(
            f"{where}: {name!r}: a name without backslash that can be printed is needed"
        )


def image_files(folder: Path, where: str) -> list[Path]:
    """The images of a folder, in the order of their names.

    Raises
    ------
    UsageError
        There is no such folder.
    DataError
        It holds something else, or nothing.
    """
    paths = entries(folder, where)
    for path in paths:
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            raise DataError(f"{path}: not an image file; {', '.join(SUFFIXES)} are allowed")
    if not paths:
        raise DataError(f"{folder}: holds no images")
    return paths


def class_files(folder: Path, where: str, notes: bool = False) -> dict[str, list[Path]]:
    """The images of each class folder, by its name; names in order, and images within each.

    With `notes`, text files beside the class folders are passed over, as ImageNet-A and -R have.

    Raises
    ------
    UsageError
        There is no such folder.
    DataError
        Fewer than two class folders, a file beside them, an empty one, something not an image.
    """
    paths = entries(folder, where)
    if notes:
        paths = [path for path in paths if path.suffix.lower() not in (".txt", ".md")]
    for path in paths:
        if not path.is_dir():
            raise DataError(f"{path}: lies beside the class folders; only folders are allowed")
    if len(paths) < 2:
        raise DataError(f"{folder}: {len(paths)} class folders; at least 2 are needed")
    return {path.name: image_files(path, where) for path in paths}


def read_images(paths: list[Path]) -> dict[str, bytes]:
    """The bytes of image files, by name, each checked to be an image.

    Raises
    ------
    DataError
        Unreadable, not an image, of more than 8 bits a channel, or with transparent pixels.
    """
    images = {}
    for path in paths:
        images[path.name] = read(path)
        decode(images[path.name], str(path))
    return images


def read(path: Path) -> bytes:
    """A file's bytes, naming it where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def decode(content: bytes, where: str, opaque: bool = True) -> np.ndarray:
    """An encoded image as [H, W, 3] uint8; see `read_images` for what is refused.

    Transparent pixels are refused where it must be `opaque`; else the colour beneath is taken.
    """
    with picture(content, where) as image:
        if image.mode not in _MODES:
            raise DataError(f"{where}: mode '{image.mode}'; 8 bits a channel are allowed")
        if opaque and image.has_transparency_data and _alpha(image).min() < 255:
            raise DataError(
                f"{where}: has transparent pixels; put it on the background that people saw"
            )
        return np.asarray(image.convert("RGB"))


@contextlib.contextmanager
def picture(content: bytes, where: Path | str) -> Iterator[Image.Image]:
    """An encoded image, of one of `FORMATS`; a DataError where it cannot be read or is too large.

    Pillow refuses more than 179 million pixels.
    """
    with readable(where, "an image"):
        try:
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                yield image
        except Image.DecompressionBombError as error:
            raise ValueError(error) from error


def _alpha(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGBA"))[..., 3]


def zipped_images(path: Path, expected: int) -> dict[str, bytes]:
    """The images of a ZIP archive, by file name and in the order of names; nothing is written.

    Parameters
    ----------
    expected : how many there must be.

    Raises
    ------
    DataError
        Damaged, encrypted, larger than 512 MiB unpacked, images in several folders or of another
        number, or anything in it that is not an image.
    """
    with readable(path, "ZIP"), zipfile.ZipFile(path) as archive:
        members = [item for item in archive.infolist() if _meant(item)]
        size = sum(item.file_size for item in members)
        if size > _LARGEST_ARCHIVE:
            raise DataError(f"{path}: {size} bytes unpacked; at most {_LARGEST_ARCHIVE}")
        names = [PurePosixPath(item.filename) for item in members]
        for member in names:
            check_name(str(member), str(path))
            if member.suffix.lower() not in SUFFIXES:
                raise DataError(f"{path}: '{member}' is not an image")
        parents = sorted({str(name.parent) for name in names})
        if len(parents) > 1 or len(set(names)) < len(names):
            raise DataError(f"{path}: images in folders {parents}, or a name twice")
        if len(names) != expected:
            raise DataError(f"{path}: {len(names)} images; {expected} are needed")
        found = {
            name.name: _content(archive, item) for name, item in zip(names, members, strict=True)
        }
    for name, content in found.items():
        decode(content, f"{path}: {name}", opaque=False)
    return dict(sorted(found.items()))


def _content(archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> bytes:
    """A member's content. `ZipFile.read` unpacks 2 GiB first, whatever size the member says."""
    with archive.open(item) as stream:
        return stream.read(item.file_size)


def _meant(item: zipfile.ZipInfo) -> bool:
    """Not a folder, a hidden file or what macOS adds."""
    parts = PurePosixPath(item.filename).parts
    return not item.is_dir() and not any(p == "__MACOSX" or p.startswith(".") for p in parts)


def named(images: Mapping[str, object]) -> dict[str, int]:
    """Index of each image by its file name, and by its name without extension where that is one's.

    A stem that two images share stands for neither.
    """
    places = {name: i for i, name in enumerate(images)}
    stems: dict[str, list[int]] = {}
    for name, i in places.items():
        stems.setdefault(Path(name).stem, []).append(i)
    return {stem: own[0] for stem, own in stems.items() if len(own) == 1} | places
