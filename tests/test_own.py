"""Your own human data and tasks: every format comes back exactly, every bad input is named."""

from __future__ import annotations

import io
import json
import re
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.io
from pydantic import TypeAdapter, ValidationError
from scipy.spatial.distance import jensenshannon

from stages.runtime.errors import DataError, UsageError
from stages.runtime.files import npz_bytes, unpack
from stages.similarity.alignment import agreements
from stages.similarity.matrices import label_similarity, pairs
from stages.sources import datasets, peterson
from stages.sources.arrays import read_array, read_csv
from stages.sources.fetch import FILES, REMOTES, fetch
from stages.sources.folders import zipped_images
from stages.sources.human import LABEL_SIMILARITIES, Judgments, png, read_judgments
from stages.sources.judged import read_animals, real_stimuli
from stages.sources.own import _same_order, local_files
from stages.sources.peterson import from_table, read_ratings
from stages.study.stimuli import Stimuli, Task

N = 5


def symmetric(n: int = N, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(n, n))
    return x + x.T


def pictures(folder: Path, n: int = N, prefix: str = "") -> list[str]:
    """n images whose sizes differ; their names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{prefix}{i:03d}.png" for i in range(n)]
    for i, name in enumerate(names):
        (folder / name).write_bytes(png(np.full((4 + i % 3, 5, 3), i, np.uint8)))
    return names


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with N images in `pics`, in which paths are relative."""
    monkeypatch.chdir(tmp_path)
    pictures(Path("pics"))
    return tmp_path


def declared(schema: Any, **spec: Any) -> dict[str, Any]:
    checked: dict[str, Any] = TypeAdapter(schema).validate_python(spec).model_dump()
    return checked


def made(source: str, file: str | None = None, images: str = "pics", **spec: Any) -> Judgments:
    """Declare a stimulus set, make it as the download stage does, and read it as align does."""
    if source != "requested":
        spec |= {"images": images} | ({} if file is None else {"file": file})
    own = declared(Stimuli, source=source, **spec)
    assert all(path.is_file() for path in local_files(own))
    del own["source"]
    unpack(datasets.stimuli("mine", source, own), Path("out/stimuli"))
    return read_judgments(Path("out/stimuli/mine"))


def refused(message: str, *words: str, **spec: Any) -> None:
    """What `made` says of a set that cannot be made."""
    with pytest.raises(DataError, match=message):
        made(*words, **spec)


def saved(path: str, **arrays: np.ndarray) -> str:
    """A file in the format of its suffix."""
    first = next(iter(arrays.values()))
    if path.endswith(".mat"):
        scipy.io.savemat(path, arrays)
    elif path.endswith(".npy"):
        np.save(path, first)
    else:
        pd.DataFrame(first).to_csv(path, header=False, index=False)
    return path


@pytest.mark.parametrize("suffix", ["csv", "npy", "mat"])
@pytest.mark.parametrize("dissimilarity", [False, True])
def test_a_matrix_comes_back_exactly(suffix: str, dissimilarity: bool) -> None:
    matrix = symmetric()
    file = saved(f"m.{suffix}", m=matrix)
    judgments = made("matrix", file, dissimilarity=dissimilarity)
    assert judgments.n == N
    expected = 1 - matrix if dissimilarity else matrix
    assert np.array_equal(judgments.arrays()["similarity"], expected)


def test_provenance_says_what_was_read_and_whether_it_is_simulated() -> None:
    file = saved("m.npy", m=symmetric())
    made("matrix", file, simulated=True, citation="Me 2024")
    provenance = json.loads(Path("out/stimuli/mine/provenance.json").read_text())
    assert provenance["simulated"] is True
    assert provenance["citation"] == ["Me 2024"]
    assert list(provenance["files"]) == ["m.npy"]
    assert (Path("out/stimuli/mine/images/004.png")).read_bytes() == Path(
        "pics/004.png"
    ).read_bytes()


