"""Every kind of thing, every operation: one table, over the real memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from rem_runtime.memory.caller import Caller
from rem_runtime.memory.ingest import Document
from rem_runtime.memory.records import records

pytestmark = pytest.mark.postgres

AsUser = Callable[[str], httpx.AsyncClient]
MERGE = {"content-type": "application/merge-patch+json"}


@dataclass(frozen=True)
class Kind:
    """One row of the table."""

    path: str
    body: Mapping[str, Any]
    """What is posted; a number in braces makes it another thing."""
    patch: Mapping[str, Any]
    shown: Mapping[str, Any]
    """What is seen after the patch."""
    refused: tuple[Mapping[str, Any], ...] = ()
    """Patches that are 422."""
    report: Mapping[str, int] = field(default_factory=dict)
    """What a soft delete counts."""


KINDS = [
    Kind(
        "resources",
        {"uri": "note-{n}.md", "content": "# Memo {n}\n\nThe zeppelin lands at dawn."},
        {"label": "Airship", "tags": ["sky"], "metadata": {"source": "wiki"}, "timestamp": "2026-05-04T09:00:00Z"},
        {"label": "Airship", "key": "airship", "tags": ["sky"], "metadata": {"source": "wiki"}},
        ({"label": None}, {"label": ""}, {"uri": "other.md"}, {"content": "x"}, {"version": 7}, {"label": "---"}),
        {"resources": 1, "chunks": 1},
    ),
    Kind(
        "entities",
        {"label": "Thing {n}", "type": "project", "description": "A zeppelin.", "properties": {"a": 1, "b": {"c": 2}}},
        {"type": "Product Line", "description": "An airship.", "properties": {"a": None, "b": {"d": 3}}},
        {"type": "product_line", "description": "An airship.", "properties": {"b": {"c": 2, "d": 3}}},
        ({"label": None}, {"label": "--"}, {"owner": ""}, {"graph_edges": [{"dst": "x"}]}, {"tags": "x"}),
        {"entities": 1, "chunks": 1},
    ),
    Kind(
        "moments",
        {
            "label": "Landing {n}",
            "starts_at": "2026-05-04T09:00:00Z",
            "summary": "The zeppelin lands.",
            "type": "event",
        },
        {
            "summary": "The airship lands.",
            "ends_at": "2026-05-04T10:00:00+01:00",
            "present_persons": [{"name": "Ann", "role": "pilot"}],
            "topic_tags": ["sky"],
        },
        {"summary": "The airship lands.", "ends_at": "2026-05-04T09:00:00Z", "topic_tags": ["sky"]},
        ({"starts_at": None}, {"ends_at": "2026-05-04T08:00:00Z"}, {"summary": 5}, {"nothing": 1}),
        {"moments": 1, "chunks": 1},
    ),
    Kind(
        "users",
        {"label": "User {n}", "email": "u{n}@acme.example", "summary": "Flies a zeppelin.", "interests": ["wind"]},
        {"summary": "Flies an airship.", "interests": ["wind", "rain"], "email": None},
        {"summary": "Flies an airship.", "interests": ["wind", "rain"], "email": None},
        ({"label": None}, {"interests": "x"}, {"unknown": 1}),
        {"users": 1, "chunks": 1},
    ),
    Kind(
        "files",
        {"uri": "file-{n}.txt", "file": "The zeppelin of file {n}."},
        {"tags": ["sky"], "metadata": {"seen": True}},
        {"tags": ["sky"], "metadata": {"seen": True}, "state": "stored"},
        ({"state": "failed"}, {"label": "x"}, {"tags": [1]}),
        {"files": 1, "resources": 1, "chunks": 1},
    ),
    Kind(
        "sessions",
        {"name": "Talk {n}", "agent": "helpdesk", "metadata": {"a": 1, "b": 2}},
        {"name": "Other talk", "metadata": {"a": None, "c": 3}},
        {"name": "Other talk", "metadata": {"b": 2, "c": 3}, "agent": "helpdesk"},
        ({"mode": "odd"}, {"owner": ""}, {"name": 5}),
        {"sessions": 1},
    ),
    Kind(
        "messages",
        {"role": "user", "content": "Where is zeppelin {n}?", "metadata": {"speaker": "Ann"}},
        {"content": "Where is the airship?", "tags": ["asked"]},
        {"content": "Where is the airship?", "tags": ["asked"], "metadata": {"speaker": "Ann"}, "role": "user"},
        ({"role": "tool"}, {"content": ""}, {"content": None}, {"session_id": "x"}),
        {"messages": 1, "chunks": 1},
    ),
]
NODES = [kind for kind in KINDS if kind.path not in {"sessions", "messages"}]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.path)


def filled(value: Any, n: int) -> Any:
    """The body of thing number `n`."""
    if isinstance(value, str):
        return value.replace("{n}", str(n))
    return {name: filled(item, n) for name, item in value.items()} if isinstance(value, Mapping) else value


async def post(client: httpx.AsyncClient, kind: Kind, n: int = 0, **further: Any) -> httpx.Response:
    """Creates one; a message in a session of its own."""
    body = {**filled(kind.body, n), **further}
    if kind.path == "files":
        return await client.post("/api/v1/files", data=body, files={"file": ("f.txt", body.pop("file"))})
    if kind.path == "messages":
        owner = {"owner": body.pop("owner")} if "owner" in body else {}
        session = await client.post("/api/v1/sessions", json=owner)
        if session.status_code != 201:
            return session
        return await client.post(f"{session.headers['location']}/messages", json={"messages": [body]})
    return await client.post(f"/api/v1/{kind.path}", json=body)


async def created(client: httpx.AsyncClient, kind: Kind, n: int = 0, **further: Any) -> str:
    """The path of a new one."""
    response = await post(client, kind, n, **further)
    assert response.status_code == 201, response.text
    stored = response.json()
    return f"/api/v1/{kind.path}/{(stored['items'][0] if 'items' in stored else stored)['id']}"


async def listed(client: httpx.AsyncClient, path: str, **params: Any) -> list[str]:
    """The ids of a whole list."""
    ids: list[str] = []
    while True:
        response = await client.get(path, params=params)
        assert response.status_code == 200, response.text
        page = response.json()
        ids += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            return ids
        params["cursor"] = page["next_cursor"]


@every_kind
async def test_the_life_of_one(as_user: AsUser, kind: Kind) -> None:
    ann = as_user("ann")
    path = await created(ann, kind)
    response = await ann.get(path)
    assert response.status_code == 200, response.text
    thing, etag = response.json(), response.headers["etag"]
    assert (thing["id"], thing["user_id"], thing["tenant_id"]) == (path.rpartition("/")[2], "ann", "acme")
    assert await listed(ann, f"/api/v1/{kind.path}") == [thing["id"]]

    for tag, status in ((etag, 304), (f"W/{etag}", 304), ("*", 304), (f'"x", {etag}', 304), ('"x"', 200)):
        assert (await ann.get(path, headers={"if-none-match": tag})).status_code == status, tag
    unchanged = await ann.get(path, headers={"if-none-match": etag})
    assert (unchanged.content, unchanged.headers["etag"]) == (b"", etag)

    for tag in ('"0"', f"W/{etag}", '"x", "y"'):
        response = await ann.patch(path, json=kind.patch, headers=MERGE | {"if-match": tag})
        assert (response.status_code, response.json()["type"]) == (412, "urn:rem:problem:precondition-failed"), tag
    assert (await ann.patch(path, json=kind.patch, headers=MERGE | {"if-match": "3"})).status_code == 400
    for body in kind.refused:
        response = await ann.patch(path, json=body, headers=MERGE | {"if-match": etag})
        assert response.status_code == 422, (body, response.text)
    assert (await ann.get(path)).headers["etag"] == etag

    changed = await ann.patch(path, json=kind.patch, headers=MERGE | {"if-match": etag})
    assert changed.status_code == 200, changed.text
    assert {name: changed.json()[name] for name in kind.shown} == kind.shown
    assert changed.headers["etag"] != etag
    assert changed.json()["updated_at"] > thing["updated_at"]
    assert changed.json()["created_at"] == thing["created_at"]
    again = await ann.get(path)
    assert {name: again.json()[name] for name in changed.json()} == changed.json()
    assert again.headers["etag"] == changed.headers["etag"]
    # What changes nothing is no new version.
    same = await ann.patch(path, json={"tags": changed.json()["tags"]}, headers=MERGE)
    assert same.headers["etag"] == changed.headers["etag"]

    deleted = await ann.delete(path)
    assert deleted.status_code == 200, deleted.text
    report = {name: count for name, count in deleted.json().items() if count}
    assert report.items() >= kind.report.items()
    for response in (await ann.get(path), await ann.delete(path), await ann.patch(path, json={}, headers=MERGE)):
        assert (response.status_code, response.json()["type"]) == (404, "urn:rem:problem:not-found")
    assert await listed(ann, f"/api/v1/{kind.path}") == []


@every_kind
async def test_of_many_with_one_version_exactly_one_wins(as_user: AsUser, kind: Kind) -> None:
    ann = as_user("ann")
    path = await created(ann, kind)
    etag = (await ann.get(path)).headers["etag"]
    answers = await asyncio.gather(
        *(ann.patch(path, json={"tags": [f"t{n}"]}, headers=MERGE | {"if-match": etag}) for n in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    (winner,) = [n for n, answer in enumerate(answers) if answer.status_code == 200]
    assert (await ann.get(path)).json()["tags"] == [f"t{winner}"]


@every_kind
async def test_without_a_version_no_change_is_lost(as_user: AsUser, kind: Kind) -> None:
    ann = as_user("ann")
    path = await created(ann, kind)
    answers = await asyncio.gather(*(ann.patch(path, json={"metadata": {f"k{n}": n}}, headers=MERGE) for n in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    metadata = (await ann.get(path)).json()["metadata"]
    assert {name: metadata[name] for name in metadata if name.startswith("k")} == {f"k{n}": n for n in range(4)}


@every_kind
async def test_pages_neither_repeat_nor_skip(as_user: AsUser, kind: Kind) -> None:
    ann, admin = as_user("ann"), as_user("admin")
    paths = [await created(ann if n % 3 else admin, kind, n, **({} if n % 3 else {"owner": ""})) for n in range(8)]
    ids = [path.rpartition("/")[2] for path in reversed(paths)]
    await created(as_user("bea"), kind, 99)
    first = (await ann.get(f"/api/v1/{kind.path}", params={"limit": 3})).json()
    assert [item["id"] for item in first["items"]] == ids[:3]
    # What comes after and what goes meanwhile moves nothing.
    await created(ann, kind, 100)
    assert (await ann.delete(paths[7])).status_code == 200
    rest = await listed(ann, f"/api/v1/{kind.path}", limit=2, cursor=first["next_cursor"])
    assert rest == ids[3:]
    for cursor in ("x", "AAAA", "ä", "0" * 22, first["next_cursor"] + "=", first["next_cursor"] + "\n", "!" * 22, ""):
        response = await ann.get(f"/api/v1/{kind.path}", params={"cursor": cursor})
        assert response.status_code == (200 if not cursor else 422), cursor
    for params in ({"limit": 0}, {"limit": 201}, {"limit": "x"}, {"lable": "x"}):
        assert (await ann.get(f"/api/v1/{kind.path}", params=params)).status_code == 422


@every_kind
async def test_of_ann_bea_sees_and_changes_nothing(as_user: AsUser, kind: Kind) -> None:
    ann, bea = as_user("ann"), as_user("bea")
    path = await created(ann, kind)
    before = await ann.get(path)
    nowhere = f"/api/v1/{kind.path}/00000000-0000-7000-8000-000000000000"
    etag = before.headers["etag"]

    async def tried(client: httpx.AsyncClient, path: str) -> list[Any]:
        answers = [
            await client.get(path),
            await client.get(path, headers={"if-none-match": etag}),
            await client.get(path, headers={"if-none-match": "*"}),
            await client.patch(path, json=kind.patch, headers=MERGE),
            await client.patch(path, json=kind.patch, headers=MERGE | {"if-match": etag}),
            await client.patch(path, json=kind.patch, headers=MERGE | {"if-match": '"0"'}),
            await client.patch(path, json={"tags": []}, headers=MERGE | {"if-match": "*"}),
            await client.delete(path),
        ]
        if kind.path == "sessions":
            answers += [
                await client.get(f"{path}/messages"),
                await client.post(f"{path}/messages", json={"messages": [{"role": "user", "content": "x"}]}),
            ]
        return [
            (answer.status_code, answer.text.replace(path, "").replace(path.rpartition("/")[2], "ID"))
            for answer in answers
        ]

    # The same as for what was never there, word for word.
    assert await tried(bea, path) == await tried(bea, nowhere)
    assert {status for status, _ in await tried(bea, path)} == {404}
    assert await listed(bea, f"/api/v1/{kind.path}") == []
    purged = await bea.delete(path, params={"purge": "true"})
    if kind.path != "users":
        assert purged.status_code == 403
    # An admin who is somebody else may delete it, but neither read nor change it.
    admin = as_user("admin")
    assert (await admin.get(path)).status_code == 404
    assert (await admin.patch(path, json=kind.patch, headers=MERGE)).status_code == 404
    after = await ann.get(path)
    assert (after.content, after.headers["etag"]) == (before.content, etag)
    # A header does not make Ann of a key that may not speak for others.
    for name, status in (("uri", 200), ("label", 200)):
        if name in kind.body and kind.path != "files":
            response = await bea.get(f"/api/v1/{kind.path}", params={name: filled(kind.body[name], 0)})
            assert (response.status_code, response.json()["items"]) == (status, [])


@every_kind
async def test_what_is_shared_is_read_by_all_and_changed_by_admins(as_user: AsUser, kind: Kind) -> None:
    ann, admin = as_user("ann"), as_user("admin")
    refused = await post(ann, kind, 1, owner="")
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:rem:problem:not-permitted")
    path = await created(admin, kind, owner="")
    assert (await ann.get(path)).json()["user_id"] is None
    for response in (
        await ann.patch(path, json=kind.patch, headers=MERGE),
        await ann.patch(path, json=kind.patch, headers=MERGE | {"if-match": '"0"'}),
        await ann.delete(path),
    ):
        assert (response.status_code, response.json()["type"]) == (403, "urn:rem:problem:not-permitted")
    assert (await admin.patch(path, json=kind.patch, headers=MERGE)).status_code == 200
    assert (await admin.delete(path)).status_code == 200
    assert (await ann.get(path)).status_code == 404


@every_kind
async def test_purge_is_for_admins_and_leaves_nothing(as_user: AsUser, kind: Kind, memory: Any) -> None:
    ann, admin = as_user("ann"), as_user("admin")
    for hidden_first in (False, True):
        path = await created(ann, kind)
        if hidden_first:
            assert (await ann.delete(path)).status_code == 200
        refused = await ann.delete(path, params={"purge": "true"})
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:rem:problem:not-permitted")
        response = await admin.delete(path, params={"purge": "true"})
        assert response.status_code == 200, response.text
        assert response.json()["purged"] is True
        assert {name for name, count in response.json().items() if count} >= {"purged", kind.path}
        assert (await ann.get(path)).status_code == 404
        table = {"sessions": "session", "messages": "message"}.get(kind.path, "node")
        left = await memory._pool.fetchval(
            f"select count(*) from {table} where id = $1 and owner in ('', 'ann')", path.rpartition("/")[2]
        )
        assert left == 0


@pytest.mark.parametrize("kind", [kind for kind in NODES if kind.path != "files"], ids=lambda kind: kind.path)
async def test_a_new_label_is_a_new_name_and_what_is_searched_follows(as_user: AsUser, kind: Kind) -> None:
    ann = as_user("ann")

    async def asked(query: str) -> list[str]:
        response = await ann.post("/api/v1/query", json={"query": query})
        assert response.status_code == 200, response.text
        return [hit["node"]["id"] for hit in response.json()["results"] if hit["node"]]

    path = await created(ann, kind)
    thing = (await ann.get(path)).json()
    assert await asked(f"LOOKUP {thing['label']}") == [thing["id"]]
    renamed = await ann.patch(path, json={"label": "Quokka Meadow"}, headers=MERGE)
    assert (renamed.status_code, renamed.json()["key"]) == (200, "quokka-meadow")
    assert await asked("LOOKUP quokka_meadow") == [thing["id"]]
    assert await asked(f"LOOKUP {thing['label']}") == []
    assert await asked("FUZZY quoka meadow") == [thing["id"]]
    # Each passage stands under the label, for words and for vectors.
    assert await asked("SEARCH quokka MODE lexical") == [thing["id"]]
    hits = (await ann.post("/api/v1/query", json={"query": "SEARCH zeppelin"})).json()["results"]
    assert [hit["passages"][0]["heading"] for hit in hits] == ["Quokka Meadow"]
    await ann.patch(path, json={"aliases": ["The Meadow", thing["label"]]}, headers=MERGE)
    for name in ("the meadow", thing["label"], "quokka meadow"):
        assert await asked(f"LOOKUP {name}") == [thing["id"]], name
    await ann.patch(path, json={"label": "Third name"}, headers=MERGE)
    assert await asked("LOOKUP the meadow") == [thing["id"]], "the other names stay"
    assert await asked("LOOKUP quokka meadow") == []


@pytest.mark.parametrize("kind", [kind for kind in NODES if kind.path != "files"], ids=lambda kind: kind.path)
async def test_edges_are_replaced_as_a_whole_and_only_when_sent(as_user: AsUser, kind: Kind) -> None:
    ann = as_user("ann")
    path = await created(ann, kind)

    async def edges(**patch: Any) -> list[tuple[str, str]]:
        response = await ann.patch(path, json=patch, headers=MERGE)
        assert response.status_code == 200, response.text
        return [(edge["rel_type"], edge["dst"]) for edge in response.json()["graph_edges"]]

    sent = [{"dst": "Hangar", "rel_type": "stands in", "weight": 0.9}, {"dst": "Mast", "rel_type": "needs"}]
    assert await edges(graph_edges=sent) == [("stands_in", "Hangar"), ("needs", "Mast")]
    assert await edges(tags=["x"], label="Renamed") == [("stands_in", "Hangar"), ("needs", "Mast")]
    traversed = await ann.post("/api/v1/query", json={"query": "TRAVERSE hangar IN"})
    assert "Renamed" in [hit["label"] for hit in traversed.json()["results"]]
    assert await edges(graph_edges=sent[1:]) == [("needs", "Mast")]
    assert await edges(graph_edges=None) == []


@pytest.mark.parametrize("path", ["entities", "users", "moments"])
async def test_a_label_that_is_taken_is_a_conflict_within_one_owner(as_user: AsUser, path: str) -> None:
    kind = next(kind for kind in KINDS if kind.path == path)
    ann, bea = as_user("ann"), as_user("bea")
    one, _ = await created(ann, kind, 1), await created(ann, kind, 2)
    taken = filled(kind.body, 2)["label"]
    response = await ann.patch(one, json={"label": taken}, headers=MERGE)
    assert (response.status_code, response.json()["type"]) == (409, "urn:rem:problem:conflict")
    assert (await ann.get(one)).json()["label"] == filled(kind.body, 1)["label"]
    # Somebody else's is no reason, and says nothing.
    hers = await created(bea, kind, 3)
    assert (await bea.patch(hers, json={"label": taken}, headers=MERGE)).status_code == 200


async def test_a_moment_of_the_same_label_at_another_time_is_another_one(as_user: AsUser) -> None:
    ann = as_user("ann")
    body = {"label": "Standup", "starts_at": "2026-05-04T09:00:00Z", "summary": "Monday."}
    first = await ann.post("/api/v1/moments", json=body)
    again = await ann.post("/api/v1/moments", json=body)
    other = await ann.post("/api/v1/moments", json=body | {"starts_at": "2026-05-05T09:00:00Z", "summary": "Tuesday."})
    zoned = await ann.post("/api/v1/moments", json=body | {"starts_at": "2026-05-04T11:00:00+02:00"})
    assert [r.status_code for r in (first, again, other, zoned)] == [201, 200, 201, 200]
    assert first.json()["id"] == again.json()["id"] == zoned.json()["id"] != other.json()["id"]
    assert again.json()["version"] == 1
    found = await ann.post("/api/v1/query", json={"query": "LOOKUP standup"})
    assert len(found.json()["results"]) == 2
    changed = await ann.post("/api/v1/moments", json=body | {"summary": "Monday, told anew."})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)


async def test_what_was_changed_by_hand_is_replaced_by_the_same_post(as_user: AsUser) -> None:
    """A POST says what is to be; that it said so before does not make it so."""
    ann = as_user("ann")
    for kind in KINDS[1:4]:
        path = await created(ann, kind)
        field_name = "description" if kind.path == "entities" else "summary"
        original = (await ann.get(path)).json()[field_name]
        await ann.patch(path, json={field_name: "Something else."}, headers=MERGE)
        assert (await post(ann, kind)).status_code == 200
        assert (await ann.get(path)).json()[field_name] == original


async def test_a_document_keeps_its_text_and_identity_under_another_label(as_user: AsUser) -> None:
    ann = as_user("ann")
    content = "---\ntitle: One\nlead: [Sarah]\n---\n# Part A\n\nThe zeppelin.\n\n## Part B\n\nLandet.\n"
    made = await ann.post("/api/v1/resources", json={"uri": "a/one.md", "content": content})
    path = f"/api/v1/resources/{made.json()['id']}"
    before = (await ann.get(path)).json()
    patched = await ann.patch(path, json={"label": "Two", "timestamp": "2020-02-02T00:00:00Z"}, headers=MERGE)
    assert patched.status_code == 200, patched.text
    after = (await ann.get(path)).json()
    assert after["content"] == content
    for name in ("uri", "media_type", "content_hash", "related_entities", "graph_edges"):
        assert after[name] == before[name], name
    query = {"query": "SEARCH zeppelin UNTIL 2021"}
    (hit,) = (await ann.post("/api/v1/query", json=query)).json()["results"]
    assert hit["passages"][0]["heading"].startswith("Two")
    for name in ("a/one.md", "one", "two"):
        assert (await ann.post("/api/v1/query", json={"query": f"LOOKUP {name}"})).json()["results"][0]["node"]
    # The same document again is still the same document.
    again = await ann.post("/api/v1/resources", json={"uri": "a/one.md", "content": content})
    assert (again.status_code, again.json()["unchanged"]) == (200, True)


async def test_filters(as_user: AsUser) -> None:
    ann = as_user("ann")
    for n, (kind_of, day) in enumerate([("meeting", 1), ("call", 2), ("meeting", 3), ("meeting", 4)]):
        body = {"label": f"M{n}", "type": kind_of, "starts_at": f"2026-05-0{day}T09:00:00Z", "aliases": ["any"]}
        assert (await ann.post("/api/v1/moments", json=body)).status_code == 201
    for n in range(3):
        await ann.post("/api/v1/resources", json={"uri": f"r{n}.md", "content": f"# R{n}\n\ntext"})
    await ann.post("/api/v1/files", data={"uri": "bad.pdf"}, files={"file": ("bad.pdf", b"%PDF-1.7 broken")})

    async def labels(path: str, **params: Any) -> list[str]:
        response = await ann.get(f"/api/v1/{path}", params=params)
        assert response.status_code == 200, response.text
        return [item["label"] for item in response.json()["items"]]

    assert await labels("moments", type="Meeting") == ["M3", "M2", "M0"]
    assert await labels("moments", since="2026-05-02T09:00:00Z", until="2026-05-04T09:00:00Z") == ["M2", "M1"]
    assert await labels("moments", since="2026-05-02T11:00:00+02:00", type="call") == ["M1"]
    assert await labels("moments", label="m2") == ["M2"]
    assert await labels("moments", label="ANY", type="meeting") == ["M3", "M2", "M0"]
    assert await listed(ann, "/api/v1/moments", label="any", limit=1) == await listed(ann, "/api/v1/moments")
    assert await labels("resources", uri="r1.md") == ["R1"]
    assert await labels("resources", uri="r1") == []
    assert await labels("resources", label="r2", uri="r2.md") == ["R2"]
    assert await labels("resources", until="2020-01-01T00:00:00Z") == []
    assert await labels("files", state="failed") == ["bad.pdf"]
    assert await labels("files", state="stored") == []
    for path, params in (
        ("moments", {"since": "yesterday"}),
        ("moments", {"label": "---"}),
        ("files", {"state": "odd"}),
        ("moments", {"since": "0001-01-01T00:00:00+23:00"}),
    ):
        assert (await ann.get(f"/api/v1/{path}", params=params)).status_code == 422, (path, params)


async def test_a_user_is_found_by_the_address_as_long_as_it_is_theirs(as_user: AsUser) -> None:
    ann = as_user("ann")
    made = await ann.post("/api/v1/users", json={"label": "Ann Lee", "email": "ann@acme.example", "aliases": ["Annie"]})

    async def found(name: str) -> int:
        answer = await ann.post("/api/v1/query", json={"query": f"LOOKUP {name}"})
        return len([hit for hit in answer.json()["results"] if hit["node"]])

    assert [await found(name) for name in ("ann lee", "ann@acme.example", "annie")] == [1, 1, 1]
    path = f"/api/v1/users/{made.json()['id']}"
    await ann.patch(path, json={"email": "ann.lee@acme.example"}, headers=MERGE)
    names = ("ann lee", "ann@acme.example", "annie", "ann.lee@acme.example")
    assert [await found(name) for name in names] == [1, 0, 1, 1]


async def test_forgetting_a_user(as_user: AsUser) -> None:
    ann, bea, admin = as_user("auth0|ann/1"), as_user("bea"), as_user("admin")
    for kind in KINDS:
        await created(ann, kind)
        await created(bea, kind)
    path = "/api/v1/users/auth0%7Cann%2F1"
    assert (await admin.delete(path)).status_code == 422
    assert (await bea.delete(path, params={"purge": "true"})).status_code == 403
    report = (await admin.delete(path, params={"purge": "true"})).json()
    counts = {name: report[name] for name in ("entities", "moments", "users", "files", "sessions", "messages")}
    assert counts == {"entities": 1, "moments": 1, "users": 1, "files": 1, "sessions": 2, "messages": 1}
    for kind in KINDS:
        assert await listed(ann, f"/api/v1/{kind.path}") == [], kind.path
        assert len(await listed(bea, f"/api/v1/{kind.path}")) == (2 if kind.path in {"sessions", "resources"} else 1)
    again = await admin.delete(path, params={"purge": "true"})
    assert (again.status_code, again.json()["purged"], again.json()["sessions"]) == (200, True, 0)


async def _found(client: httpx.AsyncClient, name: str) -> list[str]:
    answer = await client.post("/api/v1/query", json={"query": f'LOOKUP "{name}"'})
    return [hit["label"] for hit in answer.json()["results"] if hit["kind"]]


async def test_a_document_is_always_called_after_its_uri(as_user: AsUser) -> None:
    client = as_user("ann")
    stored = await client.post("/api/v1/resources", json={"uri": "notes/mercury.md", "content": "# Launch\n\nIn May."})
    path = f"/api/v1/resources/{stored.json()['id']}"
    await client.post("/api/v1/resources", json={"uri": "notes/plan.md", "content": "# Plan\n\n[it](mercury.md)"})
    for patch in ({"aliases": ["MM"]}, {"aliases": []}, {"label": "mercury", "aliases": ["LL"]}, {"label": "Launch"}):
        assert (await client.patch(path, json=patch, headers=MERGE)).status_code == 200
        label = patch.get("label", "Launch")
        for name in ("notes/mercury.md", "notes/mercury", "mercury"):
            assert await _found(client, name) == [label], (patch, name)
        way = await client.post("/api/v1/query", json={"query": 'TRAVERSE "Plan" OUT'})
        assert label in [hit["label"] for hit in way.json()["results"] if hit["kind"]]
    assert await _found(client, "LL") == ["Launch"]
    assert await _found(client, "MM") == []


@pytest.mark.parametrize(
    "front",
    [
        "tags: [" + ", ".join(f"t{n}" for n in range(150)) + "]",
        "tags: [" + "x" * 250 + "]",
        "related: [" + ", ".join(f"r{n}" for n in range(1_500)) + "]",
        "tags: [" + "x" * 250 + "]\nodd: \ufffd",
    ],
    ids=["many tags", "a long tag", "many labels", "a long tag and a replaced character"],
)
async def test_a_patch_is_about_what_it_says(as_user: AsUser, front: str) -> None:
    """Front matter may hold more than a field that is sent."""
    client = as_user("ann")
    stored = await client.post("/api/v1/resources", json={"uri": "n.md", "content": f"---\n{front}\n---\n\nHello."})
    assert stored.status_code == 201
    path = f"/api/v1/resources/{stored.json()['id']}"
    before = (await client.get(path)).json()
    answer = await client.patch(path, json={"label": "New", "metadata": {"a": 1}}, headers=MERGE)
    assert answer.status_code == 200, answer.text
    after = (await client.get(path)).json()
    assert after["label"] == "New"
    assert after["metadata"]["a"] == 1
    for kept in ("tags", "related_entities", "content"):
        assert after[kept] == before[kept]
    refused = await client.patch(path, json={"tags": ["x"] * 101}, headers=MERGE)
    assert refused.status_code == 422
    assert (await client.patch(path, json={"tags": None}, headers=MERGE)).json()["tags"] == []


async def test_a_patch_of_one_field_is_checked_against_the_others(as_user: AsUser) -> None:
    client = as_user("ann")
    moment = {"label": "M", "starts_at": "2026-05-04T09:00:00Z", "ends_at": "2026-05-04T10:00:00Z"}
    stored = await client.post("/api/v1/moments", json={**moment, "present_persons": [{"name": "Ann"}]})
    path = stored.headers["location"]
    answer = await client.patch(path, json={"starts_at": "2026-05-04T11:00:00Z"}, headers=MERGE)
    assert answer.status_code == 422
    assert "ends_at is before starts_at" in answer.json()["detail"]
    answer = await client.patch(path, json={"present_persons": [{"name": "Ann"}]}, headers=MERGE)
    assert answer.headers["etag"] == '"1"'  # the same: nothing was written


async def test_what_is_unchanged_is_shown_under_its_label(as_user: AsUser, memory: Any) -> None:
    client = as_user("ann")
    note = {"uri": "n.md", "content": "# One\n\nHello."}
    stored = await client.post("/api/v1/resources", json=note)
    await client.patch(stored.headers["location"], json={"label": "Two"}, headers=MERGE)
    again = (await client.post("/api/v1/resources", json=note)).json()
    assert (again["label"], again["unchanged"]) == ("Two", True)
    outcomes = await memory.ingest_many([Document(**note)], Caller("ann"))
    assert [(one.label, one.unchanged) for one in outcomes] == [("Two", True)]


async def test_a_document_and_its_text_are_of_one_version(as_user: AsUser, monkeypatch: pytest.MonkeyPatch) -> None:
    client = as_user("ann")
    note = {"uri": "n.md", "content": "# V1\n\nFirst."}
    path = (await client.post("/api/v1/resources", json=note)).headers["location"]
    fetch = records.fetch_nodes

    async def slowly(*arguments: Any) -> Any:
        nodes = await fetch(*arguments)
        monkeypatch.setattr(records, "fetch_nodes", fetch)
        replaced = await client.post("/api/v1/resources", json={**note, "content": "# V2\n\nSecond."})
        assert replaced.status_code == 200
        return nodes

    monkeypatch.setattr(records, "fetch_nodes", slowly)
    torn = await client.get(path)
    assert (torn.headers["etag"], torn.json()["content"]) == ('"1"', "# V1\n\nFirst.")
    assert (await client.get(path)).json()["content"] == "# V2\n\nSecond."


@every_kind
async def test_who_may_not_read_does_not_read_by_changing(
    as_user: AsUser, served: FastAPI, connect: Callable[..., httpx.AsyncClient], kind: Kind
) -> None:
    path = await created(as_user("bob"), kind)
    async with connect(served, "writer") as writer:
        answer = await writer.patch(path, json={}, headers=MERGE)
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:rem:problem:missing-scope")
    assert answer.json()["scope"] == "read"
    assert (await as_user("bob").patch(path, json={}, headers=MERGE)).status_code == 200
