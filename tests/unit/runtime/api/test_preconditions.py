"""If-Match and If-None-Match, where something is written (RFC 9110, section 13): evaluated, or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.postgres

AsUser = Callable[[str], httpx.AsyncClient]
MERGE = {"content-type": "application/merge-patch+json"}
BODIES: dict[str, Any] = {
    "resources": {"uri": "n.md", "content": "Hello."},
    "entities": {"label": "A"},
    "moments": {"label": "M", "starts_at": "2026-05-04T09:00:00Z"},
    "users": {"label": "U"},
    "sessions": {},
    "files": {},
    "messages": {},
}


async def _stored(client: httpx.AsyncClient, path: str) -> str:
    """The path of a new one."""
    if path == "files":
        answer = await client.post("/api/v1/files", files={"file": ("a.txt", b"Hello.")})
    elif path == "messages":
        session = await client.post("/api/v1/sessions", json={})
        turn = {"messages": [{"role": "user", "content": "Hello."}]}
        answer = await client.post(f"{session.headers['location']}/messages", json=turn)
        return f"/api/v1/messages/{answer.json()['items'][0]['id']}"
    else:
        answer = await client.post(f"/api/v1/{path}", json=BODIES[path])
    return f"/api/v1/{path}/{answer.json()['id']}"


@pytest.mark.parametrize("path", BODIES)
async def test_only_the_named_version_is_deleted(as_user: AsUser, path: str) -> None:
    client = as_user("ann")
    place = await _stored(client, path)
    old = (await client.get(place)).headers["etag"]
    new = (await client.patch(place, json={"tags": ["x"]}, headers=MERGE)).headers["etag"]
    refused = await client.delete(place, headers={"If-Match": old})
    assert (refused.status_code, refused.json()["type"]) == (412, "urn:rem:problem:precondition-failed")
    assert (await client.get(place)).status_code == 200
    assert (await client.delete(place, headers={"If-Match": new})).status_code == 200
    assert (await client.get(place)).status_code == 404


@pytest.mark.parametrize("path", BODIES)
async def test_a_purge_names_a_version_too(as_user: AsUser, path: str) -> None:
    """Also of somebody else's; what is deleted already has no version."""
    admin = as_user("admin")
    place = await _stored(as_user("ann"), path)
    etag = (await as_user("ann").get(place)).headers["etag"]
    purge = {"purge": "true"}
    assert (await admin.delete(place, params=purge, headers={"If-Match": '"old"'})).status_code == 412
    assert (await as_user("ann").get(place)).status_code == 200
    assert (await as_user("ann").delete(place, headers={"If-Match": "*"})).status_code == 200
    for wanted in (etag, "*"):
        assert (await admin.delete(place, params=purge, headers={"If-Match": wanted})).status_code == 412
    assert (await admin.delete(place, params=purge)).status_code == 200


async def test_who_is_forgotten_has_no_version(as_user: AsUser) -> None:
    answer = await as_user("admin").delete("/api/v1/users/ann", params={"purge": "true"}, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:rem:problem:invalid-header")


@pytest.mark.parametrize("header", [{"If-Match": '"1"'}, {"If-None-Match": "*"}])
@pytest.mark.parametrize("path", BODIES)
async def test_what_is_posted_takes_no_version(as_user: AsUser, path: str, header: dict[str, str]) -> None:
    """A client that sends one must not believe that it counted."""
    client = as_user("ann")
    if path == "messages":
        session = await client.post("/api/v1/sessions", json={})
        turn = {"messages": [{"role": "user", "content": "Hello."}]}
        answer = await client.post(f"{session.headers['location']}/messages", json=turn, headers=header)
    elif path == "files":
        answer = await client.post("/api/v1/files", files={"file": ("a.txt", b"Hello.")}, headers=header)
    else:
        answer = await client.post(f"/api/v1/{path}", json=BODIES[path], headers=header)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:rem:problem:invalid-header"), answer.text
    assert "PATCH" in answer.json()["detail"]
    assert (await client.get(f"/api/v1/{path}")).json()["items"] == []


async def test_all_lines_of_a_header_count(as_user: AsUser) -> None:
    client = as_user("ann")
    place = await _stored(client, "entities")
    lines = [("If-Match", '"odd"'), ("If-Match", '"1"'), ("content-type", MERGE["content-type"])]
    assert (await client.patch(place, json={"tags": ["x"]}, headers=lines)).headers["etag"] == '"2"'
    lines = [("If-None-Match", '"odd"'), ("If-None-Match", '"2"')]
    assert (await client.get(place, headers=lines)).status_code == 304


async def test_what_is_there_is_changed_under_if_match(as_user: AsUser) -> None:
    client = as_user("ann")
    place = await _stored(client, "entities")
    for change in (
        client.patch(place, json={"tags": ["x"]}, headers={**MERGE, "If-None-Match": "*"}),
        client.delete(place, headers={"If-None-Match": "*"}),
    ):
        assert (await change).json()["type"] == "urn:rem:problem:invalid-header"
    assert (await client.get(place)).headers["etag"] == '"1"'
