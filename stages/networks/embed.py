"""Embedding image sets with one network, as a unit of work."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from stages.networks.images import image_set
from stages.networks.load import Machine, Source, open_network


def embed_sets(
    source: Source, batch: int, machine: Machine, *, each: Sequence[Path]
) -> Iterator[Path]:
    """Embed image sets with one network: for each an NPY of [N, D] float32, in their order.

    A file is gone when the next is asked for.

    Parameters
    ----------
    batch : images in memory at once.
    each : image sets, as `image_set` takes them.
    """
    from stages.networks.features import embed_to

    model, found = open_network(source), machine.found()
    with tempfile.TemporaryDirectory() as folder:
        for images in each:
            path = Path(folder) / "features.npy"
            embed_to(path, model, image_set(images), batch, found)
            yield path
