"""Builds and reads pinned Go modules: the wrapper modules under go/ and, for CRDs, plain module downloads.

The Go checksum database and the committed go.sum files are what pins the content.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from rem_local import processes
from rem_local.progress import Step

LEAST_GO = (1, 26)
WRAPPERS = Path(__file__).parent / "go"
_UPDATE_SECONDS = 1.0
_DOWNLOAD_SECONDS = 120.0


class GoError(Exception):
    """Go is not there, too old, or did not do it."""


async def build_program(name: str, version: str, target: Path, step: Step) -> None:
    """Build the program from its wrapper module into `target`; minutes, from a cold Go build cache."""
    go = await find_go()
    if name == "etcd":
        module, package, flags = "etcd", ".", ["-s", "-w"]
    else:
        module, package, flags = "kube", f"k8s.io/kubernetes/cmd/{name}", _kubernetes_flags(version)
    argv = [go, "build", "-trimpath", "-ldflags", " ".join(flags), "-o", str(target), package]
    with processes.temporary_directory("rem-local-go-") as directory:
        log = directory / "build.log"
        process = await processes.start(argv, env=_go_env(), log=log, cwd=WRAPPERS / module)
        try:
            while process.returncode is None:
                step.update("building from its Go module, minutes the first time")
                await asyncio.wait([asyncio.ensure_future(process.wait())], timeout=_UPDATE_SECONDS)
        finally:
            await process.stop(grace_seconds=2.0)
        if process.returncode != 0:
            raise GoError(f"`go build {package}` failed:\n{process.tail()}")


async def download_modules(modules: Sequence[str]) -> dict[str, Path]:
    """Directories in Go's module cache of "path@version" modules, by path; downloads what is not there."""
    go = await find_go()
    output = await _run([go, "mod", "download", "-json", *modules], cwd=WRAPPERS / "crds")
    directories = {}
    for entry in _json_values(output):
        if entry.get("Error"):
            raise GoError(f"`go mod download {entry['Path']}@{entry['Version']}` failed: {entry['Error']}")
        directories[entry["Path"]] = Path(entry["Dir"])
    return directories


def required_versions() -> dict[str, str]:
    """Module path → version, as go/crds/go.mod says."""
    text = (WRAPPERS / "crds" / "go.mod").read_text()
    return dict(re.findall(r"^\s*(?:require )?(\S+/\S+) (v\S+)", text, flags=re.MULTILINE))


async def find_go() -> str:
    """The path of a Go that is new enough."""
    needed = f"{LEAST_GO[0]}.{LEAST_GO[1]}"
    go = shutil.which("go")
    if go is None:
        raise GoError(f"there is no `go` on the PATH (needed: Go {needed} or newer)")
    version = (await _run([go, "env", "GOVERSION"], cwd=Path("/"))).strip()
    found = re.match(r"go(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < LEAST_GO:
        raise GoError(f"{go} is {version or 'of unknown version'} (needed: Go {needed} or newer)")
    return go


def _kubernetes_flags(version: str) -> list[str]:
    """What the project's own build sets; without it the API server reports no version and clients refuse it."""
    major, minor, _ = version.removeprefix("v").split(".")
    component = "k8s.io/component-base/version"
    return [
        "-s",
        "-w",
        f"-X {component}.gitVersion={version}",
        f"-X {component}.gitMajor={major}",
        f"-X {component}.gitMinor={minor}",
        f"-X k8s.io/client-go/pkg/version.gitVersion={version}",
    ]


def _go_env() -> dict[str, str]:
    # GOTOOLCHAIN: the version is checked here instead of fetching another Go behind the user's back.
    return {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOTOOLCHAIN": "local"}


async def _run(argv: Sequence[str], *, cwd: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=cwd, env=_go_env(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), _DOWNLOAD_SECONDS)
    except TimeoutError as error:
        raise GoError(f"`{' '.join(argv[:4])}` took more than {_DOWNLOAD_SECONDS:.0f} s") from error
    finally:
        if process.returncode is None:
            process.kill()
    # `go mod download -json` reports errors inside its output and exits with 1.
    if process.returncode != 0 and not output:
        raise GoError(f"`{' '.join(argv[:4])}` failed: {errors.decode().strip()[-2000:]}")
    return output.decode()


def _json_values(text: str) -> list[dict[str, str]]:
    """The JSON objects that follow one another in `text`."""
    decoder, values, position = json.JSONDecoder(), [], 0
    while position < len(text.rstrip()):
        value, position = decoder.raw_decode(text, position)
        values.append(value)
        position += len(text[position:]) - len(text[position:].lstrip())
    return values
