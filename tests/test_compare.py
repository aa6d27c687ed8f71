"""The comparison of two runs: equal to a tolerance, and what differs is named."""

from pathlib import Path

import pytest

from benchmarks.compare import compare


@pytest.mark.parametrize(
    ("name", "before", "after", "verdict"),
    [
        ("a.csv", "x,y\na,1.0\n", "x,y\na,1.0000000001\n", "equal, 4 values"),
        ("a.csv", "x,y\na,1.0\n", "x,y\na,1.00001\n", r"DIFFERS in 1 values, first line 2, y"),
        ("a.csv", "x,y\na,0.0\n", "x,y\na,1e-13\n", "equal"),
        ("a.csv", "x,y\na,1\n", "x,y\nb,1\n", "DIFFERS in 1 values, first line 2, x: a / b"),
        ("a.csv", "x,y\na,1\n", "x\na\n", "DIFFERS in 2 values, first line 1, y: y / missing"),
        ("a.csv", "x,note\na,1\n", "x,note\na,2\n", "equal"),
        ("a.json", '{"a": [1, null]}', '{"a": [1, 2]}', "DIFFERS in 1 values, first /a/1"),
        ("a.json", '{"a": [1]}', '{"a": [1, 2]}', "DIFFERS in 2 values"),
        ("a.npz", "1", "1", "equal to the byte"),
        ("a.npz", "1", "1.0", "DIFFERS in its bytes"),
    ],
)
def test_differences_are_named(
    tmp_path: Path, name: str, before: str, after: str, verdict: str
) -> None:
    paths = [tmp_path / side / name for side in ("before", "after")]
    for path, text in zip(paths, (before, after), strict=True):
        path.parent.mkdir()
        path.write_text(text)
    assert compare(paths[0], paths[1], {"note"}).startswith(verdict)
