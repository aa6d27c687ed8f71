"""Embedding image sets with one network, as a unit of work."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from stages.networks.images import image_set
from stages.networks.load import Machine, Source, open_network


def embed_sets(
    source: Source, batch: int, machine: Machine, *, each: Sequence[Path]
) -> Iterator[Path]:
    """Embed image sets with one network: for each an NPY of [N, D] float32, in their order.

    `batch` images are in memory at once. A file is gone when the next is asked for.
    """
    from stages.networks.features import embed_to

    model = open_network(source)
    with tempfile.TemporaryDirectory() as folder:
        for images in each:
            path = Path(folder) / "features.npy"
            embed_to(path, model, image_set(images), batch, machine)
            yield path