@pytest.mark.parametrize("names", [None, "images", "stems", "numbers", "others"])
def test_csv_with_and_without_names(names: str | None) -> None:
    matrix = symmetric()
    known: dict[str, list[Any]] = {
        "images": [f"{i:03d}.png" for i in range(N)],
        "stems": [f"{i:03d}" for i in range(N)],
        "numbers": list(range(N)),
        "others": ["ape", "bee", "cat", "dog", "emu"],
    }
    frame = pd.DataFrame(matrix, known.get(names or ""), known.get(names or ""))
    frame.to_csv("m.csv", header=names is not None, index=names is not None)
    assert np.array_equal(read_csv(Path("m.csv")).values, matrix)
    judgments = made("matrix", "m.csv")
    assert np.array_equal(judgments.arrays()["similarity"], matrix)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n2,x,4\n3,4,1\n", "m.csv: line 2, column 2: 'x' is not a finite number"),
        ("1,2,3\n2,,4\n3,4,1\n", "m.csv: line 2, column 2: '' is not a finite number"),
        ("1,2,3\n2,nan,4\n3,4,1\n", "m.csv: line 2, column 2: 'nan' is not a finite"),
        ("1,2,3\n2,inf,4\n3,4,1\n", "m.csv: line 2, column 2: 'inf' is not a finite"),
        ("\n1,2,3\n\n2,3\n3,4,1\n", "m.csv: line 4: 2 cells, the first line has 3"),
        ("1,2,3\n2,3,4,5\n3,4,1\n", "m.csv: line 2: 4 cells, the first line has 3"),
        ("a,b\nx,1,2\ny,2,1\n", "m.csv: line 2: 3 cells, the first line has 2"),
        ("", "m.csv: holds no numbers"),
        ("a,b,c\n", "m.csv: holds no numbers"),
        ("1;2;3\n2;1;3\n3;2;1\n", "m.csv: "),
        ("1,2\n2,1\n", r"m.csv: float64 of shape \(2, 2\); 5 stimuli need \(5, 5\)"),
    ],
)
def test_a_bad_csv_is_named(text: str, message: str) -> None:
    Path("m.csv").write_text(text)
    refused(message, "matrix", "m.csv")


def test_rows_in_another_order_than_the_images_are_refused() -> None:
    """Unpadded numbers sort as text: 0, 1, 10, 2; a table that counts on has another order."""
    folder = Path("twelve")
    folder.mkdir()
    names = [str(i) for i in range(12)]
    for name in names:
        (folder / f"{name}.png").write_bytes(png(np.zeros((4, 4, 3), np.uint8)))
    pd.DataFrame(symmetric(12), names, names).to_csv("m.csv")
    refused(r"m\.csv: row 2 .* is '2', image 2 .* '10\.png'", "matrix", "m.csv", images="twelve")
    pd.DataFrame(symmetric(12), sorted(names), sorted(names)).to_csv("m.csv")
    assert made("matrix", "m.csv", images="twelve").n == 12


def test_which_variable_of_a_matlab_file() -> None:
    a, b = symmetric(seed=1), symmetric(seed=2)
    file = saved("m.mat", a=a, b=b, c=np.ones((3, N)))
    refused(r"m\.mat: 2 square variables in .*'a'.*'key' must", "matrix", file)
    assert np.array_equal(made("matrix", file, key="b").arrays()["similarity"], b)
    refused(r"m\.mat: key 'd' is missing; it holds \['a', 'b', 'c'\]", "matrix", file, key="d")


def test_a_matrix_must_be_symmetric_up_to_rounding() -> None:
    matrix = symmetric()
    matrix[1, 3] += 1e-13
    found = made("matrix", saved("m.npy", m=matrix))
    np.testing.assert_allclose(found.arrays()["similarity"], matrix, atol=1e-12)
    matrix[1, 3] += 0.1
    refused(r"m\.npy: .* at \(1, 3\) .*not symmetric", "matrix", saved("m.npy", m=matrix))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.npy", b"nothing", "m.npy: not readable as NPY"),
        ("m.npy", npz_bytes(m=np.eye(N)), "m.npy: is an NPZ"),
        ("m.mat", b"nothing of the kind" * 20, "m.mat: not readable as MATLAB"),
        ("m.mat", b"", "m.mat: not readable as MATLAB"),
    ],
)
def test_damaged_files_are_named(name: str, content: bytes, message: str) -> None:
    Path(name).write_bytes(content)
    refused(message, "matrix", name)


