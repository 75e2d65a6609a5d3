"""The page of the API: it needs no other server, and lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from rem_runtime.api import docs

PAGE = (Path(docs.__file__).parent / "page.html").read_text("utf-8")


async def test_the_page_is_open_and_whole(connect, app) -> None:
    async with connect(app) as client:
        response = await client.get("/api/v1/docs")
        assert (await client.get("/api/v1/openapi.json")).status_code == 401
    assert (response.status_code, response.text) == (200, PAGE)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    async with connect(app, "reader") as client:
        assert (await client.get("/api/v1/openapi.json")).status_code == 200


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_where_people_look_first_leads_to_it(connect, app, open_app, path: str) -> None:
    async with connect(open_app) as client:
        response = await client.get(path)
    assert (response.status_code, response.headers["location"]) == (307, "/api/v1/docs")
    async with connect(app) as client:
        assert (await client.get(path)).status_code == 401


def test_it_asks_nobody_else() -> None:
    assert not re.findall(
        r"https?:|//[a-z]|@import|url\(|src=|<link(?! rel=\"icon\" href=\"data:)", PAGE.replace("// ", "")
    )


async def test_its_policy_lets_only_its_own_run(connect, app) -> None:
    async with connect(app) as client:
        policy = (await client.get("/api/v1/docs")).headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (inline,) = re.findall(rf"<{tag}>(.*?)</{tag}>", PAGE, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    # A policy with hashes blocks style and event attributes.
    assert not re.search(r"\s(?:on\w+|style)=", re.sub(r"<script>.*?</script>", "", PAGE, flags=re.DOTALL))


def test_what_is_described_never_becomes_html() -> None:
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert way not in PAGE


@pytest.mark.skipif(shutil.which("node") is None, reason="no node to run the page's script in")
def test_the_script_shows_every_operation(open_app, tmp_path: Path) -> None:
    """In a small stand-in for a document: every operation is shown, opened, and one is sent."""
    (script,) = re.findall(r"<script>(.*?)</script>", PAGE, re.DOTALL)
    (tmp_path / "openapi.json").write_text(json.dumps(open_app.openapi()))
    harness = (Path(__file__).parent / "page_harness.js").read_text("utf-8")
    (tmp_path / "run.js").write_text(harness.replace("/* SCRIPT */", script))
    done = subprocess.run(["node", "run.js"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    operations = sum(len(methods) for methods in open_app.openapi()["paths"].values())
    assert shown["operations"] == operations
    assert shown["sent"] == {
        "url": "/api/v1/entities/a%2Fb",
        "method": "PATCH",
        "headers": {
            "Authorization": "Bearer k",
            "X-User-Id": "Zo\xc3\xab",
            "Content-Type": "application/merge-patch+json",
        },
    }
