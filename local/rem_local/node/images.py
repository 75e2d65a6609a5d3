"""Which images this node "has": image repository → what its entrypoint is on this host.

Owns: the table and the reading of image references. Must not be in it: any image of the project; who starts the
cluster hands the table in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Image:
    """What a container image would bring: ENTRYPOINT, CMD and ENV, with paths of this host."""

    entrypoint: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cmd: tuple[str, ...] = ()


class ImageTable:
    """Images by repository; tag and digest do not matter, the code is the one on this host."""

    def __init__(self, images: Mapping[str, Image]) -> None:
        self._images = {repository_of(repository): image for repository, image in images.items()}

    def find(self, reference: str) -> Image | None:
        """The image of a reference like `ghcr.io/a/b:1.0@sha256:…`; None when this node does not know it."""
        return self._images.get(repository_of(reference))

    def why_not(self, reference: str) -> str:
        """The message of ErrImagePull: what this node can run instead."""
        known = ", ".join(sorted(self._images)) or "none"
        return (
            f'failed to pull image "{reference}": this node runs known images as host processes and pulls nothing; '
            f"it knows (any tag): {known}"
        )


def repository_of(reference: str) -> str:
    """The repository of an image reference in full: registry and path, without tag and digest."""
    name = reference.split("@", 1)[0]
    head, slash, last = name.rpartition("/")
    path = f"{head}{slash}{last.split(':', 1)[0]}"
    first, slash, rest = path.partition("/")
    if not slash:
        return f"docker.io/library/{path}"
    is_registry = "." in first or ":" in first or first == "localhost"
    if not is_registry:
        return f"docker.io/{path}"
    return f"docker.io/library/{rest}" if first == "docker.io" and "/" not in rest else path