@pytest.mark.parametrize("suffix", ["mat", "npy"])
def test_a_file_that_was_cut_is_named(suffix: str) -> None:
    path = Path(saved(f"m.{suffix}", m=symmetric()))
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=rf"m\.{suffix}: "):
            read_array(path, 2)


@pytest.mark.parametrize("form", ["npy", "mat", "folder"])
def test_participants(form: str) -> None:
    people = np.stack([symmetric(seed=s) for s in range(3)])
    if form == "folder":
        Path("people").mkdir()
        for i, matrix in enumerate(people):
            saved(f"people/p{i}.{'csv' if i else 'npy'}", m=matrix)
        judgments = made("participants", folder="people")
    else:
        file = saved(f"m.{form}", m=people)
        judgments = made("participants", file)
    assert np.array_equal(judgments.arrays()["participants"], people)
    assert np.array_equal(judgments.arrays()["similarity"], people.mean(0))
    judges = {row["judge"] for row in agreements(symmetric(seed=9), judgments)}
    assert judges == {"group", "p01", "p02", "p03"}


def test_bad_participants_are_named() -> None:
    people = np.stack([symmetric(seed=s) for s in range(3)])
    people[1, 0, 2] += 1
    refused(r"m\.npy: participant 2: .*not symmetric", "participants", saved("m.npy", m=people))
    refused(r"m\.npy: 1 participants; at least 2", "participants", saved("m.npy", m=people[:1]))
    Path("people").mkdir()
    Path("people/notes.txt").touch()
    refused(r"people/notes\.txt: one CSV or NPY", "participants", folder="people")


def test_judgments_that_say_nothing_are_refused() -> None:
    people = np.stack([symmetric(), np.full((N, N), 5.0)])
    refused(r"m\.npy: participant 2: every pair has 5\.0", "participants", saved("m.npy", m=people))
    pictures(Path("two"), 2)
    refused("two: 2 images; at least 3", "matrix", saved("m.npy", m=symmetric(2)), images="two")


def test_triplets_by_index_and_by_name() -> None:
    Path("t.csv").write_text(
        "anchor,near,far,votes,votes_against\n0,1,2,3,1\n3,4,0,0,2\n1,2,0,2,2\n"
    )
    judgments = made("triplets", "t.csv")
    assert judgments.arrays()["triplets"].tolist() == [[0, 1, 2], [3, 0, 4], [1, 2, 0]]
    assert judgments.arrays()["votes"].tolist() == [[3, 1], [2, 0], [2, 2]]
    pictures(Path("birds"), prefix="b")
    Path("t.csv").write_text("far,anchor,near\nb002,b000.png,b001\n\nb000,b003,b004.png\n")
    judgments = made("triplets", "t.csv", images="birds")
    assert judgments.arrays()["triplets"].tolist() == [[0, 1, 2], [3, 4, 0]]
    assert judgments.arrays()["votes"].tolist() == [[1, 0], [1, 0]]
    model = symmetric()
    hand = np.mean([model[0, 1] > model[0, 2], model[3, 4] > model[3, 0]])
    assert agreements(model, judgments)[0]["value"] == pytest.approx(hand)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("anchor,near\n0,1\n", "column 'far' is missing"),
        ("anchor,near,far,vote\n0,1,2,1\n", "column 'vote' is unknown; .*'votes'"),
        ("anchor,near,far\n", "has no rows"),
        ("anchor,near,far\n0,1,2\n\n0,1,5\n", r"line 4: far: '5' is not an index 0\.\.4"),
        ("anchor,near,far\n0,1,-2\n", "line 2: anchor: '0' is not the name of an image"),
        ("anchor,near,far\n000.png,002.pgn,001.png\n", "line 2: near: '002.pgn' .*mean '002.png'"),
        ("anchor,near,far\n0,1,2\n0,1,1\n", "line 3: the triplet names a stimulus twice"),
        ("anchor,near,far,votes\n0,1,2,0\n", "line 2: the triplet has no votes"),
        ("anchor,near,far,votes\n0,1,2,1\n0,1,2,-1\n", "line 3: votes: '-1'; a whole"),
        ("anchor,near,far,votes\n0,1,2,1.5\n", "line 2: votes: '1.5'; a whole"),
        ("anchor,near,far,votes,votes_against\n0,1,2,2,2\n", "every triplet is tied"),
        ("anchor,near,far\n0,1\n", "line 2: 2 values for 3 columns"),
        ("anchor,near,far\n0,1,2,3\n", "line 2: 4 values for 3 columns"),
        ("anchor,near,far\n0,1,2\n0,1,2,3\n", "line 3: 4 values for 3 columns"),
    ],
)
def test_bad_triplets_are_named_by_line(text: str, message: str) -> None:
    Path("t.csv").write_text(text)
    refused(rf"t\.csv: .*{message}", "triplets", "t.csv")


