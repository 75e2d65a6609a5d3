"""The four real programs: etcd, kube-apiserver, kube-controller-manager, kube-scheduler.

Owns: their command lines, their credentials, the order of starting, and what is reported when one does not come up.
Must not be in it: what is put into the cluster afterwards.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from rem_local import addresses, processes
from rem_local.addresses import AddressBlock
from rem_local.binaries import Binaries
from rem_local.certificates import Certificates, make_certificates, write_private

# Generous: two busy cores and a cold disk cache still have to make it.
_READY_SECONDS = 90.0
_POLL_SECONDS = 0.05
_STOP_SECONDS = 0.2
_ISSUER = "https://kubernetes.default.svc"
# Nothing listens on Service addresses; they only have to be valid.
_SERVICE_ADDRESSES = "10.96.0.0/16"
_CONTROLLERS = (
    "*",
    # These refuse loopback addresses, and each pod would cost them a failing write.
    "-endpoints-controller",
    "-endpointslice-controller",
    "-endpointslice-mirroring-controller",
    # There is one node, it is no cloud's, and its addresses are ours.
    "-node-ipam-controller",
    "-node-route-controller",
    "-cloud-node-lifecycle-controller",
    "-service-lb-controller",
)
ADMIN = "rem-local-admin"
_CONTROLLER_MANAGER = "system:kube-controller-manager"
_SCHEDULER = "system:kube-scheduler"


class ControlPlaneError(Exception):
    """A program of the control plane did not become ready, or ended by itself."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Bearer tokens of the three users that exist before any ServiceAccount does."""

    admin: str
    controller_manager: str
    scheduler: str

    @classmethod
    def random(cls) -> Credentials:
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(32))

    def token_file(self) -> str:
        """The format of --token-auth-file: token, user, uid, groups."""
        return (
            f'{self.admin},{ADMIN},{ADMIN},"system:masters"\n'
            f"{self.controller_manager},{_CONTROLLER_MANAGER},{_CONTROLLER_MANAGER}\n"
            f"{self.scheduler},{_SCHEDULER},{_SCHEDULER}\n"
        )


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything of one control plane is."""

    block: AddressBlock
    state_dir: Path
    binaries: Binaries
    certificates: Certificates
    credentials: Credentials

    @property
    def server(self) -> str:
        return f"https://{self.block.control_plane}:{addresses.API_SERVER_PORT}"

    @property
    def etcd_url(self) -> str:
        return f"https://{self.block.control_plane}:{addresses.ETCD_CLIENT_PORT}"

    @property
    def log_dir(self) -> Path:
        return self.state_dir / "logs"

    @property
    def token_file(self) -> Path:
        return self.state_dir / "tokens.csv"

    @property
    def kubeconfig(self) -> Path:
        return self.state_dir / "kubeconfig"


def prepare(block: AddressBlock, state_dir: Path, binaries: Binaries) -> Layout:
    """Make keys, tokens and kubeconfigs; starts nothing."""
    layout = Layout(
        block=block,
        state_dir=state_dir,
        binaries=binaries,
        certificates=make_certificates(state_dir / "pki", block.control_plane),
        credentials=Credentials.random(),
    )
    write_private(layout.token_file, layout.credentials.token_file())
    for path, user, token in (
        (layout.kubeconfig, ADMIN, layout.credentials.admin),
        (state_dir / "controller-manager.kubeconfig", _CONTROLLER_MANAGER, layout.credentials.controller_manager),
        (state_dir / "scheduler.kubeconfig", _SCHEDULER, layout.credentials.scheduler),
    ):
        write_private(path, yaml.safe_dump(kubeconfig(layout, user=user, token=token), sort_keys=False))
    return layout


def kubeconfig(layout: Layout, *, user: str, token: str) -> dict[str, Any]:
    """A kubeconfig that needs no other file."""
    authority = base64.b64encode(layout.certificates.ca_file.read_bytes()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "rem-local", "cluster": {"server": layout.server, "certificate-authority-data": authority}}
        ],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "rem-local", "context": {"cluster": "rem-local", "user": user, "namespace": "default"}}],
        "current-context": "rem-local",
    }


def etcd_argv(layout: Layout) -> list[str]:
    """One member, with client certificates: its port is open to every user of this machine, and it holds Secrets."""
    pair, authority = layout.certificates.etcd, layout.certificates.ca_file
    peer_url = f"https://{layout.block.control_plane}:{addresses.ETCD_PEER_PORT}"
    flags: dict[str, object] = {
        "name": "rem-local",
        "data-dir": layout.state_dir / "etcd",
        "listen-client-urls": layout.etcd_url,
        "advertise-client-urls": layout.etcd_url,
        "listen-peer-urls": peer_url,
        "initial-advertise-peer-urls": peer_url,
        "initial-cluster": f"rem-local={peer_url}",
        # The data lives as long as this process: durability would only cost time.
        "unsafe-no-fsync": "true",
        "log-level": "warn",
    }
    for prefix in ("", "peer-"):
        flags |= {
            f"{prefix}cert-file": pair.certificate,
            f"{prefix}key-file": pair.key,
            f"{prefix}trusted-ca-file": authority,
            f"{prefix}client-cert-auth": "true",
        }
    return _argv(layout.binaries.etcd, flags)


def api_server_argv(layout: Layout) -> list[str]:
    """RBAC, the default admission plug-ins (Pod Security among them), tokens instead of client certificates."""
    certificates = layout.certificates
    flags: dict[str, object] = {
        "bind-address": layout.block.control_plane,
        "advertise-address": layout.block.control_plane,
        "secure-port": addresses.API_SERVER_PORT,
        # It would refuse a loopback address, and no Service is routed here anyway.
        "endpoint-reconciler-type": "none",
        "etcd-servers": layout.etcd_url,
        "etcd-cafile": certificates.ca_file,
        "etcd-certfile": certificates.etcd.certificate,
        "etcd-keyfile": certificates.etcd.key,
        "tls-cert-file": certificates.serving.certificate,
        "tls-private-key-file": certificates.serving.key,
        "authorization-mode": "RBAC",
        "token-auth-file": layout.token_file,
        "service-account-issuer": _ISSUER,
        "service-account-key-file": certificates.service_account_key,
        "service-account-signing-key-file": certificates.service_account_key,
        "service-cluster-ip-range": _SERVICE_ADDRESSES,
        # The node's own, if it serves logs: there is no CA that both know.
        "kubelet-preferred-address-types": "InternalIP",
        "profiling": "false",
    }
    return _argv(layout.binaries.kube_apiserver, flags)


def controller_manager_argv(layout: Layout) -> list[str]:
    """All controllers but those that know addresses, each with its own ServiceAccount and RBAC."""
    certificates = layout.certificates
    flags = _component_flags(layout, "controller-manager", addresses.CONTROLLER_MANAGER_PORT) | {
        "controllers": ",".join(_CONTROLLERS),
        "use-service-account-credentials": "true",
        "service-account-private-key-file": certificates.service_account_key,
        # Becomes the ConfigMap kube-root-ca.crt of every namespace.
        "root-ca-file": certificates.ca_file,
    }
    return _argv(layout.binaries.kube_controller_manager, flags)


def scheduler_argv(layout: Layout) -> list[str]:
    """The default scheduler."""
    return _argv(layout.binaries.kube_scheduler, _component_flags(layout, "scheduler", addresses.SCHEDULER_PORT))


def _component_flags(layout: Layout, name: str, port: int) -> dict[str, object]:
    config = layout.state_dir / f"{name}.kubeconfig"
    return {
        "kubeconfig": config,
        "authentication-kubeconfig": config,
        "authorization-kubeconfig": config,
        # Without the aggregation layer's CA there is nothing to look up, and looking it up delays the start.
        "authentication-tolerate-lookup-failure": "true",
        "bind-address": layout.block.control_plane,
        "secure-port": port,
        "tls-cert-file": layout.certificates.serving.certificate,
        "tls-private-key-file": layout.certificates.serving.key,
        "leader-elect": "false",
        "profiling": "false",
        # The defaults throttle a test suite that makes a hundred objects a second.
        "kube-api-qps": 200,
        "kube-api-burst": 400,
    }


def _argv(program: Path, flags: Mapping[str, object]) -> list[str]:
    return [str(program), *(f"--{name}={value}" for name, value in flags.items())]


class ControlPlane:
    """The four running programs."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.running: dict[str, processes.Process] = {}

    async def start(self, report: Callable[[str], None]) -> None:
        """Start all four and wait until they are ready; `report` is told what is being waited for."""
        layout, host = self.layout, self.layout.block.control_plane
        async with _probing(layout.certificates.ca_file) as session:
            report("etcd")
            # The API server waits for etcd by itself, while it loads.
            await self._launch("etcd", etcd_argv(layout))
            await self._launch("kube-apiserver", api_server_argv(layout))
            report("kube-apiserver")
            await self._ready(session, "kube-apiserver", f"{layout.server}/readyz")
            await self._launch("kube-controller-manager", controller_manager_argv(layout))
            await self._launch("kube-scheduler", scheduler_argv(layout))
            report("kube-controller-manager and kube-scheduler")
            await asyncio.gather(
                self._ready(
                    session, "kube-controller-manager", f"https://{host}:{addresses.CONTROLLER_MANAGER_PORT}/healthz"
                ),
                self._ready(session, "kube-scheduler", f"https://{host}:{addresses.SCHEDULER_PORT}/readyz"),
            )

    async def stop(self) -> None:
        """Stop all; the data is thrown away, so nobody gets long to say good-bye."""
        await asyncio.gather(*(process.stop(_STOP_SECONDS) for process in self.running.values()))
        self.running.clear()

    async def watch(self) -> None:
        """Run until one of the programs ends by itself, and raise then."""
        waits = {asyncio.ensure_future(process.wait()): name for name, process in self.running.items()}
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        raise self._ended(waits[done.pop()])

    async def _launch(self, name: str, argv: list[str]) -> None:
        # Nothing of the user's environment: proxies and Go settings would change how these behave.
        env = {"PATH": os.defpath, "HOME": str(self.layout.state_dir)}
        log = self.layout.log_dir / f"{name}.log"
        self.running[name] = await processes.start(argv, env=env, log=log, cwd=self.layout.state_dir)

    async def _ready(self, session: aiohttp.ClientSession, name: str, url: str) -> None:
        deadline = asyncio.get_running_loop().time() + _READY_SECONDS
        while not await _answers(session, url):
            for other in self.running:
                if self.running[other].returncode is not None:
                    raise self._ended(other)
            if asyncio.get_running_loop().time() > deadline:
                raise ControlPlaneError(
                    f"{name} was not ready after {_READY_SECONDS:.0f} s ({url}).\n{self._log_of(name)}"
                )
            await asyncio.sleep(_POLL_SECONDS)

    def _ended(self, name: str) -> ControlPlaneError:
        code = self.running[name].returncode
        return ControlPlaneError(f"{name} ended by itself with exit code {code}.\n{self._log_of(name)}")

    def _log_of(self, name: str) -> str:
        process = self.running[name]
        where = f"{process.log.name}; a state directory of your own keeps it"
        return f"The end of its log ({where}):\n{process.tail() or '(empty)'}"


def _probing(ca_file: Path) -> aiohttp.ClientSession:
    context = ssl.create_default_context(cafile=str(ca_file))
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context), timeout=aiohttp.ClientTimeout(total=2.0))


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
