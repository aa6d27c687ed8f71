"""The miniature world: what there is in it, before anything is drawn.

A world is a tree of latent factors. Six superclasses ("discs", "boxes", ...) each fix a kind of
shape and a place in a continuous space of shape, colour and texture; classes scatter around their
superclass, and objects around their class. Nuisances (place, orientation, size, light, background)
are drawn apart from all of that. Everything follows from one seed, which is a parameter.

Classes of different use never mix: networks are pretrained on some, tasks are built from others,
and the stimuli that observers judge come from others again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SUPERCLASSES = ("discs", "boxes", "stars", "flowers", "bars", "rings")
USES = ("pretraining", "fewshot", "stimuli")

# The continuous factors of an object, all in [-1, 1] or nearly so.
FACTORS = (
    "amplitude",  # depth of the lobes
    "elongation",  # height against width
    "squareness",  # corners against curves
    "hole",  # how hollow
    "hue_x",  # hue is an angle: two coordinates keep it continuous
    "hue_y",
    "value",  # bright or dark
    "frequency",  # of the stripes that are its texture
    "angle",  # of the stripes
    "contrast",  # of the stripes
)
BACKGROUNDS = 8
PLACES = 4


@dataclass(frozen=True)
class Objects:
    """N objects: what observers see of them, and what they should ignore.

    Attributes
    ----------
    factors : [N, len(FACTORS)] continuous latents.
    superclass, label : [N] integers; `label` counts the classes of one use from 0.
    background : [N] kind of background; place : [N] quadrant the object leans to.
    pose : [N, 6] dx, dy, rotation, scale, light direction, light strength.
    ground : [N, 3] hue (radians), lightness and phase of the background.
    noise : [N] seed of each background's speckle.
    """

    factors: np.ndarray
    superclass: np.ndarray
    label: np.ndarray
    background: np.ndarray
    place: np.ndarray
    pose: np.ndarray
    ground: np.ndarray
    noise: np.ndarray

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, rows: np.ndarray) -> Objects:
        return Objects(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    @property
    def nuisance(self) -> np.ndarray:
        """[N] one label for background and place together, BACKGROUNDS * PLACES of them."""
        return self.background * PLACES + self.place


@dataclass(frozen=True)
class World:
    """Where superclasses and classes lie: `classes[use]` is [S, C, F], S superclasses of C each."""

    seed: int
    superclasses: np.ndarray
    classes: dict[str, np.ndarray]


def make_world(seed: int, classes_per_superclass: dict[str, int]) -> World:
    """Draw a world from its seed.

    Parameters
    ----------
    seed : the world's seed.
    classes_per_superclass : for each of USES, how many classes each superclass has.
    """
    rng = np.random.default_rng([seed, 0])
    s, f = len(SUPERCLASSES), len(FACTORS)
    centres = rng.uniform(-0.5, 0.5, (s, f))
    classes = {
        use: np.clip(
            centres[:, None] + rng.normal(0, 0.5, (s, classes_per_superclass[use], f)), -1.1, 1.1
        )
        for use in USES
    }
    return World(seed, centres, classes)


def draw_objects(
    world: World,
    use: str,
    per_class: int,
    rng: np.random.Generator,
    superclasses: tuple[int, ...] = tuple(range(len(SUPERCLASSES))),
    spread: float = 0.12,
) -> Objects:
    """Draw `per_class` objects of every class of one use, ordered by class.

    Parameters
    ----------
    spread : standard deviation of an object's factors around its class.
    """
    centres = world.classes[use][list(superclasses)]  # [S, C, F]
    s, c, f = centres.shape
    n = s * c * per_class
    label = np.repeat(np.arange(s * c), per_class)
    factors = centres.reshape(s * c, f)[label] + rng.normal(0, spread, (n, f))
    place = rng.integers(0, PLACES, n)
    lean = 0.16 * np.stack([place % 2 * 2 - 1, place // 2 * 2 - 1], 1)
    pose = np.column_stack(
        [
            lean + rng.uniform(-0.08, 0.08, (n, 2)),
            rng.uniform(-0.5, 0.5, n),  # radians
            rng.uniform(0.42, 0.62, n),
            rng.uniform(0, 2 * np.pi, n),
            rng.uniform(0, 0.25, n),
        ]
    )
    return Objects(
        factors=factors,
        superclass=np.asarray(superclasses)[label // c],
        label=label,
        background=rng.integers(0, BACKGROUNDS, n),
        place=place,
        pose=pose,
        ground=rng.uniform((0, 0.25, 0), (2 * np.pi, 0.75, 2 * np.pi), (n, 3)),
        noise=rng.integers(0, 2**31, n),
    )
