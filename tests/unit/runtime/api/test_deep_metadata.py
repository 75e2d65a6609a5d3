"""Metadata of any depth: no document makes an answer that it stands in fail, whenever it was stored."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from rem_runtime.memory.store import Memory

pytestmark = pytest.mark.postgres

AsUser = Callable[[str], httpx.AsyncClient]
MERGE = {"content-type": "application/merge-patch+json"}


async def assert_served(ann: httpx.AsyncClient, path: str) -> None:
    """Everything that shows the document of this path."""
    for response in (
        await ann.get(path),
        await ann.get("/api/v1/resources"),
        await ann.post("/api/v1/query", json={"query": "SEARCH zeppelin"}),
        await ann.post("/api/v1/query", json={"query": "LOOKUP deep"}),
    ):
        assert response.status_code == 200, response.text
        assert "deep" in response.text


@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ("{b: ", "}")], ids=["lists", "mappings"])
@pytest.mark.parametrize("levels", [99, 101, 150, 250, 300, 400])
async def test_front_matter_of_any_depth(as_user: AsUser, levels: int, begin: str, end: str) -> None:
    content = f"---\na: {begin * levels}{end * levels}\n---\nThe zeppelin lands."
    made = await as_user("admin").post("/api/v1/resources", json={"uri": "deep", "content": content, "owner": ""})
    assert made.status_code == 201, made.text
    await assert_served(as_user("ann"), f"/api/v1/resources/{made.json()['id']}")


@pytest.mark.parametrize("levels", [150, 199, 200, 201, 250, 330])
async def test_what_is_stored_already_is_served(as_user: AsUser, memory: Memory, levels: int) -> None:
    ann = as_user("ann")
    body = {"uri": "deep", "content": "The zeppelin lands.", "metadata": {"a": 1}}
    path = (await ann.post("/api/v1/resources", json=body)).headers["location"]
    deep = '{"b": 1, "a": ' + "[" * (levels - 1) + "1.5" + "]" * (levels - 1) + "}"
    await memory._pool.execute(f"update node set metadata = '{deep}'")
    await assert_served(ann, path)
    patched = await ann.patch(path, json={"metadata": {"a": None, "c": 2}}, headers=MERGE)
    assert (patched.status_code, patched.json()["metadata"]) == (200, {"b": 1, "c": 2}), patched.text


async def test_what_is_too_deep_to_be_shown_is_shown_as_text(as_user: AsUser, memory: Memory) -> None:
    ann = as_user("ann")
    path = (await ann.post("/api/v1/resources", json={"uri": "deep", "content": "text"})).headers["location"]
    await memory._pool.execute(f"""update node set metadata = '{'{"a":' * 250}"ü"{"}" * 250}'""")
    shown = (await ann.get(path)).json()["metadata"]
    for _ in range(100):
        shown = shown["a"]
    assert shown == '{"a":' * 150 + '"ü"' + "}" * 150
