"""Published weights: the network that timm opens has the file's tensors, all of them, or fails.

And the table of the paper's models: what it records is what timm's networks are.
"""

import json
import re
import socket
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import safetensors.torch
import timm
import torch
from timm.data import resolve_model_data_config

from record.describe import describe, record
from stages.networks.checkpoints import penultimate
from stages.networks.hub import fetch, resolve
from stages.networks.load import Source, training_state
from stages.networks.published import header, hub_repo, open_config, open_timm
from stages.runtime.errors import DataError
from tests.conftest import ROOT
from tests.hub import Hub, make_weights

TABLE = ROOT / "studies" / "models" / "paper.csv"
SAMPLE = (  # one each of families with heads, tokens or pooling of their own
    *("beit_base_patch16_224", "cait_xxs24_224", "coat_tiny", "convit_tiny", "dla34"),
    *("efficientnet_b0", "mobilenetv3_large_100", "pit_ti_224", "regnetx_002", "resnet18"),
    *("resnetv2_50", "swin_tiny_patch4_window7_224", "tnt_s_patch16_224", "vgg11"),
    "xcit_nano_12_p16_224",
)
NAMES = (
    "resnet18.a1_in1k",
    "vit_tiny_patch16_224.augreg_in21k_ft_in1k",  # its registry entry names an .npz: custom_load
    "deit_tiny_distilled_patch16_224.fb_in1k",  # two tokens, two heads
    "mobilenetv3_small_100.lamb_in1k",
    "dla46x_c.in1k",  # timm loads it with strict=False
    "legacy_seresnet18.in1k",  # timm names a pickle
)
TIMM: dict[str, Any] = {"architecture": "test_resnet", "pretrained_cfg": {}}
"""The config.json of a network."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_weights(NAMES, tmp_path_factory.mktemp("weights"))


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only this machine may be asked."""
    connect = socket.socket.connect

    def local(self: socket.socket, address: Any) -> None:
        assert self.family == socket.AF_UNIX or address[0] == "127.0.0.1", address
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local)


def save(path: Path, state: Mapping[str, torch.Tensor], **metadata: str) -> Path:
    safetensors.torch.save_file({k: v.contiguous() for k, v in state.items()}, path, metadata)
    return path


def same(model: torch.nn.Module, weights: Path) -> None:
    """Every tensor of the network is the file's, and every one of the file's is in it."""
    ours, theirs = model.state_dict(), safetensors.torch.load_file(weights)
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        assert torch.equal(ours[key], value), key


@pytest.mark.parametrize("name", NAMES)
def test_the_network_has_the_tensors_that_were_served(
    name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    with Hub(folder) as hub:
        hub.patch(monkeypatch, tmp_path / "home")
        weights = fetch(resolve(hub_repo(name), None))
        config = fetch(resolve(hub_repo(name), None, "config.json"))
    served = folder / "timm" / name / "model.safetensors"
    assert training_state(Source(weights, name)) == "untrained"
    registered = resolve_model_data_config(timm.create_model(name))
    for model in (open_timm(name, weights), open_config(config, weights)):
        same(model, served)
        assert not model.training
        assert resolve_model_data_config(model) == registered
        x = torch.zeros(1, *registered["input_size"])
        with torch.inference_mode():
            assert penultimate(model, x).ndim == 2


def test_a_label_offset_of_the_tag_is_obeyed(tmp_path: Path) -> None:
    state = timm.create_model("test_resnet", num_classes=1001).state_dict()
    weights = save(tmp_path / "w.safetensors", state)
    config = tmp_path / "config.json"
    tag = {"label_offset": 1, "classifier": "fc"}
    config.write_text(json.dumps(TIMM | {"num_classes": 1000, "pretrained_cfg": tag}))
    model = open_config(config, weights)
    assert torch.equal(model.get_parameter("fc.weight"), state["fc.weight"][1:])


def test_a_folder_of_timms_is_opened_as_timm_opens_it(tmp_path: Path) -> None:
    """As `local-dir:`, with model_args; a pickle beside the weights is not read."""
    torch.manual_seed(2)
    model = timm.create_model("test_vit", img_size=96, num_classes=7)
    timm.models.save_for_hf(model, str(tmp_path), safe_serialization=True)
    (tmp_path / "config.json").rename(tmp_path / "other.json")
    (tmp_path / "pytorch_model.bin").write_bytes(b"not to be read")
    ours = open_config(tmp_path / "other.json", tmp_path / "model.safetensors")
    (tmp_path / "other.json").rename(tmp_path / "config.json")
    theirs = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).eval()
    same(ours, tmp_path / "model.safetensors")
    config = resolve_model_data_config(theirs)
    tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}
    assert resolve_model_data_config(ours) == tuples
    x = torch.randn(2, 3, 96, 96)
    with torch.inference_mode():
        assert torch.equal(ours(x), theirs(x))


