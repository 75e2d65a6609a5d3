"""docs/api.md: every command on it is run, as it stands there, against a server."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from rem_runtime.api.auth.keys import KeyRing
from rem_runtime.memory.store import Memory
from rem_runtime.serving import Listener, Servers, listen

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(shutil.which("curl") is None, reason="no curl to run the commands with"),
]

PAGE = (Path(__file__).parents[4] / "docs" / "api.md").read_text("utf-8")
# Each call's status goes to a file; what is piped on is the body.
PRELUDE = 'curl() { command curl -sS -o body -w "%{http_code}\\n" "$@" >> statuses; cat body; }\n'


async def test_every_command_answers_as_it_says(memory: Memory, make_app: Any, keys_file: Path, tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[1:]
    expected = [int(status) for status in re.findall(r"^# → (\d+)", "".join(blocks), re.MULTILINE)]
    assert len(expected) > 15
    # A call inside $(…) feeds a later one; it is not followed by a status.
    script = re.sub(r"\$\(curl ", "$(command curl -sS ", "".join(blocks)).replace("/tmp/", f"{tmp_path}/")
    (tmp_path / "run.sh").write_text(PRELUDE + script)
    sock = listen("127.0.0.1", 0, group="API")
    listener = Listener(make_app(memory, keys=KeyRing(keys_file)), sock)
    servers = Servers([listener])
    serving = asyncio.create_task(servers.run())
    try:
        process = await asyncio.create_subprocess_exec(
            "bash", "-u", "run.sh", cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin:/usr/local/bin", "REM": f"{listener.url}/api/v1",
                 "KEY": "Authorization: Bearer key-of-admin"},
        )  # fmt: skip
        async with asyncio.timeout(60):
            output, errors = await process.communicate()
    finally:
        servers.stop()
        await serving
        sock.close()
    assert not errors, errors.decode()
    statuses = [int(line) for line in (tmp_path / "statuses").read_text().split()]
    assert statuses == expected, output.decode()


def test_it_names_every_path_and_every_problem(open_app: Any) -> None:
    for path in open_app.openapi()["paths"]:
        place = re.sub(r"/\{\w+\}", "", path.removeprefix("/api/v1"))
        if place not in {"/health", "/ready", "/sessions/messages"}:
            assert f"`{place}`" in PAGE, place
    root = Path(__file__).parents[4] / "rem_runtime" / "api"
    sources = "".join(file.read_text("utf-8") for file in root.rglob("*.py"))
    kinds = set(re.findall(r'(?:ProblemError\(\s*\d+, |\(\d+, |kind, detail = )"([a-z-]+)"', sources)) - {"http-error"}
    kinds -= {"not-ready"}  # the probe's own
    assert len(kinds) > 12
    assert {kind for kind in kinds if f"`{kind}`" not in PAGE} == set()