def test_a_number_that_is_an_index_and_another_images_name_is_refused() -> None:
    Path("odd").mkdir()
    for name in "123":
        (Path("odd") / f"{name}.png").write_bytes(png(np.zeros((4, 4, 3), np.uint8)))
    Path("t.csv").write_text("anchor,near,far\n0,2,1\n")
    with pytest.raises(
        DataError, match=r"line 2: near: '2' is an index and also the name of image 1"
    ):
        made("triplets", "t.csv", images="odd")
    Path("t.csv").write_text("anchor,near,far\n1.png,2.png,3.png\n")
    found = made("triplets", "t.csv", images="odd").arrays()["triplets"]
    assert found.tolist() == [[0, 1, 2]]


def test_hundreds_of_thousands_of_triplets_take_seconds() -> None:
    names = np.array(pictures(Path("many"), 60))
    rng = np.random.default_rng(0)
    t = rng.permuted(np.tile(np.arange(60), (300_000, 1)), axis=1)[:, :3]
    frame = pd.DataFrame(names[t], columns=["anchor", "near", "far"])
    frame.to_csv("t.csv", index=False)
    start = time.process_time()
    found = made("triplets", "t.csv", images="many").arrays()["triplets"]
    assert time.process_time() - start < 10  # about 1 s; a loop over rows takes far longer
    assert np.array_equal(found, t)


def labels(n: int = N, k: int = 4) -> np.ndarray:
    counts = np.random.default_rng(0).integers(0, 6, (n, k))
    counts[0] = [0, 3, 0, 3]
    counts[:, 1] += 1
    return counts


@pytest.mark.parametrize("suffix", ["csv", "npy"])
@pytest.mark.parametrize("name", LABEL_SIMILARITIES)
def test_soft_labels(suffix: str, name: str) -> None:
    counts = labels()
    file = saved(f"c.{suffix}", c=counts)
    judgments = made("soft_labels", file, similarity=name)
    arrays = judgments.arrays()
    assert set(arrays) == {"soft_labels", "label_similarity"}  # never [n, n] on disk
    p = counts / counts.sum(1, keepdims=True)
    assert np.array_equal(arrays["soft_labels"], p)
    similarity = label_similarity(p, name)
    model = symmetric()
    rows = {row["measure"]: row["value"] for row in agreements(model, judgments)}
    assert rows["pearson"] == pytest.approx(np.corrcoef(pairs(model), pairs(similarity))[0, 1])
    assert set(rows) == {"pearson", "spearman", "triplet"}


def test_similarities_of_labels_by_definition() -> None:
    p = labels(8) / labels(8).sum(1, keepdims=True)
    with pytest.raises(ValueError, match=re.escape(", ".join(LABEL_SIMILARITIES))):
        label_similarity(p, "other")
    for i in range(8):
        for j in range(8):
            affinity = sum(np.sqrt(a * b) for a, b in zip(p[i], p[j], strict=True))
            assert label_similarity(p, "hellinger")[i, j] == pytest.approx(affinity, abs=1e-11)
            cosine = p[i] @ p[j] / np.sqrt((p[i] @ p[i]) * (p[j] @ p[j]))
            assert label_similarity(p, "cosine")[i, j] == pytest.approx(cosine, abs=1e-11)
            shannon = 1 - jensenshannon(p[i], p[j], base=2) ** 2
            assert label_similarity(p, "jensen_shannon")[i, j] == pytest.approx(shannon, abs=1e-11)


