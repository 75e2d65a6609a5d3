"""Where the programs come from: the order of the sources, checksums, the lock, and what is said when none works."""

from __future__ import annotations

import asyncio
import hashlib
import io
import stat
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from rem_local import binaries, downloads, go_build
from rem_local.binaries import PROGRAMS, BinariesError, ensure_binaries
from rem_local.cache import cache_dir, locked
from rem_local.downloads import DownloadError, checksum_in
from rem_local.progress import Progress

_NAMES = [program.name for program in PROGRAMS]


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, no assets, and nothing that can be reached."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setattr(downloads, "KUBERNETES_URL", "http://127.0.0.1:9/{version}/{architecture}/{name}")
    monkeypatch.setattr(downloads, "ETCD_URL", "http://127.0.0.1:9/{version}")


def _without_go(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    monkeypatch.setenv("PATH", str(directory))


def _fill(directory: Path, names: list[str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        (directory / name).write_text("#!/bin/sh\n")
        (directory / name).chmod(0o755)


async def test_assets_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(tmp_path / "assets", _NAMES)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    found = await ensure_binaries(Progress.silent())
    assert found.kube_controller_manager == tmp_path / "assets" / "kube-controller-manager"
    assert not cache_dir().exists()


async def test_incomplete_assets_are_not_mixed_with_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(tmp_path / "assets", ["etcd", "kube-apiserver", "kubectl"])
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    for program in PROGRAMS:
        _fill(program.path().parent, [program.name])
    progress = Progress.silent()
    assert (await ensure_binaries(progress)).etcd == PROGRAMS[0].path()


async def test_without_any_way_the_error_names_the_remedies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _without_go(monkeypatch, tmp_path)
    with pytest.raises(BinariesError) as caught:
        await ensure_binaries(Progress.silent())
    message = str(caught.value)
    assert "etcd v3.6.8 is not here" in message
    assert "cannot download http://127.0.0.1:9" in message
    assert "there is no `go` on the PATH" in message
    assert "install Go 1.26 or newer" in message
    assert "KUBEBUILDER_ASSETS" in message
    assert str(PROGRAMS[0].path()) in message


async def test_an_old_go_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "go").write_text("#!/bin/sh\necho go1.24.3\n")
    (tmp_path / "go").chmod(0o755)
    _without_go(monkeypatch, tmp_path)
    with pytest.raises(go_build.GoError, match=r"go is go1\.24\.3 \(needed: Go 1\.26 or newer\)"):
        await go_build.find_go()


async def test_a_failing_build_shows_what_go_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "go").write_text(
        '#!/bin/sh\n[ "$1" = env ] && echo go1.26.0 && exit\necho "no such module" >&2\nexit 1\n'
    )
    (tmp_path / "go").chmod(0o755)
    _without_go(monkeypatch, tmp_path)
    with pytest.raises(BinariesError, match=r"`go build .*` failed:\nno such module"):
        await ensure_binaries(Progress.silent())
    assert not PROGRAMS[0].path().exists()
    assert list(PROGRAMS[0].path().parent.iterdir()) == []


class _Releases:
    """The release servers, on loopback."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.wrong: set[str] = set()
        with io.BytesIO() as buffer:
            with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
                for name in ("README.md", "etcd", "etcdctl"):
                    info = tarfile.TarInfo(f"etcd-v3.6.8-linux-{binaries._architecture()}/{name}")
                    info.size = len(name)
                    tar.addfile(info, io.BytesIO(name.encode()))
            self.archive = buffer.getvalue()

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        name = request.path.rsplit("/", 1)[1]
        if name == "SHA256SUMS":
            archive = f"etcd-v3.6.8-linux-{binaries._architecture()}.tar.gz"
            return web.Response(text=f"{'0' * 64}  other.zip\n{hashlib.sha256(self.archive).hexdigest()}  {archive}\n")
        if name.endswith(".sha256"):
            return web.Response(text=hashlib.sha256(name.removesuffix(".sha256").encode()).hexdigest())
        if name.endswith(".tar.gz"):
            return web.Response(body=self.archive)
        return web.Response(text="evil" if name in self.wrong else name)


@pytest_asyncio.fixture(loop_scope="session")
async def releases(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[_Releases]:
    served = _Releases()
    app = web.Application()
    app.router.add_get("/{path:.*}", served.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    monkeypatch.setattr(downloads, "KUBERNETES_URL", base + "/{version}/{architecture}/{name}")
    monkeypatch.setattr(downloads, "ETCD_URL", base + "/{version}")
    yield served
    await runner.cleanup()


async def test_downloads_are_checked_unpacked_and_cached(releases: _Releases) -> None:
    found = await ensure_binaries(Progress.silent())
    assert found.etcd.read_text() == "etcd"
    assert found.kube_scheduler.read_text() == "kube-scheduler"
    assert stat.S_IMODE(found.kubectl.stat().st_mode) == 0o755
    releases.asked.clear()
    assert await ensure_binaries(Progress.silent()) == found
    assert releases.asked == []


async def test_two_runs_at_once_download_once(releases: _Releases) -> None:
    first, second = await asyncio.gather(ensure_binaries(Progress.silent()), ensure_binaries(Progress.silent()))
    assert first == second
    assert len(releases.asked) == len(set(releases.asked)) == 10


async def test_a_download_with_a_wrong_checksum_is_not_used(
    releases: _Releases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_go(monkeypatch, tmp_path)
    releases.wrong.add("kube-apiserver")
    with pytest.raises(BinariesError, match=r"kube-apiserver has SHA-256 \w+, but \w+ is published"):
        await ensure_binaries(Progress.silent())
    assert not next(program for program in PROGRAMS if program.name == "kube-apiserver").path().exists()


def test_checksum_lists() -> None:
    assert checksum_in("ABC\n", "x") == "abc"
    assert checksum_in("aa  y\nbb *x\n", "x") == "bb"
    with pytest.raises(DownloadError, match="do not list x"):
        checksum_in("aa  y\n", "x")


async def test_the_lock_is_given_back_by_a_killed_run() -> None:
    script = "import asyncio\nfrom rem_local.cache import locked\nfrom rem_local.progress import Progress\n"
    script += "async def main():\n async with locked('x', Progress.silent()):\n"
    script += "  print('in', flush=True); await asyncio.sleep(60)\nasyncio.run(main())"
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=subprocess.PIPE)
    assert other.stdout is not None
    await other.stdout.readline()
    entered = asyncio.ensure_future(_enter())
    done, _ = await asyncio.wait([entered], timeout=0.7)
    assert not done
    other.kill()
    await asyncio.wait_for(entered, 10)
    await other.wait()


async def _enter() -> None:
    async with locked("x", Progress.silent()):
        pass


async def test_go_builds_what_the_wrapper_module_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of our own in etcd's place: building etcd itself takes a minute and is what `make binaries` does."""
    try:
        await go_build.find_go()
    except go_build.GoError as error:
        pytest.skip(str(error))
    (tmp_path / "go" / "etcd").mkdir(parents=True)
    (tmp_path / "go" / "etcd" / "go.mod").write_text("module rem.local/etcd\n\ngo 1.26.0\n")
    (tmp_path / "go" / "etcd" / "main.go").write_text('package main\n\nfunc main() { println("built") }\n')
    monkeypatch.setattr(go_build, "WRAPPERS", tmp_path / "go")
    with Progress.silent().step("etcd") as step:
        await go_build.build_program("etcd", binaries.ETCD_VERSION, tmp_path / "program", step)
    said = await asyncio.to_thread(subprocess.run, [tmp_path / "program"], capture_output=True, text=True, check=True)
    assert said.stderr == "built\n"
