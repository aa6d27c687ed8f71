"""What timm has, without importing timm each time: architectures, and published weights."""

from __future__ import annotations

import json
from typing import Any

from stages.runtime.cache import Cache
from stages.runtime.source import digest, libraries


def architectures() -> list[str]:
    """All of timm's architecture names."""
    return list(_registry()["architectures"])


def pretrained() -> dict[str, str]:
    """Every published set of weights, `architecture.tag`, with its family (timm's module)."""
    return dict(_registry()["pretrained"])


def _registry() -> dict[str, Any]:
    """timm's lists, kept in the artifact cache: importing timm is slow."""
    cache, key = Cache(), digest({"names": libraries("timm"), "form": 2})
    kept = cache.get(key)
    if kept is not None:
        return dict(json.loads(kept))
    import timm

    families = {name: module for module in timm.list_modules() for name in _of(module)}
    names = {
        "architectures": timm.list_models(),
        "pretrained": {
            name: families[name.partition(".")[0]] for name in timm.list_models(pretrained=True)
        },
    }
    cache.put(key, json.dumps(names).encode())
    return names


def _of(module: str) -> list[str]:
    import timm

    return list(timm.list_models(module=module))
