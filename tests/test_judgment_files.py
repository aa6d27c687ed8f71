"""The files that people really have: each is read right, or refused with what to do.

The human matrix is the model's own cosine matrix, computed here by NumPy, so that an alignment of 1
is right. Networks, images and judgments are small.
"""

import json
import random
import shutil
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.io
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.spatial.distance import squareform

from stages.runtime.errors import DataError, UsageError
from stages.similarity.alignment import agreements, standard_errors
from stages.similarity.ceilings import noise_ceilings
from stages.similarity.matrices import similarity_matrix
from stages.sources.human import Judgments, how_read
from stages.sources.names import match
from tests.arrays import examples
from tests.test_own import BLACK, HEAD, here, refused, saved, stimuli, symmetric, write

FEW = examples(15)
NUMBERED = [f"{i}.jpg" for i in range(12)]
PLAIN = [f"{name}.jpg" for name in ("ant", "bee", "cat", "dog", "elk", "fox")]
__all__ = ["here"]  # a fixture that each test uses


def vectors(count: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, 5))


def cosine(x: np.ndarray) -> np.ndarray:
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(unit @ unit.T)


HUMAN = cosine(vectors(12))


def aligned(judgments: Judgments, rows: Sequence[str], measure: str = "pearson") -> float:
    """Alignment of a model that sees image rows[i] as vectors(...)[i], with the group."""
    order = sorted(range(len(rows)), key=lambda i: rows[i])
    model = similarity_matrix(vectors(len(rows))[order])
    found = {(r["measure"], r["judge"]): r["value"] for r in agreements(model, judgments)}
    return float(found[measure, "group"])


def pictured(rows: Sequence[str]) -> str:
    """A folder with these images, all alike."""
    for folder in ("im", "out"):
        shutil.rmtree(folder, ignore_errors=True)
    write("im", dict.fromkeys(rows, BLACK))
    return "im"


def right(rows: Sequence[str], file: str, source: str = "matrix", **spec: Any) -> list[str]:
    """Assert that alignment by every measure is 1; how the file was read."""
    found = stimuli(source, file, images=pictured(rows), **spec)
    measures = ["triplet"] if found.triplets is not None else ["pearson", "spearman", "triplet"]
    for measure in measures:
        assert aligned(found, rows, measure) == pytest.approx(1)
    return how_read(Path("out/stimuli/mine"))


# A. Orders that nobody stated.

UNSTATED = {
    "numbers": NUMBERED,
    "numbers within names": [f"cat_{i}.png" for i in range(1, 13)],
    "case": ["apple.png", "Bear.png", "cat.png", "Zebra.png"],
    "a longer name": ["cat.png", "cat-2.png", "dog.png", "elk.png"],
    "versions": ["v1.9.png", "v1.10.png", "v2.0.png", "w.png"],
    "a space": ["auk.png", "owl.png", "owl b.png", "tit.png"],
}


@pytest.mark.parametrize("rows", UNSTATED.values(), ids=UNSTATED)
@pytest.mark.parametrize("form", ["csv", "npy", "mat", "vector"])
def test_an_order_that_nobody_stated_is_refused(rows: list[str], form: str) -> None:
    human = HUMAN[: len(rows), : len(rows)]
    values = squareform(human, checks=False) if form == "vector" else human
    file = saved("m.npy" if form == "vector" else f"m.{form}", values)
    message = r"nothing names the rows.*lexicographic: .*natural: .*'order: natural', 'order: lex"
    refused(f"m.*: {message}", "matrix", file, images=pictured(rows))
    listed = saved("list.txt", "".join(f"{name}\n" for name in reversed(rows)))
    assert "that of a list, as the study states" in str(right(rows[::-1], file, order=listed))
    assert "natural, as the study states" in str(right(rows, file, order="natural"))
    right(sorted(rows), file, order="lexicographic")
    right([f"{i:02d}.png" for i in range(len(rows))], file)  # all orders agree


def test_an_order_that_all_agree_on_needs_no_words() -> None:
    notes = right(PLAIN, saved("m.npy", HUMAN[:6, :6]))
    assert notes == ["rows in the images' order: the same by name and by number"]


