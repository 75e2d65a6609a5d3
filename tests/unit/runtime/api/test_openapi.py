"""The description is true: every example fits its schema, is sent, and what comes back fits too."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator, FormatChecker

from rem_runtime.memory.store import Memory

pytestmark = pytest.mark.postgres

MERGE = "application/merge-patch+json"
FORM = "multipart/form-data"
OPEN = {"/api/v1/health", "/api/v1/ready"}


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    described: dict[str, Any]

    @property
    def media(self) -> tuple[str, dict[str, Any]] | None:
        content = self.described.get("requestBody", {}).get("content", {})
        return next(iter(content.items()), None)

    def examples(self) -> list[Any]:
        """The bodies that it shows; one None where it takes none."""
        return [example["value"] for example in self.media[1]["examples"].values()] if self.media else [None]


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            yield Operation(method, path, described)


def fits(document: dict[str, Any], schema: dict[str, Any], value: Any, about: str) -> None:
    """The value is one of the schema's; `$ref`s lead into the document."""
    whole = {"components": document["components"], **schema}
    errors = list(Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(value))
    assert not errors, f"{about}: {errors[0].json_path} {errors[0].message}"


@pytest.fixture
def document(open_app: FastAPI) -> dict[str, Any]:
    return open_app.openapi()


def test_there_is_all_of_it(document: dict[str, Any]) -> None:
    shown = {(operation.method, operation.path.removeprefix("/api/v1/")) for operation in operations(document)}
    kinds = {
        "resources": "resource_id", "entities": "entity_id", "moments": "moment_id", "users": "user",
        "files": "file_id", "sessions": "session_id", "messages": "message_id",
    }  # fmt: skip
    expected = {("post", "query"), ("get", "health"), ("get", "ready")}
    for kind, variable in kinds.items():
        expected |= {("get", kind), *((method, f"{kind}/{{{variable}}}") for method in ("get", "patch", "delete"))}
        expected |= {("post", kind)} - {("post", "messages")}
    expected |= {(method, "sessions/{session_id}/messages") for method in ("get", "post")}
    assert shown == expected
    identities = [operation.described["operationId"] for operation in operations(document)]
    assert len(identities) == len(set(identities))


def test_every_example_fits_its_schema(document: dict[str, Any]) -> None:
    for operation in operations(document):
        about = f"{operation.method} {operation.path}"
        if operation.media:
            media_type, media = operation.media
            assert media_type == {"patch": MERGE}.get(
                operation.method, FORM if "files" in about else "application/json"
            )
            assert media["examples"], about
            for example in operation.examples():
                fits(document, media["schema"], example, about)
        if operation.path in OPEN:
            continue
        good = [response for status, response in operation.described["responses"].items() if status in {"200", "201"}]
        assert any("example" in response["content"]["application/json"] for response in good), about
        for response in good:
            content = response["content"]["application/json"]
            if "example" in content:
                fits(document, content["schema"], content["example"], about)
        for parameter in operation.described.get("parameters", []):
            assert parameter.get("description") or parameter["in"] == "path", (about, parameter["name"])
            for example in parameter["schema"].get("examples", []) + list(parameter.get("examples", [])):
                if not isinstance(example, str) or parameter["in"] != "query":
                    fits(document, parameter["schema"], example, about)


def test_what_may_go_wrong_is_said(document: dict[str, Any]) -> None:
    for operation in operations(document):
        if operation.path in OPEN:
            continue
        said = {int(status) for status in operation.described["responses"] if int(status) >= 400}
        assert said >= {401, 403, 422, 503}, operation
        # An upload may be deleted on its way.
        takes_id = "{" in operation.path or (operation.media or [""])[0] == "multipart/form-data"
        assert (404 in said) == takes_id, operation
        assert (said >= {400, 413, 415}) == (operation.media is not None), operation
        assert (412 in said) == (operation.method in {"patch", "delete"}), operation


async def prepared(client: httpx.AsyncClient) -> dict[str, str]:
    """One thing of each kind, by the name of the variable in a path."""
    ids: dict[str, str] = {}
    for kind, variable in (("entities", "entity_id"), ("moments", "moment_id"), ("users", "user")):
        body = {"label": f"One of {kind}", "starts_at": "2026-01-01T00:00:00Z"}
        if kind != "moments":
            del body["starts_at"]
        ids[variable] = (await client.post(f"/api/v1/{kind}", json=body)).json()["id"]
    note = await client.post("/api/v1/resources", json={"uri": "one.md", "content": "One."})
    ids["resource_id"] = note.json()["id"]
    file = await client.post("/api/v1/files", files={"file": ("two.txt", b"Two.")})
    ids["file_id"] = file.json()["id"]
    ids["session_id"] = (await client.post("/api/v1/sessions", json={})).json()["id"]
    turn = {"messages": [{"role": "user", "content": "Hello."}]}
    messages = await client.post(f"/api/v1/sessions/{ids['session_id']}/messages", json=turn)
    ids["message_id"] = messages.json()["items"][0]["id"]
    return ids


async def sent(client: httpx.AsyncClient, operation: Operation, example: Any, ids: dict[str, str]) -> httpx.Response:
    path = re.sub(r"\{(\w+)\}", lambda match: ids[match[1]], operation.path)
    params = {
        parameter["name"]: (parameter["schema"].get("examples") or parameter["examples"])[0]
        for parameter in operation.described.get("parameters", [])
        if parameter["in"] == "query" and (parameter["schema"].get("examples") or parameter.get("examples"))
    }
    if operation.media is None:
        return await client.request(operation.method, path, params=params)
    if operation.media[0] == FORM:
        fields = dict(example)
        content = fields.pop("file")
        return await client.post(path, data=fields, files={"file": ("example.md", content)})
    return await client.request(operation.method, path, json=example, headers={"content-type": operation.media[0]})


async def test_every_example_is_answered_as_described(
    memory: Memory,
    make_app: Callable[..., FastAPI],
    connect: Callable[..., httpx.AsyncClient],
    document: dict[str, Any],
) -> None:
    order = ["post", "get", "patch", "delete"]
    async with connect(make_app(memory, keys=None), x_user_id="ann") as client:
        ids = await prepared(client)
        for operation in sorted(operations(document), key=lambda one: (order.index(one.method), -len(one.path))):
            for example in operation.examples():
                if operation.method == "delete":
                    ids = await prepared(client)
                about = f"{operation.method} {operation.path} {example}"
                answer = await sent(client, operation, example, ids)
                assert answer.status_code in {200, 201}, f"{about}: {answer.text}"
                described = operation.described["responses"][str(answer.status_code)]
                fits(document, described["content"]["application/json"]["schema"], answer.json(), about)
                for header in described.get("headers", {}):
                    assert answer.headers[header], about
                if answer.status_code == 201 and not operation.path.endswith("messages"):
                    assert (await client.get(answer.headers["location"])).status_code == 200, about
