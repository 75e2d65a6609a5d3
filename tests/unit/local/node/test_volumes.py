"""Files of volumes: what they contain, and that readers never see half a change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from rem_local.kube import CONFIGMAPS, SECRETS
from rem_local.node.downward import PodFacts
from rem_local.node.podspec import Pod
from rem_local.node.projection import TokenKey, VolumeFile, tokens_wanted, volume_files
from rem_local.node.sources import SourceSet, UnresolvedReferenceError, data_of, references
from rem_local.node.volumes import write_files

SOURCES = SourceSet(config_maps={"conf": {"a": b"1", "b": b"2"}}, secrets={"keys": {"k": b"\xff\x00"}})
TOKEN = TokenKey("", 3607)


def pod(*volumes: dict[str, Any], **container: Any) -> Pod:
    meta = {"name": "p", "namespace": "n", "uid": "u", "labels": {"app": "x", "b": 'q"'}}
    containers = [{"name": "main", "image": "i", **container}]
    named = [{"name": f"v{number}", **volume} for number, volume in enumerate(volumes)]
    return Pod.model_validate({"metadata": meta, "spec": {"containers": containers, "volumes": named}})


def contents(volume: dict[str, Any]) -> dict[str, tuple[bytes, int]]:
    each = pod(volume)
    projected = each.spec.volumes[0].as_projected()
    assert projected is not None
    facts = PodFacts(each, node_name="local", pod_ip="i", host_ip="h", allocatable={})
    files = volume_files(projected, facts, SOURCES, {TOKEN: "ey.."})
    return {path: (file.content, file.mode) for path, file in files.items()}


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ({"configMap": {"name": "conf"}}, {"a": (b"1", 0o644), "b": (b"2", 0o644)}),
        ({"configMap": {"name": "conf", "items": [{"key": "a", "path": "x/y"}]}}, {"x/y": (b"1", 0o644)}),
        ({"configMap": {"name": "none", "optional": True}}, {}),
        ({"secret": {"secretName": "keys", "defaultMode": 0o400}}, {"k": (b"\xff\x00", 0o400)}),
        ({"secret": {"secretName": "keys", "items": [{"key": "z", "path": "z"}], "optional": True}}, {}),
        (
            {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
            {"labels": (b'app="x"\nb="q\\""', 0o644)},
        ),
        (
            {
                "projected": {
                    "defaultMode": 0o440,
                    "sources": [
                        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
                        {"configMap": {"name": "conf", "items": [{"key": "a", "path": "ca.crt", "mode": 0o444}]}},
                        {"secret": {"name": "keys"}},
                        {
                            "downwardAPI": {
                                "items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]
                            }
                        },
                    ],
                }
            },
            {
                "token": (b"ey..", 0o440),
                "ca.crt": (b"1", 0o444),
                "k": (b"\xff\x00", 0o440),
                "namespace": (b"n", 0o440),
            },
        ),
    ],
)
def test_contents(volume: dict[str, Any], expected: dict[str, tuple[bytes, int]]) -> None:
    assert contents(volume) == expected


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"secret": {"secretName": "none"}}, 'secret "none" not found'),
        ({"configMap": {"name": "conf", "items": [{"key": "z", "path": "z"}]}}, "non-existent key: z"),
        ({"configMap": {"name": "conf", "items": [{"key": "a", "path": "../a"}]}}, "leaves the volume"),
    ],
)
def test_what_is_missing_is_named(volume: dict[str, Any], message: str) -> None:
    with pytest.raises(UnresolvedReferenceError, match=message):
        contents(volume)


def test_references_and_tokens_of_a_pod() -> None:
    token = {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}}
    each = pod(
        {"secret": {"secretName": "keys"}},
        {"projected": {"sources": [token, {"configMap": {"name": "ca"}}]}},
        {"emptyDir": {}},
        envFrom=[{"configMapRef": {"name": "conf"}}],
        env=[{"name": "X", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}],
    )
    named = {(key.resource, key.name) for key in references(each)}
    assert named == {(SECRETS, "keys"), (SECRETS, "db"), (CONFIGMAPS, "conf"), (CONFIGMAPS, "ca")}
    assert tokens_wanted(each) == {TOKEN}


def test_data_of_both_kinds() -> None:
    assert data_of({"kind": "Secret", "data": {"a": "/wA="}}) == {"a": b"\xff\x00"}
    assert data_of({"kind": "ConfigMap", "data": {"a": "ü"}, "binaryData": {"b": "/w=="}}) == {
        "a": "ü".encode(),
        "b": b"\xff",
    }


def read(directory: Path) -> dict[str, str]:
    paths = [path for path in directory.rglob("*") if ".." not in str(path.relative_to(directory)) and path.is_file()]
    return {str(path.relative_to(directory)): path.read_text() for path in paths}


def files(**content: str) -> dict[str, VolumeFile]:
    return {path.replace("__", "/"): VolumeFile(text.encode(), 0o640) for path, text in content.items()}


def test_files_are_written_replaced_and_removed(tmp_path: Path) -> None:
    assert write_files(tmp_path, files(a="1", b="2"))
    assert read(tmp_path) == {"a": "1", "b": "2"}
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert not write_files(tmp_path, files(a="1", b="2")), "nothing changed, so nothing may be written"
    first = os.readlink(tmp_path / "..data")
    assert write_files(tmp_path, files(a="3", d__e="4"))
    assert (tmp_path / "a").read_text() == "3"
    assert (tmp_path / "d" / "e").read_text() == "4"
    assert not (tmp_path / "b").exists()
    assert not (tmp_path / first).exists(), "old files stay behind"
    assert sorted(entry.name for entry in tmp_path.iterdir() if not entry.name.startswith("..")) == ["a", "d"]


def test_an_empty_volume_can_get_files_later(tmp_path: Path) -> None:
    assert write_files(tmp_path, {})
    assert write_files(tmp_path, files(a="1"))
    assert read(tmp_path) == {"a": "1"}