@pytest.mark.parametrize("name", LABEL_SIMILARITIES)
def test_what_labels_say_by_hand(name: str) -> None:
    """The same distribution is 1, no category in common is 0; equal labels are ties."""
    p = np.array([[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0.25, 0.75], [0.1, 0.2, 0.3, 0.4]])
    similarity = label_similarity(p, name)
    assert similarity[0, 1] == pytest.approx(1)
    assert similarity[0, 2] == 0
    assert similarity[3, 0] == similarity[3, 1]
    assert np.array_equal(similarity, similarity.T)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c * 0, r"row 0 \(from 0\) has no mass"),
        (lambda c: c - 3, r"row \d \(from 0\) has a negative value"),
        (lambda c: c[:3], r"shape \(3, 4\), need \[5, K\]"),
        (lambda c: c[:, :1], r"shape \(5, 1\)"),
        (lambda c: c[0], r"holds int64 \(4,\); numbers of 2 dimensions"),
        (lambda c: c / 0.0, "holds inf at|holds nan at"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_bad_soft_labels_are_named(
    change: Callable[[np.ndarray], np.ndarray], message: str
) -> None:
    file = saved("c.npy", c=change(labels()))
    refused(rf"c\.npy: .*({message})", "soft_labels", file)


def test_bad_folders_of_images_are_named() -> None:
    spec = {"source": "matrix", "file": saved("m.npy", m=symmetric())}
    with pytest.raises(UsageError, match=r"x\.yaml: stimuli.y: images: 'nowhere' is no folder"):
        local_files(declared(Stimuli, **spec, images="nowhere"), "x.yaml: stimuli.y")
    with pytest.raises(UsageError, match=r"^file: 'no\.npy' is no file"):
        made("matrix", "no.npy")
    Path("empty").mkdir()
    refused("empty: holds no images", **spec, images="empty")
    Path("pics/.DS_Store").touch()  # passed over
    made(**spec)
    Path("pics/notes.txt").touch()
    refused(r"pics/notes\.txt: not an image file", **spec)
    Path("pics/notes.txt").unlink()
    Path("pics/001.png").write_bytes(b"no picture")
    refused(r"pics/001\.png: not readable as an image", **spec)
    Path("pics/001.png").write_bytes(png(np.zeros((4, 4, 4), np.uint8)))
    refused(r"pics/001\.png: has transparent pixels", **spec)
    Path("pics/001.png").write_bytes(png(np.zeros((4, 4), np.uint16)))
    refused(r"pics/001\.png: mode 'I;16'", **spec)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"source": "matrix", "file": "m.xlsx", "images": "pics"}, r"'m\.xlsx'; \.csv, \.npy"),
        ({"source": "matrix", "file": "m.csv", "key": "m", "images": "pics"}, "only a MATLAB"),
        ({"source": "matrix", "file": "m.csv"}, "images"),
        ({"source": "participants", "images": "pics"}, "either in a 'file' or in a 'folder'"),
        ({"source": "participants", "file": "m.csv", "images": "pics"}, r"\.npy, \.mat are"),
        ({"source": "triplets", "file": "m.npy", "images": "pics"}, r"\.csv are allowed"),
        (
            {"source": "soft_labels", "file": "m.npy", "images": "p", "similarity": "l2"},
            "'hellinger', 'cosine', 'jensen_shannon'",
        ),
        ({"source": "requested", "category": "fruit"}, "'automobiles', 'fruits'"),
    ],
)
def test_wrong_declarations_are_refused(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        declared(Stimuli, **spec)


def given(category: str = "fruits", **arrays: np.ndarray) -> Path:
    """A requested set as its authors would give it."""
    folder = Path("studies/files/requested") / category
    pictures(folder, 120)
    scipy.io.savemat(str(folder / "ratings.mat"), arrays)
    return folder


def ratings(seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).integers(0, 11, (120, 120)).astype(float)
    x = np.triu(x, 1) + np.triu(x, 1).T
    np.fill_diagonal(x, 10)
    return x


def test_a_requested_set_as_a_matrix_and_as_a_table() -> None:
    matrix = ratings()
    given(furnitureSim=matrix, other=ratings(1), idx=np.arange(120))
    found = made("requested", category="fruits").arrays()["similarity"]
    assert np.array_equal(found, matrix)
    i, j = np.triu_indices(120, 1)
    apart = np.where((matrix[i, j] > 0) & (matrix[i, j] < 10), 0.5, 0)
    # Each pair twice, once the other way round, one point apart: their mean is the matrix's.
    table = np.concatenate(
        [
            np.stack([i + 1, j + 1, matrix[i, j] - apart], 1),
            np.stack([j + 1, i + 1, matrix[i, j] + apart], 1),
        ]
    )
    given(ratings=table)
    found = made("requested", category="fruits").arrays()["similarity"]
    assert np.array_equal(found, matrix)
    with pytest.raises(DataError, match=r"1 pairs have no rating, the first is \(1, 2\)"):
        from_table(np.delete(table, [0, len(i)], 0), 120, "x.mat")


def test_a_table_of_ratings_by_hand() -> None:
    table = np.array([[1, 2, 4], [2, 1, 6], [1, 3, 0], [2, 3, 10], [2, 3, 7], [3, 3, 9]], float)
    expected = [[10, 5, 0], [5, 10, 8.5], [0, 8.5, 9]]
    assert from_table(table, 3, "x").tolist() == expected
    for row, message in (([0, 1, 5], "row 7 is"), ([1.5, 2, 5], "row 7 is"), ([1, 4, 5], "1..3")):
        with pytest.raises(DataError, match=message):
            from_table(np.vstack([table, row]), 3, "x")


def test_a_requested_set_that_is_not_there() -> None:
    spec = declared(Stimuli, source="requested", category="vegetables")
    with pytest.raises(UsageError) as absent:
        local_files(spec, "studies/paper.yaml: stimuli.vegetables")
    message = str(absent.value)
    assert "\n" not in message
    for part in (
        "studies/paper.yaml: stimuli.vegetables: ",
        "studies/files/requested/vegetables lacks a MATLAB file (.mat) and 120 of 120 images",
        "Peterson, Abbott & Griffiths 2018",
        "120 x 120",
        "'sim'",
        "stimuli.exclude",
    ):
        assert part in message
    folder = given("vegetables", sim=ratings())
    (folder / "003.png").unlink()
    with pytest.raises(UsageError, match="lacks 1 of 120 images"):
        local_files(spec)
    pictures(folder, 121)
    with pytest.raises(DataError, match=r"holds 1 \.mat, 121 images"):
        local_files(spec)


def test_bad_ratings_are_named() -> None:
    path = Path("r.mat")
    scipy.io.savemat(path, {"simA": ratings(), "simB": ratings(1)})
    with pytest.raises(DataError, match=r"r\.mat: holds .*'simA'.*key may name it"):
        read_ratings(path)
    assert np.array_equal(read_ratings(path, "simB"), ratings(1))
    scipy.io.savemat(path, {"simA": ratings(), "simMatrix": ratings(1)})
    assert np.array_equal(read_ratings(path), ratings(1))
    scipy.io.savemat(path, {"sim": ratings() * 2})
    with pytest.raises(DataError, match=r"r\.mat: sim: .* at \(.*0 to 10"):
        read_ratings(path)
    scipy.io.savemat(path, {"sim": np.ones((3, 4))})
    with pytest.raises(DataError, match=r"needed is one: 120 x 120"):
        read_ratings(path)


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


CALLED = np.arange(120) * 7 + 3


@pytest.mark.parametrize("form", ["{:04d}.png", "{}.png", "animals/x_{}.png"])
def test_animals_have_the_matrixs_order(form: str, tmp_path: Path) -> None:
    """Its file calls images by numbers; as text, unpadded ones would sort otherwise."""
    images = {form.format(k): png(np.full((3, 3, 3), i, np.uint8)) for i, k in enumerate(CALLED)}
    extra = {"__MACOSX/animals/._x.png": b"no", "animals/.DS_Store": b"no"}
    path = zipped(tmp_path / "animals.zip", dict(reversed((images | extra).items())))
    mat = tmp_path / "turk.mat"
    scipy.io.savemat(mat, {"simMatrix": ratings(), "animals_big_idx": CALLED[None]})
    found, judgments = read_animals(mat, path)
    assert [found[name] for name in sorted(found)] == list(images.values())
    assert np.array_equal(judgments.arrays()["similarity"], ratings())


def test_archives_that_are_not_the_images_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = {f"a/{i}.png": png(np.zeros((3, 3, 3), np.uint8)) for i in range(4)}
    path = tmp_path / "x.zip"
    assert len(zipped_images(zipped(path, good), 4)) == 4
    for members, message in (
        (good | {"a/readme.txt": b"x"}, "'a/readme.txt' is not an image"),
        (good | {"b/9.png": good["a/0.png"]}, r"images in folders \['a', 'b'\]"),
        (dict(list(good.items())[:3]), "3 images; 4 are needed"),
        (good | {"a/0.png": b"no picture"}, "0.png: not readable as an image"),
    ):
        with pytest.raises(DataError, match=rf"x\.zip: {message}"):
            zipped_images(zipped(path, members), 4)
    monkeypatch.setattr("stages.sources.folders.ROOM", 10_000)
    with pytest.raises(DataError, match="10001 bytes unpacked; at most 10000"):
        zipped_images(zipped(path, {"0.png": bytes(10_001)}), 4)
    zipped(path, good)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match="not readable as ZIP"):
        zipped_images(path, 4)


