"""Answers as responses: serialised once, by pydantic, without another validation; versions as ETags, and what follows
from If-Match and If-None-Match (RFC 9110, section 13)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Header
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from rem_runtime.api.problems import ProblemError
from rem_runtime.memory.models import Message, NodeModel, Session
from rem_runtime.memory.revisions import ANY_REVISION, revision_of

MERGE_PATCH = "application/merge-patch+json"

# What one user may see is no other's, whatever cache lies between; it may be kept, and asked for with If-None-Match.
_CACHING = "private, no-cache"
_TAG = re.compile(r'\s*(?:(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*)?(?:,|$)')


def answered(model: BaseModel, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A model as JSON."""
    content = to_json(model, inf_nan_mode="null")
    return Response(content, status, {"Cache-Control": _CACHING, **(headers or {})}, "application/json")


def answered_version(
    thing: NodeModel | Session | Message,
    *,
    status: int = 200,
    location: str | None = None,
    none_match: Tags | None = None,
) -> Response:
    """A stored thing with its ETag; 304 without it where the client has this version already."""
    revision = revision_of(thing)
    headers = {"ETag": f'"{revision}"', **({"Location": location} if location else {})}
    if none_match is not None and (ANY_REVISION in none_match or revision in none_match):
        return Response(status_code=304, headers={"Cache-Control": _CACHING, **headers})
    return answered(thing, status=status, headers=headers)


Tags = frozenset[str]


def parse_tags(header: str, *, name: str, weak: bool) -> Tags:
    """The tags of a header without their quotes, `*` as it is; raises ProblemError 400.

    A weak tag equals nothing where tags are compared strongly (If-Match).
    """
    if header.strip() == ANY_REVISION:
        return frozenset({ANY_REVISION})
    tags, place = [], 0
    while place < len(header):
        match = _TAG.match(header, place)
        if match is None:
            raise ProblemError(
                400, "invalid-header", f'{name} is a list of versions in quotes, as ETag has them, or "*"'
            )
        if match[2] is not None and (weak or not match[1]):
            tags.append(match[2])
        place = match.end()
    # A quoted star is a tag like any other, and none of ours.
    return frozenset(tags) - {ANY_REVISION}


def _lines(request: Request, name: str) -> str | None:
    """All lines of a header, as one list."""
    lines = request.headers.getlist(name)
    return ", ".join(lines) if lines else None


async def _if_match(
    request: Request,
    _if_match: Annotated[
        str | None,
        Header(alias="If-Match", description="Only this version: the `ETag` of what was read.", examples=['"3"']),
    ] = None,
) -> Tags | None:
    if "If-None-Match" in request.headers:
        raise ProblemError(400, "invalid-header", "what is there already is changed under If-Match, not If-None-Match")
    tags = _lines(request, "If-Match")
    return None if tags is None else parse_tags(tags, name="If-Match", weak=False)


async def _if_none_match(
    request: Request,
    _if_none_match: Annotated[
        str | None,
        Header(alias="If-None-Match", description="Answer 304 if this is still the version.", examples=['"2"']),
    ] = None,
) -> Tags | None:
    tags = _lines(request, "If-None-Match")
    return None if tags is None else parse_tags(tags, name="If-None-Match", weak=True)


async def _no_version(request: Request) -> None:
    """POST replaces whatever has the name: whoever names a version must not believe that it counted."""
    if "If-Match" in request.headers or "If-None-Match" in request.headers:
        raise ProblemError(
            400, "invalid-header", "POST takes no If-Match and no If-None-Match; PATCH of the id changes one version"
        )


IfMatch = Annotated[Tags | None, Depends(_if_match)]
IfNoneMatch = Annotated[Tags | None, Depends(_if_none_match)]
NoVersion = Depends(_no_version)

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "The version in If-None-Match is still the one."}}


def shown(
    example: BaseModel | Mapping[str, Any], *, status: int = 200, description: str = "", etag: bool = False
) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI entry for an answer: an example, and its ETag."""
    value = example.model_dump(mode="json") if isinstance(example, BaseModel) else dict(example)
    entry: dict[str, Any] = {"content": {"application/json": {"example": value}}}
    if description:
        entry["description"] = description
    if etag:
        entry["headers"] = {"ETag": {"description": "The version, for If-Match.", "schema": {"type": "string"}}}
    return {status: entry}
