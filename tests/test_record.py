"""The facts on published models: how they are joined, that the originals give them, what they say.

The numbers are computed here from the committed tables alone, by NumPy, pandas and pingouin.
"""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pingouin
import pytest

from record import __main__ as record
from record.originals import join_2022, networks, same_weights
from stages.runtime.errors import DataError
from tests.conftest import ROOT

MODELS, FACTS = ROOT / "studies" / "models", ROOT / "studies" / "published"
MADE = [MODELS / f"{name}.csv" for name in ("clickme", "brain", "layers")]
MADE += [FACTS / f"{name}.csv" for name in ("timm_2022", "timm_2026", "clickme", "brain")]
MADE += [FACTS / f"layers{part}.csv" for part in ("", "_imagenet", "_imagenet21k")]
SHIFTED = ["imagenet_a", "imagenet_r", "imagenet_sketch"]


def rows(**named: tuple[float, float, float]) -> pd.DataFrame:
    """Rows of results: image size, parameters, top-1."""
    columns = ["img_size", "parameters", "top1"]
    return pd.DataFrame.from_dict(named, "index", columns=columns).rename(
        index=lambda name: name.replace("__", ".")
    )


def test_weights_are_the_same_if_size_parameters_and_top_1_are() -> None:
    one = {"img_size": 224, "parameters": 25.0, "top1": 80.0}
    changes: list[tuple[dict[str, float], bool]] = [
        ({}, True),
        ({"top1": 80.1}, True),
        ({"top1": 80.11}, False),
        ({"parameters": 25.2}, True),
        ({"parameters": 25.3}, False),
        ({"parameters": np.nan}, True),  # not published
        ({"img_size": 288}, False),
    ]
    for change, same in changes:
        assert same_weights(one, one | change) == same, change


def test_names_are_joined_only_if_the_weights_agree() -> None:
    today = rows(
        resnet50__tv_in1k=(224, 25.56, 76.13),
        convnext_base__fb_in22k_ft_in1k=(224, 88.59, 85.8),
        regnetx_008__pycls_in1k=(224, 7.26, 75.03),
        resnext101_32x8d__fb_wsl_ig1b_ft_in1k=(224, 88.79, 82.7),
        tnt_s_patch16_224=(224, np.nan, 81.54),
    )
    then = rows(
        tv_resnet50=(224, 25.56, 76.14),
        convnext_base=(224, 88.59, 83.82),  # of other weights than today's default tag
        regnetx_008=(224, 7.26, 75.04),
        ig_resnext101_32x8d=(224, 88.79, 82.69),
        ig_resnext101_32x16d=(224, 194.03, 84.17),  # the registry is wrong about it
        tnt_s_patch16_224=(224, 23.76, 81.52),
    )
    registry = {"tv_resnet50": "resnet50.tv_in1k"}
    wsl = "resnext101_32x8d.fb_wsl_ig1b_ft_in1k"
    registry |= dict.fromkeys(("ig_resnext101_32x8d", "ig_resnext101_32x16d"), wsl)
    assert join_2022(today, then, registry, {}) == {
        "resnet50.tv_in1k": "tv_resnet50",
        "regnetx_008.pycls_in1k": "regnetx_008",
        wsl: "ig_resnext101_32x8d",
        "tnt_s_patch16_224": "tnt_s_patch16_224",
    }


def test_a_known_checkpoint_decides_where_top_1_is_no_help() -> None:
    today = rows(resnet101__tv2_in1k=(224, 44.55, 81.89), vgg11__tv_in1k=(224, 132.86, 69.03))
    then = rows(resnet101=(224, 44.55, 81.93), vgg11=(224, 132.86, 69.02))
    assert len(join_2022(today, then, {}, {})) == 2
    known = {"resnet101": "resnet101.a1h_in1k"}
    assert join_2022(today, then, {}, known) == {"vgg11.tv_in1k": "vgg11"}


def test_a_join_that_is_ambiguous_or_finds_nothing_is_one_line() -> None:
    swin = "swin_small_patch4_window7_224"
    two = {f"{swin}__ms_in1k": (224, 49.6, 83.21), f"{swin}__ms_in22k": (224, 49.6, 83.3)}
    with pytest.raises(DataError, match=f"join: '{swin}' is ambiguous: it fits {swin}.ms_in1k and"):
        join_2022(rows(**two), rows(**{swin: (224, 49.6, 83.212)}), {}, {})
    with pytest.raises(DataError, match="no model has a row of January 2022"):
        join_2022(rows(**two), rows(vgg11=(224, 132.86, 69.02)), {}, {})


def test_a_network_is_called_by_what_it_learned() -> None:
    columns = ["architecture", "source", "task", "kind"]
    table = pd.DataFrame(
        [
            ("ResNet18", "PyTorch", "None", "Untrained"),
            ("ResNet50", "Taskonomy", "Edge Detection (2D)", "Supervised"),
        ],
        columns=columns,
    )
    found = ["ResNet18-PyTorch-Untrained", "ResNet50-Taskonomy-Edge-Detection-2D"]
    assert list(networks(table)) == found


