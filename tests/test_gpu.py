"""Embedding on a GPU: the CPU's numbers, in the precision asked for, again and again."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from stages.networks.load import Machine
from tests.conftest import make_workspace
from tests.test_compute import Cluster
from tests.test_embedding import embed, network, pictures

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
NETWORKS = ("test_vit", "test_efficientnet", "resnet18", "convnext_atto")


def features(name: str, machine: Machine, batch: int = 64) -> np.ndarray:
    return embed(network(name), pictures(100, (48, 48)), batch, machine)


def off(found: np.ndarray, expected: np.ndarray) -> float:
    """Distance over length."""
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.mark.parametrize("name", NETWORKS)
def test_float32_is_the_cpus_to_rounding(name: str) -> None:
    """TF32, which cuDNN takes if it may, is a hundred times as far off."""
    expected, found = features(name, Machine()), features(name, Machine("cuda", 4))
    assert off(found, expected) < 1e-5
    np.testing.assert_array_equal(features(name, Machine("cuda:0", 1)), found)
    assert off(features(name, Machine("cuda"), batch=7), found) < 1e-5


@pytest.mark.parametrize(("precision", "most"), [("float16", 3e-3), ("bfloat16", 3e-2)])
@pytest.mark.parametrize("name", NETWORKS)
def test_half_precision_is_near(name: str, precision: str, most: float) -> None:
    found = features(name, Machine("cuda", 2, precision))
    assert 1e-5 < off(found, features(name, Machine())) < most


def test_it_halves_the_batch_when_its_memory_runs_out(capsys: pytest.CaptureFixture[str]) -> None:
    expected = features("resnet18", Machine("cuda"), batch=4)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 2**28) / total)
    try:
        found = features("resnet18", Machine("cuda"), batch=100)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "out of memory: continuing with batches of" in capsys.readouterr().err
    assert off(found, expected) < 1e-5


def test_the_stage_makes_the_same_wherever_it_runs(tmp_path: Path) -> None:
    """With a limit, units run in a process that is forked: it must not inherit CUDA."""
    workspace = make_workspace(tmp_path)
    for name in ("download stimuli", "download tasks", "download benchmarks", "pretrain"):
        done = workspace.stage(name)
        assert done.returncode == 0, done.stderr
    dask = Cluster(workspace)
    dask.worker("--no-nanny", "--resources", "GPU=1")
    cases = {"cpu": {}, "alone": {}, "limited": {"UNIT_LIMIT": "300"}}
    cases["dask"] = {"SCHEDULER": dask.address}
    found = {}
    for name, environment in cases.items():
        device = "cpu" if name == "cpu" else "auto"
        workspace.edit("params.yaml", "compute", "device", value=device)
        environment |= {"ARTIFACT_CACHE": str(tmp_path / name), "PYTHONWARNINGS": ""}
        done = workspace.stage("embed transfer", **environment)
        assert done.returncode == 0, done.stderr
        assert ", 0 from the cache," in done.stderr
        files = sorted((workspace.root / "data" / "embeddings").glob("*.safetensors"))
        found[name] = [safetensors.numpy.load_file(path) for path in files]
    dask.end()
    assert len(found["cpu"]) >= 2
    for cpu, alone, limited, distributed in zip(*found.values(), strict=True):
        assert alone.keys() == limited.keys() == distributed.keys() == cpu.keys()
        for key in cpu:
            np.testing.assert_array_equal(limited[key], alone[key])
            np.testing.assert_array_equal(distributed[key], alone[key])
            assert off(alone[key], cpu[key]) < 1e-5, key