def test_animals_are_not_taken_on_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No digest is published: without the file it says how to go on, with it content is checked."""
    assert REMOTES["animals/images"].accepted == ()
    assert "/2f82c622a8c4677101364e0b22883fc32e782faf/" in REMOTES["animals/images"].url
    monkeypatch.setenv("DATA_MIRROR", str(tmp_path))
    with pytest.raises(DataError, match=r"animals\.zip: missing in DATA_MIRROR.*stimuli\.exclude"):
        fetch(REMOTES["animals/images"])
    place = tmp_path / REMOTES["animals/images"].place
    place.parent.mkdir(parents=True)
    images = {f"{i:03d}.png": png(np.full((3, 3, 3), i, np.uint8)) for i in range(120)}
    zipped(place, images)
    mat = tmp_path / "turk.mat"
    scipy.io.savemat(mat, {"simMatrix": ratings(), "animals_big_idx": CALLED[None]})
    monkeypatch.setattr(
        "stages.sources.judged.fetch", lambda r: place if r is REMOTES["animals/images"] else mat
    )
    files = real_stimuli("animals")
    assert [n for n in files if n.startswith("images/")] == [f"images/{n}" for n in images]
    provenance = json.loads(files["provenance.json"])
    assert provenance["found"][REMOTES["animals/images"].url].startswith("sha256:")
    assert peterson.CITATION in provenance["citation"]
    assert FILES["animals"] == (REMOTES["animals/judgments"], REMOTES["animals/images"])
    zipped(place, dict(list(images.items())[:-1]))
    with pytest.raises(DataError, match=r"119 images; 120 are needed; .*delete it to try again"):
        real_stimuli("animals")


def task_files(per_class: int | None = None, **spec: Any) -> dict[str, bytes]:
    own = declared(Task, **spec)
    assert local_files(own)
    source = own.pop("source")
    payload = datasets.task("mine", source, own, per_class)
    with zipfile.ZipFile(io.BytesIO(payload)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def arrays(content: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return dict(archive)


def test_a_folder_task_of_one_size_and_of_several() -> None:
    for name, count in (("wren", 3), ("auk", 2)):
        pictures(Path("one") / name, count)
    sizes = dict.fromkeys(range(3), (4, 5, 3))
    for name, count in (("wren", 3), ("auk", 2)):
        for i in range(count):
            value = 10 * i + len(name)
            Path(f"one/{name}/{i:03d}.png").write_bytes(png(np.full(sizes[i], value, np.uint8)))
    files = task_files(source="folder", folder="one")
    content = arrays(files["mine.npz"])
    assert list(files) == ["mine.npz"]
    assert content["labels"].tolist() == [0, 0, 1, 1, 1]
    assert content["classes"].tolist() == ["auk", "wren"]
    assert content["images"][:, 0, 0, 0].tolist() == [3, 13, 4, 14, 24]
    assert arrays(task_files(1, source="folder", folder="one")["mine.npz"])["labels"].tolist() == [
        0,
        1,
    ]
    Path("one/auk/001.png").rename("one/auk/001.PNG")
    Path("one/auk/001.PNG").write_bytes(png(np.zeros((9, 9, 3), np.uint8)))
    files = task_files(source="folder", folder="one")
    assert list(files) == ["mine.npz", *(f"mine/{i:06d}.png" for i in range(5))]
    assert set(arrays(files["mine.npz"])) == {"labels", "classes"}
    assert files["mine/000001.png"] == Path("one/auk/001.PNG").read_bytes()
    assert files["mine/000004.png"] == Path("one/wren/002.png").read_bytes()


def test_bad_folder_tasks_are_named() -> None:
    with pytest.raises(UsageError, match="x: folder: 'nowhere' is no folder"):
        local_files(declared(Task, source="folder", folder="nowhere"), "x")
    pictures(Path("one/auk"))
    with pytest.raises(DataError, match="one: 1 class folders; at least 2"):
        task_files(source="folder", folder="one")
    Path("one/wren").mkdir()
    with pytest.raises(DataError, match="one/wren: holds no images"):
        task_files(source="folder", folder="one")
    Path("one/list.txt").touch()
    with pytest.raises(DataError, match=r"one/list\.txt: lies beside the class folders"):
        task_files(source="folder", folder="one")


@pytest.mark.parametrize("names", [[30, -2, 30, 7], ["b", "a", "b", "c"]])
@pytest.mark.parametrize("grey", [False, True])
def test_npz_tasks(names: list[Any], grey: bool) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 6, 7, 3)).astype(np.uint8)
    given = images[..., 0] if grey else images
    Path("t.npz").write_bytes(npz_bytes(images=given, labels=np.array(names)))
    content = arrays(task_files(source="npz", file="t.npz")["mine.npz"])
    expected = np.repeat(images[..., :1], 3, -1) if grey else images
    assert np.array_equal(content["images"], expected)
    assert content["classes"][content["labels"]].tolist() == [str(name) for name in names]
    assert content["classes"].tolist() == [str(name) for name in sorted(set(names))]
    content = arrays(task_files(1, source="npz", file="t.npz")["mine.npz"])
    assert np.array_equal(content["images"], expected[[0, 1, 3]])


GOOD = np.zeros((4, 6, 7, 3), np.uint8)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"nothing", "not readable as NPZ"),
        (npz_bytes(images=GOOD), "array 'labels' is missing"),
        (npz_bytes(images=GOOD / 1.0, labels=np.arange(4)), "images are float64"),
        (npz_bytes(images=GOOD, labels=np.arange(3)), r"labels are int64 \(3,\) for 4 images"),
        (npz_bytes(images=GOOD, labels=np.arange(4) / 2), r"labels are float64 .*integers or text"),
        (npz_bytes(images=GOOD, labels=np.zeros(4, int)), "labels name 1 classes; at least 2"),
    ],
)
def test_bad_npz_tasks_are_named(content: bytes, message: str) -> None:
    Path("t.npz").write_bytes(content)
    with pytest.raises(DataError, match=rf"t\.npz: {message}"):
        task_files(source="npz", file="t.npz")


def test_public_tasks_keep_their_declarations() -> None:
    assert declared(Task, source="digits") == {"source": "digits"}
    assert declared(Task, source="cifar100") == {"source": "cifar100", "classes": "held_out"}
    payload = datasets.task("digits", "digits", {}, None)
    with zipfile.ZipFile(io.BytesIO(payload)) as archive:
        content = arrays(archive.read("digits.npz"))
    assert set(content) == {"images", "labels"}
    assert len(content["labels"]) == 1797
    assert local_files(declared(Task, source="digits")) == []


@pytest.mark.parametrize("names", [["e", "d", "c", "b", "typo"], ["im/e.png", "im/d.png", *"cba"]])
def test_a_name_among_images_names_that_is_none_is_an_error(
    tmp_path: Path, names: list[str]
) -> None:
    """One unknown name does not switch off the check of the order."""
    images = {f"{name}.png": b"" for name in "abcde"}
    with pytest.raises(DataError, match=r"where: row 0 \(from 0\) is '(im/)?e(\.png)?', image 0"):
        _same_order("where", "row", names, images)
    with pytest.raises(
        DataError, match=r"row 4 .* 'f', which is not an image's name, while others are"
    ):
        _same_order("where", "row", [*"abcd", "f"], images)
    _same_order("where", "row", ["im/a.png", *"bcde"], images)
    _same_order("where", "row", list("vwxyz"), images)
