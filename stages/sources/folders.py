"""Images as files: in folders, or in an archive. Names give the order, nothing is left out.

Files whose names begin with a dot (and __MACOSX in archives) come from the system, and are skipped;
whatever else is not an image is an error.
"""

import contextlib
import io
import logging
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import ExifTags, Image, ImageOps

from stages.runtime.errors import DataError, UsageError, untracked
from stages.runtime.guards import ROOM, readable

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
"""The formats that Pillow may recognise, whatever the file's name: EPS would start Ghostscript."""
FILES = Path("studies/files")
"""Whose content DVC knows; links out of it would hide changes."""
logging.getLogger("PIL").addHandler(logging.NullHandler())  # the errors say it too
_HIDDEN = re.compile(r"(^|/)(\.|__MACOSX(/|$))").search
_MODES = ("1", "CMYK", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "YCbCr")


def check_name(name: str, where: str) -> None:
    """Raise DataError where a file's name breaks a line of text, or is a path on other systems."""
    if not name.isprintable() or "\\" in name:
        raise DataError(f"{where}: {name!r}: a printable name without backslash is needed")


def check_links(paths: Iterable[Path], where: str) -> None:
    """Raise UsageError where a file of `FILES` lies elsewhere, behind a link to a folder.

    DVC reads what a link to a file leads to, and passes over a link to a folder.
    """
    files = FILES.absolute()
    for folder in sorted({Path(os.path.normpath(path.absolute())).parent for path in paths}):
        if folder.is_relative_to(files) and not folder.resolve().is_relative_to(files.resolve()):
            raise UsageError(
                f"{where}: '{FILES / folder.relative_to(files)}' is behind a link to a folder, "
                "where DVC sees no change; copy the folder, or link its files one by one (cp -rs)"
            )


def entries(folder: Path, where: str) -> list[Path]:
    """What a folder holds, by name, without hidden files; `where` is the key that names it."""
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except (OSError, ValueError) as error:
        raise UsageError(f"{where}: '{folder}' is no folder{untracked()}") from error
    for path in paths:
        check_name(path.name, str(folder))
    return paths


def image_files(folder: Path, where: str) -> list[Path]:
    """The images of a folder by name; a DataError if it holds anything else, or nothing."""
    paths = entries(folder, where)
    for path in paths:
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            raise DataError(f"{path}: not an image file; {', '.join(SUFFIXES)} are allowed")
    if not paths:
        raise DataError(f"{folder}: holds no images")
    return paths


def class_files(folder: Path, where: str, notes: bool = False) -> dict[str, list[Path]]:
    """The images of each class folder; a DataError if there are fewer than 2, or other files.

    With `notes`, text files beside the class folders are skipped: ImageNet-A and -R have them.
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


def read(path: Path) -> bytes:
    """A file's bytes, naming it where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def read_images(paths: list[Path]) -> dict[str, bytes]:
    """The bytes of image files by name, each checked by `decode`."""
    images = {path.name: read(path) for path in paths}
    for path in paths:
        decode(images[path.name], str(path))
    return images


@contextlib.contextmanager
def picture(content: bytes, where: Path | str) -> Iterator[Image.Image]:
    """An encoded image, turned upright as its EXIF says.

    A DataError if it is unreadable, has more than 179 million pixels, or several frames: which of
    them people saw, nobody can tell. Pictures behind that of a camera's JPEG are never shown.
    """
    with readable(where, "an image"):
        try:
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                if image.format != "MPO" and getattr(image, "is_animated", False):
                    raise DataError(f"{where}: has several frames; save the one that people saw")
                if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
                    ImageOps.exif_transpose(image, in_place=True)
                yield image
        except Image.DecompressionBombError as error:
            raise ValueError(error) from error


def decode(content: bytes, where: str, opaque: bool = True) -> np.ndarray:
    """An encoded image as [H, W, 3] uint8.

    A DataError if it has more than 8 bits a channel, or transparent pixels but must be `opaque`.
    """
    with picture(content, where) as image:
        if image.mode not in _MODES:
            raise DataError(f"{where}: mode '{image.mode}'; 8 bits a channel are allowed")
        transparent = opaque and image.has_transparency_data
        if transparent and np.asarray(image.convert("RGBA"))[..., 3].min() < 255:
            raise DataError(
                f"{where}: has transparent pixels; put it on the background that people saw"
            )
        return np.asarray(image.convert("RGB"))


def zipped_images(path: Path, expected: int) -> dict[str, bytes]:
    """The images of a ZIP archive by file name, in order; nothing is written.

    A DataError if it is damaged, encrypted, larger than `ROOM` unpacked, has images in several
    folders or not as many as `expected`, or anything that is not an image.
    """
    with readable(path, "ZIP"), zipfile.ZipFile(path) as archive:
        members = [m for m in archive.infolist() if not m.is_dir() and not _HIDDEN(m.filename)]
        names = [PurePosixPath(member.filename) for member in members]
        if (size := sum(member.file_size for member in members)) > ROOM:
            raise DataError(f"{path}: {size} bytes unpacked; at most {ROOM} are allowed")
        for name in names:
            check_name(str(name), str(path))
            if name.suffix.lower() not in SUFFIXES:
                raise DataError(f"{path}: '{name}' is not an image")
        parents = sorted({str(name.parent) for name in names})
        if len(parents) > 1 or len(set(names)) < len(names):
            raise DataError(f"{path}: images in folders {parents}, or a duplicate name")
        if len(names) != expected:
            raise DataError(f"{path}: {len(names)} images; {expected} are needed")
        images = {}
        for name, member in sorted(zip(names, members, strict=True), key=lambda pair: pair[0]):
            with archive.open(member) as stream:  # `read` would unpack 2 GiB, whatever the size
                images[name.name] = stream.read(member.file_size)
            decode(images[name.name], f"{path}: {name.name}", opaque=False)
    return images
