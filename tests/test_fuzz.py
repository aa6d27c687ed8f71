"""Readers of files give a valid result or the project's own error, whatever the bytes are.

None of them loads a pickle.
"""

import gzip
import io
import json
import pickle
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import safetensors.numpy
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from stages.networks.cards import read_classifier
from stages.networks.embeddings import Embedding
from stages.networks.images import image_set
from stages.networks.load import check_card
from stages.networks.published import header
from stages.runtime.errors import DataError, UsageError
from stages.runtime.files import npz_bytes, read_npz
from stages.sources.arrays import read_labels, read_matrices
from stages.sources.folders import check_name, decode, image_files, read_images, zipped_images
from stages.sources.human import png, read_judgments
from stages.sources.image_folders import Indexed, read_index
from stages.sources.judged import read_materials
from stages.sources.judgment_files import READERS as READERS_OF
from stages.sources.judgment_files import read_triplets
from stages.sources.matlab import read_matlab, read_names
from stages.sources.own import npz_task
from stages.sources.real import read_idx
from stages.sources.timm_tables import read_published, read_throughput
from stages.study.load import parse
from stages.study.params import Params
from stages.study.spec import Study
from stages.study.tables import read_model_table, read_pairs, read_values
from tests.arrays import examples, npy_bytes
from tests.conftest import ROOT, TINY
from tests.hostile import CIFAR, PLAIN, checkpoint, cifar_test, idx, pickles, saved, tar, zipped

IMAGES = [f"{i}.png" for i in range(5)]
PICTURE = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["change", "cut", "insert", "end"]),
        st.integers(0, 2**16),
        st.binary(min_size=1, max_size=8)
        | st.sampled_from([b"\xff" * 4, b"\x00" * 8, b'"', b"\n,"]),
    ),
    min_size=1,
    max_size=4,
)