def test_a_wrong_list_of_images_is_refused() -> None:
    file, im = saved("m.npy", HUMAN), pictured(NUMBERED)
    spec = {"images": im, "order": saved("list.txt", "\n".join(["0.jpg", *NUMBERED[:-1]]))}
    refused(r"m\.npy: 'order': image '0\.jpg' is there several times", "matrix", file, **spec)
    saved("list.txt", "\n".join(NUMBERED[:-1]))
    refused(r"m\.npy: 'order': image '11\.jpg' is missing", "matrix", file, **spec)
    saved("list.txt", "")
    refused(r"m\.npy: 'order': image '0\.jpg' is missing", "matrix", file, **spec)
    saved("list.txt", "name\n" + "\n".join(NUMBERED))
    refused(r"line 1 of its list: 'name' is not the name of an image", "matrix", file, **spec)
    with pytest.raises(UsageError, match=r"order: 'none\.txt' is no file; \['lexicographic', 'nat"):
        stimuli("matrix", file, images=im, order="none.txt")
    with pytest.raises(ValidationError):
        stimuli("matrix", file, images=im, order="")


@pytest.mark.parametrize(
    "source", ["triplets", "pairs", "soft_labels", "participants", "requested"]
)
def test_every_form_of_judgments_needs_an_order(source: str) -> None:
    im, refusal = pictured(NUMBERED), "(lexicographic|lex.*) order|orders differ"
    if source == "triplets":
        file = saved("t.csv", f"{HEAD}\n0,1,2\n11,3,2\n")
    elif source == "pairs":
        file = saved("p.csv", "first,second,rating\n0,1,3\n11,3,2\n2,1,1\n")
    elif source == "soft_labels":
        file = saved("s.csv", np.tile([1, 2], (12, 1)))
    elif source == "participants":
        file = saved("p.npy", np.stack([HUMAN, HUMAN**2]))
    else:
        names = [f"{i}.png" for i in range(120)]
        write("asked", dict.fromkeys(names, BLACK))
        scipy.io.savemat("asked/r.mat", {"sim": np.clip(10 * cosine(vectors(120)), 0, 10)})
        refused(refusal, "requested", category="fruits", folder="asked")
        spec: dict[str, Any] = {"category": "fruits", "folder": "asked", "order": "natural"}
        found = stimuli("requested", **spec).similarity
        at = [sorted(names).index(name) for name in names]
        assert found is not None
        assert np.array_equal(
            found[np.ix_(at, at)], np.clip(10 * cosine(vectors(120)), 0, 10), equal_nan=True
        )
        return
    refused(refusal, source, file, images=im)
    stimuli(source, file, images=im, order="natural")


def test_participants_are_called_by_their_files_in_natural_order() -> None:
    Path("people").mkdir()
    for i in (1, 2, 10):
        saved(f"people/sub{i}.npy", HUMAN[:6, :6] ** i)
    found = stimuli("participants", folder="people", images=pictured(PLAIN)).participants
    assert found is not None
    assert np.array_equal(found[1], HUMAN[:6, :6] ** 2)
    told = how_read(Path("out/stimuli/mine"))
    assert "p01 is sub1.npy, p02 is sub2.npy, p03 is sub10.npy" in told


def test_indices_count_from_0_or_from_1_or_are_refused() -> None:
    im = pictured(PLAIN)
    for rows in ("0,1,2\n4,3,5", "1,2,3\n5,4,6"):
        found = stimuli("triplets", saved("t.csv", f"{HEAD}\n{rows}\n"), images=im).triplets
        assert found is not None
        assert found.tolist() == [[0, 1, 2], [4, 3, 5]]
    message = r"line 2: anchor: '1' is bee\.jpg by place from 0 .*, ant\.jpg by place from 1"
    refused(message, "triplets", saved("t.csv", f"{HEAD}\n1,2,3\n"), images=im)


# B. Names.

AS_NAMED: dict[str, tuple[list[str], Callable[[str], str]]] = {
    "as they are": (PLAIN, str),
    "without extension": (PLAIN, lambda name: name[:-4]),
    "in another case": (PLAIN, str.upper),
    "in folders": (PLAIN, lambda name: f"stimuli/set a/{name}"),
    "in Windows folders": (PLAIN, lambda name: f"C:\\my study\\{name.title()}"),
    "as another format": (PLAIN, lambda name: f"{name[:-4]}.png"),
    "with spaces around": (PLAIN, lambda name: f" {name} "),
    "as numbers": ([f"{i:03d}.png" for i in range(101, 113)], lambda n: str(int(n[:3]))),
    "as padded numbers": ([f"{i:03d}.png" for i in range(12)], lambda name: str(int(name[:3]))),
    "as floats": ([f"{i:02d}.png" for i in range(1, 13)], lambda n: f"{int(n[:2])}.0"),
    "as numbers in names": (
        [f"cat_{i:02d}.png" for i in range(12)],
        lambda n: f"Cat_{int(n[4:6])}",
    ),
    "by the only number": ([f"im{i:02d}b.png" for i in range(12)], lambda n: str(int(n[2:4]))),
    "by dots": ([f"v1.{i}.png" for i in range(1, 6)], lambda name: name[:-4]),
    "decomposed": ([f"{c}é.png" for c in "abcd"], lambda n: unicodedata.normalize("NFD", n)),
}


