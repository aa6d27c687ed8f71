"""Which image a row of a file is about: by its name or number, or by an order that somebody stated.

Never by an order that nobody stated, where the usual orders differ.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd

from stages.runtime.errors import DataError, suggest
from stages.sources.folders import SUFFIXES

Order = str | Sequence[str] | None
"""One of `ORDERS`, or the names of all images in order, or None: nobody stated one."""
FORMS = ("file name", "name without extension", "name in another case", "number", "only number")
"""How a name may match an image's, from strict to lenient."""
_NUMBER = re.compile(r"[0-9]{1,15}(\.0+)?")
_COUNTED = re.compile(r"(?:V|X|Var)?([0-9]{1,15})(?:\.0+)?")  # V1 is R's, Var1 MATLAB's row 1
WAY_OUT = (
    "put the images' file names in the file, or state 'order: natural', 'order: lexicographic' or "
    "'order: <a file that lists the images>' in the study"
)


def natural(name: str) -> tuple[str, str]:
    """Sorts 2 before 10 and a before B: numbers by value, without case and extension."""
    return re.sub("[0-9]+", lambda run: run[0].zfill(300), _stem(name).casefold()), name


ORDERS: dict[str, Callable[[str], Any]] = {"lexicographic": str, "natural": natural}
"""What a study may state."""
_USUAL = ORDERS | {
    "lexicographic without extensions": lambda name: (_stem(name), name),
    "lexicographic without case": lambda name: (name.casefold(), name),
}


def in_order(images: Sequence[str], stated: Order, where: str) -> tuple[np.ndarray, str]:
    """The image that each row of a file without names is about, and a sentence that says so.

    A DataError where nothing is stated and the usual orders differ, which it shows; or where a list
    of images is wrong. images : file names, sorted. where : names the file.
    """
    orders = _orders(images, stated, where)
    if len(orders) > 1:
        first, *others = orders.values()
        start = max(0, min(int((first != other).argmax()) for other in others) - 1)
        shown = "; ".join(
            f"{name}: {', '.join(images[i] for i in order[start : start + 4])} ..."
            for name, order in orders.items()
        )
        raise DataError(
            f"{where}: nothing names the rows, and the images' orders differ ({shown}); {WAY_OUT}"
        )
    ((name, order),) = orders.items()
    how = f"{name}, as the study states" if stated else "the same by name and by number"
    return order, f"rows in the images' order: {how}"


def _orders(images: Sequence[str], stated: Order, where: str) -> dict[str, np.ndarray]:
    """The orders that rows without names may have, those alike under the first of their names."""
    if stated is not None and not isinstance(stated, str):
        places, _ = match(stated, images, lambda i: f"{where}: 'order': line {i + 1} of its list")
        return {"that of a list": one_each(places, images, f"{where}: 'order'")}
    orders, place = dict[str, np.ndarray](), {image: i for i, image in enumerate(images)}
    for name, key in ({stated: ORDERS[stated]} if stated else _USUAL).items():
        order = np.array([place[image] for image in sorted(images, key=key)])
        if not any(np.array_equal(order, other) for other in orders.values()):
            orders[name] = order
    return orders


def match(
    names: Sequence[str], images: Sequence[str], at: Callable[[int], str], stated: Order = None
) -> tuple[np.ndarray, str]:
    """[len(names)] the image that each name means, as a person would say, and how they matched.

    Folders before a name do not count. A name means the image of that file name, else of that name
    without extension, else in another case, else with numbers in another form (3 for 003), else the
    image with that number alone. Bare numbers may also count images, from 0 or from 1. A DataError
    where a name means no image, or several, or numbers mean other images by name than by place.

    images : file names, sorted. at : where name i stands, for messages.
    stated : the order by which numbers count images.
    """
    codes, different = pd.factorize(np.array(names, object))
    names = different.tolist()
    found = _by_name(names, images)

    def first(i: int) -> str:
        return at(int((codes == i).argmax()))

    named = all(len(places) == 1 for _, places in found)
    counted = [_COUNTED.fullmatch(name) for name in names]
    if names and (all(map(_NUMBER.fullmatch, names)) or (not named and all(counted))):
        by_name = np.array([places[0] for _, places in found]) if named else None
        numbers = np.array([int(number[1]) for number in counted if number])
        means, how = _by_number(names, numbers, by_name, images, first, stated)
        return means[codes], how
    for i, (name, (_, places)) in enumerate(zip(names, found, strict=True)):
        if len(places) > 1:
            several = ", ".join(images[j] for j in places[:3])
            raise DataError(f"{first(i)}: '{name}' may be {several}; file names are needed")
        if not places:
            absent = sum(not places for _, places in found)
            raise DataError(
                f"{first(i)}: '{name}' is not the name of an image ({absent} of the "
                f"{len(names)} names in the file are not; the first image is '{images[0]}')"
                + suggest(name, [*images, *map(_stem, images)])
            )
    forms = [FORMS[form] for form, _ in found]
    how = ", ".join(f"{forms.count(form)} by {form}" for form in FORMS if form in forms)
    means = np.array([places[0] for _, places in found], int)
    return means[codes], f"names matched to images: {how}"


