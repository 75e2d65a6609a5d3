"""The models as readers: what they take, what they ignore, what they refuse."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from rem_crds.schema import UntranslatableError, structural_schema
from rem_crds.v1alpha1 import RemAgent, RemTenant, parse_duration
from rem_crds.v1alpha1.fields import Contract, Cron, Duration, HttpUrl, Image, Quantity, Rule, rules
from rem_crds.v1alpha1.workload import is_reserved_variable

TENANT: dict[str, Any] = {
    "apiVersion": "rem.dev/v1alpha1",
    "kind": "RemTenant",
    "metadata": {"name": "acme", "namespace": "acme", "uid": "u", "generation": 2, "managedFields": []},
    "spec": {"database": {"storage": {"size": "20Gi"}}},
}


def test_an_older_reader_survives_a_newer_object() -> None:
    newer = TENANT | {
        "spec": {"database": {"storage": {"size": "20Gi", "iops": 3000}}, "brandNew": {}},
        "status": {"conditions": [], "brandNew": 1},
    }

    tenant = RemTenant.model_validate(newer)

    assert (tenant.metadata.name, tenant.metadata.generation) == ("acme", 2)
    assert tenant.spec.database.storage.size == "20Gi"


def test_a_tenant_that_was_never_seen_has_an_empty_status() -> None:
    assert RemTenant.model_validate(TENANT).status.model_dump(exclude_none=True) == {}


def test_a_schema_keeps_what_it_does_not_know() -> None:
    schema = {"type": "object", "properties": {}, "$defs": {"A": {}}, "$comment": "x", "additionalProperties": False}
    agent = RemAgent.model_validate(
        {"metadata": {"name": "a"}, "spec": {"tenantRef": {"name": "acme"}, "schema": schema}}
    )

    assert agent.spec.schema_.model_dump(mode="json", exclude_unset=True) == schema


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        (Quantity, ["1", "500m", "1.5Gi", "20G"], ["", "1 Gi", "-1", "1e3", "Gi", "20gb"]),
        (Duration, ["30m", "24h", "1h30m", "1h1m1s", "90s", "1h5s"], ["", "0s", "30", "1d", "m", "1m1h", "1.5h"]),
        (
            HttpUrl,
            ["http://a", "https://a.b:80/c", "http://[::1]:80/"],
            ["a.b", "ftp://a", "http://u:p@a", "http://a?x"],
        ),
        (Image, ["a/b:1", "r:5000/a/b-c:1.2"], ["a:1", "a/b", "A/b:1", "a/b:", "a/b@sha256:0"]),
        (
            Cron,
            ["* * * * *", "*/15 0-5 1,15 JAN Sun", "0  3 * * *", "@weekly"],
            ["* * * *", "60 * * * *", "* 24 * * *", "* * 32 * *", "* * * 13 *", "* * * * 7", "*/0 * * * *", "@reboot"],
        ),
    ],
    ids=["quantity", "duration", "url", "image", "cron"],
)
def test_patterns(type_: Any, good: list[str], bad: list[str]) -> None:
    reader: TypeAdapter[str] = TypeAdapter(type_)

    for text in good:
        assert reader.validate_python(text) == text
    for text in bad:
        with pytest.raises(ValidationError):
            reader.validate_python(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("24h", 86400), ("1h30m", 5400), ("1h1m1s", 3661)]
)
def test_durations_are_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("name", ["PATH", "LD_PRELOAD", "PYTHONPATH", "POSTGRES", "S3__BUCKET", "REM_URL", "A__B"])
def test_names_of_ours_are_reserved(name: str) -> None:
    assert is_reserved_variable(name)


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "TZ", "HTTPS_PROXY", "PATHS", "AWS_ACCESS_KEY_ID"])
def test_other_names_are_not(name: str) -> None:
    assert not is_reserved_variable(name)


class _Kind(Contract):
    metadata: str = ""
    status: str = ""


def test_a_union_cannot_be_a_structural_schema() -> None:
    class Bad(_Kind):
        spec: int | str

    with pytest.raises(UntranslatableError, match="a union of 2 types"):
        structural_schema(Bad)


def test_a_pattern_needs_a_sentence() -> None:
    class Bad(_Kind):
        spec: str = Field(pattern="^a$")

    with pytest.raises(UntranslatableError, match="x-rem-pattern-message"):
        structural_schema(Bad)


def test_a_keyword_that_is_not_understood_is_refused() -> None:
    class Bad(_Kind):
        spec: int = Field(multiple_of=5)

    with pytest.raises(UntranslatableError, match="multipleOf"):
        structural_schema(Bad)


def test_rules_of_a_type_and_of_its_field_add_up() -> None:
    class Inner(BaseModel):
        model_config = {"json_schema_extra": rules(Rule("1 == 1", "the type's"))}

    class Good(_Kind):
        spec: Inner = Field(json_schema_extra=rules(Rule("2 == 2", "the field's", ".x")))

    assert structural_schema(Good)["properties"]["spec"]["x-kubernetes-validations"] == [
        {"rule": "1 == 1", "message": "the type's"},
        {"rule": "2 == 2", "message": "the field's", "fieldPath": ".x"},
    ]