@pytest.mark.parametrize(("rows", "named"), AS_NAMED.values(), ids=AS_NAMED)
def test_names_match_as_a_person_would(rows: list[str], named: Callable[[str], str]) -> None:
    names, n = [named(name) for name in rows], len(rows)
    shuffled = np.random.default_rng(3).permutation(n)
    frame = pd.DataFrame(HUMAN[:n, :n], names, names)
    frame.iloc[shuffled, np.argsort(shuffled)].to_csv("m.csv")
    told = right(rows, "m.csv")
    assert any("matched to images" in note for note in told)


@pytest.mark.parametrize(
    ("rows", "names", "message"),
    [
        (
            PLAIN,
            ["cta", *"vwxyz"],
            r"row 0 .* 'cta' is not the name of an image \(6 of the 6 names",
        ),
        (PLAIN, [*PLAIN[:5], "fxo"], r"row 5 .* 'fxo' .* \(1 of the 6 names.*mean 'fox'"),
        (PLAIN, [*PLAIN[:5], "ANT"], r"rows: image 'ant\.jpg' is there several times"),
        (
            ["a.png", "a.jpg", "b.png"],
            ["a", "a.jpg", "b"],
            r"'a' may be a\.jpg, a\.png; file names",
        ),
        (["Ab.png", "aB.png", "c.png"], ["AB", "ab", "c"], r"'AB' may be Ab\.png, aB\.png"),
        (["x1.png", "y1.png", "z2.png"], ["1", "2", "5"], r"'5' is not an index 0\.\.2 or 1\.\.3"),
        (
            NUMBERED,
            [str(i) for i in range(12)],
            r"row 2 .*'2' is 2\.jpg by number .* 10\.jpg by place",
        ),
    ],
)
def test_names_that_match_in_part_or_twice_are_refused(
    rows: list[str], names: list[str], message: str
) -> None:
    n = len(rows)
    pd.DataFrame(HUMAN[:n, :n], names, names).to_csv("m.csv")
    refused(message, "matrix", "m.csv", images=pictured(rows))


def test_numbers_of_a_stated_order_are_places() -> None:
    names = [str(i) for i in range(12)]
    pd.DataFrame(HUMAN, names, names).to_csv("m.csv")
    right(NUMBERED, "m.csv", order="natural")
    right(sorted(NUMBERED), "m.csv", order="lexicographic")


@FEW
@given(st.permutations(range(6)), st.permutations(range(6)), st.booleans())
def test_rows_and_columns_in_any_order_align_alike(
    rows: list[int], columns: list[int], header: bool
) -> None:
    columns = columns if header else [*range(6)]
    frame = pd.DataFrame(HUMAN[:6, :6], PLAIN, PLAIN).iloc[rows, columns if header else rows]
    frame.to_csv("m.csv", header=header)
    right(PLAIN, "m.csv")


@FEW
@given(st.integers(1, 4), st.integers(1, 9), st.permutations(range(12)))
def test_padding_names_with_zeros_changes_nothing(
    digits: int, first: int, order: list[int]
) -> None:
    images = [f"cat {i + first:0{digits}d}.png" for i in range(12)]
    names = [f"cat {i + first}.png" for i in range(12)]
    shuffled = [names[i] for i in order]
    found, _ = match(shuffled, sorted(images), str)
    assert [sorted(images)[place] for place in found] == [images[i] for i in order]


# C. Labels taken for data.


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("index", [True, False])
def test_a_data_frame_is_read_as_pandas_writes_it(header: bool, index: bool) -> None:
    """Its labels are 0 to 11, or the images' numbers; with a corner, as R writes, or without."""
    rows = [f"{i:02d}.png" for i in range(12)]
    pd.DataFrame(HUMAN).to_csv("m.csv", header=header, index=index)
    told = right(rows, "m.csv")
    names = [what for what, there in (("first line", header), ("first column", index)) if there]
    assert not names or f"{' and '.join(names)} read as names" in told
    later = [f"{i}.png" for i in range(101, 113)]
    pd.DataFrame(HUMAN, range(101, 113), range(101, 113)).to_csv(
        "m.csv", header=header, index=index
    )
    right(later, "m.csv")


