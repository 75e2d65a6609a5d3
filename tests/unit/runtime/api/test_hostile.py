"""Every operation of the OpenAPI document, asked with values nobody should send: an answer or a problem, never a fault.

The requests are made from the document, so a new operation is tested as soon as it is described.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from rem_runtime.memory.store import Memory

pytestmark = pytest.mark.postgres

ROUNDS = 25
_METHODS = ("get", "post", "put", "patch", "delete")
# JSON that a parser accepts and a database or a model may not.
_VALUES: list[Any] = [
    None, True, 0, -1, 2**63, -(2**63) - 1, 2**200, 1e308, -0.0, 1.5, "", " ", "\x00", "a\x00b", "\ud800", "é" * 3000,
    "x" * 100_000, "'; drop table node; --", "../../etc/passwd", "%s%n", "\u202e", "\\u0000",
    "9999-12-31T23:59:59.999999Z",
    "0001-01-01T00:00:00+23:59", "infinity", "NaN",
    [], {}, [[]], [None], {"": ""}, {"$ref": "#"}, {"__proto__": 1}, ["x"] * 2000,
]  # fmt: skip
_TEXTS = [str(value) for value in _VALUES if isinstance(value, str | int | float)]


def _deep(levels: int) -> Any:
    value: Any = "bottom"
    for _ in range(levels):
        value = {"a": [value]}
    return value


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield method, path, item[method]


def _examples(operation: dict[str, Any]) -> list[Any]:
    content = operation.get("requestBody", {}).get("content", {})
    media = next((content[kind] for kind in content if "json" in kind), {})
    return [example["value"] for example in media.get("examples", {}).values()] or [media.get("example", {})]


def _places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield (*above, key)
        yield from _places(below, (*above, key))


def _spoilt(example: Any, rng: random.Random) -> Any:
    """The example with one to three of its values replaced, removed or joined by an unknown one."""
    body = copy.deepcopy(example)
    for _ in range(rng.randint(1, 3)):
        places = list(_places(body))
        if not places or rng.random() < 0.1:
            return rng.choice(_VALUES)
        *above, last = rng.choice(places)
        parent = body
        for key in above:
            parent = parent[key]
        match rng.randrange(4):
            case 0 if isinstance(parent, dict):
                del parent[last]
            case 1 if isinstance(parent, dict):
                parent[rng.choice(["unknown", "", "\ud800", "owner"])] = rng.choice(_VALUES)
            case 2:
                parent[last] = _deep(rng.choice([3, 200]))
            case _:
                parent[last] = rng.choice(_VALUES)
    return body


def _path(template: str, rng: random.Random) -> str:
    while "{" in template:
        before, _, rest = template.partition("{")
        value = rng.choice([str(uuid4()), "x", "%00", "..%2f", "1", "%ff", "a" * 3000])
        template = before + value + rest.partition("}")[2]
    return template


def _queries(operation: dict[str, Any], rng: random.Random) -> dict[str, str]:
    names = [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"]
    texts = [text.encode(errors="replace").decode() for text in _TEXTS if len(text) < 5000]
    return {name: rng.choice(texts) for name in names if rng.random() < 0.7}


def _check(answer: httpx.Response, about: str) -> None:
    assert answer.status_code < 500, f"{about}: {answer.status_code} {answer.text[:500]}"
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json", about
        problem = answer.json()
        assert problem["status"] == answer.status_code, about
        assert problem["detail"], about


async def test_nothing_that_is_sent_is_a_fault(
    memory: Memory, make_app: Callable[..., FastAPI], connect: Callable[..., httpx.AsyncClient]
) -> None:
    rng = random.Random(7)
    async with connect(make_app(memory, keys=None)) as client:
        document = (await client.get("/api/v1/openapi.json")).json()
        operations = list(_operations(document))
        assert len(operations) >= 8
        for method, path, operation in operations:
            for _ in range(ROUNDS):
                url, params = _path(path, rng), _queries(operation, rng)
                body: bytes | None = None
                if "requestBody" in operation:
                    body = json.dumps(_spoilt(rng.choice(_examples(operation)), rng)).encode()
                headers = {"Content-Type": "application/json"}
                answer = await client.request(method.upper(), url, params=params, content=body, headers=headers)
                _check(answer, f"{method} {url} {params} {(body or b'')[:300]!r}")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "application/json"}, b'{"query": "LOOKUP a"'),
        ({"Content-Type": "application/json"}, b"\xff\xfe"),
        ({"Content-Type": "application/json"}, b"[" * 100_000),
        ({"Content-Type": "application/json"}, b'{"query": NaN}'),
        ({"Content-Type": "text/plain"}, b"LOOKUP a"),
        ({"Content-Type": "application/json", "Content-Length": "-1"}, b"{}"),
        ({"X-User-Id": "\x7f"}, b"{}"),
        ({"Content-Encoding": "gzip", "Content-Type": "application/json"}, b"\x1f\x8b"),
    ],
)
async def test_a_body_that_is_none(
    memory: Memory,
    make_app: Callable[..., FastAPI],
    connect: Callable[..., httpx.AsyncClient],
    headers: dict[str, str],
    body: bytes,
) -> None:
    async with connect(make_app(memory, keys=None)) as client:
        answer = await client.post("/api/v1/query", content=body, headers=headers)
        assert answer.status_code in {400, 415, 422}
        _check(answer, str(headers))