def test_what_does_not_fit_is_named(tmp_path: Path, folder: Path) -> None:
    for name in ("test_resnet.r160_in1k", "dla46x_c.in1k"):
        state = timm.create_model(name).state_dict()
        key = next(iter(state))
        few = {k: v for k, v in state.items() if k != key}
        cases: dict[str, Mapping[str, torch.Tensor]] = {
            "few": few,
            "many": {**state, "extra.weight": torch.zeros(1)},
            "other": {"x": torch.zeros(1)},
            "shape": {**state, key: torch.zeros(1)},
        }
        for case, tensors in cases.items():
            path = save(tmp_path / f"{case}.safetensors", tensors)
            with pytest.raises(DataError, match=rf"{case}\.safetensors: does not fit {name}: "):
                open_timm(name, path)
    other = folder / "timm" / "resnet18.a1_in1k" / "model.safetensors"
    with pytest.raises(DataError, match=r"does not fit vit_tiny_patch16_224"):
        open_timm("vit_tiny_patch16_224.augreg_in21k_ft_in1k", other)


def test_what_timm_itself_leaves_out_is_left_out(tmp_path: Path) -> None:
    """The projections that DLA's original code never used; the auxiliary head of Inception."""
    for name, unused in (
        ("dla46x_c.in1k", "level3.project.0.weight"),
        ("inception_v3.tv_in1k", "AuxLogits.conv0.conv.weight"),
    ):
        state = timm.create_model(name).state_dict()
        path = save(tmp_path / "w.safetensors", {**state, unused: torch.zeros(1)})
        model = open_timm(name, path)
        assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


def test_a_file_that_is_not_safetensors_is_refused(tmp_path: Path) -> None:
    pickle = tmp_path / "pytorch_model.bin"
    torch.save(timm.create_model("test_resnet").state_dict(), pickle)
    disguised = tmp_path / "model.safetensors"
    disguised.write_bytes(pickle.read_bytes())
    for path in (pickle, disguised, tmp_path / "absent.safetensors"):
        for read in (header, partial(open_timm, "test_resnet.r160_in1k")):
            with pytest.raises(DataError, match=re.escape(path.name)):
                read(path)


