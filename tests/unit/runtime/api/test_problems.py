"""Every error is a problem: whatever failed, and also for a browser."""

from __future__ import annotations

from uuid import UUID

import asyncpg
import pytest
from prometheus_client import generate_latest

from rem_runtime.api.auth.keys import KeyRing
from rem_runtime.memory.errors import (
    Busy,
    Conflict,
    DialectError,
    EmbedderError,
    EmbedderUnavailable,
    InvalidInput,
    NotAvailable,
    NotFound,
    NotPermitted,
    PreconditionFailed,
    SchemaError,
    UnreadableFile,
)
from rem_runtime.memory.pool import open_pool
from rem_runtime.memory.store import Memory
from rem_runtime.settings import ApiSettings


class ClientDataError(asyncpg.InterfaceError, ValueError):
    """As asyncpg's own, which it does not export."""


FAILURES: list[tuple[Exception, int, str]] = [
    (DialectError("LIMIT takes a number", position=9, hint="LIMIT 5"), 400, "invalid-query"),
    (NotAvailable("FUZZY comes later"), 501, "not-available"),
    (InvalidInput("too odd"), 422, "invalid-input"),
    (NotPermitted("needs admin"), 403, "not-permitted"),
    (NotFound("there is no such thing"), 404, "not-found"),
    (Conflict("there is another"), 409, "conflict"),
    (PreconditionFailed("it has changed"), 412, "precondition-failed"),
    (UnreadableFile("it is encrypted", file_id=UUID(int=1)), 422, "unreadable-file"),
    (Busy("16 documents wait"), 503, "busy"),
    (SchemaError("no tables; run rem-runtime schema apply"), 503, "schema-not-ready"),
    (EmbedderError("broken"), 500, "internal-error"),
    (EmbedderUnavailable("https://secret.internal/v1 answered 503"), 503, "embedder-unavailable"),
    (ConnectionRefusedError("db.internal:5432"), 503, "database-unavailable"),
    (TimeoutError(), 503, "database-unavailable"),
    (asyncpg.CannotConnectNowError("starting up"), 503, "database-unavailable"),
    (asyncpg.ConnectionDoesNotExistError("gone"), 503, "database-unavailable"),
    (asyncpg.TooManyConnectionsError("full"), 503, "database-unavailable"),
    (asyncpg.QueryCanceledError("timeout"), 503, "database-unavailable"),
    (asyncpg.ReadOnlySQLTransactionError("standby"), 503, "database-unavailable"),
    (asyncpg.InterfaceError("pool is closing"), 503, "database-unavailable"),
    (asyncpg.CharacterNotInRepertoireError("0x00"), 422, "invalid-input"),
    (ClientDataError("value out of int32 range"), 422, "invalid-input"),
    (asyncpg.UndefinedColumnError("secret_column"), 500, "internal-error"),
    (RuntimeError("secret detail"), 500, "internal-error"),
]


@pytest.mark.parametrize(("error", "status", "kind"), FAILURES, ids=lambda value: type(value).__name__)
async def test_what_the_memory_raises(connect, make_app, scripted, error, status, kind) -> None:
    scripted.fails = error
    app = make_app(scripted, keys=None, api=ApiSettings(cors_origins=("https://ui.example",)))
    async with connect(app, origin="https://ui.example") as client:
        response = await client.post("/api/v1/query", json={"query": "LOOKUP x LIMIT many"})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["access-control-allow-origin"] == "https://ui.example"
    problem = response.json()
    assert problem["type"] == f"urn:rem:problem:{kind}"
    assert set(problem) >= {"title", "status", "detail"}
    assert "secret" not in response.text
    assert "db.internal" not in response.text
    assert (response.headers.get("retry-after") is not None) == (status == 503)


async def test_a_query_outside_the_dialect_says_where(connect, open_app, scripted) -> None:
    scripted.fails = DialectError("LIMIT takes a number", position=9, hint="LIMIT 5")
    async with connect(open_app) as client:
        problem = (await client.post("/api/v1/query", json={"query": "LOOKUP x LIMIT many"})).json()
    assert (problem["position"], problem["hint"]) == (9, "LIMIT 5")
    assert problem["detail"] == "LIMIT takes a number"


