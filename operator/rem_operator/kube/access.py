"""Where the API server is and how it knows us: address, certificates, and a token that may change while we run.

Reads the files of a ServiceAccount or a kubeconfig. Sends nothing.
"""

from __future__ import annotations

import base64
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

# A kubelet renews a bound token at 80 % of its life (48 minutes of an hour); client-go looks once a minute, too.
_TOKEN_AGE_SECONDS = 60.0


class AccessError(ValueError):
    """Outside of a cluster set KUBE__KUBECONFIG, or KUBE__SERVER, KUBE__TOKEN_FILE and KUBE__CA_FILE."""


class Token:
    """A bearer token out of a file, read again when it may have been renewed; or a fixed one; or none."""

    def __init__(
        self, *, file: Path | None = None, value: str | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._file = file
        self._value = value
        self._clock = clock
        self._read_at = float("-inf")

    def headers(self) -> dict[str, str]:
        """The Authorization header as of now; empty with client certificates."""
        if self._file is not None and self._clock() - self._read_at >= _TOKEN_AGE_SECONDS:
            self._value = self._file.read_text(encoding="utf-8").strip()
            self._read_at = self._clock()
        return {"Authorization": f"Bearer {self._value}"} if self._value else {}

    def expire(self) -> None:
        """The API server refused the token: read the file again at the next request."""
        self._read_at = float("-inf")


@dataclass(frozen=True, slots=True)
class Access:
    """One API server and our identity there."""

    server: str
    tls: ssl.SSLContext | bool
    token: Token


def access_by_files(server: str, *, token_file: Path, ca_file: Path) -> Access:
    """The way in of a pod: its ServiceAccount's token and the cluster's CA."""
    for file, setting in ((token_file, "KUBE__TOKEN_FILE"), (ca_file, "KUBE__CA_FILE")):
        if not file.is_file():
            raise AccessError(f"{setting}: {file} is not there. {AccessError.__doc__}")
    return Access(server.rstrip("/"), ssl.create_default_context(cafile=str(ca_file)), Token(file=token_file))


def access_by_kubeconfig(path: Path) -> Access:
    """The way in of a person: the current context of a kubeconfig with a token or a client certificate."""
    if not path.is_file():
        raise AccessError(f"KUBE__KUBECONFIG: {path} is not there")
    config = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    name = config.get("current-context") or ""
    context = _named(config, "contexts", name, "context")
    cluster = _named(config, "clusters", context.get("cluster", ""), "cluster")
    user = _named(config, "users", context.get("user", ""), "user")
    if "exec" in user or "auth-provider" in user:
        raise AccessError(f"{path}: exec plugins are not supported; use a context with a token or a client certificate")
    tls = _tls(cluster, user, path.parent)
    token_file = user.get("tokenFile")
    token = Token(file=path.parent / token_file) if token_file else Token(value=user.get("token"))
    return Access(str(cluster["server"]).rstrip("/"), tls, token)


def _named(config: Mapping[str, Any], section: str, name: str, key: str) -> Mapping[str, Any]:
    for entry in config.get(section) or ():
        if entry.get("name") == name:
            found: Mapping[str, Any] = entry.get(key) or {}
            return found
    raise AccessError(f"the kubeconfig has no {name!r} under {section}")


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path) -> ssl.SSLContext | bool:
    if str(cluster["server"]).startswith("http://"):
        return True
    if cluster.get("insecure-skip-tls-verify"):
        tls = ssl.create_default_context()
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    else:
        ca = _material(cluster, "certificate-authority", folder)
        tls = ssl.create_default_context(cadata=ca.decode() if ca else None)
    certificate = _material(user, "client-certificate", folder)
    key = _material(user, "client-key", folder)
    if certificate and key:
        _load_client_certificate(tls, certificate, key)
    return tls


def _material(section: Mapping[str, Any], name: str, folder: Path) -> bytes | None:
    if inline := section.get(f"{name}-data"):
        return base64.b64decode(inline)
    return (folder / section[name]).read_bytes() if section.get(name) else None


def _load_client_certificate(tls: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Python loads client certificates from files only, so they stand in a private directory for a moment."""
    import tempfile  # noqa: PLC0415 - only a laptop with client certificates needs it

    with tempfile.TemporaryDirectory() as folder:
        pair = Path(folder, "client.pem")
        pair.touch(mode=0o600)
        pair.write_bytes(certificate + b"\n" + key)
        tls.load_cert_chain(pair)