def damaged(content: bytes, edits: list[tuple[str, int, bytes]]) -> bytes:
    """A file's bytes after some edits; half of all places are in its first 200 bytes."""
    for what, place, new in edits:
        span = 200 if place % 2 else len(content)
        at = (place // 2) % (min(span, len(content)) + 1)
        end = {"change": at + len(new), "cut": at + 2 * len(new), "insert": at, "end": len(content)}
        content = (
            content[:at] + (new if what in ("change", "insert") else b"") + content[end[what] :]
        )
    return content


def encoded(form: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(PICTURE).save(stream, form)
    return stream.getvalue()


def plain(path: Path) -> object:
    """Gzip of what a file holds, as IDX: damage gets past gzip's own checks."""
    path.write_bytes(gzip.compress(path.read_bytes(), 1))
    return read_idx(path)


def stimuli(path: Path) -> object:
    """Judgments of a stimulus set of five images."""
    folder = path.parent / "set"
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for name in IMAGES:
        (folder / "images" / name).touch()
    (folder / "judgments.npz").write_bytes(path.read_bytes())
    return read_judgments(folder)


def ratings(path: Path) -> object:
    spec = {"file": str(path), "order": None, "dissimilarity": False}
    return READERS_OF["pairs"](spec, [path], IMAGES)


def numbers(values: np.ndarray) -> bool:
    return values.dtype == np.float64 and not np.isinf(values).any()


def indexed(found: Indexed) -> bool:
    return len(found.files) == len(found.labels) == len(found.digests) == len(found)


class Reader(NamedTuple):
    """A form of file: a good one, what reads it, and what holds of whatever it gives."""

    content: bytes
    read: Callable[[Path], object]
    holds: Callable[..., bool] = lambda found: True


CELLS = np.empty((1, 3), object)
CELLS[0] = [np.eye(2), {"RDM": np.eye(3)}, "é"]
VARIABLES = {
    "m": np.eye(4),
    "c": CELLS,
    "s": {"a": 1.0, "b": [1, 2]},
    "t": "text",
    "z": 1j * np.eye(2),
}
TASK = npz_bytes(images=np.zeros((6, 3, 3, 3), np.uint8), labels=np.arange(6) % 3)
MATRIX = npz_bytes(similarity=np.eye(5), participants=np.stack([np.eye(5)] * 2))
TRIPLETS = npz_bytes(triplets=np.array([[0, 1, 2], [4, 3, 1]]), votes=np.array([[2, 1], [3, 0]]))
LABELS = npz_bytes(soft_labels=np.full((5, 2), 0.5), label_similarity=np.array("cosine"))
TENSORS = safetensors.numpy.save({"t": np.ones((3, 4), np.float32)}, {"weights": "untrained"})
CLASSIFIER = safetensors.numpy.save({f"classifier.{k}": np.eye(3) for k in ("weight", "bias")})
INDEX = json.dumps({"root": "r", "classes": [1, 2], "files": [["a/b.png", 1, "ff"], ["c", 2, "0"]]})
ANSWERS = b'{"answers": [[0, 1, 2], [3, 4, 0]], "agreement": [[3, 1], [0, 2]]}'
TIMM = b"model,img_size,parameters,imagenet,imagenet_top5\na,224,22.1,80.1,90\nb,224,5,,\n"
SPEED = b"model,infer_samples_per_sec,infer_img_size\na,80.1,224\nb,7,160\n"


def first(name: str, count: int) -> bytes:
    """The first lines of a file of the repository."""
    return b"".join((ROOT / name).read_bytes().splitlines(keepends=True)[:count])


READERS = {
    "idx.gz": Reader(gzip.compress(idx(4, 5, 6) + bytes(120)), read_idx),
    "idx": Reader(idx(4, 5, 6) + bytes(120), plain, lambda found: found.dtype == np.uint8),
    "matlab": Reader(saved(**VARIABLES), read_matlab, lambda found: len(found) < 6),
    "matlab matrix": Reader(saved(m=np.eye(4)), lambda p: read_matrices(p, 4).values, numbers),
    "matlab names": Reader(
        saved(stimuli=np.array(["é", "b"]), c=np.array(["ab", "c"], object)),
        lambda p: read_names(p, "stimuli") + read_names(p, "c"),
        lambda found: all(isinstance(name, str) for name in found),
    ),
    "npy": Reader(npy_bytes(np.eye(4)), lambda p: read_matrices(p, 4).values, numbers),
    "csv": Reader(b",a,b\nx,1,2\ny,3.5,4\n", lambda p: read_matrices(p, 2).values, numbers),
    "labels": Reader(
        b"2,1\n0,4\n1,5\n3,3\n9,1\n", lambda p: read_labels(p, IMAGES).values, numbers
    ),
    "ratings": Reader(b"first;second;rating\n0;1;2,5\n1;2;0\n3;4;4\n", ratings),
    "task": Reader(TASK, npz_task, lambda found: len(found[0].images) == len(found[0].labels)),
    "stream": Reader(TASK, lambda p: image_set(p)[:], lambda found: len(found) > 0),
    "matrix": Reader(MATRIX, stimuli, lambda found: found.n == 5),
    "votes": Reader(TRIPLETS, stimuli, lambda found: found.n == 5),
    "soft labels": Reader(LABELS, stimuli, lambda found: found.n == 5),
    "triplets": Reader(
        b"anchor,near,far,votes\n0,1,2,3\n1,2,0,1\n2,3,4,4\n",
        partial(read_triplets, images=IMAGES),
        lambda found: found[0].min() >= 0 and found[0].max() < 5 and (found[1].sum(1) > 0).all(),
    ),
    "named triplets": Reader(
        b"anchor,near,far\n0.png,1,2.png\n", partial(read_triplets, images=IMAGES)
    ),
    "answers": Reader(ANSWERS, partial(read_materials, n=5)),
    "index": Reader(INDEX.encode(), read_index, indexed),
    "published": Reader(
        TIMM,
        partial(read_published, benchmark="imagenet"),
        lambda found: bool((found <= 1).to_numpy().all()),
    ),
    "throughput": Reader(SPEED, read_throughput, lambda found: bool((found > 0).to_numpy().all())),
    "models": Reader(first("studies/models/paper.csv", 4), partial(read_model_table, where="x")),
    "pairs": Reader(first("studies/models/pairs.csv", 4), partial(read_pairs, where="x")),
    "values": Reader(
        first("studies/published/sucholutsky2023.csv", 4), partial(read_values, where="x")
    ),
    "params": Reader((ROOT / "params.yaml").read_bytes(), partial(parse, schema=Params)),
    "study": Reader(yaml.safe_dump(TINY).encode(), partial(parse, schema=Study)),
    "header": Reader(TENSORS, header),
    "classifier": Reader(CLASSIFIER, read_classifier),
    "tar": Reader(tar((CIFAR, PLAIN, bytes(3074), "")), cifar_test),
    "zip": Reader(zipped(("a.png", png(PICTURE))), partial(zipped_images, expected=1)),
    "embeddings": Reader(
        TENSORS, lambda path: Embedding(path, "t").read(), lambda found: np.isfinite(found).all()
    ),
    "card": Reader(checkpoint(), check_card),
    **{
        form: Reader(encoded(form), lambda p: decode(p.read_bytes(), str(p)), lambda a: a.ndim == 3)
        for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")
    },
}
SUFFIX = {
    "matlab": ".mat",
    "matlab matrix": ".mat",
    "npy": ".npy",
    "csv": ".csv",
    "labels": ".csv",
    "ratings": ".csv",
    "header": ".safetensors",
    "stream": ".npz",
}
FEW = examples(40)


def read(reader: Reader, path: Path, content: bytes) -> bool:
    """Whether a file was read; what is wrong with it is said in one line that names it."""
    path.write_bytes(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's and scipy's, of what they pass over
            found = reader.read(path)
    except (DataError, UsageError) as error:
        one_line(error)
        return False
    assert reader.holds(found)
    return True


def one_line(error: Exception) -> None:
    assert len(str(error).splitlines()) == 1


@pytest.fixture
def file(name: str, tmp_path: Path) -> Path:
    return tmp_path / f"file{SUFFIX.get(name, '')}"


@pytest.mark.parametrize("name", READERS)
def test_a_good_file_is_read(name: str, file: Path) -> None:
    assert read(READERS[name], file, READERS[name].content)


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_read_or_named(name: str, file: Path) -> None:
    @FEW
    @given(EDITS)
    def check(edits: list[tuple[str, int, bytes]]) -> None:
        read(READERS[name], file, damaged(READERS[name].content, edits))

    check()


@pytest.mark.parametrize("name", READERS)
def test_arbitrary_bytes_are_read_or_named(name: str, file: Path) -> None:
    head = READERS[name].content

    @FEW
    @given(st.binary(max_size=64), st.sampled_from([0, 4, 8, 16, 128]))
    def check(content: bytes, kept: int) -> None:
        read(READERS[name], file, head[:kept] + content)

    check()


@pytest.mark.parametrize("form", pickles())
@pytest.mark.parametrize("name", READERS)
def test_no_reader_loads_a_pickle(
    name: str, form: str, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not read(READERS[name], file, pickles()[form])
    assert not Path("pickled").exists()


def test_no_array_alone_is_read_from_a_pickle(tmp_path: Path) -> None:
    for content in pickles().values():
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(DataError, match=r"a\.npz"):
            read_npz(tmp_path / "a.npz", "labels")


def test_the_pickle_does_harm_where_it_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the tests above can fail."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickles()["pickle"])  # noqa: S301
    assert Path("pickled").is_dir()


@FEW
@given(st.lists(st.text(min_size=1, max_size=20), min_size=3, max_size=5, unique=True))
def test_names_of_images_are_kept_or_named(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    """Whatever a file system takes for a name."""
    folder = tmp_path_factory.mktemp("pictures")
    written = set()
    for name in names:
        try:
            (folder / f"{name}.png").write_bytes(png(PICTURE))
            written.add(f"{name}.png")
        except (OSError, ValueError):
            continue  # "/", NUL, or a surrogate
    try:
        found = read_images(image_files(folder, "images"))
    except DataError as error:
        one_line(error)
        return
    assert set(found) == {name for name in written if not name.startswith(".")}
    assert list(found) == sorted(found)
    for name in found:
        check_name(name, "here")