def test_the_originals_give_the_committed_facts(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_MIRROR", str(mirror))
    for folder in ("models", "published"):
        (tmp_path / "studies" / folder).mkdir(parents=True)
    shutil.copy(MODELS / "paper.csv", tmp_path / "studies" / "models")
    monkeypatch.chdir(tmp_path)
    record.main()
    for path in MADE:
        assert (tmp_path / path.relative_to(ROOT)).read_bytes() == path.read_bytes(), path


def test_the_page_has_the_digest_of_every_table() -> None:
    page = (ROOT / "docs" / "published.md").read_text(encoding="utf-8")
    for path in MADE:
        assert hashlib.sha256(path.read_bytes()).hexdigest()[:12] in page, path
    for line in (ROOT / "stages/sources/registry.txt").read_text().splitlines():
        if line.startswith(("timm_results/", "timm_2026/", "clickme/", "brain/", "layers/")):
            assert line.split("sha256:")[1][:12] in page, line


def results(table: str, names: pd.Series) -> pd.DataFrame:
    """timm's results of the models that have one: index model."""
    found = pd.read_csv(FACTS / f"{table}.csv").set_index("model")
    return found.loc[names.dropna()].set_index(names.dropna().index)


def partials(x: pd.Series, table: pd.DataFrame) -> dict[str, list[float]]:
    """r of x, and of its z², with what is shifted, given top-1, over the models that have all."""
    found: dict[str, list[float]] = {"z2": [], "linear": []}
    for outcome in SHIFTED:
        part = table[["imagenet", outcome]].assign(linear=x).dropna()
        part["z2"] = ((part["linear"] - part["linear"].mean()) / part["linear"].std(ddof=0)) ** 2
        for term, values in found.items():
            r = pingouin.partial_corr(part, term, outcome, "imagenet")["r"].iloc[0]
            values.append(float(r))
    return found


def check(found: Mapping[str, list[float]], z2: list[float], linear: list[float]) -> None:
    """The notes on the record give two digits."""
    np.testing.assert_allclose(found["z2"], z2, rtol=0, atol=0.0055)
    np.testing.assert_allclose(found["linear"], linear, rtol=0, atol=0.0055)


def test_clickme() -> None:
    models = pd.read_csv(MODELS / "clickme.csv").set_index("name")
    values = pd.read_csv(FACTS / "clickme.csv").set_index("model")
    then, now = (
        results(f"timm_{t}", models[c]) for t, c in (("2022", "timm_2022"), ("2026", "timm"))
    )
    # By size, parameters and top-1 there are 296; two of them are of other weights, which
    # studies/models/paper.csv knows: resnet101 and resnext50_32x4d had `a1h` in 2022, not `tv2`.
    assert (len(then), len(now)) == (294, 551)
    check(partials(values["imagenet"], then), [0.36, 0.24, 0.30], [-0.32, -0.22, -0.26])
    check(partials(values["co3d"], then), [0.29, -0.08, 0.01], [-0.44, -0.05, -0.12])
    assert now["imagenet_a"].count() == 550
    check(partials(values["imagenet"], now), [0.35, 0.34, 0.36], [-0.31, -0.22, -0.24])
    kinds = values["imagenet"][then.index].groupby(models["kind"]).mean().round(2)
    assert (kinds["cnn"], kinds["vit"]) == (0.88, 0.52)  # the notes have .53


def test_clickme_with_the_two_of_other_weights() -> None:
    models = pd.read_csv(MODELS / "clickme.csv").set_index("name")["timm_2022"]
    models["resnet101.tv2_in1k"] = "resnet101"
    models["resnext50_32x4d.tv2_in1k"] = "resnext50_32x4d"
    values = pd.read_csv(FACTS / "clickme.csv").set_index("model")
    table = results("timm_2022", models)
    assert len(table) == 296
    found = partials(values["imagenet"], table)
    np.testing.assert_allclose(found["z2"], [0.3637, 0.2374, 0.2999], rtol=0, atol=5e-4)
    np.testing.assert_allclose(found["linear"], [-0.3210, -0.2218, -0.2644], rtol=0, atol=5e-4)


def test_brain() -> None:
    models = pd.read_csv(MODELS / "brain.csv").set_index("name")
    table = results("timm_2022", models["timm_2022"])
    assert (len(models), len(table)) == (77, 57)
    values = pd.read_csv(FACTS / "brain.csv").set_index("model")
    check(partials(values["crsa"], table), [0.12, 0.08, 0.03], [-0.46, -0.17, -0.17])


def test_layers() -> None:
    loc = pd.read_csv(FACTS / "layers.csv").set_index("model")["loc"]
    assert len(loc) == 536
    table = pd.read_csv(FACTS / "layers_imagenet21k.csv").set_index("model")
    shots = ["1", "5", "20", "50"]
    own = table[table["head"] == "prototype"][shots]
    z2 = ((loc - loc.mean()) / loc.std(ddof=0)) ** 2
    np.testing.assert_allclose(own.corrwith(loc), [0.629, 0.662, 0.697, 0.712], rtol=0, atol=5e-4)
    np.testing.assert_allclose(own.corrwith(z2), [0.154, 0.152, 0.144, 0.141], rtol=0, atol=5e-4)
    assert (table["head"] == "linear").sum() == 520  # none of one network, Barlow-Twins
