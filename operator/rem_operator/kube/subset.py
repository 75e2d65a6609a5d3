"""Whether a live object still is what we want: is the desired object a subset of it?

Pure. The API server adds defaults and other managers add fields of their own, so equality says nothing. What counts:
a field that we set has our value; a list of named items contains ours; inside a list or map that server-side apply
treats as one value (atomic), nothing was added either, beside what the API server is known to default there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

Path = tuple[str, ...]
"""Names of the fields that lead to a value, list indexes left out."""

_MERGE_KEYS: dict[tuple[str, str], tuple[str, ...]] = {
    ("spec", "containers"): ("name",),
    ("spec", "initContainers"): ("name",),
    ("spec", "volumes"): ("name",),
    ("spec", "imagePullSecrets"): ("name",),
    ("spec", "hostAliases"): ("ip",),
    ("spec", "topologySpreadConstraints"): ("topologyKey", "whenUnsatisfiable"),
    ("containers", "env"): ("name",),
    ("containers", "ports"): ("containerPort", "protocol"),
    ("containers", "volumeMounts"): ("mountPath",),
    ("initContainers", "env"): ("name",),
    ("initContainers", "ports"): ("containerPort", "protocol"),
    ("initContainers", "volumeMounts"): ("mountPath",),
}
"""(parent, field) → the keys by which server-side apply tells items apart (`x-kubernetes-list-map-keys`)."""
_MERGE_KEYS_OF_KIND: dict[str, dict[tuple[str, str], tuple[str, ...]]] = {
    "Service": {("spec", "ports"): ("port", "protocol")},
    "ServiceAccount": {("", "imagePullSecrets"): ("name",), ("", "secrets"): ("name",)},
}
_KEY_DEFAULTS = {"protocol": "TCP"}

_ATOMIC_MAPS = frozenset(
    {
        "selector",
        "podSelector",
        "namespaceSelector",
        "labelSelector",
        "nodeSelector",
        "roleRef",
        "scaleTargetRef",
        "configMapKeyRef",
        "secretKeyRef",
        "fieldRef",
        "resourceFieldRef",
    }
)
"""Fields of the built-in kinds whose map is one value (`x-kubernetes-map-type: atomic`)."""
_DEFAULTS_IN_ATOMIC: dict[str, tuple[Any, ...]] = {
    "protocol": ("TCP",),
    "apiVersion": ("v1",),  # fieldRef
    "expirationSeconds": (3600,),  # serviceAccountToken of a projected volume
    "ensure": ("present",),  # extensions of a CNPG Database
    "conversionStrategy": ("Default",),  # the rest: remoteRef of an ExternalSecret
    "decodingStrategy": ("None",),
    "metadataPolicy": ("None",),
    "nullBytePolicy": ("Ignore",),
}
"""What the API server fills in inside atomic values; anything else there was put there by somebody."""

_QUANTITY_PARENTS = frozenset({"limits", "requests", "hard", "capacity"})
_QUANTITY_FIELDS = frozenset({"sizeLimit", "divisor", "averageValue"})
_SUFFIXES = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal("1e3"),
    "M": Decimal("1e6"),
    "G": Decimal("1e9"),
    "T": Decimal("1e12"),
    "P": Decimal("1e15"),
    "E": Decimal("1e18"),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}


def is_subset(desired: Any, live: Any, *, kind: str = "") -> bool:
    """Whether the live value still holds everything that we want, at the root of a manifest of `kind`."""
    return first_difference(desired, live, kind=kind) is None


def first_difference(desired: Any, live: Any, *, kind: str = "") -> str | None:
    """The dotted path of the first field that differs from what we want, or None."""
    found = _difference(desired, live, ("",), kind=kind, atomic=False)
    return None if found is None else ".".join(part for part in found if part) or "."


def _difference(desired: Any, live: Any, path: Path, *, kind: str, atomic: bool) -> Path | None:
    if _is_empty(desired) and _is_empty(live):
        return None
    if isinstance(desired, Mapping) and isinstance(live, Mapping):
        return _map_difference(desired, live, path, kind=kind, atomic=atomic or path[-1] in _ATOMIC_MAPS)
    if _is_list(desired) and _is_list(live):
        return _list_difference(desired, live, path, kind=kind, atomic=atomic)
    return None if _same_scalar(desired, live, path) else path


def _map_difference(
    desired: Mapping[str, Any], live: Mapping[str, Any], path: Path, *, kind: str, atomic: bool
) -> Path | None:
    for key, value in desired.items():
        found = _difference(value, live.get(key), (*path, key), kind=kind, atomic=atomic)
        if found is not None:
            return found
    if not atomic:
        return None
    added = (key for key, value in live.items() if key not in desired and not _is_default(key, value))
    return next(((*path, key) for key in added), None)


def _list_difference(
    desired: Sequence[Any], live: Sequence[Any], path: Path, *, kind: str, atomic: bool
) -> Path | None:
    keys = None if atomic else _merge_keys(path, kind)
    if keys is None:
        if len(desired) != len(live):
            return path
        pairs = zip(desired, live, strict=True)
        return next((d for d in (_difference(a, b, path, kind=kind, atomic=True) for a, b in pairs) if d), None)
    by_key = {_key_of(item, keys): item for item in live if isinstance(item, Mapping)}
    for item in desired:
        found = _difference(item, by_key.get(_key_of(item, keys)), path, kind=kind, atomic=False)
        if found is not None:
            return found
    return None


def _merge_keys(path: Path, kind: str) -> tuple[str, ...] | None:
    place = (path[-2] if len(path) > 1 else "", path[-1])
    return _MERGE_KEYS_OF_KIND.get(kind, {}).get(place) or _MERGE_KEYS.get(place)


def _key_of(item: Mapping[str, Any], keys: Sequence[str]) -> tuple[Any, ...]:
    return tuple(item.get(key, _KEY_DEFAULTS.get(key)) for key in keys)


def _is_default(key: str, value: Any) -> bool:
    return _is_empty(value) or value in _DEFAULTS_IN_ATOMIC.get(key, ())


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _is_empty(value: Any) -> bool:
    """Absent, null, {} and []: the API server drops them from one kind and keeps them in another."""
    return value is None or (isinstance(value, Mapping | list | tuple) and not value)


def _same_scalar(desired: Any, live: Any, path: Path) -> bool:
    if _is_quantity(path):
        wanted, found = quantity(desired), quantity(live)
        if wanted is not None and found is not None:
            return wanted == found
    if isinstance(desired, bool) or isinstance(live, bool):
        return desired is live
    return bool(desired == live)


def _is_quantity(path: Path) -> bool:
    return path[-1] in _QUANTITY_FIELDS or (len(path) > 1 and path[-2] in _QUANTITY_PARENTS)


def quantity(value: Any) -> Decimal | None:
    """A Kubernetes quantity as a number: "1Gi", "500m", 2, "1e3"; None when it is not one."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()
    number = text.rstrip("numkKMGTPEi") if text[-1:].isalpha() else text
    factor = _SUFFIXES.get(text[len(number) :])
    if factor is None:
        return None
    try:
        return Decimal(number) * factor
    except InvalidOperation:
        return None
