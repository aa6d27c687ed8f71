"""Your own human data and tasks: every format comes back exactly, every bad input is named."""

import io
import json
import re
import time
import zipfile
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
from stages.sources import datasets, judged
from stages.sources.arrays import read_csv, read_matrices
from stages.sources.fetch import FILES, REMOTES, fetch
from stages.sources.folders import zipped_images
from stages.sources.human import LABEL_SIMILARITIES, Judgments, png, read_judgments
from stages.sources.judged import from_table, read_animals, read_ratings, real_stimuli
from stages.sources.own import local_files
from stages.study.stimuli import Stimuli, Task
from tests import hostile

N = 5
BLACK = png(np.zeros((4, 4, 3), np.uint8))


def symmetric(n: int = N, seed: int = 0) -> np.ndarray:
    x = np.random.default_rng(seed).normal(size=(n, n))
    return x + x.T


def panel() -> np.ndarray:
    """[3, N, N] matrices of three participants."""
    return np.stack([symmetric(seed=s) for s in range(3)])


def write(folder: str | Path, images: dict[str, bytes]) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, content in images.items():
        (Path(folder) / name).write_bytes(content)


def pictures(folder: str | Path, n: int = N, prefix: str = "") -> list[str]:
    """n images whose sizes differ; their names."""
    images = [png(np.full((4 + i % 3, 5, 3), i, np.uint8)) for i in range(n)]
    write(folder, {f"{prefix}{i:03d}.png": image for i, image in enumerate(images)})
    return [f"{prefix}{i:03d}.png" for i in range(n)]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with N images in `pics`, in which paths are relative."""
    monkeypatch.chdir(tmp_path)
    pictures("pics")
    return tmp_path


def declared(schema: Any, **spec: Any) -> dict[str, Any]:
    checked: dict[str, Any] = TypeAdapter(schema).validate_python(spec).model_dump()
    return checked


def made(source: str, file: str | None = None, **spec: Any) -> dict[str, np.ndarray]:
    """Declare a stimulus set, make it as the download stage does, and read it as align does."""
    return stimuli(source, file, **spec).arrays()


def stimuli(source: str, file: str | None = None, images: str = "pics", **spec: Any) -> Judgments:
    if source != "requested":
        spec |= {"images": images} | ({} if file is None else {"file": file})
    own = declared(Stimuli, source=source, **spec)
    assert all(path.is_file() for path in local_files(own))
    del own["source"]
    unpack(datasets.stimuli("mine", source, own), Path("out/stimuli"))
    return read_judgments(Path("out/stimuli/mine"))


def refused(message: str, *words: str, **spec: Any) -> None:
    """What is said of a set that cannot be made."""
    with pytest.raises(DataError, match=message):
        made(*words, **spec)


def saved(path: str, content: Any) -> str:
    """A file of text, or of an array (variables, for MATLAB) in the format of its suffix."""
    if isinstance(content, str):
        Path(path).write_text(content)
    elif path.endswith(".mat"):
        scipy.io.savemat(path, content if isinstance(content, dict) else {"m": content})
    elif path.endswith(".npy"):
        np.save(path, content)
    else:
        pd.DataFrame(content).to_csv(path, header=False, index=False)
    return path


@pytest.mark.parametrize("suffix", ["csv", "npy", "mat"])
@pytest.mark.parametrize("dissimilarity", [False, True])
def test_a_matrix_comes_back_exactly(suffix: str, dissimilarity: bool) -> None:
    matrix = symmetric()
    judgments = stimuli("matrix", saved(f"m.{suffix}", matrix), dissimilarity=dissimilarity)
    assert judgments.n == N
    expected = 1 - matrix if dissimilarity else matrix
    assert np.array_equal(judgments.arrays()["similarity"], expected)


def test_provenance_says_what_was_read_and_whether_it_is_simulated() -> None:
    made("matrix", saved("m.npy", symmetric()), simulated=True, citation="Me 2024")
    provenance = json.loads(Path("out/stimuli/mine/provenance.json").read_text())
    assert provenance["simulated"] is True
    assert provenance["citation"] == ["Me 2024"]
    assert list(provenance["files"]) == ["m.npy"]
    copied, given = Path("out/stimuli/mine/images/004.png"), Path("pics/004.png")
    assert copied.read_bytes() == given.read_bytes()


@pytest.mark.parametrize("form", [None, "{:03d}.png", "{:03d}", "{}", "p/{:03d}.PNG", "V{}"])
def test_csv_with_and_without_names(form: str | None) -> None:
    matrix, names = symmetric(), [form.format(i) for i in range(N)] if form else None
    frame = pd.DataFrame(matrix, names, names)
    frame.to_csv("m.csv", header=names is not None, index=names is not None)
    assert np.array_equal(read_csv(Path("m.csv"), N).values, matrix)
    assert np.array_equal(made("matrix", "m.csv")["similarity"], matrix)


def test_which_variable_of_a_matlab_file() -> None:
    a, b = symmetric(seed=1), symmetric(seed=2)
    file = saved("m.mat", {"a": a, "b": b, "c": np.ones((3, N))})
    refused(r"m\.mat: 2 variables .* 5 images in .*'a'.*'key' must", "matrix", file)
    assert np.array_equal(made("matrix", file, key="b")["similarity"], b)
    refused(r"m\.mat: key 'd' is missing; it holds .*'a'.*'b'.*'c'", "matrix", file, key="d")


@pytest.mark.parametrize("suffix", ["mat", "npy"])
def test_a_file_that_was_cut_is_named(suffix: str) -> None:
    path = Path(saved(f"m.{suffix}", symmetric()))
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=rf"m\.{suffix}: "):
            read_matrices(path, N)


@pytest.mark.parametrize("form", ["npy", "mat", "folder"])
def test_participants(form: str) -> None:
    people = panel()
    if form == "folder":
        Path("people").mkdir()
        for i, matrix in enumerate(people):
            saved(f"people/p{i}.{'csv' if i else 'npy'}", matrix)
        judgments = stimuli("participants", folder="people")
        Path("people/notes.txt").touch()
        refused(r"people/notes\.txt: one CSV or NPY", "participants", folder="people")
    else:
        judgments = stimuli("participants", saved(f"m.{form}", people))
    assert np.array_equal(judgments.arrays()["participants"], people)
    assert np.array_equal(judgments.arrays()["similarity"], people.mean(0))
    judges = {row["judge"] for row in agreements(symmetric(seed=9), judgments)}
    assert judges == {"group", "p01", "p02", "p03"}


def labels(n: int = N, k: int = 4) -> np.ndarray:
    counts = np.random.default_rng(0).integers(0, 6, (n, k))
    counts[0] = [0, 3, 0, 3]
    counts[:, 1] += 1
    return counts


TIED = np.full((N, N), 5.0)
INFINITE = np.where(labels() == 0, np.inf, labels())


def grid(cell: str) -> str:
    """A matrix of five images in CSV, with one odd cell."""
    rows = np.char.mod("%g", symmetric().round(3)).astype(object)
    rows[1, 0] = cell
    return "".join(f"{','.join(row)}\n" for row in rows)


DIFFERENT = ",a,b,c,d,e\n" + "".join(f"{name},1,1,1,1,1\n" for name in "vwxyz")
HEAD = "anchor,near,far"
BAD = [
    ("matrix", "m.csv", grid("x"), "line 2, column 1: 'x' is not a finite number"),
    ("matrix", "m.csv", grid("inf"), "line 2, column 1: 'inf' is not a finite"),
    ("matrix", "m.csv", grid("1_0"), "line 2, column 1: '1_0' is not a finite"),
    ("matrix", "m.csv", "\n1,2,3\n\n2,3\n3,4,1\n", "line 4: 2 cells, the first line has 3"),
    ("matrix", "m.csv", "1,2,3\n2,3,4,5\n3,4,1\n", "line 2: 4 cells, the first line has 3"),
    ("matrix", "m.csv", "", "holds no numbers"),
    ("matrix", "m.csv", "a,b,c\n", "holds no numbers"),
    ("matrix", "m.csv", "1;2;3\n2;1;3\n3;2;1\n", "3 lines of 3 cells; 5 stimuli need 5 lines"),
    ("matrix", "m.csv", "1,2\n2,1\n", "2 lines of 2 cells; 5 stimuli need 5 lines of 5"),
    ("matrix", "m.csv", DIFFERENT, "row 0 .* 'v' is not the name of an image .5 of the 5 names"),
    ("matrix", "m.npy", np.ones((4, 4)), r"shape \(4, 4\); 5 stimuli need \(5, 5\)"),
    ("participants", "m.npy", panel()[:1], "1 participants; at least 2"),
    ("participants", "m.npy", np.stack([symmetric(), TIED]), r"participant 2: every pair has 5\.0"),
    ("triplets", "t.csv", "anchor,near\n0,1\n", "column 'far' is missing"),
    ("triplets", "t.csv", f"{HEAD},vote\n0,1,2,1\n", "column 'vote' is unknown; .*'votes'"),
    ("triplets", "t.csv", f"{HEAD}\n", "has no rows"),
    ("triplets", "t.csv", f"{HEAD}\n0,1,2\n\n0,1,5\n", r"line 4: far: '5' is not an index 0\.\.4"),
    ("triplets", "t.csv", f"{HEAD}\n0,1,-2\n", "line 2: far: '-2' is not the name of an image"),
    (
        *("triplets", "t.csv", f"{HEAD}\n000.png,002.pgn,001.png\n"),
        "line 2: near: '002.pgn' .*mean '002.png'",
    ),
    ("triplets", "t.csv", f"{HEAD}\n0,1,2\n0,1,1\n", "line 3: the triplet names a stimulus twice"),
    ("triplets", "t.csv", f"{HEAD},votes\n0,1,2,0\n", "line 2: the triplet has no votes"),
    ("triplets", "t.csv", f"{HEAD},votes\n0,1,2,1\n0,1,2,-1\n", "line 3: votes: '-1'; a whole"),
    ("triplets", "t.csv", f"{HEAD},votes\n0,1,2,1.5\n", "line 2: votes: '1.5'; a whole"),
    ("triplets", "t.csv", f"{HEAD},votes,votes_against\n0,1,2,2,2\n", "every triplet is tied"),
    ("triplets", "t.csv", f"{HEAD}\n0,1\n", "line 2: 2 values for 3 columns"),
    ("triplets", "t.csv", f"{HEAD}\n0,1,2,3\n", "line 2: 4 values for 3 columns"),
    ("triplets", "t.csv", f"{HEAD}\n0,1,2\n0,1,2,3\n", "line 3: 4 values for 3 columns"),
    ("soft_labels", "c.npy", labels() * 0, "image '000.png' has no mass"),
    ("soft_labels", "c.npy", labels() - 3, r"image '00\d.png' has a negative value"),
    ("soft_labels", "c.npy", labels()[:3], r"shape \(3, 4\), need \[5, K\]"),
    ("soft_labels", "c.npy", labels()[:, :1], r"shape \(5, 1\)"),
    ("soft_labels", "c.npy", labels()[0], r"shape \(4,\), need \[5, K\]"),
    ("soft_labels", "c.npy", INFINITE, "holds inf at"),
]


@pytest.mark.parametrize(("source", "file", "content", "message"), BAD)
def test_bad_judgments_are_named(source: str, file: str, content: Any, message: str) -> None:
    refused(rf"{file}: .*{message}", source, saved(file, content))


def test_triplets_by_index_and_by_name() -> None:
    saved("t.csv", f"{HEAD},votes,votes_against\n0,1,2,3,1\n3,4,0,0,2\n1,2,0,2,2\n")
    arrays = made("triplets", "t.csv")
    assert arrays["triplets"].tolist() == [[0, 1, 2], [3, 0, 4], [1, 2, 0]]
    assert arrays["votes"].tolist() == [[3, 1], [2, 0], [2, 2]]
    pictures("birds", prefix="b")
    saved("t.csv", "far,anchor,near\nb002,b000.png,b001\n\nb000,b003,b004.png\n")
    judgments = stimuli("triplets", "t.csv", images="birds")
    assert judgments.arrays()["triplets"].tolist() == [[0, 1, 2], [3, 4, 0]]
    assert judgments.arrays()["votes"].tolist() == [[1, 0], [1, 0]]
    model = symmetric()
    hand = np.mean([model[0, 1] > model[0, 2], model[3, 4] > model[3, 0]])
    assert agreements(model, judgments)[0]["value"] == pytest.approx(hand)


def test_a_number_that_is_an_index_and_another_images_name_is_refused() -> None:
    write("odd", {f"{name}.png": BLACK for name in "1230"})
    write("odd", {"10.png": BLACK})
    file = saved("t.csv", f"{HEAD}\n0,2,1\n")
    message = "line 2: near: '2' is 2.png by number in the name, 10.png by place from 0 in lex"
    refused(message, "triplets", file, images="odd")
    saved("t.csv", f"{HEAD}\n1.png,2.png,3.png\n")
    assert made("triplets", "t.csv", images="odd")["triplets"].tolist() == [[1, 3, 4]]


def test_hundreds_of_thousands_of_triplets_take_seconds() -> None:
    names = np.array(pictures("many", 60))
    t = np.random.default_rng(0).integers(0, 60, (320_000, 3))
    t = t[(np.diff(np.sort(t)) > 0).all(1)][:300_000]
    assert len(t) == 300_000
    pd.DataFrame(names[t], columns=HEAD.split(",")).to_csv("t.csv", index=False)
    start = time.process_time()
    found = made("triplets", "t.csv", images="many")
    assert time.process_time() - start < 10  # about 1 s; a loop over rows takes far longer
    t[:, 1:].sort()
    once, votes = np.unique(t, axis=0, return_counts=True)
    assert len(found["triplets"]) == len(once)
    assert found["votes"].sum() == len(t) == votes.sum()


@pytest.mark.parametrize("suffix", ["csv", "npy"])
@pytest.mark.parametrize("name", LABEL_SIMILARITIES)
def test_soft_labels(suffix: str, name: str) -> None:
    counts = labels()
    judgments = stimuli("soft_labels", saved(f"c.{suffix}", counts), similarity=name)
    assert set(judgments.arrays()) == {"soft_labels", "label_similarity"}  # never [n, n] on disk
    p = counts / counts.sum(1, keepdims=True)
    assert np.array_equal(judgments.arrays()["soft_labels"], p)
    similarity, model = label_similarity(p, name), symmetric()
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


def test_bad_folders_of_images_are_named() -> None:
    spec = {"source": "matrix", "file": saved("m.npy", symmetric())}
    with pytest.raises(UsageError, match=r"x\.yaml: stimuli.y: images: 'nowhere' is no folder"):
        local_files(declared(Stimuli, **spec, images="nowhere"), "x.yaml: stimuli.y")
    with pytest.raises(UsageError, match=r"^file: 'no\.npy' is no file"):
        made("matrix", "no.npy")
    Path("empty").mkdir()
    refused("empty: holds no images", **spec, images="empty")
    pictures("two", 2)
    file = saved("two.npy", symmetric(2))
    refused("two: 2 images; at least 3", "matrix", file, images="two")
    Path("pics/.DS_Store").touch()  # passed over
    made(**spec)
    Path("pics/notes.txt").touch()
    refused(r"pics/notes\.txt: not an image file", **spec)
    Path("pics/notes.txt").unlink()
    for content, message in (
        (b"no picture", "not readable as an image"),
        (png(np.zeros((4, 4, 4), np.uint8)), "has transparent pixels"),
        (png(np.zeros((4, 4), np.uint16)), "mode 'I;16'"),
    ):
        Path("pics/001.png").write_bytes(content)
        refused(rf"pics/001\.png: {message}", **spec)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"source": "matrix", "file": "m.xlsx", "images": "pics"}, r"'m\.xlsx'; \.csv, \.npy"),
        ({"source": "matrix", "file": "m.csv", "key": "m", "images": "pics"}, "only a MATLAB"),
        ({"source": "matrix", "file": "m.csv"}, "images"),
        ({"source": "matrix", "file": "m.csv", "images": "x" * 300}, "300 bytes; at most 255 are"),
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


def given(category: str, **arrays: np.ndarray) -> Path:
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
    given("fruits", furnitureSim=matrix, other=ratings(1), idx=np.arange(120))
    assert np.array_equal(made("requested", category="fruits")["similarity"], matrix)
    i, j = np.triu_indices(120, 1)
    apart = np.where((matrix[i, j] > 0) & (matrix[i, j] < 10), 0.5, 0)
    # Each pair twice, once the other way round, one point apart: their mean is the matrix's.
    once = np.stack([i + 1, j + 1, matrix[i, j] - apart], 1)
    again = np.stack([j + 1, i + 1, matrix[i, j] + apart], 1)
    table = np.concatenate([once, again])
    given("fruits", ratings=table)
    assert np.array_equal(made("requested", category="fruits")["similarity"], matrix)
    (absent,) = np.argwhere(np.isnan(np.triu(from_table(table[1 : len(i)], 120, "x"))))
    assert absent.tolist() == [0, 1]


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
        *("Peterson, Abbott & Griffiths 2018", "120 x 120", "'sim'", "stimuli.exclude"),
    ):
        assert part in message
    folder = given("vegetables", sim=ratings())
    (folder / "003.png").unlink()
    with pytest.raises(UsageError, match="lacks 1 of 120 images"):
        local_files(spec)
    pictures(folder, 121)
    with pytest.raises(DataError, match=r"holds 1 \.mat, 121 images"):
        local_files(spec)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"simA": ratings(), "simB": ratings(1)}, "2 variables 120 x 120 .*'simA'.*key. must name"),
        ({"sim": ratings() * 2}, r"sim: .* at \(.*0 to 10"),
        ({"sim": np.ones((3, 4))}, "0 variables 120 x 120 with 'sim' in their name"),
    ],
)
def test_bad_ratings_are_named(variables: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(DataError, match=rf"r\.mat: {message}"):
        read_ratings(Path(saved("r.mat", variables)))


def test_which_ratings_are_taken() -> None:
    both = Path(saved("r.mat", {"simA": ratings(), "simMatrix": ratings(1)}))
    assert np.array_equal(read_ratings(both), ratings(1))
    assert np.array_equal(read_ratings(both, "simA"), ratings())


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    path.write_bytes(hostile.zipped(*members.items()))
    return path


CALLED = np.arange(120) * 7 + 3


def turk(path: Path) -> Path:
    """The MATLAB file of the animals."""
    scipy.io.savemat(path, {"simMatrix": ratings(), "animals_big_idx": CALLED[None]})
    return path


@pytest.mark.parametrize("form", ["{:04d}.png", "{}.png", "animals/x_{}.png"])
def test_animals_have_the_matrixs_order(form: str) -> None:
    """Its file calls images by numbers; as text, unpadded ones would sort otherwise."""
    images = {form.format(k): png(np.full((3, 3, 3), i, np.uint8)) for i, k in enumerate(CALLED)}
    extra = {"__MACOSX/animals/._x.png": b"no", "animals/.DS_Store": b"no"}
    path = zipped(Path("animals.zip"), dict(reversed((images | extra).items())))
    found, judgments = read_animals(turk(Path("turk.mat")), path)
    assert [found[name] for name in sorted(found)] == list(images.values())
    assert np.array_equal(judgments.arrays()["similarity"], ratings())


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a/0.png": BLACK, "b/1.png": BLACK}, r"images in folders \['a', 'b'\]"),
        ({"0.png": bytes(10_001)}, "10001 bytes unpacked; at most 10000 are allowed"),
    ],
)
def test_archives_that_are_not_the_images_are_refused(
    members: dict[str, bytes], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ARCHIVES` in hostile.py has more."""
    monkeypatch.setattr("stages.sources.folders.ROOM", 10_000)
    with pytest.raises(DataError, match=rf"x\.zip: {message}"):
        zipped_images(zipped(Path("x.zip"), members), 2)