def _by_number(
    names: Sequence[str],
    numbers: np.ndarray,
    by_name: np.ndarray | None,
    images: Sequence[str],
    at: Callable[[int], str],
    stated: Order,
) -> tuple[np.ndarray, str]:
    """What numbers mean: images that have them in their names, or places in an order."""
    n, readings = len(images), dict[str, np.ndarray]()
    for base in (0, 1):
        fits = base <= numbers.min() and numbers.max() < n + base
        if fits and (by_name is None or base in numbers):
            for name, order in _orders(images, stated, at(0)).items():
                readings[f"place from {base} in {name} order"] = order[numbers - base]
    if by_name is not None and not (stated and readings):
        readings = {"number in the name": by_name} | readings
    if not readings:
        worst = int(numbers.argmax())
        raise DataError(f"{at(worst)}: '{names[worst]}' is not an index 0..{n - 1} or 1..{n}")
    (first, places), *others = readings.items()
    for other, different in others:
        if (apart := places != different).any():
            i = int(apart.argmax())
            one, two = images[places[i]], images[different[i]]
            found = f"{one} by {first}, {two} by {other}"
            raise DataError(f"{at(i)}: '{names[i]}' is {found}; {WAY_OUT}")
    return places, f"numbers matched to images: by {first}"


def _by_name(names: Sequence[str], images: Sequence[str]) -> list[tuple[int, list[int]]]:
    """For each name the first of `FORMS` in which images match it, and those."""
    known = [defaultdict[str, list[int]](list) for _ in FORMS]
    for i, image in enumerate(images):
        for places, key in zip(known, _forms(image), strict=True):
            places[key].append(i)
    matches = []
    for name in names:
        keys = list(_forms(name))[: None if _NUMBER.fullmatch(name) else -1]
        hits = [known[form].get(key, []) if key else [] for form, key in enumerate(keys)]
        form = next((k for k, hit in enumerate(hits) if hit), 0)
        matches.append((form, hits[form]))
    return matches


def _forms(name: str) -> Iterator[str]:
    """What a name is compared by in each of `FORMS`."""
    base = unicodedata.normalize("NFC", name.strip()).replace("\\", "/").rpartition("/")[2]
    if _NUMBER.fullmatch(base):
        base = base.partition(".")[0]  # pandas writes 3.0
    stem = _stem(base)
    yield from (base, stem, stem.casefold())
    yield re.sub("(?<![0-9])0+(?=[0-9])|^x(?=[0-9])", "", stem.casefold())  # R writes X003
    runs = re.findall("[0-9]+", stem)
    yield runs[0].lstrip("0") or "0" if len(runs) == 1 else ""


def _stem(name: str) -> str:
    path = PurePath(name)
    return path.stem if path.suffix.lower() in SUFFIXES else path.name


def one_each(places: np.ndarray, images: Sequence[str], where: str) -> np.ndarray:
    """Places that name every image once; a DataError says which are missing or duplicate."""
    counts = np.bincount(places, minlength=len(images))
    for wrong, what in ((counts > 1, "is there several times"), (counts == 0, "is missing")):
        if wrong.any():
            name = images[int(wrong.argmax())]
            raise DataError(f"{where}: image '{name}' {what}; each is needed once")
    return places
