"""Penultimate features of images, with each model's own preprocessing, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import timm.data
import torch
from PIL import Image

from stages.zoo.networks import penultimate

Images = np.ndarray | Sequence[Path]


class Preprocess:
    """timm's evaluation transform of a model, exactly; whole arrays at once where that is the same.

    Images that have the network's input size already need no resizing, and a batch of them is
    scaled and normalised in one go, by the same float32 operations in the same order.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self.config = timm.data.resolve_model_data_config(model)
        self.transform = timm.data.create_transform(**self.config, is_training=False)
        self.mean = torch.tensor(self.config["mean"]).view(3, 1, 1)
        self.std = torch.tensor(self.config["std"]).view(3, 1, 1)

    def __call__(self, images: Images) -> torch.Tensor:
        """[B, H, W, 3] uint8 or B image files to [B, 3, S, S] float32."""
        if isinstance(images, np.ndarray) and self._fits(images):
            batch = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().float()
            return batch.div_(255).sub_(self.mean).div_(self.std)
        return torch.stack([self.transform(image) for image in _pictures(images)])

    def _fits(self, images: np.ndarray) -> bool:
        return self.config["crop_pct"] == 1 and images.shape[1:3] == self.config["input_size"][1:]


def _pictures(images: Images) -> Iterator[Image.Image]:
    for image in images:
        if isinstance(image, Path):
            with Image.open(image) as picture:
                yield picture.convert("RGB")
        else:
            yield Image.fromarray(image)


def best_device() -> str:
    """A CUDA device where there is one, else the CPU."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def embed(model: torch.nn.Module, images: Images, batch: int, device: str = "cpu") -> np.ndarray:
    """Penultimate features of images.

    Parameters
    ----------
    model : a timm network in evaluation mode.
    images : [N, H, W, 3] uint8, or N image files.
    batch : images in memory at once.

    Returns
    -------
    [N, D] float32.

    Raises
    ------
    FloatingPointError
        When a feature is not finite.
    """
    preprocess = Preprocess(model)
    model = model.to(device).to(memory_format=torch.channels_last)
    rows = []
    with torch.inference_mode():
        for start in range(0, len(images), batch):
            x = preprocess(images[start : start + batch]).to(device)
            features = penultimate(model, x.contiguous(memory_format=torch.channels_last))
            rows.append(features.float().cpu().numpy())
    embedding = np.concatenate(rows)
    if not np.isfinite(embedding).all():
        raise FloatingPointError("penultimate features are not finite")
    return embedding
