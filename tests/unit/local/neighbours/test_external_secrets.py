"""The semantics of the provider `fake`, the Secret that comes of it, and when it is read again."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from rem_local.neighbours.external_secrets.provider import ProviderError, collect, may_use
from rem_local.neighbours.external_secrets.target import is_due, is_intact, synced_version, target_secret

DATA = [
    {"key": "openai", "value": "sk-1"},
    {"key": "openai", "value": "sk-old", "version": "v1"},
    {"key": "smtp", "value": '{"user": "rem", "auth": {"token": "t"}, "ports": [25, 587]}'},
    {"key": "binary", "value": "AAEC"},
]
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def external(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "acme", "namespace": "acme", "uid": "u", "generation": 1, "labels": {"from": "maker"}},
        "spec": {"refreshInterval": "1h", **spec},
    }


def test_values_are_found_by_key_version_and_property() -> None:
    spec = {
        "data": [
            {"secretKey": "A", "remoteRef": {"key": "openai"}},
            {"secretKey": "B", "remoteRef": {"key": "openai", "version": "v1"}},
            {"secretKey": "C", "remoteRef": {"key": "smtp", "property": "auth.token"}},
            {"secretKey": "D", "remoteRef": {"key": "smtp", "property": "ports.1"}},
            {"secretKey": "E", "remoteRef": {"key": "binary", "decodingStrategy": "Base64"}},
        ]
    }
    assert collect(spec, DATA) == {"A": b"sk-1", "B": b"sk-old", "C": b"t", "D": b"587", "E": b"\x00\x01\x02"}


def test_a_json_object_can_be_taken_whole() -> None:
    spec = {"dataFrom": [{"extract": {"key": "smtp"}}], "data": [{"secretKey": "user", "remoteRef": {"key": "openai"}}]}
    assert collect(spec, DATA) == {"user": b"sk-1", "auth": b'{"token": "t"}', "ports": b"[25, 587]"}


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        ({"key": "gone"}, r"spec.data\[0\] \(key: gone\), err: Secret does not exist"),
        ({"key": "openai", "version": "v9"}, "Secret does not exist"),
        ({"key": "smtp", "property": "auth.none"}, "property auth.none does not exist"),
        ({"key": "openai", "property": "x"}, "property x does not exist"),
    ],
)
def test_a_value_that_is_not_there_is_named(ref: dict[str, str], said: str) -> None:
    with pytest.raises(ProviderError, match=said):
        collect({"data": [{"secretKey": "A", "remoteRef": ref}]}, DATA)


def test_a_cluster_store_admits_the_namespaces_of_its_conditions() -> None:
    space = {"metadata": {"name": "team-a", "labels": {"tier": "gold"}}}
    conditions: list[tuple[list[dict[str, Any]], bool]] = [
        ([], True),
        ([{"namespaces": ["team-b"]}], False),
        ([{"namespaces": ["team-b"]}, {"namespaceRegexes": ["^team-"]}], True),
        ([{"namespaceSelector": {"matchLabels": {"tier": "gold"}}}], True),
        ([{"namespaceSelector": {"matchLabels": {"tier": "silver"}}}], False),
    ]
    for given, expected in conditions:
        assert may_use({"spec": {"conditions": given}}, space) is expected


def test_without_a_template_the_maker_s_metadata_is_copied_and_with_one_it_is_not() -> None:
    plain = target_secret(external(), {"A": b"1"})
    assert plain["metadata"]["labels"]["from"] == "maker"
    assert plain["data"] == {"A": base64.b64encode(b"1").decode()}
    assert plain["metadata"]["ownerReferences"][0]["controller"] is True
    template = {"metadata": {"labels": {"mine": "1"}}, "type": "kubernetes.io/basic-auth"}
    made = target_secret(external(target={"name": "other", "template": template}), {"A": b"1"})
    assert made["metadata"]["name"] == "other"
    assert made["type"] == "kubernetes.io/basic-auth"
    assert "from" not in made["metadata"]["labels"]
    assert made["metadata"]["labels"]["mine"] == "1"


def test_template_data_replaces_or_joins_and_knows_plain_keys_only() -> None:
    template = {"data": {"url": "https://{{ .A }}@host"}}
    replaced = target_secret(external(target={"template": template}), {"A": b"1"})
    assert replaced["data"] == {"url": base64.b64encode(b"https://1@host").decode()}
    merged = target_secret(external(target={"template": {**template, "mergePolicy": "Merge"}}), {"A": b"1"})
    assert set(merged["data"]) == {"A", "url"}
    for text in ("{{ .A | b64enc }}", "{{ .B }}"):
        with pytest.raises(ProviderError, match="could not apply template"):
            target_secret(external(target={"template": {"data": {"url": text}}}), {"A": b"1"})


def test_an_edited_secret_is_not_intact() -> None:
    secret = target_secret(external(), {"A": b"1"})
    assert is_intact(secret)
    assert not is_intact(None)
    assert not is_intact({**secret, "data": {"A": "eA=="}})


def test_it_is_due_after_the_interval_or_a_change() -> None:
    item = external()
    assert is_due(item, now=NOW)
    item["status"] = {"syncedResourceVersion": synced_version(item), "refreshTime": "2026-01-01T11:30:00Z"}
    assert not is_due(item, now=NOW)
    assert is_due({**item, "spec": {"refreshInterval": "30m"}}, now=NOW)
    assert not is_due({**item, "spec": {"refreshInterval": "0"}}, now=NOW)
    assert not is_due({**item, "spec": {"refreshInterval": "1s", "refreshPolicy": "OnChange"}}, now=NOW)
    forced = {**item, "metadata": {**item["metadata"], "annotations": {"force-sync": "1"}}}
    assert is_due(forced, now=NOW)
    assert not is_due({**forced, "spec": {"refreshPolicy": "CreatedOnce"}}, now=NOW)