def test_only_untrained_weights_are_marked(tmp_path: Path) -> None:
    for metadata, state in (({}, "trained"), ({"weights": "untrained"}, "untrained")):
        path = save(tmp_path / "w.safetensors", {"x": torch.ones(1)}, **metadata)
        assert training_state(Source(path, "resnet18.a1_in1k")) == state


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not readable as a model configuration"),
        ("[]", "not readable as a model configuration"),
        (TIMM | {"pretrained_cfg": []}, "pretrained_cfg must be a mapping"),
        (TIMM | {"model_args": [3]}, "model_args must be a mapping"),
        ({"architectures": ["BertModel"]}, "no 'architecture'"),
        (TIMM | {"pretrained_cfg": {"meen": 1}}, "did you mean 'mean'"),
        (TIMM | {"architecture": "test_resnett"}, "did you mean 'test_resnet'"),
        (TIMM | {"model_args": {"checkpoint_path": "x.bin"}}, "model_args: 'checkpoint_path'"),
        (TIMM | {"model_args": {"depht": 3}}, "depht"),
    ],
)
def test_a_config_that_is_not_timms_is_named(content: Any, reason: str, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(content if isinstance(content, str) else json.dumps(content))
    weights = save(tmp_path / "w.safetensors", timm.create_model("test_resnet").state_dict())
    with pytest.raises(DataError, match=reason):
        open_config(config, weights)


ROWS = pd.read_csv(TABLE, dtype=str, keep_default_na=False).to_dict("records")
"""The paper's models."""


def test_the_table_is_whole() -> None:
    """491 models, each once; all but one in timm's registry, with a tag, where `hub_repo` says."""
    rows = ROWS
    names, timms = [row["name"] for row in rows], [row["timm"] for row in rows if row["timm"]]
    assert len(rows) == len(set(names)) == 491
    assert len(timms) == len(set(timms)) == 490
    for row in rows:
        assert row["evidence"]
        assert re.fullmatch(r"([0-9a-f]{40})?", row["revision"])
    (gone,) = (row for row in rows if not row["timm"])
    assert gone["name"] == "gluon_xception65"
    assert not any(gone[key] for key in ("features", "parameters", "gmacs", "family"))
    tagged = set(timm.list_models(pretrained=True))
    assert set(timms) <= tagged
    for name in timms:
        published = timm.models.get_pretrained_cfg(name)
        assert published is not None
        assert published.hf_hub_id == hub_repo(name) or name.startswith("legacy_")


def test_a_sample_of_the_table_is_what_timm_builds() -> None:
    rows = {row["timm_2022"]: row for row in ROWS}
    for name in SAMPLE:
        found = {key: str(value) for key, value in asdict(describe(rows[name]["timm"])).items()}
        assert found == {key: rows[name][key] for key in found}


@pytest.mark.all
def test_the_table_is_what_timm_builds(tmp_path: Path) -> None:
    path = tmp_path / TABLE.name
    path.write_bytes(TABLE.read_bytes())
    record(path)
    assert path.read_bytes() == TABLE.read_bytes()


def test_operations_are_counted_as_by_hand() -> None:
    """ViT-B/16: 12 blocks of linear layers on 197 tokens, and attention between all of them."""
    linear = 197 * 12 * (4 + 8) * 768**2 + 196 * 768 * 3 * 16**2
    attention = 12 * 2 * 197**2 * 768
    found = describe("vit_base_patch16_224")
    assert found.gmacs == pytest.approx((linear + attention) / 1e9, abs=0.001)
    assert found.features == 768


def test_features_are_what_the_classifier_reads() -> None:
    """On values, not shapes: classifier(penultimate(x)) is the network's own output."""
    torch.manual_seed(3)
    for name in ("resnet18", "coat_tiny", "cait_xxs24_224", "dla46_c", "tf_mobilenetv3_small_075"):
        model: Any = timm.create_model(name).eval()
        x = torch.randn(1, 3, 224, 224)
        with torch.inference_mode():
            features = penultimate(model, x)
            classifier = model.get_classifier()
            if isinstance(classifier, torch.nn.Conv2d):
                features = features[:, :, None, None]
            torch.testing.assert_close(classifier(features).flatten(1), model(x))


def test_a_table_is_recorded_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKERS", "1")
    path = tmp_path / "models.csv"
    head = "name,timm,features,parameters,gmacs,input_size,family,note\n"
    path.write_text(head + "a,resnet18.a1_in1k,,,,,,kept\ngone,,,,,,,\n")
    record(path)
    assert path.read_text().splitlines()[1:] == [
        "a,resnet18.a1_in1k,512,11689512,1.814,224,resnet,kept",
        "gone,,,,,,,",
    ]
    for content, message in (
        (head + "a,resnet81.a1_in1k,,,,,,\n", "timm: 'resnet81.a1_in1k' is not a model"),
        ("name,timm\n", "column 'features' is missing"),
    ):
        path.write_text(content)
        with pytest.raises(DataError, match=rf"models\.csv: {message}"):
            record(path)