def test_r_writes_matrices_with_its_own_labels() -> None:
    pd.DataFrame(HUMAN, range(1, 13), [f"V{i}" for i in range(1, 13)]).to_csv("m.csv")
    rows = [f"{name}.png" for name in "abcdefghijkl"]
    right(rows, "m.csv")
    text = Path("m.csv").read_text()
    right(rows, saved("m.csv", text.removeprefix(",")))  # write.table leaves out the corner


COUNTS = np.array([[3, 1, 6], [2, 7, 1], [5, 5, 0], [4, 2, 4], [0, 9, 1], [1, 1, 8]])


@pytest.mark.parametrize(
    ("labels", "header", "index", "first"),
    [
        (COUNTS, False, True, 0),
        (COUNTS, True, True, 0),
        (COUNTS, True, True, 101),
        (COUNTS, False, True, 101),
        (COUNTS / 10, False, True, 1),
        (COUNTS, False, False, 0),
        (COUNTS, True, False, 0),
    ],
)
def test_soft_labels_with_and_without_labels(
    labels: np.ndarray, header: bool, index: bool, first: int
) -> None:
    """Ten people a row: a first column that numbers the images is none of the sum."""
    rows = [f"{i:03d}.png" for i in range(first, first + 6)]
    frame = pd.DataFrame(labels, range(first, first + 6), ["cat", "dog", "owl"])
    frame.to_csv("s.csv", header=header, index=index)
    found = stimuli("soft_labels", "s.csv", images=pictured(rows)).arrays()["soft_labels"]
    np.testing.assert_allclose(found, COUNTS / 10)


def test_soft_labels_by_name_are_put_in_order_and_unclear_ones_refused() -> None:
    frame = pd.DataFrame(COUNTS, PLAIN, ["cat", "dog", "owl"]).iloc[::-1]
    frame.to_csv("s.csv")
    found = stimuli("soft_labels", "s.csv", images=pictured(PLAIN)).arrays()["soft_labels"]
    np.testing.assert_allclose(found, COUNTS / 10)
    unequal = np.column_stack([np.arange(6), COUNTS * (1 + np.arange(6)[:, None])])
    refused(
        r"s\.csv: the first column, 0, 1, 2, 3 \.\.\., may number the images or be data; write",
        *("soft_labels", saved("s.csv", unequal)),
        images="im",
    )


# D. Repeated judgments.

ASKED = "ant,bee,cat"
OTHER = "ant,cat,bee"
REPEATED = {
    "a row each": f"{HEAD}\n" + f"{OTHER}\n" * 2 + f"{ASKED}\n" * 3,
    "a column": f"{HEAD},votes,votes_against\n{ASKED},3,2\n",
    "a column, the other way": f"{HEAD},votes,votes_against\n{OTHER},2,3\n",
    "both": f"{HEAD},votes\n{ASKED},2\n{OTHER},2\n{ASKED},1\n",
    "against": f"{HEAD},votes,votes_against\n{OTHER},1,1\n{ASKED},2,1\n",
}


@pytest.mark.parametrize("text", REPEATED.values(), ids=REPEATED)
def test_a_triplet_asked_of_five_people_is_one_triplet(text: str) -> None:
    found = stimuli("triplets", saved("t.csv", text), images=pictured(PLAIN))
    assert found.arrays()["triplets"].tolist() == [[0, 1, 2]]
    assert found.arrays()["votes"].tolist() == [[3, 2]]
    for sides, value in ((1, 1.0), (2, 0.0)):
        model = np.zeros((6, 6))
        model[0, sides] = model[sides, 0] = 1
        assert agreements(model, found) == [
            {"measure": "triplet", "judge": "group", "value": value}
        ]
    ceilings = noise_ceilings(Path("out/stimuli/mine"), "mine", 0)
    assert ceilings is not None
    votes = [1, 1, 1, 0, 0]
    others = [np.sign(2 * (sum(votes) - v) - 4) * (2 * v - 1) for v in votes]
    assert ceilings["ceilings"][0]["leave_one_out"] == pytest.approx(
        np.mean([0.5 + o / 2 for o in others])
    )
    assert ceilings["ceilings"][0]["upper"] == pytest.approx(0.6)
    told = " ".join(how_read(Path("out/stimuli/mine")))
    assert ("rows are 1 triplets; votes are added" in told) == (text.count("ant") > 1)