@pytest.mark.parametrize(
    ("content", "headers", "status", "kind", "said"),
    [
        (b"{", {}, 400, "invalid-json", "not JSON"),
        (b"", {}, 422, "invalid-request", "send a JSON object"),
        (b"[]", {}, 422, "invalid-request", "send a JSON object"),
        (b'{"query": "x"}', {"content-type": "text/plain"}, 415, "unsupported-media-type", "takes application/json"),
        (b"{}", {}, 422, "invalid-request", "/query: Field required"),
        (b'{"query": ""}', {}, 422, "invalid-request", "/query: "),
        (b'{"query": 5}', {}, 422, "invalid-request", "/query: Input should be a valid string"),
        (b'{"query": "x", "limit": 5}', {}, 422, "invalid-request", "/limit: Extra inputs are not permitted"),
        (b'{"query": "\\ud800"}', {}, 422, "invalid-request", "/query: "),
        (b'{"query": "' + b"x" * 8001 + b'"}', {}, 422, "invalid-request", "/query: "),
        (b'{"query": "' + b"x" * 70_000 + b'"}', {}, 413, "too-large", "larger than 65536 bytes"),
        (b"\xff\xfe", {}, 400, "invalid-json", "not JSON"),
    ],
)
async def test_bodies(connect, make_app, scripted, content, headers, status, kind, said) -> None:
    app = make_app(scripted, keys=None, api=ApiSettings(max_body_bytes=65536))
    async with connect(app) as client:
        response = await client.post(
            "/api/v1/query", content=content, headers={"content-type": "application/json"} | headers
        )
    problem = response.json()
    assert (response.status_code, problem["type"]) == (status, f"urn:rem:problem:{kind}")
    assert said in problem["detail"]
    assert scripted.callers == []


async def test_a_body_without_a_length_is_limited_too(connect, make_app, scripted) -> None:
    async def endless():
        for _ in range(100):
            yield b'{"query": "' + b"x" * 4096

    app = make_app(scripted, keys=None, api=ApiSettings(max_body_bytes=8192))
    async with connect(app) as client:
        response = await client.post("/api/v1/query", content=endless(), headers={"content-type": "application/json"})
    assert (response.status_code, response.json()["type"]) == (413, "urn:rem:problem:too-large")


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/nothing", 404, "no-such-path"),
        ("GET", "/api/v1/query", 405, "method-not-allowed"),
        ("GET", "/api/v1/query/", 404, "no-such-path"),
        ("GET", "/api/v1/resources/not-a-uuid", 422, "invalid-request"),
        ("GET", "/api/v1/resources/00000000-0000-0000-0000-000000000000", 404, "not-found"),
        ("GET", "/api/v1/resources?limit=0", 422, "invalid-request"),
        ("GET", "/api/v1/resources?limit=many", 422, "invalid-request"),
        ("GET", "/api/v1/entities?limit=1000000", 422, "invalid-request"),
    ],
)
async def test_paths(connect, open_app, method, path, status, kind) -> None:
    async with connect(open_app) as client:
        response = await client.request(method, path)
    assert (response.status_code, response.json()["type"]) == (status, f"urn:rem:problem:{kind}")
    assert ("allow" in response.headers) == (status == 405)


async def test_a_401_carries_cors_headers_and_a_preflight_needs_no_key(connect, make_app, scripted, keys_file) -> None:
    api = ApiSettings(cors_origins=("https://ui.example",))
    app = make_app(scripted, keys=KeyRing(keys_file), api=api)
    async with connect(app, origin="https://ui.example") as client:
        refused = await client.post("/api/v1/query", json={"query": "x"})
        preflight = await client.options(
            "/api/v1/query",
            headers={"access-control-request-method": "POST", "access-control-request-headers": "authorization"},
        )
    async with connect(app, origin="https://evil.example") as client:
        stranger = await client.post("/api/v1/query", json={"query": "x"})
    assert (refused.status_code, preflight.status_code) == (401, 200)
    assert refused.headers["access-control-allow-origin"] == "https://ui.example"
    assert preflight.headers["access-control-allow-origin"] == "https://ui.example"
    assert "access-control-allow-origin" not in stranger.headers


