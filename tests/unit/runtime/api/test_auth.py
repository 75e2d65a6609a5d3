"""Who may do what: one table of keys, headers and answers, and what a key file may do while we run."""

from __future__ import annotations

import hmac
import json
import os
from pathlib import Path
from typing import Any

import pytest

from rem_crds.handoff import make_api_key_file
from rem_runtime.api import entities, files, health, messages, moments, query, resources, sessions, users
from rem_runtime.api.auth.keys import KeyRing
from rem_runtime.api.auth.middleware import OPEN_PATHS
from rem_runtime.api.dependencies import Allowed
from rem_runtime.app import make_authenticator
from rem_runtime.errors import KeysFileError, SettingsError
from rem_runtime.settings import AuthSettings, Settings

OPEN_PROBES = {"/api/v1/health", "/api/v1/ready"}
NOTE = {"uri": "a.md", "content": "hello"}
ASK = ("POST", "/api/v1/query", {"query": "LOOKUP a"})
PUT = ("POST", "/api/v1/resources", NOTE)
PUT_SHARED = ("POST", "/api/v1/resources", {**NOTE, "owner": ""})
PUT_FOR_BEA = ("POST", "/api/v1/resources", {**NOTE, "owner": "bea"})

# key, headers, request → status, and the user that the memory was asked for
MATRIX: list[tuple[str, dict[str, str], tuple[str, str, dict[str, Any]], int, str | None]] = [
    ("", {}, ASK, 401, None),
    ("nobody", {}, ASK, 401, None),
    ("", {"authorization": "Bearer"}, ASK, 401, None),
    ("", {"authorization": "Bearer   "}, ASK, 401, None),
    ("", {"authorization": "Basic a2V5LW9mLWFubjo="}, ASK, 401, None),
    ("", {"authorization": "Bearer key-of-ann extra"}, ASK, 401, None),
    ("", {"x_api_key": "key-of-ann"}, ASK, 200, "ann"),
    ("", {"authorization": "bearer key-of-ann"}, ASK, 200, "ann"),
    ("", {"authorization": "Basic abc", "x_api_key": "key-of-ann"}, ASK, 200, "ann"),
    ("nobody", {"x_api_key": "key-of-ann"}, ASK, 401, None),
    ("", {"x_user_id": "ann"}, ASK, 401, None),
    ("ann", {}, ASK, 200, "ann"),
    ("ann", {"x_user_id": "bea"}, ASK, 200, "ann"),
    ("admin", {"x_user_id": "bea"}, ASK, 200, "root"),
    ("gateway", {"x_user_id": "bea"}, ASK, 200, "bea"),
    ("gateway", {"x_user_id": ""}, ASK, 200, ""),
    ("everything", {"x_user_id": "bea"}, ASK, 200, "bea"),
    ("everything", {}, ASK, 200, ""),
    ("ann", {"x_tenant_id": "acme"}, ASK, 200, "ann"),
    ("ann", {"x_tenant_id": "other"}, ASK, 403, None),
    ("ann", {"x_tenant_id": ""}, ASK, 403, None),
    ("everything", {"x_tenant_id": "ACME"}, ASK, 403, None),
    ("nobody", {"x_tenant_id": "other"}, ASK, 401, None),
    ("gateway", {"x_user_id": "b" * 201}, ASK, 400, None),
    ("gateway", {"x_user_id": "a\tb"}, ASK, 400, None),
    ("reader", {}, PUT, 403, None),
    ("writer", {}, ASK, 403, None),
    ("writer", {}, PUT, 201, "bob"),
    ("ann", {}, PUT, 201, "ann"),
    ("ann", {}, PUT_SHARED, 403, "ann"),
    ("ann", {}, PUT_FOR_BEA, 403, "ann"),
    ("gateway", {}, PUT, 403, ""),
    ("gateway", {"x_user_id": "bea"}, PUT, 201, "bea"),
    ("gateway", {"x_user_id": "bea"}, PUT_SHARED, 403, "bea"),
    ("admin", {}, PUT_SHARED, 201, "root"),
    ("admin", {}, PUT_FOR_BEA, 201, "root"),
    ("everything", {}, PUT, 201, ""),
]


@pytest.mark.parametrize(("key", "headers", "request_", "status", "user"), MATRIX)
async def test_matrix(connect, app, scripted, key, headers, request_, status, user) -> None:
    method, path, body = request_
    async with connect(app, key, **headers) as client:
        response = await client.request(method, path, json=body)
    assert response.status_code == status, response.text
    assert [caller.user for caller in scripted.callers] == ([] if user is None else [user])
    if status >= 400:
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["status"] == status
    if status == 401:
        assert response.headers["www-authenticate"].startswith('Bearer realm="rem"')


async def test_a_user_id_is_utf8(connect, app, scripted) -> None:
    async with connect(app, "gateway") as client:
        for value, status in (("Zoë".encode(), 200), (b"Zo\xeb", 400)):
            response = await client.post("/api/v1/query", json={"query": "LOOKUP a"}, headers={b"x-user-id": value})
            assert response.status_code == status
    assert [caller.user for caller in scripted.callers] == ["Zoë"]


@pytest.mark.parametrize(
    ("headers", "status", "user"),
    [({}, 200, ""), ({"x_user_id": "ann"}, 200, "ann"), ({"x_tenant_id": "other"}, 403, None)],
)
async def test_disabled_lets_everybody_in_as_whom_they_say(connect, open_app, scripted, headers, status, user) -> None:
    async with connect(open_app, **headers) as client:
        response = await client.post("/api/v1/resources", json={**NOTE, "owner": ""})
    assert response.status_code == (201 if status == 200 else status)
    assert [caller.user for caller in scripted.callers] == ([] if user is None else [user])


