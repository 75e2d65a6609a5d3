"""The API over the real memory, database and embedder: stored, found, followed, and kept apart."""

from __future__ import annotations

import json

import pytest

from rem_runtime.memory.answers import QueryAnswer

pytestmark = pytest.mark.postgres

MERCURY = """---
title: Project Mercury
lead: [Sarah Chen]
---
# Project Mercury

Sarah Chen leads the work. The launch moved to May because the antenna failed its vibration test.
See [the budget](budget.md).
"""


async def test_a_document_is_stored_found_followed_and_idempotent(connect, make_app, memory) -> None:
    app = make_app(memory, keys=None)
    async with connect(app) as client:
        body = {"uri": "notes/mercury.md", "media_type": "text/markdown", "content": MERCURY, "owner": ""}
        made = await client.post("/api/v1/resources", json=body)
        assert made.status_code == 201, made.text
        stored = made.json()
        assert (stored["label"], stored["owner"], stored["unchanged"]) == ("Project Mercury", "", False)
        assert stored["chunks"] >= 1
        assert stored["edges"] >= 2
        assert made.headers["location"] == f"/api/v1/resources/{stored['id']}"

        again = await client.post("/api/v1/resources", json=body)
        assert (again.status_code, again.json()["unchanged"], again.json()["id"]) == (200, True, stored["id"])

        one = await client.get(made.headers["location"])
        assert one.status_code == 200, one.text
        assert (one.json()["uri"], one.json()["label"]) == ("notes/mercury.md", "Project Mercury")
        page = (await client.get("/api/v1/resources", params={"limit": 1})).json()
        assert [item["id"] for item in page["items"]] == [stored["id"]]

        person = {
            "label": "Sarah Chen",
            "type": "person",
            "description": "An engineer.",
            "aliases": ["S. Chen"],
            "owner": "",
        }
        created = await client.post("/api/v1/entities", json=person)
        assert created.status_code == 201, created.text
        assert (await client.get(created.headers["location"])).json()["label"] == "Sarah Chen"
        assert (await client.post("/api/v1/entities", json=person)).status_code == 200
        assert len((await client.get("/api/v1/entities")).json()["items"]) == 1

        for query, label in (
            ("LOOKUP project mercury", "Project Mercury"),
            ("LOOKUP s. chen", "Sarah Chen"),
            ('SEARCH "why was the launch delayed"', "Project Mercury"),
            ("TRAVERSE Project Mercury DEPTH 1", "Sarah Chen"),
        ):
            answer = await client.post("/api/v1/query", json={"query": query})
            assert answer.status_code == 200, answer.text
            labels = [hit["label"] for hit in answer.json()["results"]]
            assert label in labels, (query, labels)
            assert set(answer.json()) == set(QueryAnswer.model_fields)


async def test_a_user_sees_their_own_and_the_shared(connect, make_app, memory) -> None:
    app = make_app(memory, keys=None)
    async with connect(app, x_user_id="ann") as ann, connect(app, x_user_id="bea") as bea:
        note = {"uri": "diary.md", "content": "# Diary\n\nA private thought about zeppelins."}
        stored = (await ann.post("/api/v1/resources", json=note)).json()
        assert stored["owner"] == "ann"
        path = f"/api/v1/resources/{stored['id']}"
        assert (await ann.get(path)).status_code == 200
        hidden = await bea.get(path)
        assert (hidden.status_code, hidden.json()["type"]) == (404, "urn:rem:problem:not-found")
        for query in ("LOOKUP Diary", "SEARCH zeppelins"):
            own = (await ann.post("/api/v1/query", json={"query": query})).json()
            assert [hit["label"] for hit in own["results"]] == ["Diary"]
            other = (await bea.post("/api/v1/query", json={"query": query})).json()
            assert [hit["label"] for hit in other["results"] if hit["kind"]] == []


@pytest.mark.parametrize(
    "query", ["", "LOOKUP", "SEARCH x LIMIT many", "TRAVERSE a DEPTH", "launch", "LOOKUP a LIMIT", "SEARCH 'open"]
)
async def test_what_is_not_in_the_dialect_is_a_problem_with_a_place(connect, make_app, memory, query: str) -> None:
    async with connect(make_app(memory, keys=None)) as client:
        response = await client.post("/api/v1/query", json={"query": query})
    problem = response.json()
    if query:
        assert (response.status_code, problem["type"]) == (400, "urn:rem:problem:invalid-query")
        assert 0 <= problem["position"] <= len(query)
        assert problem["hint"]
    else:
        assert response.status_code == 422


@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        ({"uri": "a.md", "content": "nul \x00 byte"}, {201, 422}),
        ({"uri": "a\x00.md", "content": "x"}, {201, 422}),
        ({"uri": "a.md", "content": "x", "owner": "a\x00"}, {422}),
        ({"uri": "a.md", "content": "x", "owner": "u" * 201}, {422}),
        ({"uri": "a.md", "content": "x", "metadata": {"k": "\x00"}}, {201, 422}),
        ({"uri": "a.md", "content": "x", "metadata": {"k": "\ud800"}}, {422}),
        ({"uri": "a.md", "content": "half \ud800"}, {422}),
        ({"uri": "a.bin", "content": "x", "media_type": "application/octet-stream"}, {422}),
        ({"uri": "", "content": "x"}, {422}),
        ({"uri": "a.md", "content": ""}, {422}),
        ({"uri": "u" * 1025, "content": "x"}, {422}),
        ({"uri": "a.md", "content": "---\ntitle: [\n---\nx"}, {201, 422}),
        ({"uri": "a.md", "content": " \n\t "}, {201, 422}),
        ({"uri": "a.md", "content": "x", "timestamp": "0001-01-01T00:00:00Z"}, {201, 422}),
        ({"uri": "a.md", "content": "# \u202e\U0001f600 " + "a" * 5000}, {201, 422}),
    ],
    ids=lambda value: ascii(value)[:50],
)
async def test_odd_documents_never_end_in_a_fault(connect, make_app, memory, body, statuses) -> None:
    headers = {"Content-Type": "application/json"}
    async with connect(make_app(memory, keys=None)) as client:
        # json.dumps escapes half a surrogate pair, which httpx could not send.
        response = await client.post("/api/v1/resources", content=json.dumps({"owner": "", **body}), headers=headers)
    assert response.status_code in statuses, response.text


@pytest.mark.parametrize("cursor", ["x", "AAAA", "ä", "0" * 22])
async def test_odd_cursors_are_refused_or_empty(connect, make_app, memory, cursor: str) -> None:
    async with connect(make_app(memory, keys=None)) as client:
        response = await client.get("/api/v1/resources", params={"cursor": cursor})
    assert response.status_code in {200, 422}
