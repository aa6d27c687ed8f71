"""Nothing hostile writes outside its folder, runs code, exhausts memory, or reaches a page."""

import ast
import copy
import html.parser
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import safetensors.numpy

from stages.networks.embeddings import Embedding
from stages.report.provenance import Made
from stages.report.report import draw_all, write_report
from stages.runtime.errors import DataError
from stages.runtime.files import npz_bytes, pack, unpack
from stages.runtime.machine import Place
from stages.sources.human import Judgments, image_paths, stimulus_files
from tests import test_figures, test_report
from tests.conftest import ROOT
from tests.hostile import FILES, Hostile, tensor, tensors

LIMIT = 2 * 2**30
"""Bytes of address space that reading all hostile files may take beyond what imports take."""
CHILD = f"""
import json, resource, sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from tests.hostile import FILES
from stages.runtime.errors import DataError, UsageError
import torch  # readers import it when they are called, and it takes more than the limit
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + {LIMIT}, taken + {LIMIT}))
for number, file in enumerate(FILES):
    path = Path("inner") / file.name
    path.write_bytes(file.make())
    try:
        file.read(path)
        said = "it was read"
    except (DataError, UsageError) as error:
        said = str(error)
    except BaseException as error:
        said = f"{{type(error).__name__}} was raised: {{error}}"
    path.unlink()
    print(json.dumps([number, said]), flush=True)
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[int, str], list[str]]:
    """What is said of each hostile file, by its number, and what reading them left behind.

    They are read in one process of bounded memory.
    """
    folder = tmp_path_factory.mktemp("outer")
    (folder / "inner").mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILD], cwd=folder, capture_output=True, text=True
    )
    said = dict(json.loads(line) for line in done.stdout.splitlines())
    assert done.returncode == 0, (FILES[len(said)].name, done.stderr)
    assert done.stderr == ""
    return said, sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("number", range(len(FILES)), ids=lambda i: FILES[i].name)
def test_a_hostile_file_is_named_in_one_line(
    number: int, answers: tuple[dict[int, str], list[str]]
) -> None:
    file: Hostile = FILES[number]
    said = answers[0][number]
    assert said.startswith(f"inner/{file.name}"), said
    assert re.search(file.words, said), said
    assert len(said.splitlines()) == 1
    assert len(said) < 1000


def test_hostile_files_write_nothing(answers: tuple[dict[int, str], list[str]]) -> None:
    assert answers[1] == ["inner"]


def test_a_duplicate_tensor_is_one(tmp_path: Path) -> None:
    """The safetensors library takes the last; it is the same to all who read the file."""
    both = [json.dumps(tensor(shape, [0, 32])) for shape in ([2, 4], [4, 2])]
    path = tmp_path / "x.safetensors"
    path.write_bytes(tensors(f'{{"t": {both[0]}, "t": {both[1]}}}'))
    assert safetensors.numpy.load_file(path)["t"].shape == (4, 2)
    assert Embedding(path, "t").read().shape == (4, 2)


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "inner/../../x"])
def test_payloads_stay_in_their_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    with pytest.raises(DataError, match="outside"):
        unpack(pack({name: b"x"}), tmp_path / "inner")
    assert list(tmp_path.rglob("*")) == [tmp_path / "inner"]


FORBIDDEN = {
    *("pickle.load", "pickle.loads", "torch.load", "joblib.load", "dill.load", "marshal.load"),
    *("cPickle.load", "shelve.open", "pandas.read_pickle", "pd.read_pickle", "yaml.load"),
    *("yaml.unsafe_load", "yaml.full_load", "eval", "exec", "compile", "__import__", "os.system"),
    *("os.popen", "subprocess.getoutput", "torch.hub.load", "numpy.loads", "np.loads"),
}
MODULES = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "cloudpickle"}
ONLY_IN = {
    "scipy.io.loadmat": "stages/sources/matlab.py",
    "cloudpickle": "stages/runtime/cluster.py",  # between the machines of a cluster of your own
    "torch.load": "stages/networks/packages.py",  # of tensors alone
    "pickle": "stages/networks/packages.py",  # the name of an error
}


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def faults(name: str, source: str) -> list[str]:
    """What a module may not do: load pickles, run text, ask a shell."""
    tree, found = ast.parse(source), []
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for module in names:
            if module.split(".")[0] in MODULES and ONLY_IN.get(module) != name:
                found.append(f"{name}: import {module}")
    for called, call in calls(tree):
        given = {word.arg: ast.unparse(word.value) for word in call.keywords}
        tensors_alone = called == "torch.load" and given.get("weights_only") == "True"
        if (called in FORBIDDEN and not tensors_alone) or given.get("shell", "False") != "False":
            found.append(f"{name}: {called}")
        if called in ("np.load", "numpy.load") and given.get("allow_pickle") != "False":
            found.append(f"{name}: {called} without allow_pickle=False")
        if given.get("allow_pickle", "False") != "False" or given.get("weights_only") == "False":
            found.append(f"{name}: {called} of a pickle")
        if ONLY_IN.get(called, name) != name:
            found.append(f"{name}: {called}")
        if called.startswith("subprocess.") and not isinstance(call.args[0], ast.List | ast.Name):
            found.append(f"{name}: {called} of text")
    return found


def test_the_code_loads_no_pickle_and_runs_no_text() -> None:
    files = sorted((ROOT / "stages").rglob("*.py"))
    assert len(files) > 100
    found = [faults(path.relative_to(ROOT).as_posix(), path.read_text()) for path in files]
    assert [fault for own in found for fault in own] == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "torch.load(path, weights_only=True)",  # elsewhere than where it is needed
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader=yaml.Loader)",
        "eval(text)",
        "subprocess.run(f'ls {x}', shell=True)",
        "subprocess.run('ls')",
        "scipy.io.loadmat(path)",
    ],
)
def test_the_walk_sees_what_is_forbidden(source: str) -> None:
    assert faults("x.py", source)


MARKUP = """</script></style></title>"'><script>x()</script><img src=x onerror=x()>&amp;&lt;"""
HARM = MARKUP + r"$\frac{_{$ a_{b^ \$x$ %s {0}"  # and a formula of mathtext that is none
TEXT = {"model", "group", "architecture", "task", "benchmark", "outcome", "factor", "a", "b"}
TEXT |= {"family", "set", "participant", "best_model", "undefined"}
KEPT = {"", "high", "mid", "low", "pearson", "spearman", "triplet"}
"""Groups and measures of the analysis itself."""


