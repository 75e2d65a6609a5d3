"""Which Content-Type a route takes. Looked at only once a body did not fit: a good request pays nothing for it."""

from __future__ import annotations

from starlette.requests import Request

from rem_runtime.api.answering import MERGE_PATCH
from rem_runtime.api.problems import ProblemError

_JSON = "application/json"
_FORM = "multipart/form-data"


def wrong_media_type(request: Request) -> ProblemError | None:
    """The 415 for a request whose body is of another type than its route takes."""
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    wanted = _wanted(request)
    if wanted is None or not sent or _fits(sent, wanted):
        return None
    accepted = {"Accept-Patch": MERGE_PATCH} if wanted == MERGE_PATCH else {"Accept-Post": wanted}
    detail = f"the body is {sent}, but this takes {wanted}; set the Content-Type"
    return ProblemError(415, "unsupported-media-type", detail, headers=accepted)


def _wanted(request: Request) -> str | None:
    field = getattr(request.scope.get("route"), "body_field", None)
    media_type = getattr(getattr(field, "field_info", None), "media_type", None)
    return media_type if isinstance(media_type, str) else None


def _fits(sent: str, wanted: str) -> bool:
    if wanted == _FORM:
        return sent == _FORM
    return sent in {_JSON, wanted} or (wanted == _JSON and sent.startswith("application/") and sent.endswith("+json"))
