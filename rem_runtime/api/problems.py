"""How an error looks over HTTP: RFC 9457 `application/problem+json`, the same from every layer.

`type` is `urn:rem:problem:<kind>`, so that a client can tell errors apart without reading prose; `detail` says what to
do. Further members (`position`, `hint`, `errors`) belong to a kind. Which exception becomes which problem is in
`failures.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:rem:problem:"


class Problem(BaseModel):
    """The members that every problem has; a kind may add its own."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Which kind of problem this is.", examples=["urn:rem:problem:invalid-query"])
    title: str = Field(description="The kind in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened here, and what to do about it.")


class ProblemResponse(JSONResponse):
    """JSON under the media type of RFC 9457."""

    media_type = MEDIA_TYPE


class ProblemError(Exception):
    """Raised by an endpoint or a dependency to answer with a problem."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = dict(members or {})

    def response(self) -> ProblemResponse:
        """The same as an HTTP response."""
        body = {
            "type": TYPE_PREFIX + self.kind,
            "title": self.kind.replace("-", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }
        return ProblemResponse(body, status_code=self.status, headers=self.headers)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entries for problems that an endpoint answers with."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _MEANINGS[status], "content": {MEDIA_TYPE: {"schema": schema}}} for status in statuses
    }


_MEANINGS = {
    400: "The body is not JSON, or the query is not in the dialect: `position` and `hint` say where and how.",
    401: "No API key, or one that this tenant does not know.",
    403: "The key lacks a scope, or asks for another tenant.",
    404: "There is no such thing, or the caller may not see it.",
    409: "It contradicts what is stored.",
    412: "It has changed since the version in If-Match; nothing was written.",
    413: "The body is larger than the server takes.",
    415: "The body has another Content-Type than the endpoint takes.",
    422: "The body is not what the endpoint takes: `errors` names each field.",
    501: "Understood, but not in this version, or switched off; the detail says which.",
    503: "The database cannot serve now, or too much waits; `Retry-After` says when to try again.",
}
