"""The whole: real programs, two at once, and nothing left however it ends."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from rem_local import processes
from rem_local.cluster import KubectlError, LocalCluster
from rem_local.control_plane import ControlPlaneError
from rem_local.kube import CONFIGMAPS, NAMESPACES, SECRETS, KubeError
from rem_local.state import StateError, state_directory

pytestmark = pytest.mark.cluster


def _soon(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        signal.sigtimedwait([], 0.05)
    return False


def _processes_of(directory: Path) -> dict[int, str]:
    """Command lines that name a file of the cluster's directory, by process id."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(directory) in command:
                found[int(entry.name)] = command
    return found


@contextmanager
def _up(*options: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """`rem-local up --bare`, once it has printed where the kubeconfig is."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rem_local", "up", "--bare", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = ""
        while not said.endswith("removes everything.\n"):
            line = process.stdout.readline()
            assert line, f"it ended after saying:\n{said}"
            said += line
        match = re.search(r"KUBECONFIG=(\S+)", said)
        assert match
        yield process, Path(match[1])
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


async def test_the_real_programs_answer(cluster: LocalCluster) -> None:
    assert "Server Version: v1.36." in await cluster.kubectl("version")
    root = await cluster.kube.get(CONFIGMAPS, "default", "kube-root-ca.crt")
    assert root is not None
    assert root["data"]["ca.crt"] == cluster.ca_file.read_text()


async def test_secrets_of_the_cluster_are_private(cluster: LocalCluster) -> None:
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    assert config["users"][0]["user"]["token"] == cluster.admin_token
    files = [cluster.kubeconfig, *cluster.state_dir.glob("*.kubeconfig"), *cluster.state_dir.glob("pki/*.key")]
    files.append(cluster.state_dir / "tokens.csv")
    assert {oct(path.stat().st_mode & 0o777) for path in files} == {"0o600"}


async def test_strangers_may_do_nothing(cluster: LocalCluster, namespace: str) -> None:
    token = await cluster.kube.request_token(namespace, "default")
    with pytest.raises(KubectlError, match="cannot list resource"):
        await cluster.kubectl("--token", token, "get", "secrets", "-n", namespace, "--kubeconfig", "/dev/null",
                              "--server", cluster.server, "--certificate-authority", cluster.ca_file)  # fmt: skip


async def test_pod_security_is_enforced(cluster: LocalCluster) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    body = {"metadata": {"name": "restricted", "labels": labels}}
    await cluster.kube.apply(NAMESPACES, None, "restricted", body, manager="test")
    with pytest.raises(KubectlError, match="violates PodSecurity"):
        await cluster.kubectl("run", "pod", "--image=x", "-n", "restricted", "--dry-run=server")


async def test_kubectl_errors_carry_what_it_said(cluster: LocalCluster) -> None:
    with pytest.raises(KubectlError, match=r"`kubectl get pod none` failed: .*not found"):
        await cluster.kubectl("get", "pod", "none")


async def test_files_are_applied(cluster: LocalCluster, namespace: str, tmp_path: Path) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": namespace},
        "data": {"b": "c"},
    }
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(body))
    await cluster.apply_file(tmp_path)
    found = await cluster.kube.get(CONFIGMAPS, namespace, "a")
    assert found is not None
    assert found["data"] == {"b": "c"}


async def test_a_second_instance_is_another_cluster(cluster: LocalCluster, namespace: str) -> None:
    async with LocalCluster.start() as other:
        assert other.server != cluster.server
        assert await other.kube.get(NAMESPACES, None, namespace) is None
        async with type(other.kube)(cluster.server, other.admin_token, cluster.ca_file) as stranger:
            with pytest.raises(KubeError, match="401"):
                await stranger.list(SECRETS)
        directory = other.state_dir
    assert not directory.exists()
    assert _processes_of(directory) == {}


async def test_a_part_that_fails_fails_the_cluster() -> None:
    directories = []

    async def part() -> None:
        raise LookupError("the part is broken")

    async def run() -> None:
        async with LocalCluster.start() as cluster:
            directories.append(cluster.state_dir)
            cluster.run(part(), name="part")
            await asyncio.Event().wait()

    with pytest.raises(LookupError, match="the part is broken"):
        await run()
    assert _processes_of(directories[0]) == {}


async def test_a_dead_program_fails_the_cluster_and_says_why() -> None:
    async def run() -> None:
        async with LocalCluster.start() as cluster:
            programs = _processes_of(cluster.state_dir)
            os.kill(next(pid for pid, command in programs.items() if "kube-scheduler" in command), signal.SIGKILL)
            await asyncio.Event().wait()

    with pytest.raises(ControlPlaneError, match=r"kube-scheduler ended by itself .* -9[\s\S]*end of its log"):
        await run()


def test_nothing_is_left_when_it_is_killed() -> None:
    with _up() as (process, kubeconfig):
        assert len(_processes_of(kubeconfig.parent)) == 4
        process.kill()
        process.wait(10)
        assert _soon(lambda: _processes_of(kubeconfig.parent) == {})
        assert _soon(lambda: not kubeconfig.parent.exists())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_on_a_signal(number: signal.Signals) -> None:
    with _up() as (process, kubeconfig):
        process.send_signal(number)
        assert process.wait(20) == 0
        assert _processes_of(kubeconfig.parent) == {}
        assert not kubeconfig.parent.exists()


def test_a_given_directory_is_kept_and_begins_empty(tmp_path: Path) -> None:
    for _ in range(2):
        with state_directory(tmp_path / "state") as directory:
            assert list((directory / "logs").iterdir()) == []
            (directory / "logs" / "a.log").write_text("a")
            with pytest.raises(StateError, match="another cluster is running"), state_directory(directory):
                pass
        assert (directory / "logs" / "a.log").exists()


def test_somebody_elses_directory_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(StateError, match="name an empty or a new directory"), state_directory(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_temporary_directory_goes_at_the_end() -> None:
    with processes.temporary_directory("rem-local-test-") as directory:
        assert directory.stat().st_mode & 0o077 == 0
        assert directory.stat().st_uid == os.getuid()
    assert not directory.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_start_is_not_a_success(number: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-m", "rem_local", "up", "--bare"], stdout=subprocess.PIPE, text=True)
    assert _soon(lambda: any("kube-apiserver" in command for command in _children_of(process.pid)))
    process.send_signal(number)
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Interrupted; everything is stopped." in said


def _children_of(pid: int) -> list[str]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [Path(f"/proc/{child}/cmdline").read_text() for child in children]
    except OSError:
        return []
