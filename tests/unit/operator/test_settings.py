"""The environment as settings, and the ways to the API server."""

import base64
import json
import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from rem_operator.kube.access import AccessError, access_by_files, access_by_kubeconfig
from rem_operator.settings import Settings


def test_everything_has_a_default() -> None:
    settings = Settings()
    assert settings.watch.namespaces == ()
    assert settings.policy.allowed_cluster_stores is None
    assert settings.queue.concurrency == 10
    assert settings.build.secret_key_prefix == "{namespace}/{name}/"


@pytest.mark.parametrize("text", ["a, b", '["a", "b"]'])
def test_lists_are_written_with_commas_or_as_json(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("WATCH__NAMESPACES", text)
    monkeypatch.setenv("POLICY__ALLOWED_CLUSTER_STORES", text)
    settings = Settings()
    assert settings.watch.namespaces == ("a", "b")
    assert settings.policy.allowed_cluster_stores == ("a", "b")


def test_an_empty_list_of_cluster_stores_allows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLICY__ALLOWED_CLUSTER_STORES", "")
    assert Settings().policy.allowed_cluster_stores == ()


def test_the_builders_get_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGES__RUNTIME", "registry.test/runtime:2")
    monkeypatch.setenv("NETWORK__API_SERVER__CIDRS", '["10.0.0.1/32"]')
    monkeypatch.setenv("POLICY__SECRET_KEY_PREFIX", "teams/{namespace}/{name}/")
    build = Settings().build
    assert build.images.runtime == "registry.test/runtime:2"
    assert [str(cidr) for cidr in build.network.api_server.cidrs] == ["10.0.0.1/32"]
    assert build.secret_key_prefix == "teams/{namespace}/{name}/"


@pytest.mark.parametrize(
    ("name", "value"),
    [("QUEUE__CONCURENCY", "5"), ("QUEUE__CONCURRENCY", "0"), ("LOG__LEVEL", "LOUD"), ("HTTP__PORT", "x")],
)
def test_a_misspelt_or_impossible_setting_is_an_error(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.split("__")[1].lower()):
        Settings()


@pytest.mark.parametrize(
    ("host", "server"), [("10.0.0.1", "https://10.0.0.1:443"), ("fd00::1", "https://[fd00::1]:443")]
)
def test_a_pod_finds_the_api_server_by_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: str, server: str
) -> None:
    (tmp_path / "token").write_text("t")
    (tmp_path / "ca.crt").write_text(CERTIFICATE)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBE__TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("KUBE__CA_FILE", str(tmp_path / "ca.crt"))
    access = Settings().access()
    assert access.server == server
    assert access.token.headers() == {"Authorization": "Bearer t"}


def test_without_a_way_in_the_settings_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(AccessError, match="KUBE__KUBECONFIG"):
        Settings().access()
    with pytest.raises(AccessError, match="KUBE__TOKEN_FILE"):
        access_by_files("https://x", token_file=tmp_path / "none", ca_file=tmp_path / "none")
    with pytest.raises(AccessError, match="is not there"):
        access_by_kubeconfig(tmp_path / "none")


def kubeconfig(folder: Path, user: dict[str, Any], **cluster: Any) -> Path:
    path = folder / "config"
    content = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:6443/", **cluster}}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_kubeconfig_with_a_token_and_its_own_certificates(tmp_path: Path) -> None:
    data = base64.b64encode(CERTIFICATE.encode()).decode()
    access = access_by_kubeconfig(kubeconfig(tmp_path, {"token": "t"}, **{"certificate-authority-data": data}))
    assert access.server == "https://127.0.0.1:6443"
    assert access.token.headers() == {"Authorization": "Bearer t"}
    assert isinstance(access.tls, ssl.SSLContext)
    assert access.tls.verify_mode is ssl.CERT_REQUIRED


def test_a_kubeconfig_with_a_token_file_beside_it_and_no_verification(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from the file\n")
    path = kubeconfig(tmp_path, {"tokenFile": "token"}, **{"insecure-skip-tls-verify": True})
    access = access_by_kubeconfig(path)
    assert access.token.headers() == {"Authorization": "Bearer from the file"}
    assert isinstance(access.tls, ssl.SSLContext)
    assert access.tls.verify_mode is ssl.CERT_NONE


def test_a_kubeconfig_that_runs_a_program_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="use a context with a token"):
        access_by_kubeconfig(kubeconfig(tmp_path, {"exec": {"command": "aws"}}))


def test_a_kubeconfig_without_its_context_names_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(json.dumps({"current-context": "gone"}))
    with pytest.raises(AccessError, match="'gone' under contexts"):
        access_by_kubeconfig(tmp_path / "config")


CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBdjCCARugAwIBAgIUOuaPOPgPFJUMWs14hO8ob1rIz3wwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjIxOTM5NDhaGA8yMTI2MTAyOTE5Mzk0
OFowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABHBf
SFthLNAXN7yiC0Oe0ewTF0Vm2Fk8UuZfeNGgSLEMVgJ4br6lkC1zSppPJGgYgTov
Pzt8JGITMGwlGiQEwySjUzBRMB0GA1UdDgQWBBTCtw9oPYhUyCEGef8lhOS9I6kP
5zAfBgNVHSMEGDAWgBTCtw9oPYhUyCEGef8lhOS9I6kP5zAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0kAMEYCIQC1JpCB7Pj/Ve02I5QPLxRZM9J78ogJFsRZ
zKCRMVhtXQIhALJrZLc+hIA6p+lBr7urP9fkbx9qD0plJEEfs6RcVEuM
-----END CERTIFICATE-----
"""
"""A certificate that signs nothing, valid for a hundred years; its key was thrown away."""
