"""PURE: the Secret that an ExternalSecret becomes, and whether it is time to look again."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rem_local.kube import Object
from rem_local.neighbours.durations import parse_duration_seconds
from rem_local.neighbours.external_secrets.provider import ProviderError
from rem_local.neighbours.external_secrets.resources import (
    CREATED_BY_LABEL,
    DATA_HASH_ANNOTATION,
    MANAGED_LABEL,
)
from rem_local.neighbours.objects import owner_reference, parse_time

_DEFAULT_INTERVAL = "1h0m0s"
_PLACEHOLDER = re.compile(r"{{-?\s*\.([A-Za-z0-9_]+)\s*-?}}")


def target_name(external: Object) -> str:
    """The name of the Secret."""
    return str((external["spec"].get("target") or {}).get("name") or external["metadata"]["name"])


def synced_version(external: Object) -> str:
    """What External Secrets keeps as `syncedResourceVersion`: changes with spec, labels and annotations."""
    metadata = external["metadata"]
    marks = {"labels": metadata.get("labels") or {}, "annotations": metadata.get("annotations") or {}}
    return f"{metadata['generation']}-{_hash(marks)}"


def created_by(external: Object) -> str:
    """The value of the label that says which ExternalSecret made a Secret."""
    return _hash([external["metadata"]["namespace"], external["metadata"]["name"]])


def interval_seconds(external: Object) -> float:
    """`refreshInterval`; 0 means once."""
    return parse_duration_seconds(external["spec"].get("refreshInterval") or _DEFAULT_INTERVAL)


def is_due(external: Object, *, now: datetime) -> bool:
    """Whether the store is asked: after a change, after the interval, as `refreshPolicy` says."""
    status = external.get("status") or {}
    changed = status.get("syncedResourceVersion") != synced_version(external)
    policy = external["spec"].get("refreshPolicy") or "Periodic"
    if policy == "CreatedOnce":
        return not status.get("syncedResourceVersion")
    if policy == "OnChange" or changed:
        return changed
    interval = interval_seconds(external)
    return interval > 0 and seconds_since_refresh(external, now=now) >= interval


def seconds_since_refresh(external: Object, *, now: datetime) -> float:
    """The age of what was read last; infinite when nothing was."""
    refreshed = (external.get("status") or {}).get("refreshTime")
    return (now - parse_time(refreshed)).total_seconds() if refreshed else float("inf")


def is_intact(secret: Object | None) -> bool:
    """Whether a Secret still holds what was written into it."""
    if secret is None or (secret["metadata"].get("labels") or {}).get(MANAGED_LABEL) != "true":
        return False
    data = secret.get("data") or {}
    return (secret["metadata"].get("annotations") or {}).get(DATA_HASH_ANNOTATION) == _hash(data)


def target_secret(external: Object, values: Mapping[str, bytes]) -> Object:
    """The whole Secret, with what `target.template` asks for."""
    target = external["spec"].get("target") or {}
    template = target.get("template")
    data = {name: base64.b64encode(value).decode() for name, value in _templated(template, values).items()}
    # Without a template the metadata of the ExternalSecret is copied, with one it is not.
    copied = external["metadata"] if template is None else (template.get("metadata") or {})
    labels = {**(copied.get("labels") or {}), MANAGED_LABEL: "true"}
    metadata: dict[str, Any] = {
        "name": target_name(external),
        "namespace": external["metadata"]["namespace"],
        "labels": labels,
        "annotations": {**(copied.get("annotations") or {}), DATA_HASH_ANNOTATION: _hash(data)},
    }
    if target.get("creationPolicy", "Owner") == "Owner":
        labels[CREATED_BY_LABEL] = created_by(external)
        metadata["ownerReferences"] = [owner_reference(external)]
    secret: Object = {"metadata": metadata, "type": (template or {}).get("type") or "Opaque", "data": data}
    return {**secret, "immutable": True} if target.get("immutable") else secret


def _templated(template: Mapping[str, Any] | None, values: Mapping[str, bytes]) -> dict[str, bytes]:
    if not template:
        return dict(values)
    if template.get("templateFrom"):
        raise ProviderError("could not apply template: the stand-in does not know templateFrom")
    texts = template.get("data") or {}
    if not texts:
        return dict(values)
    rendered = {name: _render(text, values) for name, text in texts.items()}
    return {**values, **rendered} if template.get("mergePolicy") == "Merge" else rendered


def _render(text: str, values: Mapping[str, bytes]) -> bytes:
    def value_of(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise ProviderError(f"could not apply template: map has no entry for key {match[1]!r}")
        return values[match[1]].decode()

    if "{{" in _PLACEHOLDER.sub("", text):
        raise ProviderError("could not apply template: the stand-in renders {{ .key }} only")
    return _PLACEHOLDER.sub(value_of, text).encode()


def _hash(value: Any) -> str:
    return hashlib.sha3_224(json.dumps(value, sort_keys=True).encode()).hexdigest()
