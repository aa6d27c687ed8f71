"""The same bytes on every x86-64 processor with AVX2: small results against committed digests."""

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml

from stages.networks.checkpoints import read
from stages.networks.images import NpzImages
from stages.networks.training import train
from stages.probes import heads, logistic
from stages.runtime import source
from stages.runtime.files import npz_bytes
from stages.runtime.instructions import INSTRUCTIONS, PORTABLE
from stages.runtime.machine import one_thread
from stages.similarity.decomposition import decomposition
from stages.similarity.matrices import similarity_matrix
from stages.similarity.measures import pearson, spearman, triplet
from stages.study.load import load
from tests.conftest import ROOT
from tests.test_embedding import embed, pictures
from tests.test_networks import PLAN, training_set

CPUINFO = Path("/proc/cpuinfo")
DIGESTS = {
    "test_resnet weights": "aabe9064a4c1a110",
    "test_resnet features": "8d2e128f73a5b9cb",
    "test_efficientnet weights": "1afc974550286f15",
    "test_efficientnet features": "ce0253eec4441717",
    "test_convnext weights": "70c72b9fb9d1bcd9",
    "test_convnext features": "f2e35abc14c6c52a",
    "test_vit weights": "3a50350602347b42",
    "test_vit features": "3b7df3e755206446",
    "alignment": "27cc3d67505a4aac",
    "few-shot heads": "4feafc9400ac3683",
}
"""SHA-256, shortened, of what `results` makes: alike on an AMD EPYC with AVX-512, and on an Intel
Haswell and an AMD EPYC without it, both emulated by QEMU 7.2. (QEMU breaks NumPy's argsort by AVX2:
a stable one took its place there.)"""


def processor() -> str:
    """Its name, as Linux gives it."""
    lines = CPUINFO.read_text().splitlines() if CPUINFO.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def results(folder: Path) -> Iterator[tuple[str, bytes]]:
    """A few steps of training of four architectures, and every kind of computation on features."""
    one_thread()
    data, images = training_set(), pictures(60, (32, 32))
    (folder / "images.npz").write_bytes(npz_bytes(images=images))
    for name in ("test_resnet", "test_efficientnet", "test_convnext", "test_vit"):
        content = train(replace(PLAN, architecture=name, pull=1.0), data, 0, "m")
        path = folder / "model.safetensors"
        path.write_bytes(content)
        features = embed(read(path)[0].eval(), NpzImages(folder / "images.npz"), 16)
        yield f"{name} weights", content
        yield f"{name} features", features.tobytes()
    labels, people = np.arange(60) % 4, np.random.default_rng(0).standard_normal((60, 5))
    alike = [similarity_matrix(x) for x in (features.astype(np.float64), people)]
    values = [measure(*alike) for measure in (pearson, spearman, triplet)]
    yield "alignment", np.array([*values, *decomposition(*alike).values()]).tobytes()
    x = (features - features.mean(0)) / features.std()
    params, rng = load().params.fewshot, np.random.default_rng(0)
    layers = list(logistic.fit(x, labels, **params.linear.model_dump()))
    layers += heads.fit(x, labels, rng, **params.mlp1.model_dump())
    layers += heads.fit(x, labels, rng, **params.mlp2.model_dump())
    yield "few-shot heads", npz_bytes(**{str(i): layer for i, layer in enumerate(layers)})


def digests(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256(made).hexdigest()[:16] for name, made in results(folder)}


@pytest.mark.skipif(INSTRUCTIONS == "native", reason=f"{processor()} has no AVX2")
def test_results_are_the_same_on_every_processor(tmp_path: Path) -> None:
    print(f"on {processor()}")
    assert digests(tmp_path) == DIGESTS


SAY = (
    "import {first}stages.runtime.instructions as i; import os; print(i.INSTRUCTIONS, *os.environ)"
)


def said(folder: Path, first: str = "", **compute: object) -> list[str]:
    """Instructions of a new process, and the names of its environment's variables."""
    folder.mkdir(exist_ok=True)
    if compute:
        (folder / "params.yaml").write_text(yaml.safe_dump({"compute": compute}))
    environment = {n: v for n, v in os.environ.items() if n not in PORTABLE}
    command = [sys.executable, "-c", SAY.format(first=first)]
    environment["PYTHONPATH"] = str(ROOT)
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout.split()


@pytest.mark.skipif(INSTRUCTIONS == "native", reason=f"{processor()} has no AVX2")
def test_portable_is_set_unless_the_machines_own_are_asked_for(tmp_path: Path) -> None:
    for name, compute in {"none": {}, "said": {"instructions": "portable"}}.items():
        instructions, *variables = said(tmp_path / name, **compute)
        assert instructions == "portable"
        assert set(variables) >= set(PORTABLE)
    instructions, *variables = said(tmp_path / "native", instructions="native")
    assert instructions == "native"
    assert not set(variables) & set(PORTABLE)


def test_too_late_is_said(tmp_path: Path) -> None:
    """NumPy looks at the processor as it is loaded, in dask before this; children obey."""
    instructions, *variables = said(tmp_path, "numpy, ")
    assert instructions == "native"
    assert set(variables) >= set(PORTABLE)


def test_native_results_have_keys_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    call = partial(pearson, np.eye(3), np.eye(3))
    keys = []
    for instructions in ("portable", "native"):
        monkeypatch.setattr(source, "INSTRUCTIONS", instructions)
        keys += source.keys_of(call, None)
    assert len(set(keys)) == 2
