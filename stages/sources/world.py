"""The miniature world: its classes and objects, and simulated observers who judge them.

A world is a tree of latent factors. Each of six superclasses has a kind of shape and a place in a
continuous space of shape, colour and texture; classes scatter around their superclass, and objects
around their class. Nuisances (place, orientation, size, light, background) are independent of that.
Everything follows from one seed. Networks are pretrained on some classes, tasks are made from
others, and observers judge yet others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

SUPERCLASSES = ("discs", "boxes", "stars", "flowers", "bars", "rings")

FACTORS = {
    "amplitude": 1.0,  # depth of the lobes
    "elongation": 1.0,  # height against width
    "squareness": 1.0,  # corners against curves
    "hole": 1.0,  # how hollow
    "hue_x": 1.2,  # hue is an angle: two coordinates keep it continuous
    "hue_y": 1.2,
    "value": 0.8,  # bright or dark
    "frequency": 0.6,  # of the stripes that are its texture
    "angle": 0.3,  # of the stripes
    "contrast": 0.6,  # of the stripes
}
"""The continuous factors of an object, all about in [-1, 1]; how much each matters to observers."""
_WEIGHTS = np.array(list(FACTORS.values()))
_KIND = 0.35  # the share of similarity that comes from the same superclass
_SCALE = 10  # ratings run from 0 to this, as in Peterson, Abbott & Griffiths (2018)
BACKGROUNDS = 8
PLACES = 4


@dataclass(frozen=True)
class Objects:
    """N objects: what observers see of them, and what they should ignore."""

    factors: np.ndarray  # [N, len(FACTORS)] continuous latents
    superclass: np.ndarray  # [N] integers
    label: np.ndarray  # [N] integers, which count the classes of one use from 0
    background: np.ndarray  # [N] kind of background
    place: np.ndarray  # [N] quadrant that the object leans to
    pose: np.ndarray  # [N, 6] dx, dy, rotation, scale, light direction, light strength
    ground: np.ndarray  # [N, 3] hue (radians), lightness and phase of the background
    noise: np.ndarray  # [N] seed of each background's speckle

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, rows: np.ndarray) -> Self:
        return type(self)(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    @property
    def nuisance(self) -> np.ndarray:
        """[N] one label for background and place together, BACKGROUNDS * PLACES of them."""
        return self.background * PLACES + self.place


def make_world(seed: int, classes: Mapping[str, int]) -> dict[str, np.ndarray]:
    """The centres of the classes of each use, [S, C, F]: `classes[use]` of each superclass."""
    rng = np.random.default_rng([seed, 0])
    s, f = len(SUPERCLASSES), len(FACTORS)
    superclasses = rng.uniform(-0.5, 0.5, (s, 1, f))
    return {
        use: np.clip(superclasses + rng.normal(0, 0.5, (s, classes[use], f)), -1.1, 1.1)
        for use in ("pretraining", "fewshot", "stimuli")
    }


def draw_objects(
    classes: np.ndarray,
    per_class: int,
    rng: np.random.Generator,
    superclasses: Sequence[str] = SUPERCLASSES,
    spread: float = 0.12,
) -> Objects:
    """Draw `per_class` objects of every class, ordered by class.

    classes : [S, C, F] centres of the classes of one use, of `make_world`.
    spread : standard deviation of an object's factors around its class.
    """
    kinds = np.array([SUPERCLASSES.index(kind) for kind in superclasses])
    centres = classes[kinds]
    s, c, f = centres.shape
    label = np.repeat(np.arange(s * c), per_class)
    n = len(label)
    factors = centres.reshape(s * c, f)[label] + rng.normal(0, spread, (n, f))
    place = rng.integers(0, PLACES, n)
    lean = 0.16 * np.stack([place % 2 * 2 - 1, place // 2 * 2 - 1], 1)
    centre = lean + rng.uniform(-0.08, 0.08, (n, 2))
    ranges = ((-0.5, 0.5), (0.42, 0.62), (0.0, 2 * np.pi), (0.0, 0.25))  # see Objects.pose
    pose = np.column_stack([centre, *(rng.uniform(low, high, n) for low, high in ranges)])
    return Objects(
        factors=factors,
        superclass=kinds[label // c],
        label=label,
        background=rng.integers(0, BACKGROUNDS, n),
        place=place,
        pose=pose,
        ground=rng.uniform((0, 0.25, 0), (2 * np.pi, 0.75, 2 * np.pi), (n, 3)),
        noise=rng.integers(0, 2**31, n),
    )


def perceived_similarity(objects: Objects, weights: np.ndarray = _WEIGHTS) -> np.ndarray:
    """[N, N] noise-free similarity in [0, 1] of every pair of objects, to one observer.

    ``(1 - k) exp(-d² / 2) + k [same superclass]``, with d the weighted Euclidean distance of the
    objects' factors: generalisation falls with psychological distance (Shepard 1987,
    doi:10.1126/science.3629243; the Gaussian form of Nosofsky 1986).

    weights : [len(FACTORS)] attention weights; the average observer's by default.
    """
    points = objects.factors * np.sqrt(weights)
    squared = (points**2).sum(1)
    distance2 = np.maximum(squared[:, None] + squared - 2 * points @ points.T, 0)
    np.fill_diagonal(distance2, 0)
    same = objects.superclass[:, None] == objects.superclass
    return (1 - _KIND) * np.exp(-distance2 / 2) + _KIND * same


def rate(
    objects: Objects, observers: int, rng: np.random.Generator, disagreement: float, noise: float
) -> np.ndarray:
    """[P, N, N] ratings of every pair of objects, whole numbers 0 to 10 as float64, by P observers.

    disagreement : standard deviation of the logarithm of observers' weights.
    noise : standard deviation of a rating, in points of the scale, before rounding.
    """
    panel = []
    for _ in range(observers):
        weights = _WEIGHTS * np.exp(rng.normal(0, disagreement, len(_WEIGHTS)))
        rating = _SCALE * perceived_similarity(objects, weights)
        upper = np.triu(rating + rng.normal(0, noise, rating.shape), 1)
        rating = np.clip(np.rint(upper + upper.T), 0, _SCALE)
        np.fill_diagonal(rating, _SCALE)
        panel.append(rating)
    return np.stack(panel)
