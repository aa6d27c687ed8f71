"""Files made to harm whoever reads them, and what each reader says of them."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.io
import scipy.sparse

from stages.runtime.files import npy_bytes, read_npz
from stages.sources.folders import decode, zipped_images
from stages.sources.formats import read_cifar100, read_idx
from stages.sources.human import png, read_materials
from stages.sources.image_folders import read_index
from stages.sources.matlab import read_matlab, variables
from stages.sources.tables import read_array
from stages.sources.tasks import npz_task
from stages.study.yaml_file import read_yaml
from stages.zoo.cards import read_card, read_classifier
from stages.zoo.embeddings import tensor_digests
from stages.zoo.images import image_set
from stages.zoo.load import check_card
from stages.zoo.published import header

PNG = png(np.zeros((4, 4, 3), np.uint8))
GIB = 2**30
CIFAR = "cifar-100-binary/test.bin"
IMAGES, LABELS = np.zeros((4, 3, 3, 3), np.uint8), np.arange(4)


class Hostile(NamedTuple):
    """A file's name, what makes its content, what reads it, and what is said."""

    name: str
    make: Callable[[], bytes]
    read: Callable[[Path], object]
    words: str


class Evil:
    """An object whose pickle makes a folder `pickled` when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (Path("pickled"),)


def pickles() -> dict[str, bytes]:
    """A pickle, as it is and in the forms that numpy gives it."""
    objects, npy, npz = np.array([Evil()], object), io.BytesIO(), io.BytesIO()
    np.save(npy, objects, allow_pickle=True)
    np.savez(npz, allow_pickle=True, images=objects, labels=objects, similarity=objects)
    return {"pickle": pickle.dumps(Evil()), "npy": npy.getvalue(), "npz": npz.getvalue()}


def zeros(count: int, wbits: int) -> bytes:
    """A deflate stream that unpacks to `count` zeros and does not end; wbits as zlib has them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    piece = bytes(2**24)
    first = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + again * (count // len(piece) - 1)


def gzipped(head: bytes, count: int) -> bytes:
    """Gzip of some bytes and then `count` zeros."""
    return gzip.compress(head) + gzip.compress(bytes(2**24)) * (count // 2**24)


def idx(*sizes: int) -> bytes:
    return bytes([0, 0, 8, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes)


def tar(*members: tuple[str, bytes, bytes, str]) -> bytes:
    """A gzipped tar of members: name, type, content, target of a link."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, kind, content, target in members:
            item = tarfile.TarInfo(name)
            item.type, item.size, item.linkname = kind, len(content), target
            archive.addfile(item, io.BytesIO(content))
    return stream.getvalue()


def tar_bomb(kind: bytes) -> bytes:
    """A tar whose first member, or its extended header, has 1 GiB."""
    item = tarfile.TarInfo("x")
    item.type, item.size = kind, GIB
    return gzipped(item.tobuf(tarfile.GNU_FORMAT), GIB)


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def link(name: str) -> zipfile.ZipInfo:
    item = zipfile.ZipInfo(name)
    item.external_attr = 0o120777 << 16
    return item


def zip_bomb(name: str, head: bytes, count: int, declared: int | None = None) -> bytes:
    """A zip whose member unpacks to `head` and `count` zeros, and says it has `declared` bytes."""
    size = len(head) + count if declared is None else declared
    packer = zlib.compressobj(0, zlib.DEFLATED, -15)
    data = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH) + zeros(count, -15)
    encoded = name.encode()
    sizes = struct.pack("<III", 0, len(data), size)
    local = struct.pack("<IHHHHH", 0x04034B50, 20, 0, 8, 0, 0x21) + sizes
    local += struct.pack("<HH", len(encoded), 0) + encoded
    central = struct.pack("<IHHHHHH", 0x02014B50, 20, 20, 0, 8, 0, 0x21) + sizes
    central += struct.pack("<HHHHHII", len(encoded), 0, 0, 0, 0, 0, 0) + encoded
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 1, 1, len(central), len(local) + len(data), 0)
    return local + data + central + end


def npy(shape: tuple[int, ...], kind: str = "|u1", data: bytes = b"") -> bytes:
    """An NPY whose header says what is given."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def mat(*elements: bytes) -> bytes:
    """A MATLAB file of elements as they are given."""
    return b"MATLAB 5.0 MAT-file".ljust(116) + bytes(8) + b"\x00\x01IM" + b"".join(elements)


def element(kind: int, data: bytes, size: int | None = None) -> bytes:
    padded = data + bytes(-len(data) % 8)
    return struct.pack("<II", kind, len(data) if size is None else size) + padded


def matrix(shape: tuple[int, ...], data: bytes, kind: int = 6) -> bytes:
    """A variable m of class double by default."""
    head = element(6, struct.pack("<II", kind, 0))
    head += element(5, struct.pack(f"<{len(shape)}i", *shape)) + element(1, b"m")
    return element(14, head + data)


def nested(depth: int) -> bytes:
    """Cells in cells."""
    inner = matrix((1, 1), element(9, bytes(8)))
    for _ in range(depth):
        inner = matrix((1, 1), inner, kind=1)
    return inner


def saved(**arrays: object) -> bytes:
    stream = io.BytesIO()
    scipy.io.savemat(stream, arrays)  # type: ignore[arg-type]
    return stream.getvalue()


def tensors(
    about: Mapping[str, Any] | str, data: bytes = bytes(32), size: int | None = None
) -> bytes:
    """A safetensors file whose header is what is given."""
    text = (about if isinstance(about, str) else json.dumps(about)).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def tensor(shape: list[int], offsets: list[int], kind: str = "F32") -> dict[str, Any]:
    return {"dtype": kind, "shape": shape, "data_offsets": offsets}


def checkpoint(**changes: Any) -> bytes:
    """A checkpoint without tensors, whose card says what is given."""
    card = {"architecture": "test_vit", "classes": 3, "size": 32, "labels": "none"}
    card |= {"mean": [0.5] * 3, "std": [0.5] * 3} | changes
    return tensors({"__metadata__": {"card": json.dumps(card)}}, b"")


def laughs(levels: int, form: str) -> bytes:
    """YAML whose anchors repeat each other, tenfold a level."""
    lines = [form.format(0, "1")]
    for level in range(1, levels):
        lines.append(form.format(level, ", ".join([f"*a{level - 1}"] * 10)))
    return "\n".join(lines).encode()


def _embedding(path: Path) -> object:
    return tensor_digests(path, ["t"])


def _two_images(path: Path) -> object:
    return zipped_images(path, 2)


def _test_set(path: Path) -> object:
    return read_cifar100(path, "test")


def _m(path: Path) -> object:
    return read_matlab(path, "m")


def _matrix(path: Path) -> object:
    return read_array(path, 2)


def _all_images(path: Path) -> object:
    return list(image_set(path).batches(2))


def _picture(path: Path) -> object:
    return decode(path.read_bytes(), str(path))


PLAIN = tarfile.REGTYPE
ARCHIVES = [
    Hostile(
        "above.zip", lambda: zipped(("../a.png", PNG), ("b.png", PNG)), _two_images, "1 images"
    ),
    Hostile(
        "up.zip", lambda: zipped(("x/../../a.png", PNG), ("b.png", PNG)), _two_images, "1 images"
    ),
    Hostile(
        "root.zip", lambda: zipped(("/etc/a.png", PNG), ("b.png", PNG)), _two_images, "folders"
    ),
    Hostile(
        "back.zip", lambda: zipped(("..\\a.png", PNG), ("b.png", PNG)), _two_images, "1 images"
    ),
    Hostile(
        "drive.zip",
        lambda: zipped(("C:\\a.png", PNG), ("b.png", PNG)),
        _two_images,
        r"'C:..a.png': a name without backslash",
    ),
    Hostile(
        "line.zip",
        lambda: zipped(("a\nb.png", PNG), ("b.png", PNG)),
        _two_images,
        r"'a.nb.png': a name without backslash that can be printed",
    ),
    Hostile(
        "turn.zip",
        lambda: zipped(("a\u202egnp.png", PNG), ("b.png", PNG)),
        _two_images,
        r"u202egnp.png': a name without backslash that can be printed",
    ),
    Hostile(
        "null.zip",
        lambda: zipped(("aXb.exe", b""), ("c.png", PNG)).replace(b"aXb", b"a\0b"),
        _two_images,
        "'a' is not an image",
    ),
    Hostile(
        "link.zip",
        lambda: zipped((link("a.png"), b"/etc/passwd"), ("b.png", PNG)),
        _two_images,
        "a.png: not readable as an image",
    ),
    Hostile(
        "twice.zip",
        lambda: zipped(("a.png", PNG), ("b.png", PNG)).replace(b"b.png", b"a.png"),
        _two_images,
        "a name twice",
    ),
    Hostile(
        "bomb.zip",
        lambda: zip_bomb("a.png", b"", GIB - 2**24),
        _two_images,
        "1056964608 bytes unpacked; at most 536870912",
    ),
    Hostile(
        "lying.zip",
        lambda: zip_bomb("a.png", b"", GIB, 100),
        lambda p: zipped_images(p, 1),
        "not readable as ZIP: Bad CRC-32",
    ),
    Hostile(
        "soft.tar.gz",
        lambda: tar((CIFAR, tarfile.SYMTYPE, b"", "/etc/passwd")),
        _test_set,
        "test.bin' is not a file",
    ),
    Hostile(
        "hard.tar.gz",
        lambda: tar((CIFAR, tarfile.LNKTYPE, b"", "../x")),
        _test_set,
        "test.bin' is not a file",
    ),
    Hostile(
        "loop.tar.gz",
        lambda: tar((CIFAR, tarfile.SYMTYPE, b"", CIFAR)),
        _test_set,
        "test.bin' is not a file",
    ),
    Hostile(
        "device.tar.gz",
        lambda: tar((CIFAR, tarfile.CHRTYPE, b"", "")),
        _test_set,
        "test.bin' is not a file",
    ),
    Hostile(
        "other.tar.gz",
        lambda: tar((f"../{CIFAR}", PLAIN, bytes(3074), "")),
        _test_set,
        "test.bin' is there 0 times",
    ),
    Hostile(
        "twice.tar.gz",
        lambda: tar(*[(CIFAR, PLAIN, bytes(3074), "")] * 2),
        _test_set,
        "test.bin' is there 2 times",
    ),
    Hostile(
        "bomb.tar.gz", lambda: tar_bomb(PLAIN), _test_set, "more than 268435456 bytes unpacked"
    ),
    Hostile(
        "pax.tar.gz", lambda: tar_bomb(tarfile.XHDTYPE), _test_set, "more than 268435456 bytes"
    ),
    Hostile(
        "long.tar.gz", lambda: tar_bomb(tarfile.GNUTYPE_LONGNAME), _test_set, "268435456 bytes"
    ),
]
ARRAYS = [
    Hostile("bomb.idx.gz", lambda: gzipped(idx(10), GIB), read_idx, "more than 10 bytes"),
    Hostile("huge.idx.gz", lambda: gzipped(idx(*[2**32 - 1] * 3), GIB), read_idx, "at most 536"),
    Hostile("wrap.idx.gz", lambda: gzip.compress(idx(2**31, 2**31, 4)), read_idx, "at most 5368"),
    Hostile(
        "many.idx.gz",
        lambda: gzip.compress(bytes([0, 0, 8, 255]) + bytes(1020)),
        read_idx,
        "magic bytes 000008ff",
    ),
    Hostile("short.idx.gz", lambda: gzip.compress(idx(9) + bytes(8)), read_idx, "8 bytes of data"),
    Hostile("flat.idx", lambda: idx(9) + bytes(9), read_idx, "not readable as gzip"),
    Hostile(
        "bomb.npz",
        lambda: zip_bomb("images.npy", npy((GIB, 1, 1, 3)), 3 * GIB),
        npz_task,
        "32212..... bytes unpacked; at most 536870912",
    ),
    Hostile(
        "lying.npz",
        lambda: zipped(("images.npy", npy((10**12, 9, 9, 3))), ("labels.npy", npy_bytes(LABELS))),
        npz_task,
        "'images.npy': 0 bytes of data for uint8",
    ),
    Hostile(
        "less.npz",
        lambda: zip_bomb("images.npy", npy((9, 1, 1, 3)), GIB, 155),
        npz_task,
        "not readable as NPZ: Bad CRC",
    ),
    Hostile("below.npz", lambda: zipped(("images.npy", npy((-1, 3)))), npz_task, "0 bytes of data"),
    Hostile(
        "code.npz",
        lambda: zipped(("images.npy", npy((1,)).replace(b"|u1'", b"|u1'.x"))),
        npz_task,
        "not readable as NPZ",
    ),
    Hostile(
        "twice.npz",
        lambda: zipped(
            ("images.npy", npy_bytes(IMAGES)), ("labels.npy", npy_bytes(LABELS))
        ).replace(b"labels", b"images"),
        npz_task,
        "twice",
    ),
    Hostile(
        "stream.npz",
        lambda: zipped(("images.npy", npy((10**12, 9, 9, 3)))),
        _all_images,
        "ends before its last image",
    ),
    Hostile("huge.npy", lambda: npy((10**6, 10**6), "<f8"), _matrix, "0 bytes of data for float64"),
    Hostile(
        "deep.npy", lambda: npy((1,)).replace(b"(1,)", b"(" * 40), _matrix, "not readable as NPY"
    ),
    Hostile(
        "bomb.mat",
        lambda: mat(element(15, b"\x78\xda" + zeros(GIB, -15))),
        _m,
        "larger than 536870912 bytes unpacked",
    ),
    Hostile(
        "nest.mat",
        lambda: mat(element(15, zlib.compress(element(15, zlib.compress(b""))))),
        _m,
        "an element of type 15 stands where a variable should",
    ),
    Hostile(
        "long.mat", lambda: mat(element(14, bytes(8), 2**32 - 1)), _m, "of 4294967295 bytes ends"
    ),
    Hostile(
        "huge.mat",
        lambda: mat(matrix((2**31 - 1, 2**31 - 1), element(9, bytes(8)))),
        _m,
        "a variable of 4611686014132420609 values has 8 bytes",
    ),
    Hostile(
        "below.mat", lambda: mat(matrix((-1, 1), element(9, bytes(8)))), _m, "has shape .-1, 1"
    ),
    Hostile("cells.mat", lambda: mat(matrix((10**5, 10**4), b"", kind=1)), _m, "lacks a member"),
    Hostile("deep.mat", lambda: mat(nested(3000)), _m, "nested more than 16 deep"),
    Hostile("object.mat", lambda: mat(matrix((1, 1), b"", kind=3)), _m, "'m' is missing; it holds"),
    Hostile(
        "sparse.mat", lambda: saved(m=scipy.sparse.eye_array(3)), _m, "'m' is missing; it holds"
    ),
    Hostile(
        "inner.mat",
        lambda: mat(matrix((1, 1), matrix((1, 1), b"", kind=17), kind=1)),
        _m,
        "'m' is missing; it holds",
    ),
    Hostile(
        "twice.mat", lambda: mat(*[matrix((1, 1), element(9, bytes(8)))] * 2), _m, "there twice"
    ),
    Hostile(
        "four.mat",
        lambda: struct.pack("<5i", 0, 2**30, 2**30, 0, 2) + b"m\0",
        variables,
        "it is not of level 5",
    ),
]
TEXTS = [
    Hostile("deep.json", lambda: b"[" * 10**6, read_materials, "not readable as answers"),
    Hostile(
        "deep_index.json", lambda: b'{"files":' + b"[" * 10**6, read_index, "not readable as an"
    ),
    Hostile(
        "number.json", lambda: b'{"answers": [[' + b"9" * 10**5 + b",1,2]]}", read_materials, "4300"
    ),
    Hostile(
        "large.json",
        lambda: b'{"answers": [[99999999999999999999,1,2]], "agreement": [[1,0]]}',
        read_materials,
        "whole numbers are needed, not object",
    ),
    Hostile(
        "nan.json",
        lambda: b'{"answers": [[NaN,1,2]], "agreement": [[1,0]]}',
        read_materials,
        "whole numbers are needed, not float64",
    ),
    Hostile(
        "part.json",
        lambda: b'{"answers": [[0.5,1,2]], "agreement": [[1,0]]}',
        read_materials,
        "whole numbers are needed, not float64",
    ),
    Hostile(
        "word.json",
        lambda: b'{"answers": [["0","1","2"]], "agreement": [[1,0]]}',
        read_materials,
        "whole numbers are needed",
    ),
    Hostile(
        "up_index.json",
        lambda: json.dumps(
            {"root": "r", "classes": [0], "files": [["../../etc/passwd", 0, "0"]]}
        ).encode(),
        read_index,
        "outside its folder",
    ),
    Hostile(
        "root_index.json",
        lambda: json.dumps(
            {"root": "r", "classes": [0], "files": [["/etc/passwd", 0, "0"]]}
        ).encode(),
        read_index,
        "outside its folder",
    ),
    Hostile(
        "run.yaml", lambda: b"a: !!python/object/apply:os.mkdir [pickled]", read_yaml, "python/"
    ),
    Hostile("new.yaml", lambda: b"a: !!python/object/new:os.mkdir [pickled]", read_yaml, "python/"),
    Hostile("name.yaml", lambda: b"a: !!python/name:os.system", read_yaml, "python/name"),
    Hostile("laughs.yaml", lambda: laughs(12, "a{0}: &a{0} [{1}]"), read_yaml, "more than 100000"),
    Hostile(
        "merges.yaml",
        lambda: laughs(12, "a{0}: &a{0} {{k{0}: 1, l: [{1}]}}"),
        read_yaml,
        "more than 100000",
    ),
    Hostile("self.yaml", lambda: b"a: &a {b: *a}", read_yaml, "line 1: an anchor stands within"),
    Hostile("deep.yaml", lambda: b"a: " + b"{a: " * 3000, read_yaml, "nested too deeply"),
    Hostile(
        "twice.yaml", lambda: b"a: 1\nb: 2\na: 3\n", read_yaml, "line 3: key 'a' is there twice"
    ),
    Hostile("two.yaml", lambda: b"a: 1\n---\nb: 2\n", read_yaml, "not readable as YAML"),
    Hostile(
        "postscript.png",
        lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        _picture,
        "cannot identify image file",
    ),
    Hostile(
        "bomb.png",
        lambda: PNG[:16] + struct.pack(">II", 50_000, 50_000) + PNG[24:],
        _picture,
        "not readable as an image",
    ),
]
TENSORS = [
    Hostile("a.safetensors", lambda: tensors({}, b"", 2**63), header, "not a safetensors file"),
    Hostile("b.safetensors", lambda: tensors({}, b"", 1000), header, "not a safetensors file"),
    Hostile("c.safetensors", lambda: tensors("[" * 10**6), header, "not a safetensors file"),
    Hostile("d.safetensors", lambda: tensors({"t": tensor([2, 4], [0, 64])}), _embedding, "offset"),
    Hostile(
        "e.safetensors",
        lambda: tensors({"t": tensor([2, 2], [0, 16]), "u": tensor([2, 2], [8, 24])}),
        _embedding,
        "offset",
    ),
    Hostile(
        "f.safetensors",
        lambda: tensors({"t": tensor([-2, -4], [0, 32])}),
        _embedding,
        "u32|usize|neg",
    ),
    Hostile("g.safetensors", lambda: tensors({"t": tensor([2**62, 8], [0, 32])}), _embedding, ""),
    Hostile(
        "h.safetensors", lambda: tensors({"t": tensor([2, 4], [0, 32], "X9")}), _embedding, "X9"
    ),
    Hostile(
        "j.safetensors",
        lambda: tensors({"t": tensor([2, 8], [0, 32], "BF16")}),
        _embedding,
        "'t' is BF16 .2, 8.; F32",
    ),
    Hostile(
        "k.safetensors",
        lambda: tensors({"t": tensor([0, 8], [0, 0])}, b""),
        _embedding,
        "'t' is F32",
    ),
    Hostile(
        "l.safetensors",
        lambda: tensors({"__metadata__": {"card": "[" * 10**5}}, b""),
        check_card,
        "not readable as a checkpoint",
    ),
    *(
        Hostile(f"{key}.safetensors", partial(checkpoint, **{key: value}), check_card, words)
        for key, value, words in (
            (
                "architecture",
                "hf-hub:someone/network",
                "'hf-hub:someone/network' is not one of timm's",
            ),
            ("architecture", "local-dir:/tmp", "'local-dir:/tmp' is not one of timm's"),
            ("architecture", [1], "architecture .1. is not one of timm's"),
            ("classes", 10**9, "classes 1000000000; 1 to 4096"),
            ("size", "32", "size '32'; 1 to 4096"),
        )
    ),
    Hostile("n.safetensors", lambda: tensors({"t": tensor([2, 4], [32, 0])}), _embedding, ""),
]
FILES = [*ARCHIVES, *ARRAYS, *TEXTS, *TENSORS]
READERS: dict[str, Callable[[Path], object]] = {
    "a.npz": npz_task,
    "b.npz": _all_images,
    "c.npz": lambda path: read_npz(path, "labels"),
    "a.npy": _matrix,
    "a.mat": _m,
    "a.csv": _matrix,
    "a.json": read_materials,
    "a.yaml": read_yaml,
    "a.gz": read_idx,
    "a.tar.gz": _test_set,
    "a.zip": _two_images,
    "a.png": _picture,
    "a.safetensors": header,
    "b.safetensors": read_card,
    "c.safetensors": read_classifier,
    "d.safetensors": _embedding,
    "a.pt": header,
    "a.bin": header,
}
"""Every reader of files, by a name of what it reads."""
