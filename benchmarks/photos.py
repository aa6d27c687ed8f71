"""Pictures to measure with: JPEG files of a photograph's size and smoothness."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (500, 375)
"""Width and height of most images of ImageNet."""


def write_photos(folder: Path, count: int) -> list[Path]:
    """Smooth colours with a little noise: about 70 kB each, as decoding wants it."""
    rng = np.random.default_rng(0)
    paths = []
    for i in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3)).astype(np.uint8))
        smooth = np.asarray(coarse.resize(SIZE, Image.Resampling.BICUBIC))
        noisy = (smooth + rng.normal(0, 8, smooth.shape)).clip(0, 255).astype(np.uint8)
        paths.append(folder / f"{i:03}.jpg")
        Image.fromarray(noisy).save(paths[-1], quality=90)
    return paths
