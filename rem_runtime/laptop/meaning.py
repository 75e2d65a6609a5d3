"""Which fields of a RemTenant mean something where there is no cluster. Pure.

Nothing that a cluster accepts is refused here; what a laptop has no use for is named once, so that nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# What `rem dev` acts on, by its path in the spec. Everything else is the operator's alone.
MEANINGFUL = frozenset({"llm.embedding", "llm.defaultModel", "secrets.items"})


def without_meaning(spec: Mapping[str, Any]) -> list[str]:
    """The written fields that a laptop has no use for, each as the highest path below which nothing is used."""
    return [f"spec.{path}" for path in _unused(spec, "")]


def _unused(part: Mapping[str, Any], above: str) -> Iterator[str]:
    for name, value in part.items():
        path = f"{above}{name}"
        if path in MEANINGFUL:
            continue
        if isinstance(value, Mapping) and any(one.startswith(path + ".") for one in MEANINGFUL):
            yield from _unused(value, path + ".")
        else:
            yield path
