"""Reading image references."""

from __future__ import annotations

import pytest

from rem_local.node.images import Image, ImageTable, repository_of


@pytest.mark.parametrize(
    ("reference", "repository"),
    [
        ("ghcr.io/rem-dev/rem-runtime:0.1.0", "ghcr.io/rem-dev/rem-runtime"),
        ("ghcr.io/rem-dev/rem-runtime", "ghcr.io/rem-dev/rem-runtime"),
        ("ghcr.io/rem-dev/rem-runtime:0.1.0@sha256:abc", "ghcr.io/rem-dev/rem-runtime"),
        ("localhost:5000/rem/x:dev", "localhost:5000/rem/x"),
        ("localhost:5000/rem", "localhost:5000/rem"),
        ("busybox", "docker.io/library/busybox"),
        ("busybox:1.36", "docker.io/library/busybox"),
        ("docker.io/busybox", "docker.io/library/busybox"),
        ("acme/tool:1", "docker.io/acme/tool"),
    ],
)
def test_repository(reference: str, repository: str) -> None:
    assert repository_of(reference) == repository


def test_any_tag_of_a_known_repository_is_found() -> None:
    image = Image(("/bin/x",))
    table = ImageTable({"ghcr.io/rem-dev/rem-runtime": image})
    assert table.find("ghcr.io/rem-dev/rem-runtime:9@sha256:0") is image
    assert table.find("ghcr.io/rem-dev/rem-runtime-2:9") is None
    assert "ghcr.io/rem-dev/rem-runtime" in table.why_not("busybox")
    assert "it knows (any tag): none" in ImageTable({}).why_not("busybox")
