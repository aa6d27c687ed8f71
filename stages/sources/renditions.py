"""Domain-shifted renditions of images, made from pixels alone, for any image set.

What ImageNet-R and ImageNet-Sketch are to ImageNet, these are to a study's own clean images.
"""

from collections.abc import Callable

import numpy as np
import scipy  # its parts are imported when used: every stage reads the names of renditions


def luminance(images: np.ndarray) -> np.ndarray:
    """Rec. 601 luma, [N, H, W, 3] uint8 to [N, H, W] float64 in 0..255."""
    return images @ np.array([0.299, 0.587, 0.114])


def edges(images: np.ndarray) -> np.ndarray:
    """Coloured lines on white: each pixel shows as far as luminance changes there (Sobel)."""
    light = luminance(images)
    strength = np.hypot(scipy.ndimage.sobel(light, axis=1), scipy.ndimage.sobel(light, axis=2))
    peak = strength.max(axis=(1, 2), keepdims=True)
    shown = (strength / np.maximum(peak, 1e-9))[..., None]
    return np.rint(255 - shown * (255.0 - images)).astype(np.uint8)


def silhouettes(images: np.ndarray) -> np.ndarray:
    """Two flat colours: the means of the pixels on either side of the image's Otsu threshold."""
    bright = (np.rint(luminance(images)) > otsu(images)[:, None, None])[..., None]
    flat = np.zeros(images.shape)
    for side in (bright, ~bright):
        count = np.maximum(side.sum(axis=(1, 2), keepdims=True), 1)
        flat += side * ((images * side).sum(axis=(1, 2), keepdims=True) / count)
    return np.rint(flat).astype(np.uint8)


def otsu(images: np.ndarray) -> np.ndarray:
    """[N] the luminance that best splits each image in two (Otsu 1979, 10.1109/TSMC.1979.4310076).

    Pixels above it are one side; it maximises the variance between the two sides' means.
    """
    light = np.rint(luminance(images)).astype(int)
    counts = np.stack([np.bincount(image.ravel(), minlength=256) for image in light])
    below, total = counts.cumsum(1), (counts * np.arange(256)).cumsum(1)
    n, whole = below[:, -1:], total[:, -1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (whole * below - total * n) ** 2 / (below * (n - below))
    threshold: np.ndarray = np.argmax(np.where(np.isfinite(between), between, -1), axis=1)
    return threshold


def posterised(images: np.ndarray) -> np.ndarray:
    """Three levels a channel."""
    return (np.rint(images / 127.5) * 127.5).astype(np.uint8)


def mosaic(images: np.ndarray) -> np.ndarray:
    """Blocks of 3 x 3 pixels, each in the colour of its upper left pixel."""
    h, w = images.shape[1:3]
    rows, columns = np.arange(h) // 3 * 3, np.arange(w) // 3 * 3
    return np.ascontiguousarray(images[:, rows][:, :, columns])


RENDITIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    rendition.__name__: rendition for rendition in (edges, silhouettes, posterised, mosaic)
}
