"""Sessions and messages: kept in order, found by SEARCH, private, whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import httpx
import pytest

from rem_runtime.memory.caller import Caller
from rem_runtime.memory.conversation import MessageInput, SessionInput
from rem_runtime.memory.conversation.listing import MessagesWanted
from rem_runtime.memory.errors import InvalidInput, NotFound
from rem_runtime.memory.store import Memory

pytestmark = pytest.mark.postgres

AsUser = Callable[[str], httpx.AsyncClient]
MERGE = {"content-type": "application/merge-patch+json"}


async def begun(client: httpx.AsyncClient, **body: Any) -> str:
    """The path of a new session."""
    response = await client.post("/api/v1/sessions", json=body)
    assert response.status_code == 201, response.text
    return response.headers["location"]


async def said(client: httpx.AsyncClient, session: str, *contents: str, **fields: Any) -> list[dict[str, Any]]:
    """Appends turns of a user."""
    messages = [{"role": "user", "content": content, **fields} for content in contents]
    response = await client.post(f"{session}/messages", json={"messages": messages})
    assert response.status_code == 201, response.text
    return response.json()["items"]


async def read(client: httpx.AsyncClient, session: str, **params: Any) -> list[str]:
    """What was said, page by page."""
    contents: list[str] = []
    while True:
        page = (await client.get(f"{session}/messages", params=params)).json()
        contents += [item["content"] for item in page["items"]]
        if page["next_cursor"] is None:
            return contents
        params["cursor"] = page["next_cursor"]


async def test_a_message_is_stored_whole(as_user: AsUser) -> None:
    ann = as_user("ann")
    session = await begun(ann)
    message = {
        "role": "assistant",
        "content": "Looked it up.",
        "tool_calls": [
            {"id": "c1", "name": "search", "arguments": {"query": "x", "n": [1, {"a": None}]}, "result": {"hits": []}},
            {"id": "c2", "name": "now", "arguments": {}, "result": None},
        ],
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "tags": ["b", "a"],
        "metadata": {"speaker": "Helper", "tokens": 12},
    }
    response = await ann.post(f"{session}/messages", json={"messages": [message]})
    (stored,) = response.json()["items"]
    assert {name: stored[name] for name in message} == message
    assert stored["session_id"] == session.rpartition("/")[2]
    assert (await ann.get(f"/api/v1/messages/{stored['id']}")).json() == stored


async def test_the_order_of_one_call_and_of_several_holds(as_user: AsUser) -> None:
    ann = as_user("ann")
    session = await begun(ann)
    expected: list[str] = []
    for start in range(0, 300, 100):
        batch = [f"n{number}" for number in range(start, start + 100)]
        assert [item["content"] for item in await said(ann, session, *batch)] == batch
        expected += batch
    assert await read(ann, session, limit=7) == expected
    assert await read(ann, session, limit=200, order="desc") == expected[::-1]


async def test_appending_at_once_keeps_each_call_together_in_its_order(memory: Memory) -> None:
    ann = Caller.of("ann", {"read", "write"})
    session = await memory.conversations.create_session(SessionInput(), ann)
    calls = [[MessageInput(role="user", content=f"{call}-{n}") for n in range(20)] for call in range(6)]
    await asyncio.gather(*(memory.append_messages(session.id, call, ann) for call in calls))
    wanted = MessagesWanted(session_id=session.id, limit=200)
    contents = [message.content for message in (await memory.conversations.messages(ann, wanted)).items]
    assert len(contents) == 120
    order = [contents[start].partition("-")[0] for start in range(0, 120, 20)]
    assert contents == [f"{call}-{n}" for call in order for n in range(20)]


async def test_the_order_holds_when_the_clock_goes_back(as_user: AsUser, memory: Memory) -> None:
    ann = as_user("ann")
    session = await begun(ann)
    await memory._pool.execute(
        "insert into message (id, session_id, role, content, owner) "
        "values (uuidv7(interval '1 hour'), $1, 'user', 'from the future', 'ann')",
        session.rpartition("/")[2],
    )
    await said(ann, session, "one", "two", "three")
    await said(ann, session, "four")
    assert await read(ann, session) == ["from the future", "one", "two", "three", "four"]


async def test_messages_are_found_with_their_speaker(as_user: AsUser) -> None:
    ann = as_user("ann")
    session = await begun(ann)
    (message,) = await said(ann, session, "The gasket leaks at the flange.", metadata={"speaker": "Tom Okafor"})

    async def hits(query: str, client: httpx.AsyncClient = ann) -> list[str]:
        answer = (await client.post("/api/v1/query", json={"query": query})).json()
        return [hit["message_id"] for hit in answer["results"] if hit["message_id"]]

    for query in ("SEARCH gasket IN message", "SEARCH okafor MODE lexical", "SEARCH leaking seal MODE dense"):
        assert await hits(query) == [message["id"]], query
        assert await hits(query, as_user("bea")) == []
    answer = (await ann.post("/api/v1/query", json={"query": "SEARCH gasket IN message"})).json()
    assert answer["results"][0]["session_id"] == session.rpartition("/")[2]
    assert answer["results"][0]["passages"][0]["heading"] == "Tom Okafor"

    path = f"/api/v1/messages/{message['id']}"
    await ann.patch(path, json={"content": "The rotor hums."}, headers=MERGE)
    assert await hits("SEARCH gasket MODE lexical") == []
    assert await hits("SEARCH rotor MODE lexical") == [message["id"]]
    await ann.patch(path, json={"metadata": {"speaker": "Ines Duarte"}}, headers=MERGE)
    assert await hits("SEARCH okafor MODE lexical") == []
    assert await hits("SEARCH duarte MODE lexical") == [message["id"]]
    await ann.delete(session)
    assert await hits("SEARCH rotor MODE lexical") == []
    assert (await ann.get(path)).status_code == 404


async def test_a_call_is_stored_whole_or_not_at_all(as_user: AsUser) -> None:
    ann = as_user("ann")
    session = await begun(ann)
    good = {"role": "user", "content": "fine"}
    for bad in ({"role": "user"}, {"role": "robot", "content": "x"}, {"role": "user", "content": "x", "owner": "bea"}):
        response = await ann.post(f"{session}/messages", json={"messages": [good, bad]})
        assert response.status_code == 422, response.text
    for body in ({"messages": []}, {"messages": [good] * 101}, {}, {"messages": good}):
        assert (await ann.post(f"{session}/messages", json=body)).status_code == 422
    assert await read(ann, session) == []
    odd = "NUL \x00 and \u202e and 👩‍🚀"
    (stored,) = await said(ann, session, odd)
    assert stored["content"] == odd.replace("\x00", "\ufffd")


async def test_lists_of_messages(as_user: AsUser) -> None:
    ann = as_user("ann")
    one, two = await begun(ann, agent="a"), await begun(ann, mode="evaluation", agent="b")
    first = await said(ann, one, "q1")
    await ann.post(f"{two}/messages", json={"messages": [{"role": "assistant", "content": "a1"}]})
    third = await said(ann, one, "q2")

    async def contents(path: str = "/api/v1/messages", **params: Any) -> list[str]:
        response = await ann.get(path, params=params)
        assert response.status_code == 200, response.text
        return [item["content"] for item in response.json()["items"]]

    assert await contents() == ["q2", "a1", "q1"]
    assert await contents(role="assistant") == ["a1"]
    assert await contents(since=third[0]["created_at"]) == ["q2"]
    assert await contents(until=third[0]["created_at"]) == ["a1", "q1"]
    assert await contents(since="2000-01-01T00:00:00Z", until=first[0]["created_at"]) == []
    assert await contents(since="0001-01-01T00:00:00Z", until="9999-12-31T23:59:59Z") == ["q2", "a1", "q1"]
    assert await contents(f"{one}/messages", role="assistant") == []
    assert await contents(f"{one}/messages", since=third[0]["created_at"]) == ["q2"]
    sessions = (await ann.get("/api/v1/sessions", params={"agent": "b"})).json()["items"]
    assert [item["mode"] for item in sessions] == ["evaluation"]
    assert (await ann.get("/api/v1/sessions", params={"mode": "normal"})).json()["items"][0]["agent"] == "a"
    assert (await as_user("bea").get(f"{one}/messages")).status_code == 404


async def test_nobody_in_particular_has_no_sessions_of_their_own(as_user: AsUser) -> None:
    response = await as_user("").post("/api/v1/sessions", json={})
    assert (response.status_code, response.json()["type"]) == (403, "urn:rem:problem:not-permitted")
    made = await as_user("admin").post("/api/v1/sessions", json={"owner": ""})
    assert (made.status_code, made.json()["user_id"]) == (201, None)
    path = made.headers["location"]
    message = {"messages": [{"role": "user", "content": "x"}]}
    refused = await as_user("ann").post(f"{path}/messages", json=message)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:rem:problem:not-permitted")
    assert (await as_user("admin").post(f"{path}/messages", json=message)).json()["items"][0]["user_id"] is None
    assert len((await as_user("ann").get(f"{path}/messages")).json()["items"]) == 1


async def test_a_session_that_goes_while_it_is_written_to(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deleted between the look at it and the write."""
    ann = Caller.of("ann", {"read", "write"})
    session = await memory.conversations.create_session(SessionInput(), ann)
    embed = memory._embedder.embed

    async def slowly(texts: Any) -> Any:
        await memory.delete(ann, kind="session", thing_id=session.id)
        return await embed(texts)

    monkeypatch.setattr(memory._embedder, "embed", slowly)
    with pytest.raises(NotFound):
        await memory.append_messages(session.id, [MessageInput(role="user", content="late")], ann)
    monkeypatch.undo()
    assert await memory._pool.fetchval("select count(*) from message where owner = 'ann'") == 0
    assert await memory._pool.fetchval("select count(*) from chunk where owner = 'ann'") == 0


async def test_the_facade_bounds_what_a_caller_appends(memory: Memory) -> None:
    ann = Caller.of("ann", {"read", "write"})
    session = await memory.conversations.create_session(SessionInput(), ann)
    for messages in ([], [MessageInput(role="user", content="x")] * 101):
        with pytest.raises(InvalidInput):
            await memory.append_messages(session.id, messages, ann)


async def test_vectors_may_come_later(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an embedder that is elsewhere, messages are found by their words at once, and a job is queued."""
    monkeypatch.setattr(type(memory._embedder), "inline", property(lambda _: False))
    ann = Caller.of("ann", {"read", "write"})
    session = await memory.conversations.create_session(SessionInput(), ann)
    (message,) = await memory.append_messages(session.id, [MessageInput(role="user", content="walrus")], ann)
    jobs: list[asyncpg.Record] = await memory._pool.fetch("select payload from job where kind = 'embed'")
    assert [job["payload"]["message_id"] for job in jobs] == [str(message.id)]
    assert await memory._pool.fetchval("select count(*) from embedding") == 0
    answer = await memory.query("SEARCH walrus MODE lexical", ann)
    assert [hit.message_id for hit in answer.results] == [message.id]