@FEW
@given(
    st.lists(
        st.tuples(st.permutations(range(6)), st.integers(1, 4), st.integers(0, 4)),
        min_size=3,
        max_size=12,
    ),
    st.randoms(use_true_random=False),
)
def test_merging_and_splitting_votes_changes_nothing(
    judged: list[tuple[list[int], int, int]], shuffled: random.Random
) -> None:
    """Votes in columns, or a row a person in any order, near and far either way round."""
    merged = [(PLAIN[a], PLAIN[b], PLAIN[c], near, far) for (a, b, c, *_), near, far in judged]
    people = [(a, b, c, 1, 0) for a, b, c, near, _ in merged for _ in range(near)]
    people += [(a, c, b, 1, 0) for a, b, c, _, far in merged for _ in range(far)]
    shuffled.shuffle(people)
    model, seen = symmetric(6), list[Any]()
    for rows in (merged, people):
        pd.DataFrame(rows, columns=f"{HEAD},votes,votes_against".split(",")).to_csv(
            "t.csv", index=False
        )
        try:
            found = stimuli("triplets", "t.csv", images=pictured(PLAIN))
        except DataError as error:  # all are tied
            seen.append(str(error))
            continue
        ceilings = noise_ceilings(Path("out/stimuli/mine"), "mine", 0) or {"ceilings": [{}]}
        values = [ceilings["ceilings"][0].get(name) for name in ("leave_one_out", "upper")]
        values += standard_errors(model, found, 50, np.random.default_rng(0)).values()
        seen.append([*values, agreements(model, found)[0]["value"]])
    if isinstance(seen[0], str):
        assert seen[0] == seen[1]
    else:
        one, other = np.array(seen, float)
        np.testing.assert_allclose(one, other, atol=1e-12)


def rated(repeats: int = 1, gap: int = 0, participants: int = 1) -> pd.DataFrame:
    """Ratings of pairs of PLAIN, a row each: repeats apart by 1, some pairs left out."""
    rows = []
    for p in range(participants):
        for k, (i, j) in enumerate(zip(*np.triu_indices(6, 1), strict=True)):
            if gap and (k + p) % gap == 0:
                continue
            apart = np.linspace(-0.5, 0.5, repeats) if repeats > 1 else [0.0]
            turned = (PLAIN[j], PLAIN[i]) if k % 2 else (PLAIN[i], PLAIN[j])
            rows += [(*turned, HUMAN[i, j] + a, f"s{p + 1}") for a in apart]
    return pd.DataFrame(rows, columns=["first", "second", "rating", "participant"])


def test_pairs_rated_several_times() -> None:
    table = rated(repeats=3).drop(columns="participant")
    table.to_csv("p.csv", index=False)
    told = right(PLAIN, "p.csv", "pairs")
    assert "30 of 45 ratings repeat a pair: their mean" in told
    low, high = table["rating"].min(), table["rating"].max()
    assert any(f"; ratings are from {low:g} to {high:g}" in note for note in told)
    table.assign(rating=1 - table["rating"]).to_csv("p.csv", index=False)
    right(PLAIN, "p.csv", "pairs", dissimilarity=True)
    rated(repeats=2, participants=3, gap=4).to_csv("p.csv", index=False)
    found = stimuli("pairs", "p.csv", images="im")
    assert aligned(found, PLAIN) == pytest.approx(1)
    assert found.arrays()["participants"].shape == (3, 6, 6)
    told = how_read(Path("out/stimuli/mine"))
    missing = sum((k + p) % 4 == 0 for k in range(15) for p in range(3))
    assert any(f"{missing} of 45 judgments of pairs are missing" in note for note in told)
    assert "p01 is s1, p02 is s2, p03 is s3" in told
    for text, message in (
        ("ant,bee,3\nant,emu,2\n", "line 3: second: 'emu' is not the name of an image"),
        ("ant,bee,x\n", "line 2: rating: 'x'"),
        ("ant,bee,1\ncat,dog,2\n", "no image is in two judged pairs"),
    ):
        refused(message, "pairs", saved("p.csv", f"first,second,rating\n{text}"), images="im")


# H. Judgments as they come.


def test_a_diagonal_is_never_read() -> None:
    for empty in ("", "NA", "nan", "n/a"):
        cells = HUMAN[:6, :6].astype(object)
        np.fill_diagonal(cells, empty)
        pd.DataFrame(cells, PLAIN, PLAIN).to_csv("m.csv")
        assert right(PLAIN, "m.csv")
    for value in (np.nan, 0, 1e6):
        matrix = HUMAN[:6, :6].copy()
        np.fill_diagonal(matrix, value)
        right(PLAIN, saved("m.npy", matrix))


