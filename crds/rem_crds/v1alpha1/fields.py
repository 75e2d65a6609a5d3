"""How a field of the contract is written down: the model class, CEL rules beside a model, and the bounded scalar types.

Every pattern carries a sentence that says what to write; `rem_crds.schema` turns the pair into a CEL rule, because the
API server's own message for a pattern is the pattern. Patterns are understood alike by Rust's regex (pydantic) and by
RE2 (CEL): no look-around. Models of a kind do not belong here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

VALIDATIONS: Final = "x-kubernetes-validations"
LIST_TYPE: Final = "x-kubernetes-list-type"
LIST_MAP_KEYS: Final = "x-kubernetes-list-map-keys"
PATTERN_MESSAGE: Final = "x-rem-pattern-message"
"""Internal to the generator, never in the YAML: what the API server says when the pattern does not match."""


class Rule(NamedTuple):
    """One CEL rule. `message` says what to do; `field_path` (such as `.minReplicas`) points at the culprit."""

    rule: str
    message: str
    field_path: str | None = None


def rules(*given: Rule) -> dict[str, Any]:
    """JSON-schema extension with these CEL rules, for `json_schema_extra` of a model or of a field."""
    return {
        VALIDATIONS: [
            {"rule": r.rule, "message": r.message} | ({"fieldPath": r.field_path} if r.field_path else {})
            for r in given
        ]
    }


def unchanged(field: str, *, optional_parent: str | None = None) -> str:
    """CEL that holds when an optional field has neither come nor gone nor changed; it belongs on what is always there.

    `self.?x == oldSelf.?x` says the same, but the API server cannot bound its cost.
    """
    path = f"{optional_parent}.{field}" if optional_parent else field
    now, before = (
        f"(has({side}.{optional_parent}) && has({side}.{path}))" if optional_parent else f"has({side}.{path})"
        for side in ("self", "oldSelf")
    )
    return f"{now} == {before} && (!{now} || self.{path} == oldSelf.{path})"


class Contract(BaseModel):
    """Part of a stored object: immutable, and unknown fields are ignored, so an older reader survives newer objects."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
    )


def _text(pattern: str, *, says: str, longest: int) -> FieldInfo:
    info: FieldInfo = Field(
        min_length=1, max_length=longest, pattern=pattern, json_schema_extra={PATTERN_MESSAGE: says}
    )
    return info


def named_list(longest: int, *keys: str) -> FieldInfo:
    """A list whose items are told apart by their keys, so that two writers can own different items."""
    extra: dict[str, Any] = {LIST_TYPE: "map", LIST_MAP_KEYS: list(keys or ("name",))}
    info: FieldInfo = Field(max_length=longest, json_schema_extra=extra)
    return info


def set_list(longest: int, shortest: int = 0) -> FieldInfo:
    """A list of distinct scalars."""
    info: FieldInfo = Field(min_length=shortest or None, max_length=longest, json_schema_extra={LIST_TYPE: "set"})
    return info


def atomic_list(longest: int, shortest: int = 0) -> FieldInfo:
    """A list that is replaced as a whole."""
    info: FieldInfo = Field(min_length=shortest or None, max_length=longest, json_schema_extra={LIST_TYPE: "atomic"})
    return info


TENANT_NAME_LENGTH: Final = 40  # CNPG Cluster names end at 50 and get "-db-role-app" and the like behind ours
AGENT_NAME_LENGTH: Final = 57  # "agent-" + 57 = 63, a label value
DREAM_NAME_LENGTH: Final = 40  # "dream-" + 40 + a run's hash stays within a CronJob's 52 and a label's 63

DNS_LABEL_STARTING_WITH_LETTER: Final = "^[a-z]([-a-z0-9]*[a-z0-9])?$"
DNS_LABEL: Final = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_DNS_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_SUFFIX = "(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)"

