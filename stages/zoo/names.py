"""timm's architecture names, without importing timm each time."""

from __future__ import annotations

import json

from stages.runtime.cache import Cache
from stages.runtime.source import digest, libraries


def architectures() -> list[str]:
    """All of timm's architecture names; kept in the artifact cache: importing timm is slow."""
    cache, key = Cache(), digest({"architectures": libraries("timm")})
    kept = cache.get(key)
    if kept is not None:
        return list(json.loads(kept))
    import timm

    names = list(timm.list_models())
    cache.put(key, json.dumps(names).encode())
    return names