def test_animals_are_not_taken_on_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No digest is published: without the file it says how to go on, with it content is checked."""
    remote = REMOTES["animals/images"]
    assert remote.accepted == ()
    assert "/2f82c622a8c4677101364e0b22883fc32e782faf/" in remote.url
    assert FILES["animals"] == (REMOTES["animals/judgments"], remote)
    monkeypatch.setenv("DATA_MIRROR", str(tmp_path))
    with pytest.raises(DataError, match=r"animals\.zip: missing in DATA_MIRROR.*stimuli\.exclude"):
        fetch(remote)
    place, mat = tmp_path / remote.place, turk(tmp_path / "turk.mat")
    place.parent.mkdir(parents=True)
    images = {f"{i:03d}.png": png(np.full((3, 3, 3), i, np.uint8)) for i in range(120)}
    zipped(place, images)
    monkeypatch.setattr(judged, "fetch", lambda r: place if r is remote else mat)
    files = real_stimuli("animals")
    assert [n for n in files if n.startswith("images/")] == [f"images/{n}" for n in images]
    provenance = json.loads(files["provenance.json"])
    assert provenance["found"][remote.url].startswith("sha256:")
    assert judged.CITATION in provenance["citation"]
    zipped(place, dict(list(images.items())[:-1]))
    with pytest.raises(DataError, match=r"119 images; 120 are needed; .*delete it to try again"):
        real_stimuli("animals")


def files_of(payload: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(payload)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def task_files(per_class: int | None = None, **spec: Any) -> dict[str, bytes]:
    own = declared(Task, **spec)
    assert local_files(own)
    return files_of(datasets.task("mine", own.pop("source"), own, per_class))


def arrays(content: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return dict(archive)


def test_a_folder_task_of_one_size_and_of_several() -> None:
    for name, count in (("wren", 3), ("auk", 2)):
        values = [10 * i + len(name) for i in range(count)]
        images = [png(np.full((4, 5, 3), value, np.uint8)) for value in values]
        write(f"one/{name}", {f"{i:03d}.png": image for i, image in enumerate(images)})
    files = task_files(source="folder", folder="one")
    content = arrays(files["mine.npz"])
    assert list(files) == ["mine.npz"]
    assert content["labels"].tolist() == [0, 0, 1, 1, 1]
    assert content["classes"].tolist() == ["auk", "wren"]
    assert content["images"][:, 0, 0, 0].tolist() == [3, 13, 4, 14, 24]
    first = arrays(task_files(1, source="folder", folder="one")["mine.npz"])
    assert first["labels"].tolist() == [0, 1]
    Path("one/auk/001.png").unlink()
    Path("one/auk/001.PNG").write_bytes(png(np.zeros((9, 9, 3), np.uint8)))
    files = task_files(source="folder", folder="one")
    assert list(files) == ["mine.npz", *(f"mine/{i:06d}.png" for i in range(5))]
    assert set(arrays(files["mine.npz"])) == {"labels", "classes"}
    assert files["mine/000001.png"] == Path("one/auk/001.PNG").read_bytes()
    assert files["mine/000004.png"] == Path("one/wren/002.png").read_bytes()


def test_bad_folder_tasks_are_named() -> None:
    with pytest.raises(UsageError, match="x: folder: 'nowhere' is no folder"):
        local_files(declared(Task, source="folder", folder="nowhere"), "x")
    for path, message in (
        ("one/auk/a.png", "one: 1 class folders; at least 2"),
        ("one/wren/.x", "one/wren: holds no images"),
        ("one/list.txt", r"one/list\.txt: lies beside the class folders"),
    ):
        write(Path(path).parent, {Path(path).name: BLACK})
        with pytest.raises(DataError, match=message):
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
    assert declared(Task, source="digits") == {"source": "digits", "per_class": None}
    cifar = {"source": "cifar100", "classes": "held_out", "per_class": None}
    assert declared(Task, source="cifar100") == cifar
    content = arrays(files_of(datasets.task("digits", "digits", {}, None))["digits.npz"])
    assert set(content) == {"images", "labels"}
    assert len(content["labels"]) == 1797
    assert local_files(declared(Task, source="digits")) == []