def hostile(tables: Any, text: str) -> Any:
    """Tables whose names all end in some text."""
    tables = copy.deepcopy(tables)
    for rows in tables.values():
        for row in rows:
            row |= {
                k: v + text
                for k, v in row.items()
                if k in TEXT and isinstance(v, str) and v not in KEPT
            }
    return tables


class Elements(html.parser.HTMLParser):
    """How many elements a page has of each name, with the names of their attributes; its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self.said = ""
        self.figure = 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.figure += tag == "svg"
        if not self.figure:  # what is drawn depends on how long names are
            self.found[f"{tag} {sorted(name for name, _ in attrs)}"] += 1

    def handle_endtag(self, tag: str) -> None:
        self.figure -= tag == "svg"

    def handle_data(self, data: str) -> None:
        self.said += data


def page_of(folder: Path, text: str) -> tuple[str, Path]:
    """The report, and its figures, of a study all whose names end in some text."""
    drawn, figures = hostile(test_figures.small(), text), folder / "figures"
    captions = draw_all(drawn, test_figures.FACTS, Place(), figures, figures)
    path, params = folder / "report.html", {f"key{text}": f"value{text}\n"}
    write_report(
        path,
        hostile(test_report.tables(), text),
        test_report.FACTS,
        {name: caption + text for name, caption in captions.items()},
        figures,
        title=f"A study{text}",
        study=f"study{text}",
        made=[Made("Models", (f"m{text}",), f"trained{text}", "trained here")],
        left_out={f"m{text}": f"no weights{text}"},
        provenance=test_report.ORIGIN | {"params": params, "revision": f"r{text}"},
        notes=[f"a note{text}"],
        read={f"set{text}": [f"rows{text}"]},
    )
    return path.read_text(), figures


def test_names_make_no_element_and_no_formula(tmp_path: Path) -> None:
    plain, plain_figures = page_of(tmp_path / "plain", " plain")
    page, figures = page_of(tmp_path / "harm", HARM)
    found, expected = Elements(page), Elements(plain)
    assert found.found == expected.found
    assert found.said.count(f"A study{HARM}") >= 2  # title and heading
    assert f"m{HARM}: no weights{HARM}" in found.said
    assert "<script>x()" not in page
    shown = 0
    for path in sorted(figures.glob("*.svg")):
        tree, other = (ElementTree.parse(p) for p in (path, plain_figures / path.name))  # noqa: S314
        tags = {element.tag for element in other.iter()}
        assert {element.tag for element in tree.iter()} <= tags
        texts = ["".join(element.itertext()) for element in tree.iter() if len(element) == 0]
        shown += sum(HARM in text for text in texts)
    assert shown >= 5


def test_stimuli_with_markup_in_their_names_keep_them(tmp_path: Path) -> None:
    """A file may be called so; nothing is made of its name."""
    names = ["a;rm -rf $HOME.png", "<img onerror=x>.png", "`id`.png"]
    similarity = np.arange(9.0).reshape(3, 3) + np.arange(9.0).reshape(3, 3).T
    files = stimulus_files(dict.fromkeys(names, b"x"), Judgments(3, similarity=similarity), {})
    unpack(pack(files), tmp_path / "inner")
    assert [path.name for path in image_paths(tmp_path / "inner")] == sorted(names)
    assert npz_bytes(similarity=similarity) == (tmp_path / "inner" / "judgments.npz").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]