async def test_a_refusal_names_the_scope(connect, app) -> None:
    async with connect(app, "reader") as client:
        response = await client.post("/api/v1/resources", json=NOTE)
    assert response.headers["www-authenticate"] == 'Bearer realm="rem", error="insufficient_scope", scope="write"'
    assert response.json()["type"] == "urn:rem:problem:missing-scope"


async def test_every_route_names_a_scope_or_is_a_probe(app) -> None:
    open_routes, scoped = set(), {}
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            if operation.get("security") == []:
                open_routes.add(path)
            else:
                scoped[method, path] = operation
    assert open_routes == OPEN_PROBES
    assert scoped
    for route in _api_routes(app):
        scopes = [d.call.scopes for d in route.dependant.dependencies if isinstance(d.call, Allowed)]
        if route.path in open_routes:
            assert scopes == []
        else:
            assert len(scopes) == 1, route.path
            reads = "GET" in route.methods or route.path.endswith("/query")
            both = ("read", "write")  # what is changed is answered whole
            assert scopes[0] == (("read",) if reads else both if "PATCH" in route.methods else ("write",)), route.path


def _api_routes(app) -> list[Any]:
    parts = (entities, files, health, messages, moments, query, resources, sessions, users)
    routes = [route for part in parts for route in part.router.routes]
    assert len(routes) == sum(len(methods) for methods in app.openapi()["paths"].values())
    return routes


async def test_a_page_without_data_is_all_that_is_open_beside_the_probes(app) -> None:
    assert {"/api/v1/docs", *OPEN_PROBES} == OPEN_PATHS


async def test_even_the_api_description_and_unknown_paths_need_a_key(connect, app) -> None:
    async with connect(app) as client:
        for path in (
            "/api/v1/openapi.json",
            "/",
            "/api/v1/nothing",
            "/api/v1/health/",
            "/api/v1/ready/x",
            "//api/v1/health",
            "/api/v1/docs/",
            "/api/v1/docs/x",
        ):
            assert (await client.get(path)).status_code == 401, path


async def test_a_key_is_compared_in_constant_time_against_every_key(
    connect, app, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[str, str]] = []
    real = hmac.compare_digest
    monkeypatch.setattr(
        "rem_runtime.api.auth.keys.hmac.compare_digest", lambda a, b: (compared.append((a, b)), real(a, b))[1]
    )
    async with connect(app, "everything") as client:
        assert (await client.post("/api/v1/query", json={"query": "x"})).status_code == 200
    assert len(compared) == 6
    assert all("key-of" not in part for pair in compared for part in pair)


async def test_a_changed_file_is_read_again_and_a_broken_one_is_not(
    connect, app, keys_file: Path, replace_keys, caplog: pytest.LogCaptureFixture
) -> None:
    async def status(name: str) -> int:
        async with connect(app, name) as client:
            return (await client.post("/api/v1/query", json={"query": "x"})).status_code

    assert (await status("ann"), await status("new")) == (200, 401)
    replace_keys(keys_file, {"new": {"user": "new", "scopes": ["read"]}})
    assert (await status("ann"), await status("new")) == (401, 200)
    keys_file.write_text('[{"name": "half')  # noqa: ASYNC240 - a few bytes
    assert (await status("ann"), await status("new")) == (401, 200)
    keys_file.unlink()  # noqa: ASYNC240 - as above
    assert await status("new") == 200
    assert sum("API keys not re-read" in record.message for record in caplog.records) == 2
    replace_keys(keys_file, {"ann": {"user": "ann", "scopes": ["read"]}})
    assert (await status("ann"), await status("new")) == (200, 401)


def test_a_mounted_secret_is_swapped_by_a_link(tmp_path: Path) -> None:
    """As a kubelet does it: keys.json → ..data/keys.json, ..data → a directory that is exchanged."""
    for generation, key in (("one", "first key"), ("two", "other key")):
        (tmp_path / generation).mkdir()
        (tmp_path / generation / "keys.json").write_text(make_api_key_file(key, "made"))
        os.utime(tmp_path / generation / "keys.json", ns=(1, 1))
    (tmp_path / "..data").symlink_to("one")
    (tmp_path / "keys.json").symlink_to("..data/keys.json")
    ring = KeyRing(tmp_path / "keys.json")
    assert ring.find("first key") is not None
    (tmp_path / "..data_tmp").symlink_to("two")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    assert ring.find("first key") is None
    assert ring.find("other key") is not None


@pytest.mark.parametrize(
    "content", [None, "", "{}", json.dumps([{"name": "a", "sha256": "plain-by-mistake", "scopes": ["read"]}])]
)
def test_an_unusable_file_stops_the_start_without_quoting_it(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "keys.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(KeysFileError, match="AUTH__KEYS_FILE: ") as caught:
        KeyRing(file)
    assert "plain-by-mistake" not in str(caught.value)


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        (AuthSettings(mode="OIDC"), "AUTH__MODE: OIDC is not available yet"),
        (AuthSettings(mode="ApiKey"), "AUTH__KEYS_FILE: must name"),
    ],
)
def test_a_mode_that_cannot_be_served_stops_the_start(auth: AuthSettings, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        make_authenticator(Settings(auth=auth))