async def test_a_browser_may_change_and_delete_and_read_versions(connect, make_app, scripted) -> None:
    app = make_app(scripted, keys=None, api=ApiSettings(cors_origins=("https://ui.example",)))
    async with connect(app, origin="https://ui.example") as client:
        for method in ("GET", "POST", "PATCH", "DELETE", "PUT"):
            headers = {"access-control-request-method": method, "access-control-request-headers": "if-match"}
            preflight = await client.options("/api/v1/entities/x", headers=headers)
            assert preflight.status_code == (400 if method == "PUT" else 200), method
        answer = await client.get("/api/v1/health")
    exposed = set(answer.headers["access-control-expose-headers"].split(", "))
    assert exposed >= {"ETag", "Location", "Retry-After"}


async def test_probes_ask_for_no_key_and_tell_the_truth(connect, app, scripted) -> None:
    async with connect(app) as client:
        assert (await client.get("/api/v1/health")).json()["status"] == "ok"
        assert (await client.get("/api/v1/ready")).json() == {"status": "ready", "schema_version": 1}
        for error in (SchemaError("no tables yet"), ConnectionRefusedError("db.internal"), TimeoutError()):
            scripted.fails = error
            response = await client.get("/api/v1/ready")
            assert response.status_code == 503
            assert response.headers["content-type"] == "application/problem+json"
            assert "db.internal" not in response.text
        assert (await client.get("/api/v1/health")).status_code == 200
    assert scripted.callers == []


async def test_readiness_over_a_database_that_is_away(connect, make_app, free_port: int) -> None:
    pool = await open_pool(min_size=0, max_size=2, host="127.0.0.1", port=free_port, user="rem_app", database="rem")
    try:
        app = make_app(Memory(pool, None), keys=None)  # type: ignore[arg-type]  # no text is embedded here
        async with connect(app) as client:
            ready = await client.get("/api/v1/ready")
            alive = await client.get("/api/v1/health")
            asked = await client.post("/api/v1/query", json={"query": "LOOKUP x"})
    finally:
        pool.terminate()
    assert (ready.status_code, alive.status_code, asked.status_code) == (503, 200, 503)
    assert "ConnectionRefusedError" in ready.json()["detail"]
    assert asked.json()["type"] == "urn:rem:problem:database-unavailable"


async def test_what_is_measured_has_bounded_labels(connect, make_app, scripted) -> None:
    app = make_app(scripted, keys=None)
    metrics = next(m.kwargs["metrics"] for m in app.user_middleware if "metrics" in m.kwargs)
    async with connect(app) as client:
        await client.get("/api/v1/resources/00000000-0000-0000-0000-000000000000")
        await client.get("/nothing/here")
        await client.request("BREW", "/api/v1/query")
        await client.post("/api/v1/query", json={"query": "x"}, headers={"x-tenant-id": "other"})
    text = generate_latest(metrics.registry).decode()
    assert 'rem_http_requests_total{method="GET",route="/api/v1/resources/{resource_id}",status="404"} 1.0' in text
    assert 'rem_http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in text
    assert 'method="other"' in text
    assert 'rem_http_rejected_total{reason="wrong-tenant"} 1.0' in text


async def test_a_request_is_one_log_line_without_its_content(connect, app, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with connect(app, "ann") as client:
        await client.post("/api/v1/query", json={"query": "LOOKUP something private"})
        await client.get("/api/v1/health")
    (record,) = [record for record in caplog.records if record.name == "rem_runtime.api.access_log"]
    assert (record.message, record.route, record.status) == ("request", "/api/v1/query", 200)
    assert (record.key, record.user) == ("ann", "ann")
    assert "private" not in str(vars(record))


async def test_the_description_shows_problems_and_examples(open_app) -> None:
    document = open_app.openapi()
    assert document["components"]["schemas"]["Problem"]["properties"]["detail"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["summary"]
            assert operation["description"]
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert set(response["content"]) == {"application/problem+json"}, (path, status)
            if "requestBody" in operation:
                (media,) = operation["requestBody"]["content"].values()
                assert media["examples"]
