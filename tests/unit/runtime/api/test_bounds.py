"""What comes in has bounds, and a refusal names the field."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from rem_runtime.memory.ingest import ingest
from rem_runtime.memory.ingest.prepared import Prepared

pytestmark = pytest.mark.postgres

AsUser = Callable[[str], httpx.AsyncClient]
MERGE = {"content-type": "application/merge-patch+json"}
BIG = {"a": "x" * 300_000}
EDGE = {"dst": "Mercury", "rel_type": "knows"}
ENTITY = {"label": "A"}
MOMENT = {"label": "M", "starts_at": "2026-05-04T09:00:00Z"}
NOTE = {"uri": "n.md", "content": "Hello."}
TURN = {"role": "user", "content": "Hello."}
CALL = {"id": "c", "name": "search"}


async def _refused(client: httpx.AsyncClient, path: str, body: dict[str, Any], pointer: str) -> None:
    answer = await client.post(f"/api/v1/{path}", json=body)
    assert answer.status_code == 422, answer.text[:300]
    problem = answer.json()
    assert pointer in [error["pointer"] for error in problem["errors"]], problem["errors"]


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("entities", {**ENTITY, "aliases": ["x" * 301]}, "/aliases/0"),
        ("entities", {**ENTITY, "tags": ["x" * 201]}, "/tags/0"),
        ("entities", {**ENTITY, "metadata": BIG}, "/metadata"),
        ("entities", {**ENTITY, "properties": BIG}, "/properties"),
        ("entities", {**ENTITY, "metadata": {"a": "\u0101" * 140_000}}, "/metadata"),
        ("entities", {**ENTITY, "graph_edges": [{**EDGE, "dst": f"d{n}", "properties": {"a": "x" * 9_000}}
                                                for n in range(40)]}, "/graph_edges"),
        ("moments", {**MOMENT, "metadata": BIG}, "/metadata"),
        ("moments", {**MOMENT, "present_persons": [{"name": "x" * 301}]}, "/present_persons/0/name"),
        ("users", {"label": "U", "metadata": BIG}, "/metadata"),
        ("resources", {**NOTE, "metadata": BIG}, "/metadata"),
        ("sessions", {"metadata": BIG}, "/metadata"),
    ],
)  # fmt: skip
async def test_what_is_too_long_is_refused(as_user: AsUser, path: str, body: dict[str, Any], pointer: str) -> None:
    await _refused(as_user("ann"), path, body, pointer)


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("entities", {**ENTITY, "graph_edges": [{**EDGE, "weigth": 1}]}, "/graph_edges/0/weigth"),
        ("entities", {**ENTITY, "graph_edges": [{**EDGE, "valid": {"form": None}}]}, "/graph_edges/0/valid/form"),
        ("moments", {**MOMENT, "present_persons": [{"name": "x", "rolle": "y"}]}, "/present_persons/0/rolle"),
        ("users", {"label": "U", "graph_edges": [{**EDGE, "weigth": 1}]}, "/graph_edges/0/weigth"),
    ],
)
async def test_a_field_that_is_not_known_is_refused_at_any_depth(
    as_user: AsUser, path: str, body: dict[str, Any], pointer: str
) -> None:
    await _refused(as_user("ann"), path, body, pointer)


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("resources", {**NOTE, "timestamp": "0001-01-01T00:00:00+14:00"}, "/timestamp"),
        ("entities", {**ENTITY, "graph_edges": [{**EDGE, "valid": {"since": "9999-12-31T23:59:59-12:00"}}]},
         "/graph_edges/0/valid/since"),
        ("entities", {**ENTITY, "graph_edges": [{**EDGE, "valid": {"since": "2026-05-02T00:00:00Z",
                                                                   "until": "2026-05-01T00:00:00Z"}}]},
         "/graph_edges/0/valid"),
    ],
)  # fmt: skip
async def test_a_time_that_cannot_be_is_named(as_user: AsUser, path: str, body: dict[str, Any], pointer: str) -> None:
    await _refused(as_user("ann"), path, body, pointer)


async def test_a_time_without_an_offset_is_in_utc(as_user: AsUser) -> None:
    edge = {**EDGE, "valid": {"since": "2026-05-02T00:00:00"}}
    stored = await as_user("ann").post("/api/v1/entities", json={**ENTITY, "graph_edges": [edge]})
    assert stored.json()["graph_edges"][0]["valid"]["since"] == "2026-05-02T00:00:00Z"


async def test_messages_have_bounds_too(as_user: AsUser) -> None:
    client = as_user("ann")
    session = (await client.post("/api/v1/sessions", json={})).json()["id"]
    path = f"sessions/{session}/messages"
    for turn, pointer in (
        ({**TURN, "tool_calls": [{**CALL, "result": "x" * 300_000}]}, "/messages/0/tool_calls"),
        ({**TURN, "tool_calls": [{**CALL, "result": "x" * 9_000}] * 40}, "/messages/0/tool_calls"),
        ({**TURN, "tool_calls": [{**CALL, "resutl": 1}]}, "/messages/0/tool_calls/0/resutl"),
        ({**TURN, "metadata": BIG}, "/messages/0/metadata"),
    ):
        await _refused(client, path, {"messages": [turn]}, pointer)


@pytest.mark.parametrize("path", ["entities", "files"])
async def test_many_patches_make_nothing_larger(as_user: AsUser, path: str) -> None:
    client = as_user("ann")
    if path == "files":
        stored = await client.post("/api/v1/files", files={"file": ("a.txt", b"Hello.")})
    else:
        stored = await client.post("/api/v1/entities", json=ENTITY)
    place = f"/api/v1/{path}/{stored.json()['id']}"
    first, second = ({name: "x" * 200_000} for name in "ab")
    assert (await client.patch(place, json={"metadata": first}, headers=MERGE)).status_code == 200
    answer = await client.patch(place, json={"metadata": second}, headers=MERGE)
    assert answer.status_code == 422
    assert "/metadata" in answer.json()["detail"]
    assert set((await client.get(place)).json()["metadata"]) == {"a"}


async def test_a_uri_has_a_bound_in_bytes(as_user: AsUser) -> None:
    uri = "".join(map(chr, itertools.islice(range(0x20000, 0x2A6DF, 37), 1_000)))
    await _refused(as_user("ann"), "resources", {"uri": uri, "content": "# Title\n\nhello"}, "/uri")
    answer = await as_user("ann").post("/api/v1/resources", json={"uri": uri, "content": "# Title\n\nhello"})
    assert "1500 bytes" in answer.json()["detail"]
    file = {"file": ("a.md", b"# Title\n\nhello")}
    upload = await as_user("ann").post("/api/v1/files", data={"uri": f"{uri}/short.md"}, files=file)
    assert upload.status_code == 422, upload.text
    assert "1500 bytes" in upload.json()["detail"]
    fits = {"uri": "\u0101" * 740, "content": "# Title\n\nhello"}
    assert (await as_user("ann").post("/api/v1/resources", json=fits)).status_code == 201


async def test_an_entity_is_taken_apart_beside_the_loop(as_user: AsUser, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long description takes a second, in which nobody else would be answered."""
    threads: list[int] = []
    prepare = ingest.prepare_entity

    def noting(*arguments: Any, **named: Any) -> Prepared:
        threads.append(threading.get_ident())
        return prepare(*arguments, **named)

    monkeypatch.setattr(ingest, "prepare_entity", noting)
    assert (await as_user("ann").post("/api/v1/entities", json=ENTITY)).status_code == 201
    assert threads
    assert threading.get_ident() not in threads
