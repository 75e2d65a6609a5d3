"""pydantic models → structural schemas, as a CustomResourceDefinition wants them.

Owns the translation alone: references are inlined, optional is absence, patterns become CEL with a sentence, and
nothing has a default. What the fields are stands in the models; which kinds there are and how they are shown stands in
`rem_crds.definitions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from .v1alpha1.fields import LIST_TYPE, PATTERN_MESSAGE, VALIDATIONS

PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
Schema = dict[str, Any]

_KEPT: Final = (
    "description",
    "type",
    "format",
    "enum",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    LIST_TYPE,
    "x-kubernetes-list-map-keys",
    PRESERVE,
)
"""Keywords that pass as they are; what is handled below has no place here, and anything else is an error."""
_DROPPED: Final = ("title", "default")
_HANDLED: Final = ("properties", "required", "items", "additionalProperties", "pattern", PATTERN_MESSAGE, VALIDATIONS)
_INT32_MAX: Final = 2**31 - 1


class UntranslatableError(Exception):
    """A model uses something that a structural schema cannot say: write the field with the types of fields.py."""


def structural_schema(model: type[BaseModel]) -> Schema:
    """Structural schema of one kind, from its model: `spec` and `status` in full, `metadata` left to the API server."""
    generated = model.model_json_schema(by_alias=True, mode="validation")
    root = _structural(generated, generated.get("$defs", {}), at=model.__name__)
    del root["properties"]["metadata"]
    root["properties"] = _TYPE_META | {name: root["properties"][name] for name in ("spec", "status")}
    root["required"] = ["spec"]
    return root


_TYPE_META: Final[Schema] = {
    "apiVersion": {
        "description": "Version of the schema of this object: rem.dev/v1alpha1.",
        "type": "string",
    },
    "kind": {"description": "Kind of this object.", "type": "string"},
    "metadata": {"type": "object"},
}


def _structural(node: Mapping[str, Any], definitions: Mapping[str, Any], *, at: str) -> Schema:
    """One node of pydantic's schema as a structural one; `at` names it in errors."""
    flat = _flattened(node, definitions)
    _refuse_unknown(flat, at)
    result: Schema = {key: _one_line(flat[key]) if key == "description" else flat[key] for key in _KEPT if key in flat}
    if "const" in flat:
        result["enum"] = [flat["const"]]
    if flat.get("type") == "integer" and flat.get("maximum", 0) > _INT32_MAX:
        result["format"] = "int64"
    if flat.get("type") == "array":
        result.setdefault(LIST_TYPE, "atomic")
        result["items"] = _structural(flat["items"], definitions, at=f"{at}[]")
    if "properties" in flat:
        result["properties"] = {
            name: _structural(child, definitions, at=f"{at}.{name}") for name, child in flat["properties"].items()
        }
        if required := flat.get("required"):
            result["required"] = list(required)
    result |= _open_part(flat, definitions, at=at)
    if found := _validations(flat):
        result[VALIDATIONS] = found
    return result


def _flattened(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    """The node without `$ref` and without the `null` of an optional field; what stands at the field wins, rules add."""
    own = {key: value for key, value in node.items() if key not in ("$ref", "anyOf", "allOf", "$defs")}
    inner: Mapping[str, Any] = {}
    if reference := node.get("$ref"):
        inner = definitions[reference.rsplit("/", 1)[-1]]
    elif "anyOf" in node:
        present = [option for option in node["anyOf"] if option != {"type": "null"}]
        if len(present) != 1:
            raise UntranslatableError(f"a union of {len(present)} types: {node}")
        inner = present[0]
    if not inner:
        return own
    below = _flattened(inner, definitions)
    validations = [*below.get(VALIDATIONS, ()), *own.get(VALIDATIONS, ())]
    return below | own | ({VALIDATIONS: validations} if validations else {})


def _open_part(flat: Schema, definitions: Mapping[str, Any], *, at: str) -> Schema:
    """What is said of fields that have no name here: a map's values, or that they are kept."""
    more = flat.get("additionalProperties")
    if isinstance(more, Mapping):
        return {"additionalProperties": _structural(more, definitions, at=f"{at}{{}}")}
    if more is True or "type" not in flat:
        return {PRESERVE: True}
    return {}


def _validations(flat: Schema) -> list[Schema]:
    """CEL rules of the node, the one for its pattern first."""
    rules = list(flat.get(VALIDATIONS, ()))
    pattern = flat.get("pattern")
    if pattern is None:
        return rules
    if PATTERN_MESSAGE not in flat or "'" in pattern:
        raise UntranslatableError(f"a pattern needs {PATTERN_MESSAGE} and no single quote: {pattern}")
    return [{"rule": f"self.matches(r'{pattern}')", "message": flat[PATTERN_MESSAGE]}, *rules]


def _refuse_unknown(flat: Schema, at: str) -> None:
    unknown = set(flat) - {*_KEPT, *_DROPPED, *_HANDLED, "const"}
    if unknown:
        raise UntranslatableError(f"{at}: {', '.join(sorted(unknown))} cannot be translated")


def _one_line(text: str) -> str:
    """Docstrings are wrapped for the source; kubectl explain wraps by itself."""
    return " ".join(text.split())
