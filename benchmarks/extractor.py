"""thingsvision's extraction beside ours: same network, weights, layer, photographs, one core.

thingsvision 2.7 wants torch before 2.1 and numpy before 2, so it lives in an environment of its
own: `$THINGSVISION_PYTHON` names the Python of one. Its speed also stands beside the bare forward
pass of its own torch, so that what differs between versions of torch can be told apart.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import safetensors.torch
import timm
import torch

from benchmarks.sides import in_turns, spread
from stages.zoo.features import embed_to
from stages.zoo.images import PictureFiles

NETWORK, LAYER, BATCH, REPEATS = "resnet50", "global_pool", 32, 2

THEIRS = """
import json, sys, time
import numpy, timm, torch
from PIL import Image
from safetensors.torch import load_file
from thingsvision import get_extractor
from thingsvision.utils.data import DataLoader, ImageDataset
network, layer, batch, repeats, weights, photos, out = sys.argv[1:]
batch, repeats = int(batch), int(repeats)
torch.set_num_threads(1)
extractor = get_extractor(model_name=network, source="timm", device="cpu", pretrained=False)
extractor.model.load_state_dict(load_file(weights))
model = extractor.model.eval()
config = timm.data.resolve_data_config({}, model=model)
transform = timm.data.create_transform(**config, is_training=False)
data = ImageDataset(root=photos, out_path=out, backend="pt", transforms=transform)
x = torch.stack([data[i] for i in range(len(data))])
seconds = []
for repeat in range(repeats + 1):
    start = time.process_time()
    with torch.no_grad():
        for part in x.split(batch):
            model(part)
    bare = time.process_time() - start
    start = time.process_time()
    batches = DataLoader(dataset=data, batch_size=batch, backend="pt")
    found = extractor.extract_features(batches=batches, module_name=layer, output_dir=None)
    numpy.save(out + "/theirs.npy", found)
    seconds.append([bare, time.process_time() - start])
print(json.dumps([torch.__version__, seconds[1:]]))
"""


def beside_thingsvision(folder: Path, photos: Sequence[Path]) -> None:
    """Print a line for each side, or why there is none."""
    python = os.environ.get("THINGSVISION_PYTHON")
    if python is None and importlib.util.find_spec("thingsvision"):
        python = sys.executable
    if python is None:
        print("thingsvision: not installed; $THINGSVISION_PYTHON may name a Python that has it")
        return
    torch.manual_seed(0)
    model = timm.create_model(NETWORK).eval()
    weights, shown = folder / "weights.safetensors", folder / "photos"
    safetensors.torch.save_file(model.state_dict(), weights)
    shown.mkdir()
    for photo in photos:
        (shown / photo.name).symlink_to(photo)
    arguments = [NETWORK, LAYER, str(BATCH), str(REPEATS), str(weights), str(shown), str(folder)]
    done = subprocess.run(
        [python, "-c", THEIRS, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"thingsvision: failed: {done.stderr.strip().splitlines()[-1]}")
        return
    version, seconds = json.loads(done.stdout.splitlines()[-1])
    out = folder / "ours.npy"
    images = PictureFiles(photos)
    (ours,) = in_turns(
        REPEATS, lambda: embed_to(out, model, images, 256), clock=time.process_time, warm=True
    )
    theirs = [both for _, both in seconds]
    found, other = np.load(out), np.load(folder / "theirs.npy").reshape(len(photos), -1)
    off = np.linalg.norm(found - other) / np.linalg.norm(found)
    print(
        f"thingsvision, {NETWORK}, {len(photos)} JPEG, torch {version} there: "
        f"{1e3 * min(theirs) / len(photos):.1f} ms an image, "
        f"{spread([bare / both for bare, both in seconds])} of its own bare forward pass; "
        f"ours {1e3 * min(ours) / len(photos):.1f} ms, "
        f"{spread([t / o for t, o in zip(theirs, ours, strict=True)])} times as fast; "
        f"features off by {off:.0e}"
    )
