"""Files made to harm whoever reads them, and what each reader says of them."""

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

from stages.networks.embeddings import Embedding
from stages.networks.images import image_set
from stages.networks.load import check_card
from stages.networks.published import header
from stages.runtime.files import read_npz
from stages.sources.arrays import read_matrices
from stages.sources.folders import decode, zipped_images
from stages.sources.human import png
from stages.sources.image_folders import read_index
from stages.sources.judged import read_materials
from stages.sources.matlab import read_matlab
from stages.sources.own import npz_task
from stages.sources.real import read_cifar100, read_idx
from stages.study.load import read_yaml
from tests.arrays import npy_bytes

PNG = png(np.zeros((4, 4, 3), np.uint8))
BIG = PNG[:16] + struct.pack(">II", 50_000, 50_000) + PNG[24:]
GIB = 2**30
CIFAR = "cifar-100-binary/test.bin"
IMAGES, LABELS = np.zeros((4, 3, 3, 3), np.uint8), np.arange(4)


Content = bytes | Callable[[], bytes]
"""What a file holds; what is large is made when it is needed."""


class Hostile(NamedTuple):
    """A file's name, its content, what reads it, and what is said."""

    name: str
    content: Content
    read: Callable[[Path], object]
    words: str

    def make(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else self.content()


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


two_images = partial(zipped_images, expected=2)
cifar_test = partial(read_cifar100, split="test")
_matrix = partial(read_matrices, n=2)


def _embedding(path: Path) -> object:
    return Embedding(path, "t").read()


def _all_images(path: Path) -> object:
    return image_set(path)[:]


def _picture(path: Path) -> object:
    return decode(path.read_bytes(), str(path))


def files(read: Callable[[Path], object], *rows: tuple[str, Content, str]) -> list[Hostile]:
    """Files of one reader: name, content, what is said."""
    return [Hostile(name, content, read, words) for name, content, words in rows]


B = ("b.png", PNG)
UNPRINTABLE = "a printable name without backslash"
ROOM = "536870912"
MOST = f"bytes unpacked; at most {ROOM}"
PLAIN = tarfile.REGTYPE
LINKS = ((tarfile.SYMTYPE, "/etc/passwd"), (tarfile.LNKTYPE, "../x"), (tarfile.CHRTYPE, ""))
ARCHIVES = [
    *files(
        two_images,
        ("above.zip", zipped(("../a.png", PNG), B), "1 images; 2 are needed"),
        ("up.zip", zipped(("x/../../a.png", PNG), B), "1 images"),
        ("root.zip", zipped(("/etc/a.png", PNG), B), r"images in folders \['\.', '/etc'\]"),
        ("cut.zip", zipped(("a.png", PNG), B)[:100], "not readable as ZIP"),
        ("back.zip", zipped(("..\\a.png", PNG), B), "1 images"),
        ("drive.zip", zipped(("C:\\a.png", PNG), B), f"'C:..a.png': {UNPRINTABLE}"),
        ("line.zip", zipped(("a\nb.png", PNG), B), f"'a.nb.png': {UNPRINTABLE}"),
        ("turn.zip", zipped(("a\u202egnp.png", PNG), B), f"u202egnp.png': {UNPRINTABLE}"),
        ("null.zip", zipped(("aXb.exe", b""), B).replace(b"aXb", b"a\0b"), "'a' is not an image"),
        ("link.zip", zipped((link("a.png"), b"/etc/passwd"), B), "a.png: not readable as an image"),
        ("twice.zip", zipped(("a.png", PNG), B).replace(b"b.png", b"a.png"), "a duplicate name"),
        ("bomb.zip", lambda: zip_bomb("a.png", b"", GIB - 2**24), f"1056964608 {MOST}"),
    ),
    *files(
        lambda path: zipped_images(path, 1),
        ("lying.zip", lambda: zip_bomb("a.png", b"", GIB, 100), "not readable as ZIP: Bad CRC-32"),
    ),
    *files(
        cifar_test,
        *(
            (f"{kind.decode()}.tar.gz", tar((CIFAR, kind, b"", target)), "0 files .cifar-")
            for kind, target in LINKS
        ),
        ("loop.tar.gz", tar((CIFAR, tarfile.SYMTYPE, b"", CIFAR)), "0 files .cifar-"),
        ("other.tar.gz", tar((f"../{CIFAR}", PLAIN, bytes(3074), "")), "0 files .cifar-"),
        ("twice.tar.gz", tar(*[(CIFAR, PLAIN, bytes(3074), "")] * 2), "2 files .cifar"),
        ("bomb.tar.gz", lambda: tar_bomb(PLAIN), "more than 268435456 bytes unpacked"),
        ("pax.tar.gz", lambda: tar_bomb(tarfile.XHDTYPE), "more than 268435456 bytes"),
        ("long.tar.gz", lambda: tar_bomb(tarfile.GNUTYPE_LONGNAME), "more than 268435456 bytes"),
    ),
]
ZLIB = b"\x78\xda"  # the header of its streams
NEST = element(15, zlib.compress(element(15, zlib.compress(b""))))
HUGE = zipped(("images.npy", npy((10**12, 9, 9, 3))), ("labels.npy", npy_bytes(LABELS)))
TWO = zipped(("images.npy", npy_bytes(IMAGES)), ("labels.npy", npy_bytes(LABELS)))
CODE = npy((1,)).replace(b"|u1'", b"|u1'.x")
bomb = partial(zip_bomb, "images.npy")
ONE_NUMBER = element(9, bytes(8))
NOT_NUMBERS = "0 variables of judgments of 2 images in {}"
ARRAYS = [
    *files(
        read_idx,
        ("bomb.idx.gz", lambda: gzipped(idx(10), GIB), "size 11 into shape .10,"),
        ("huge.idx.gz", lambda: gzipped(idx(*[2**32 - 1] * 3), GIB), "at most 536"),
        ("wrap.idx.gz", gzip.compress(idx(2**31, 2**31, 4)), "at most 5368"),
        ("many.idx.gz", gzip.compress(bytes([0, 0, 8, 255]) + bytes(1020)), "magic .* 000008ff"),
        ("short.idx.gz", gzip.compress(idx(9) + bytes(8)), "size 8 into shape .9,"),
        ("flat.idx", idx(9) + bytes(9), "not readable as gzip"),
    ),
    *files(
        npz_task,
        ("bomb.npz", lambda: bomb(npy((GIB, 1, 1, 3)), 3 * GIB), f"32212..... {MOST}"),
        ("lying.npz", HUGE, "not readable as NPZ: Unable to allocate"),
        ("twice.npz", TWO.replace(b"labels", b"images"), "duplicate names"),
    ),
    *files(
        lambda path: read_npz(path, "images"),
        ("less.npz", lambda: bomb(npy((9, 1, 1, 3)), GIB, 155), "not readable as NPZ: Bad CRC"),
        ("below.npz", zipped(("images.npy", npy((-1, 3)))), "negative dimensions"),
        ("code.npz", zipped(("images.npy", CODE)), "not readable as NPZ"),
        ("text.npz", zipped(("images.npy", b"text")), "'images' is no array"),
        ("more.npz", zipped(("images.npy", npy_bytes(IMAGES) + b"x")), "bytes follow its end"),
    ),
    *files(_all_images, ("stream.npz", HUGE, "ends before its last image")),
    *files(
        _matrix,
        ("huge.npy", npy((10**6, 10**6), "<f8"), "not readable as NPY: Unable to allocate"),
        ("deep.npy", npy((1,)).replace(b"(1,)", b"(" * 40), "not readable as NPY"),
        ("more.npy", npy_bytes(np.eye(2)) + b"x", "bytes follow its end"),
        ("an_npz.npy", TWO, "is an NPZ; one array in NPY format is needed"),
        ("bomb.mat", lambda: mat(element(15, ZLIB + zeros(GIB, -15))), f"larger than {ROOM}"),
        ("nest.mat", mat(NEST), "an element of type 15 where a variable should be"),
        ("long.mat", mat(element(14, bytes(8), 2**32 - 1)), "of 4294967295 bytes ends"),
        ("huge.mat", mat(matrix((2**31 - 1,) * 2, ONE_NUMBER)), "MATLAB: cannot reshape"),
        ("below.mat", mat(matrix((-1, 1), ONE_NUMBER)), "shapes below 0"),
        ("type.mat", mat(matrix((1, 1), element(8, bytes(8)))), "of a type that it cannot have"),
        ("none.mat", mat(matrix((1, 1), b"")), "a variable has no values"),
        ("cells.mat", mat(matrix((10**5, 10**4), b"", kind=1)), NOT_NUMBERS),
        ("deep.mat", mat(nested(3000)), NOT_NUMBERS),
        ("object.mat", mat(matrix((1, 1), b"", kind=3)), NOT_NUMBERS),
        ("sparse.mat", saved(m=scipy.sparse.eye_array(3)), NOT_NUMBERS),
        ("inner.mat", mat(matrix((1, 1), matrix((1, 1), b"", kind=17), kind=1)), NOT_NUMBERS),
        ("twice.mat", mat(*[matrix((1, 1), ONE_NUMBER)] * 2), "duplicate names"),
    ),
    *files(
        read_matlab,
        ("four.mat", struct.pack("<5i", 0, 2**30, 2**30, 0, 2) + b"m\0", "it is not of level 5"),
    ),
]


def answers(first: str) -> bytes:
    return f'{{"answers": [[{first},1,2]], "agreement": [[1,0]]}}'.encode()


def index(file: str) -> bytes:
    return json.dumps({"root": "r", "classes": [0], "files": [[file, 0, "0"]]}).encode()


TEXTS = [
    *files(
        read_materials,
        ("deep.json", b"[" * 10**6, "not readable as JSON"),
        ("number.json", answers("9" * 10**5), "4300"),
        ("large.json", answers("9" * 20), "whole numbers are needed, not object"),
        ("nan.json", answers("NaN"), "whole numbers are needed, not float64"),
        ("part.json", answers("0.5"), "whole numbers are needed, not float64"),
        ("word.json", answers('"0"'), "whole numbers are needed"),
    ),
    *files(
        read_index,
        ("deep_index.json", b'{"files":' + b"[" * 10**6, "not readable as JSON"),
        ("up_index.json", index("../../etc/passwd"), "outside its folder"),
        ("root_index.json", index("/etc/passwd"), "outside its folder"),
    ),
    *files(
        read_yaml,
        ("run.yaml", b"a: !!python/object/apply:os.mkdir [pickled]", "python/"),
        ("new.yaml", b"a: !!python/object/new:os.mkdir [pickled]", "python/"),
        ("name.yaml", b"a: !!python/name:os.system", "python/name"),
        ("laughs.yaml", laughs(12, "a{0}: &a{0} [{1}]"), "more than 100000"),
        ("merges.yaml", laughs(12, "a{0}: &a{0} {{k{0}: 1, l: [{1}]}}"), "more than 100000"),
        ("self.yaml", b"a: &a {b: *a}", "line 1: an anchor within"),
        ("deep.yaml", b"a: " + b"{a: " * 3000, "nested too deeply"),
        ("twice.yaml", b"a: 1\nb: 2\na: 3\n", "line 3: duplicate key 'a'"),
        ("two.yaml", b"a: 1\n---\nb: 2\n", "not readable as YAML"),
    ),
    *files(
        _picture,
        ("postscript.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "cannot identify"),
        ("bomb.png", BIG, "not readable as an image"),
    ),
]
NO_CARD = tensors({"__metadata__": {"card": "[" * 10**5}}, b"")
CARDS: list[tuple[str, Any, str]] = [
    ("architecture", "hf-hub:someone/network", "is not one of timm's"),
    ("architecture", "local-dir:/tmp", "is not one of timm's"),
    ("architecture", 1, "is not one of timm's"),
    ("classes", 10**9, "1 to 4096"),
    ("size", "32", "1 to 4096"),
]
OVERLAP = {"t": tensor([2, 2], [0, 16]), "u": tensor([2, 2], [8, 24])}
TENSORS = [
    *files(
        header,
        ("a.safetensors", tensors({}, b"", 2**63), "not a safetensors file"),
        ("b.safetensors", tensors({}, b"", 1000), "not a safetensors file"),
        ("c.safetensors", tensors("[" * 10**6), "not a safetensors file"),
    ),
    *files(
        _embedding,
        ("d.safetensors", tensors({"t": tensor([2, 4], [0, 64])}), "offset"),
        ("e.safetensors", tensors(OVERLAP), "offset"),
        ("f.safetensors", tensors({"t": tensor([-2, -4], [0, 32])}), "u32|usize|neg"),
        ("g.safetensors", tensors({"t": tensor([2**62, 8], [0, 32])}), ""),
        ("h.safetensors", tensors({"t": tensor([2, 4], [0, 32], "X9")}), "X9"),
        ("j.safetensors", tensors({"t": tensor([2, 8], [0, 32], "BF16")}), "'t' is BF16 .2, 8.; F"),
        ("k.safetensors", tensors({"t": tensor([0, 8], [0, 0])}, b""), "'t' is F32"),
        ("n.safetensors", tensors({"t": tensor([2, 4], [32, 0])}), ""),
    ),
    *files(
        check_card,
        ("l.safetensors", NO_CARD, "not readable as a checkpoint"),
        *(
            (f"{key}{i}.safetensors", checkpoint(**{key: value}), f"{value}.*{words}")
            for i, (key, value, words) in enumerate(CARDS)
        ),
    ),
]
FILES = [*ARCHIVES, *ARRAYS, *TEXTS, *TENSORS]