TenantName = Annotated[
    str,
    _text(
        DNS_LABEL_STARTING_WITH_LETTER,
        says="write the name of a RemTenant in this namespace: lower-case letters, digits and '-', a letter first",
        longest=TENANT_NAME_LENGTH,
    ),
]
LabelName = Annotated[
    str, _text(DNS_LABEL, says="use lower-case letters, digits and '-', no '-' at the ends", longest=63)
]
ObjectName = Annotated[
    str,
    _text(
        _DNS_SUBDOMAIN,
        says="write the name of a Kubernetes object: lower-case letters, digits, '-' and '.'",
        longest=253,
    ),
]
DataKey = Annotated[
    str,
    _text(
        "^[-._a-zA-Z0-9]+$",
        says="write a key of the Secret or ConfigMap: letters, digits, '-', '_' and '.'",
        longest=253,
    ),
]
Quantity = Annotated[
    str,
    _text(
        rf"^[0-9]{{1,12}}(\.[0-9]{{1,6}})?{_SUFFIX}?$",
        says="write a Kubernetes quantity as a string, such as 500m, 2 or 20Gi",
        longest=20,
    ),
]
Duration = Annotated[
    str,
    _text(
        r"^(([1-9][0-9]{0,4}h)?([1-9][0-9]{0,4}m)?[1-9][0-9]{0,4}s|([1-9][0-9]{0,4}h)?[1-9][0-9]{0,4}m|[1-9][0-9]{0,4}h)$",
        says="write a duration in hours, minutes and seconds, such as 30m, 24h or 1h30m (a day is 24h)",
        longest=18,
    ),
]
Timestamp = Annotated[
    str,
    _text(
        r"^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$",
        says="write a time with its zone, such as 2026-03-01T12:00:00Z",
        longest=40,
    ),
]
HttpUrl = Annotated[
    str,
    _text(
        r"^https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[^\s?#]*)?$",
        says="write an http:// or https:// URL without user, password, query or fragment",
        longest=1024,
    ),
]
Image = Annotated[
    str,
    _text(
        r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+"
        r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(@sha256:[a-f0-9]{64})?|@sha256:[a-f0-9]{64})$",
        says="write the whole image name with registry and a tag or digest, such as ghcr.io/acme/rem-runtime:1.2.0",
        longest=512,
    ),
]
RoleArn = Annotated[
    str,
    _text(
        r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,512}$",
        says="write the ARN of an IAM role: arn:aws:iam::<12-digit account>:role/<name>",
        longest=600,
    ),
]
Region = Annotated[
    str,
    _text("^[a-z]{2,10}(-[a-z0-9]{1,20}){1,4}$", says="write a region such as eu-central-1", longest=40),
]
ModelName = Annotated[
    str,
    _text(
        "^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$",
        says="write a model as provider:name, such as openai-chat:gpt-4.1-mini, without spaces",
        longest=200,
    ),
]
ToolName = Annotated[
    str, _text("^[A-Za-z0-9_][A-Za-z0-9_./-]*$", says="use letters, digits, '_', '-', '.' and '/'", longest=128)
]
LabelValue = Annotated[
    str,
    Field(
        max_length=63,
        pattern="^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
        json_schema_extra={
            PATTERN_MESSAGE: "write a label value: letters, digits, '-', '_' and '.', a letter or digit at both ends"
        },
    ),
]
Line = Annotated[
    str, _text(r"^[^\x00-\x1f\x7f]+$", says="write one line of text without control characters", longest=256)
]
Port = Annotated[int, Field(ge=1, le=65535)]


def _cron_field(number: str) -> str:
    """One cron field as the CronJob controller reads it: lists of numbers, ranges and steps; a step is never 0."""
    one = rf"(\*|{number}(-{number})?)(/[1-9][0-9]?)?"
    return rf"{one}(,{one})*"


_CRON_NUMBERS = (
    "[0-5]?[0-9]",
    "([01]?[0-9]|2[0-3])",
    "([1-9]|0[1-9]|[12][0-9]|3[01])",
    "([1-9]|0[1-9]|1[0-2]|(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))",
    "([0-6]|(?i:sun|mon|tue|wed|thu|fri|sat))",
)
_FIVE_FIELDS = " +".join(_cron_field(n) for n in _CRON_NUMBERS)
Cron = Annotated[
    str,
    _text(
        f"^(@(hourly|daily|midnight|weekly|monthly|yearly|annually)|{_FIVE_FIELDS})$",
        says="write a cron schedule of five fields (minute hour day month weekday, Sunday is 0), such as 0 3 * * *",
        longest=100,
    ),
]
CronOfFiveFields = Annotated[
    str,
    _text(
        f"^{_FIVE_FIELDS}$",
        says="write a cron schedule of five fields (minute hour day month weekday, Sunday is 0), such as 0 2 * * *",
        longest=100,
    ),
]
"""Without the @ names: the builder prepends CloudNativePG's seconds."""

_QUALIFIED_NAME = (
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
)
_KEY_MESSAGE = "write a key such as app or example.com/app: after the prefix at most 63 letters, digits, '-', '_', '.'"
LabelKey = Annotated[str, _text(_QUALIFIED_NAME, says=_KEY_MESSAGE, longest=317)]
QUALIFIED_KEYS: Final = Rule(f"self.all(k, k.matches(r'{_QUALIFIED_NAME}'))", _KEY_MESSAGE)

Labels = Annotated[Mapping[str, LabelValue], Field(max_length=32, json_schema_extra=rules(QUALIFIED_KEYS))]
Annotations = Annotated[
    Mapping[str, Annotated[str, Field(max_length=4096)]], Field(max_length=32, json_schema_extra=rules(QUALIFIED_KEYS))
]


def parse_duration(text: str) -> timedelta:
    """`1h30m` as a timedelta; the text must match `Duration`."""
    seconds, digits = 0, ""
    for letter in text:
        if letter.isdigit():
            digits += letter
        else:
            seconds, digits = seconds + int(digits) * {"h": 3600, "m": 60, "s": 1}[letter], ""
    return timedelta(seconds=seconds)