HALVES: dict[str, Callable[[np.ndarray], Any]] = {
    "empty": lambda m: np.where(np.tri(6, dtype=bool), m, np.nan),
    "zeros": lambda m: np.tril(m, -1),
    "upper": lambda m: np.triu(m, 1),
    "upper, empty": lambda m: np.where(np.tri(6, k=-1, dtype=bool), np.nan, m),
    "without diagonal": lambda m: np.where(np.tri(6, k=-1, dtype=bool), m, np.nan),
    "ragged": lambda m: "".join(",".join(map(str, m[i, : i + 1])) + "\n" for i in range(6)),
    "ragged, no diagonal": lambda m: "".join(
        ",".join(map(str, m[i, :i])) + "\n" for i in range(1, 6)
    ),
    "vector": lambda m: m[np.triu_indices(6, 1)][None],
    "vector in a column": lambda m: m[np.triu_indices(6, 1)][:, None],
}


@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES)
@pytest.mark.parametrize("form", ["csv", "npy", "mat"])
def test_a_triangle_or_a_vector_is_a_matrix(half: Callable[[np.ndarray], Any], form: str) -> None:
    content = half(HUMAN[:6, :6])
    if not isinstance(content, str) or form == "csv":
        assert len(right(PLAIN, saved(f"m.{form}", content))) >= 1


def test_a_half_with_names_is_put_in_order() -> None:
    order = [3, 0, 5, 1, 4, 2]
    frame = pd.DataFrame(HUMAN[:6, :6], PLAIN, PLAIN).iloc[order, order]
    frame.where(np.tri(6, k=-1, dtype=bool)).to_csv("m.csv")
    right(PLAIN, "m.csv")


def test_two_directions_are_averaged_and_counted() -> None:
    matrix = HUMAN[:6, :6].copy()
    matrix[0, 1] += 0.2
    matrix[1, 0] -= 0.2
    matrix[2, 4] = np.nan
    told = right(PLAIN, saved("m.npy", matrix))
    assert "1 of 15 pairs differ by direction: their mean" in told
    assert not any("nobody" in note for note in told)


def measured(model: np.ndarray, human: np.ndarray) -> dict[str, float]:
    """The three measures by definition, over what was judged."""
    n = len(human)
    pairs = [(i, j) for i in range(n) for j in range(i) if not np.isnan(human[i, j])]
    x, y = ([m[i, j] for i, j in pairs] for m in (model, human))
    ranks = [pd.Series(values).rank().to_numpy() for values in (x, y)]
    agreed = []
    for i in range(n):
        for j in range(n):
            for k in range(j):
                far = human[i, j] - human[i, k]
                if len({i, j, k}) == 3 and far != 0 and not np.isnan(far):
                    agreed.append(0.5 + 0.5 * np.sign(far) * np.sign(model[i, j] - model[i, k]))
    return {
        "pearson": float(np.corrcoef(x, y)[0, 1]),
        "spearman": float(np.corrcoef(ranks[0], ranks[1])[0, 1]),
        "triplet": float(np.mean(agreed)),
    }


