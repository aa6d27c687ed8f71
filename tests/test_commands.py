"""What README and docs/ tell a reader to type is right: commands, parameters, files, snippets.

Nothing heavy runs here. DVC's own parser reads `dvc` commands, `make -n` reads targets, and
parameters are checked as a run checks them. End-to-end tests run the same commands on small
studies: test_pipeline.py those of README, test_sharing.py, test_own_study.py and test_open.py
those of sharing.md, your-data.md and models.md.
"""

import ast
import importlib.util
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.cli import parse_args

from stages.runtime.door import described
from stages.study.params import Params
from stages.study.spec import Study
from tests.conftest import ROOT, read_yaml

PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / folder / "README.md" for folder in ("data", "docs/results", "studies/files")),
]
DOCS = [page for page in PAGES if page.parent.name == "docs"]
CHECKED = ("make", "dvc", "python", ".venv/bin/python", "uv")
PROGRAMS = (*CHECKED, "uvx", "git", "source", "cd", "export")
PLACEHOLDER = re.compile(r"\bNAME\b|<[^>]*>|\.\.\.")
STAGES = described(read_yaml("dvc.yaml"))
GROUPS = {name.partition("@")[0] for name in STAGES}


def blocks(page: Path) -> list[str]:
    """Code of a page: what is indented by four spaces after an empty line, without the indent."""
    found = re.findall(r"\n\n((?: {4}.*\n|\n(?= {4}))+)", page.read_text() + "\n")
    return [re.sub(r"(?m)^ {4}", "", block).strip("\n") for block in found]


def commands(page: Path) -> list[list[str]]:
    """Every command of a page, in code blocks and in the text, as words without variables."""
    text = page.read_text()
    inline = [
        span for span in re.findall(r"`([^`\n]+)`", text) if re.search(r" \S+(?<!-\w)$", span)
    ]
    shell = [block for block in blocks(page) if program(block.splitlines()[0])]
    lines = [line for block in shell for line in block.replace("\\\n", " ").splitlines()]
    assert all(map(program, filter(None, lines))), lines
    parts = [part for line in [*lines, *filter(program, inline)] for part in line.split(" && ")]
    return [without_variables(part) for part in parts if part.strip()]


def program(line: str) -> bool:
    """Whether a line is a command of those that are known here."""
    words = without_variables(line)
    return bool(words) and words[0] in PROGRAMS


def without_variables(line: str) -> list[str]:
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # an apostrophe: no command
        return []
    while words and re.match(r"[A-Z_]+=", words[0]):
        words.pop(0)
    return words


COMMANDS = sorted({(page.name, tuple(words)) for page in PAGES for words in commands(page)})


def test_there_are_commands() -> None:
    """Else the search above has gone wrong."""
    assert {words[0] for _, words in COMMANDS} == set(PROGRAMS)
    assert len(COMMANDS) > 50


@pytest.mark.parametrize(("page", "words"), COMMANDS)
def test_a_command_is_one_that_there_is(page: str, words: tuple[str, ...]) -> None:
    first, rest = words[0], list(words[1:])
    if first == "make":
        check_make(rest)
    elif first == "dvc":
        check_dvc(rest)
    elif first.endswith("python"):
        assert rest[0] == "-m"
        assert importlib.util.find_spec(rest[1])
    elif first == "uv":
        assert rest[:2] == ["pip", "install"]
        extras = re.findall(r"\[(\w+)\]", " ".join(rest))
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        assert set(extras) <= project["optional-dependencies"].keys()


def check_make(words: list[str]) -> None:
    """Make knows the target, and a study that is named is there."""
    words = [word for word in words if not PLACEHOLDER.search(word)]
    done = subprocess.run(["make", "-n", *words], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    for word in words:
        if word.startswith("STUDY="):
            assert (ROOT / "studies" / f"{word.removeprefix('STUDY=')}.yaml").is_file()


def check_dvc(words: list[str]) -> None:
    """DVC's parser takes the words; parameters have values that a run takes; targets are stages."""
    if PLACEHOLDER.search(" ".join(words)):
        return
    arguments = parse_args(words)
    check_parameters(getattr(arguments, "set_param", None) or [])
    for target in getattr(arguments, "targets", None) or []:
        assert target in STAGES.keys() | GROUPS


def check_parameters(settings: list[str]) -> None:
    """What `-S` sets, in params.yaml or a file before a colon, is valid."""
    files: dict[str, dict[str, Any]] = {}
    for setting in settings:
        key, _, value = setting.partition("=")
        file, _, key = key.rpartition(":")
        inner = files.setdefault(file or "params.yaml", read_yaml(file or "params.yaml"))
        *path, last = key.split(".")
        for part in path:
            inner = inner[part]
        assert last in inner, setting
        inner[last] = yaml.safe_load(value)
    for file, content in files.items():
        (Params if file == "params.yaml" else Study).model_validate(content)
        if file == "params.yaml":
            assert (ROOT / "studies" / f"{content['study']}.yaml").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_snippets_parse(page: Path) -> None:
    """Python as Python, lines of a study as YAML."""
    for block in blocks(page):
        if re.search(r"^from \w+ import|^import ", block, re.M):
            ast.parse(block)
        elif re.match(r"(models|stimuli|tasks|benchmarks|covariate):", block):
            assert yaml.safe_load(block).keys() <= Study.model_fields.keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_a_page_names_are_there(page: Path) -> None:
    """`stages/x.py`, or `x/y.py:NAME` of a file below stages/ in which the name stands."""
    sources = [path for path in ROOT.glob("stages/**/*") if path.is_file()]
    code = re.findall(r"`([\w/]+\.py|registry\.txt)(?::(\w+))?`", page.read_text())
    for name, attribute in code:
        found = [path for path in [ROOT / name, *sources] if f"/{path}".endswith(f"/{name}")]
        found = [path for path in found if path.is_file()]
        assert found, name
        assert not attribute or any(attribute in path.read_text() for path in found), attribute
    for name in re.findall(r"`((?:stages|studies|tests|docs)/[\w/.]+)`", page.read_text()):
        if not name.startswith("studies/files/") and "mine" not in name:
            assert (ROOT / name).exists(), name


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_a_page_is_short_and_begins_with_what_it_is_for(page: Path) -> None:
    lines = page.read_text().splitlines()
    assert len(lines) <= 200
    assert lines[0].startswith("# ")
    assert lines[2].startswith("After this page you can ")
