"""PURE: the provider `fake`: what a store holds, who may use it, and what an ExternalSecret gets out of it."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rem_local.kube import Object


class ProviderError(Exception):
    """A value cannot be had; the message is what goes into the event."""


def fake_data(store: Object) -> Sequence[Mapping[str, Any]]:
    """`spec.provider.fake.data` of a store."""
    fake = (store["spec"].get("provider") or {}).get("fake")
    if fake is None:
        kinds = ", ".join(store["spec"].get("provider") or ()) or "none"
        raise ProviderError(f"the stand-in knows the provider fake only, not {kinds}")
    return list(fake.get("data") or ())


def may_use(store: Object, namespace: Object) -> bool:
    """Whether the conditions of a ClusterSecretStore admit a namespace; without conditions all may."""
    conditions = store["spec"].get("conditions") or ()
    return not conditions or any(_admits(item, namespace) for item in conditions)


def _admits(item: Mapping[str, Any], namespace: Object) -> bool:
    name = namespace["metadata"]["name"]
    labels = namespace["metadata"].get("labels") or {}
    wanted = (item.get("namespaceSelector") or {}).get("matchLabels") or {}
    return (
        name in (item.get("namespaces") or ())
        or any(re.search(pattern, name) for pattern in item.get("namespaceRegexes") or ())
        or bool(wanted and all(labels.get(key) == value for key, value in wanted.items()))
    )


def collect(spec: Mapping[str, Any], data: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    """The keys and values that an ExternalSecret asks for; later ones win, `data` over `dataFrom`."""
    found: dict[str, bytes] = {}
    for index, source in enumerate(spec.get("dataFrom") or ()):
        found |= _from_source(source, data, index)
    for index, item in enumerate(spec.get("data") or ()):
        ref = item["remoteRef"]
        try:
            found[item["secretKey"]] = _decoded(read_value(ref, data), ref.get("decodingStrategy"))
        except ProviderError as error:
            raise ProviderError(f"error processing spec.data[{index}] (key: {ref['key']}), err: {error}") from error
    return found


def read_value(ref: Mapping[str, Any], data: Sequence[Mapping[str, Any]]) -> str:
    """One value by key and version, of which `property` is a path into its JSON."""
    version = ref.get("version") or ""
    for item in data:
        if item["key"] == ref["key"] and (item.get("version") or "") == version:
            value = str(item.get("value") or "")
            return _property(value, ref["property"]) if ref.get("property") else value
    raise ProviderError("Secret does not exist")


def _property(value: str, path: str) -> str:
    try:
        found = json.loads(value)
        for part in path.split("."):
            found = found[int(part)] if isinstance(found, list) else found[part]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise ProviderError(f"property {path} does not exist in the secret") from error
    return found if isinstance(found, str) else json.dumps(found)


def _from_source(source: Mapping[str, Any], data: Sequence[Mapping[str, Any]], index: int) -> dict[str, bytes]:
    extract = source.get("extract")
    if extract is None:
        raise ProviderError(f"spec.dataFrom[{index}]: the stand-in knows extract only")
    try:
        values = json.loads(read_value(extract, data))
    except ValueError as error:
        raise ProviderError(f"spec.dataFrom[{index}]: the value of {extract['key']} is not a JSON object") from error
    return {name: (value if isinstance(value, str) else json.dumps(value)).encode() for name, value in values.items()}


def _decoded(value: str, strategy: str | None) -> bytes:
    if strategy not in ("Base64", "Base64URL", "Auto"):
        return value.encode()
    try:
        return base64.b64decode(value.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error as error:
        if strategy == "Auto":
            return value.encode()
        raise ProviderError(f"could not decode the value as {strategy}") from error