def gappy(seed: int, n: int = 8, levels: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    matrix = rng.integers(0, levels, (n, n)).astype(float)
    matrix = np.triu(matrix, 1) + np.triu(matrix, 1).T
    absent = np.triu(rng.random((n, n)) < 0.25, 1)
    matrix[absent | absent.T] = np.nan
    return matrix


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of undefined resamples
@pytest.mark.parametrize("seed", range(4))
def test_pairs_that_nobody_rated_are_left_out_of_every_measure(seed: int) -> None:
    human, model = gappy(seed), symmetric(8, seed)
    judgments = Judgments(8, similarity=human).check("x")
    expected = measured(model, human)
    for row in agreements(model, judgments):
        assert row["value"] == pytest.approx(expected[row["measure"]], abs=1e-12)
    rng = np.random.default_rng(seed)
    errors = standard_errors(model, judgments, 60, np.random.default_rng(seed))
    w = rng.multinomial(8, np.full(8, 1 / 8), 60)
    values: dict[str, list[float]] = {name: [] for name in expected}
    for counts in w:
        drawn = np.repeat(np.arange(8), counts)
        again = human[np.ix_(drawn, drawn)].copy()
        again[drawn[:, None] == drawn] = np.nan  # copies of a stimulus are no pair
        for name, value in measured(model[np.ix_(drawn, drawn)], again).items():
            values[name].append(value)
    for name, found in values.items():
        defined = np.array(found)[np.isfinite(found)]
        if len(defined) == 60:
            assert errors[name] == pytest.approx(defined.std(ddof=1), rel=1e-6)


def test_a_participant_who_missed_trials() -> None:
    """The group's mean is over those who rated; ceilings are those of the pairs that both have."""
    people = np.stack([symmetric(7, seed) for seed in range(4)])
    people[:, np.arange(7), np.arange(7)] = np.nan
    people[2, 0, 1:4] = people[2, 1:4, 0] = np.nan
    people[0, 5, 6] = people[0, 6, 5] = np.nan
    rows = [f"{name}.png" for name in "abcdefg"]
    found = stimuli("participants", saved("p.npy", people), images=pictured(rows))
    with np.errstate(invalid="ignore"):
        group = np.nansum(people, 0) / (~np.isnan(people)).sum(0)
    np.testing.assert_allclose(found.arrays()["similarity"], group)
    told = " ".join(how_read(Path("out/stimuli/mine")))
    assert "4 of 84 judgments of pairs are missing, most of participant p03 (3)" in told
    model = symmetric(7, 9)
    for row in agreements(model, found):
        if row["judge"] != "group":
            expected = measured(model, people[int(row["judge"][1:]) - 1])[row["measure"]]
            assert row["value"] == pytest.approx(expected)
    ceilings = noise_ceilings(Path("out/stimuli/mine"), "mine", 0)
    assert ceilings is not None
    for ceiling in ceilings["ceilings"]:
        agree = []
        for p in range(4):
            others = np.nanmean(np.where(np.eye(7, dtype=bool), 0, np.delete(people, p, 0)), 0)
            agree.append(measured(others, people[p])[ceiling["measure"]])
        assert ceiling["leave_one_out"] == pytest.approx(np.mean(agree))
        assert (ceiling["upper"] is None) == (ceiling["measure"] != "triplet")
        assert ceiling["split_half"] is not None


def test_people_who_judged_different_pairs_have_no_ceiling() -> None:
    people = np.full((2, 6, 6), np.nan)
    for p, pairs in enumerate(([(0, 1), (0, 2)], [(3, 4), (3, 5)])):
        for k, (i, j) in enumerate(pairs):
            people[p, i, j] = people[p, j, i] = k
    found = stimuli("participants", saved("p.npy", people), images=pictured(PLAIN))
    values = {row["judge"]: row["value"] for row in agreements(symmetric(6), found)}
    assert set(values) == {"group", "p01", "p02"}
    assert noise_ceilings(Path("out/stimuli/mine"), "mine", 0) is None
    told = " ".join(how_read(Path("out/stimuli/mine")))
    assert (
        "11 of 15 pairs were judged by nobody; measures are over the other 4 and their 2 triplets"
        in told
    )
    people[0, 0, 2] = people[0, 2, 0] = np.nan
    refused(
        "participant 1: every pair has 0.0", "participants", saved("p.npy", people), images="im"
    )


STACK = np.stack([HUMAN[:6, :6], HUMAN[:6, :6] ** 3, HUMAN[:6, :6] ** 5])
TURNED = STACK[:, ::-1, ::-1][:, *np.triu_indices(6, 1)]
RDMS = np.zeros((1, 3), [("RDM", object), ("name", object), ("color", object)])
for place in range(3):
    RDMS[0, place] = (STACK[place], f"subject {place}", np.array([0.0, 0, 1]))
PANELS = {
    "[P, n, n]": {"m": STACK},
    "[n, n, P]": {"m": np.moveaxis(STACK, 0, 2)},
    "rdmutv": {"rdmutv": STACK[:, *np.triu_indices(6, 1)]},
    "rdmutv and names": {"rdmutv": TURNED, "stimuli": np.array([n[:-4] for n in PLAIN[::-1]])},
    "rdmutv and cells": {"rdmutv": TURNED, "stimuli": np.array(PLAIN[::-1], object)},
    "names in cells of any length": {
        "m": STACK[:, ::-1, ::-1],
        "stimuli": np.array([f"C:\\é{'x' * i}\\{n}" for i, n in enumerate(PLAIN)][::-1], object),
    },
    "a struct array": {"RDMs": RDMS, "note": "x"},
    "a struct array of vectors": {
        "RDMs": {"RDM": STACK[:, *np.triu_indices(6, 1)], "labels": np.array(["a"], object)}
    },
}


@pytest.mark.parametrize("variables", PANELS.values(), ids=PANELS)
def test_panels_of_matlab(variables: dict[str, Any]) -> None:
    found = stimuli("participants", saved("m.mat", variables), images=pictured(PLAIN)).participants
    assert found is not None
    for a, b in zip(found, STACK, strict=True):
        np.testing.assert_array_equal(a[np.triu_indices(6, 1)], b[np.triu_indices(6, 1)])


def test_which_axis_is_the_participants() -> None:
    stack = np.stack([symmetric(6, seed) for seed in range(6)])
    for values in (stack, np.moveaxis(stack, 0, 2)):
        found = stimuli("participants", saved("p.npy", values), images=pictured(PLAIN))
        assert np.array_equal(found.arrays()["participants"], stack)
    unclear = np.random.default_rng(0).normal(size=(6, 6, 6))
    refused("which axis .* is not clear", "participants", saved("p.npy", unclear), images="im")
    message = "m.npy: 3 matrices; 'source: participants' has many"
    refused(message, "matrix", saved("m.npy", STACK), images="im")


# I. Dialects.


DIALECTS: dict[str, dict[str, Any]] = {
    "semicolons": {"sep": ";"},
    "decimal commas": {"sep": ";", "decimal": ","},
    "tabs": {"sep": "\t"},
    "tabs and commas": {"sep": "\t", "decimal": ","},
    "UTF-16": {"sep": "\t", "encoding": "utf-16"},
    "a byte-order mark": {"encoding": "utf-8-sig"},
    "quotes": {"quoting": 1},
    "Windows": {"lineterminator": "\r\n"},
    "trailing commas": {},
    "spaces": {},
}


def dialect(frame: pd.DataFrame, form: str) -> None:
    frame.to_csv("m.csv", **DIALECTS[form])
    text = Path("m.csv").read_text() if form != "UTF-16" else ""
    if form == "trailing commas":
        Path("m.csv").write_text(text.replace("\n", ",,\n") + "," * 8 + "\n")
    if form == "spaces":
        Path("m.csv").write_text(text.replace(",", "  "))


@pytest.mark.parametrize("form", DIALECTS)
def test_dialects_of_csv(form: str) -> None:
    names = [name[:-4] for name in PLAIN]
    frame = pd.DataFrame(HUMAN[:6, :6], names, names).iloc[::-1]
    dialect(frame, form)
    if form != "spaces":  # the corner would be lost
        right(PLAIN, "m.csv")
    dialect(frame.iloc[::-1], form)
    np.savetxt("m.csv", HUMAN[:6, :6]) if form == "spaces" else None
    right(PLAIN, "m.csv")
    triplets = pd.DataFrame([PLAIN[:3], PLAIN[1:4]], columns=HEAD.split(","))
    dialect(triplets.set_index("anchor"), form)
    found = stimuli("triplets", "m.csv", images="im").arrays()["triplets"]
    assert found.tolist() == [[0, 1, 2], [1, 2, 3]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,5;2.5;3\n2;1;3\n3;3;1\n", "has decimal commas and decimal points; one is allowed"),
        ("1;2;x\n2;1;3\n3;3;1\n", "line 1, column 3: 'x' is not a finite number"),
        ("1|2|3\n2|1|3\n3|3|1\n", "holds no numbers"),
        (b"\xff\xfea", "not readable as CSV"),
        ("caf\xe9;1;2\n".encode("latin-1"), "not readable as CSV: 'utf-8' codec"),
    ],
)
def test_what_no_dialect_explains_is_named(text: str | bytes, message: str) -> None:
    Path("m.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(rf"m\.csv: {message}", "matrix", "m.csv", images=pictured(["a.png", "b.png", "c.png"]))


def test_how_files_were_read_is_kept_with_the_set() -> None:
    matrix = HUMAN[:6, :6].copy()
    matrix[0, 1] = matrix[1, 0] = np.nan
    pd.DataFrame(matrix, PLAIN, PLAIN).iloc[::-1].to_csv("m.csv", sep=";", decimal=",")
    right(PLAIN, "m.csv")
    provenance = json.loads(Path("out/stimuli/mine/provenance.json").read_text())
    assert provenance["read"] == [
        "cells divided by semicolons",
        "decimal commas",
        "first line and first column read as names",
        "names matched to images: 6 by file name",
        # 6 images have 10 triplets each, but for two of them, which have 6.
        "1 of 15 pairs were judged by nobody; measures are over the other 14 and their 52 triplets",
    ]
