"""The page. It is the same for everybody and holds no data, so it asks for no key; what it fetches with the reader's
key is the OpenAPI document. Style and script stand in it, and its policy lets nothing else run."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from fastapi import APIRouter, Response

from rem_crds.handoff import PATH_PREFIX

PATH_DOCS = PATH_PREFIX + "/docs"

_PAGE = Path(__file__).with_name("page.html").read_text("utf-8")
_INLINE = re.compile(r"<(style|script)>(.*?)</\1>", re.DOTALL)


def _policy(page: str) -> str:
    """What the page may load: the style and the script that stand in it, and answers of this API."""
    hashes = {
        match[1]: "'sha256-" + base64.b64encode(hashlib.sha256(match[2].encode()).digest()).decode() + "'"
        for match in _INLINE.finditer(page)
    }
    return (
        f"default-src 'none'; style-src {hashes['style']}; script-src {hashes['script']}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


_HEADERS = {
    "Content-Security-Policy": _policy(_PAGE),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

router = APIRouter()


@router.get(PATH_DOCS, include_in_schema=False)
async def show_docs() -> Response:
    """The page."""
    return Response(_PAGE, headers=_HEADERS, media_type="text/html")
