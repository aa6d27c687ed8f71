"""Draws the objects of the miniature world: vectorised signed-distance shapes, 32 pixels wide."""

import numpy as np

from stages.sources.world import FACTORS, SUPERCLASSES, Objects

SIZE = 32
_SPECKLED = 6  # the kind of background that is noise
_LOBES = (0, 0, 5, 7, 0, 3)  # around the outline, for each of SUPERCLASSES


def draw(objects: Objects, style: str = "painted") -> np.ndarray:
    """[N, 32, 32, 3] uint8 images of objects on their backgrounds.

    style : ``painted`` (filled, striped, lit) or ``drawn`` (thick coloured outlines and hatching on
        paper, about as bright and contrasted as painted images: the second style differs in how
        things look, not in first-order statistics that would upset batch norms alone).
    """
    rows = np.split(np.arange(len(objects)), range(1000, len(objects), 1000))
    return np.concatenate([_draw(objects[chunk], style) for chunk in rows])


def _draw(objects: Objects, style: str) -> np.ndarray:
    line = (np.arange(SIZE, dtype=np.float32) + 0.5) / SIZE * 2 - 1  # pixel centres in [-1, 1]
    x, y = line[None, None, :], line[None, :, None]
    distance, u, v = _shape(objects, x, y)
    edge = 1.5 / SIZE
    inside = _step(-distance, edge)
    fill = _fill(objects, u, v)
    ground = _ground(objects, x, y)
    if style == "painted":
        direction, strength = (objects.pose[:, i, None, None].astype(np.float32) for i in (4, 5))
        light = 1 + strength * (x * np.cos(direction) + y * np.sin(direction))
        image = (ground + inside[..., None] * (fill - ground)) * light[..., None]
    elif style == "drawn":
        paper = 0.36 + 0.75 * (ground - ground.mean(axis=(1, 2), keepdims=True))
        line = _step(0.07 - np.abs(distance), edge)[..., None]
        colour = fill.mean(axis=(1, 2), keepdims=True)
        hatch = (inside * (np.sin(55 * (x + y)) > 0.2))[..., None] * 0.8
        image = paper + hatch * (fill - paper)
        image = image + line * (1.3 * colour - image)
    else:
        raise ValueError(f"style: {style!r}; allowed: painted, drawn")
    return np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)


def _step(value: np.ndarray, width: float) -> np.ndarray:
    """A smooth step from 0 to 1 around zero: antialiasing one pixel wide."""
    t = np.clip(value / width * 0.5 + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def _factor(objects: Objects, name: str) -> np.ndarray:
    return objects.factors[:, list(FACTORS).index(name), None, None].astype(np.float32)


def _shape(
    objects: Objects, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Signed distance to the outline (negative inside) and coordinates within the object."""
    dx, dy, turn, scale = (objects.pose[:, i, None, None].astype(np.float32) for i in range(4))
    kind = np.array(SUPERCLASSES)[objects.superclass][:, None, None]
    cos, sin = np.cos(turn), np.sin(turn)
    u = ((x - dx) * cos + (y - dy) * sin) / scale
    v = (-(x - dx) * sin + (y - dy) * cos) / scale
    stretch = np.exp(0.3 * _factor(objects, "elongation") + np.where(kind == "bars", 0.55, 0))
    u, v = u * np.sqrt(stretch), v / np.sqrt(stretch)
    # A superellipse: exponent 2 is round, large is square.
    power = 2 + 1.2 * np.clip(1 + _factor(objects, "squareness"), 0, 2)
    power = np.where(kind == "boxes", power + 6, power)
    power = np.where((kind == "boxes") | (kind == "bars"), power, np.minimum(power, 3.2))
    radius = (np.abs(u) ** power + np.abs(v) ** power + 1e-12) ** (1 / power)
    lobes = np.array(_LOBES, np.float32)[objects.superclass, None, None]
    depth = np.where(lobes > 0, 0.14 + 0.1 * np.clip(1 + _factor(objects, "amplitude"), 0, 2), 0)
    wave = np.cos(lobes * np.arctan2(v, u))
    wave = np.where(kind == "stars", 1 - 2 * np.abs(wave), wave)
    distance = (radius - (1 + depth * wave) * 0.9) * scale
    hollow = np.where(kind == "rings", 0.45, 0.0) + 0.28 * np.clip(_factor(objects, "hole"), 0, 1)
    hole = np.where(hollow > 0.05, (hollow - np.hypot(u, v)) * scale, -np.inf)
    return np.maximum(distance, hole).astype(np.float32), u, v


def _fill(objects: Objects, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Colour with stripes, [N, H, W, 3] in [0, 1]."""
    hue = np.arctan2(_factor(objects, "hue_y"), _factor(objects, "hue_x"))
    value = 0.62 + 0.3 * np.clip(_factor(objects, "value"), -1, 1)
    frequency = 7 + 4 * np.clip(_factor(objects, "frequency"), -1.2, 1.2)
    angle = 0.5 * np.pi * _factor(objects, "angle")
    contrast = 0.3 * np.clip(1 + _factor(objects, "contrast"), 0, 2)
    stripes = np.sin(frequency * (u * np.cos(angle) + v * np.sin(angle)))
    shade = value * (1 - contrast * (0.5 + 0.5 * stripes))
    return shade[..., None] * _rgb(hue)


def _rgb(hue: np.ndarray) -> np.ndarray:
    """Colours around the hue circle, brightest channel 1; hue [..., ] in radians to [..., 3]."""
    phase = np.array([0.0, -2 * np.pi / 3, 2 * np.pi / 3], np.float32)
    wave = 0.55 + 0.45 * np.cos(hue[..., None] + phase)
    return wave / wave.max(axis=-1, keepdims=True)


def _ground(objects: Objects, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Backgrounds of eight kinds; [N, H, W, 3]."""
    hue, level, shift = (objects.ground[:, i, None, None].astype(np.float32) for i in range(3))
    flat = np.zeros((len(objects), SIZE, SIZE), np.float32)
    speckle = flat.copy()
    for row in np.flatnonzero(objects.background == _SPECKLED):
        generator = np.random.default_rng(objects.noise[row])
        speckle[row] = generator.random((SIZE, SIZE), dtype=np.float32) - 0.5
    kinds = [
        flat,
        flat + 0.8 * x,
        flat + 0.8 * y,
        np.sin(9 * x + shift) + flat,
        np.sin(9 * y + shift) + flat,
        np.sign(np.sin(7 * x + shift) * np.sin(7 * y + shift)),
        2.2 * speckle,
        1.2 * np.cos(6 * np.hypot(x, y) + shift) + flat,
    ]
    shade = level * (1 + 0.35 * np.choose(objects.background[:, None, None], kinds))
    return shade[..., None] * (0.5 + 0.5 * _rgb(hue))
