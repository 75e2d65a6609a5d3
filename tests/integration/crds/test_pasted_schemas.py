"""What pydantic's model_json_schema() gives is pasted into a RemAgent and applies unchanged."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel

from rem_crds.v1alpha1 import RemAgent

pytestmark = pytest.mark.cluster

Object = dict[str, Any]


class Mood(StrEnum):
    GOOD = "good"
    BAD = "bad"


class Source(BaseModel):
    """Where something was found."""

    label: str
    at: Literal["note", "mail"] | None = None


class Reply(BaseModel):
    """You answer questions about our releases, from the notes alone."""

    model_config = ConfigDict(
        extra="forbid",
        title="Reply",
        json_schema_extra={
            "tools": [{"name": "search_rem"}, {"name": "get_ticket", "server": "tickets"}],
            "resources": [{"uri": "rem://schema"}],
        },
    )
    secret: ClassVar[str] = "not in the schema"
    answer: str = Field(description="The answer.", min_length=1, examples=["42"])
    confidence: float | None = Field(default=None, ge=0, le=1)
    mood: Mood = Mood.GOOD
    sources: list[Source] = Field(default_factory=list)
    by_label: dict[str, Source] = {}
    anything: Any = None
    pair: tuple[int, str] = (1, "a")


class Nested(BaseModel):
    """You keep lists. An extra under its own name is not flattened."""

    model_config = ConfigDict(json_schema_extra={"json_schema_extra": {"tools": [{"name": "search_rem"}], "kind": "x"}})
    children: list[Nested] = []


class Outline(BaseModel):
    """You outline documents."""

    title: str
    tree: Nested


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, int]
    answer: str


class Nothing(BaseModel):
    """You only act."""


def _agent(schema: Object) -> Object:
    return {
        "apiVersion": "rem.dev/v1alpha1",
        "kind": "RemAgent",
        "metadata": {"name": "pasted"},
        "spec": {"tenantRef": {"name": "acme"}, "schema": schema},
    }


@pytest.mark.parametrize("model", [Reply, Outline, Loose, Nothing], ids=lambda m: m.__name__)
@pytest.mark.parametrize("mode", ["validation", "serialization"])
async def test_a_pasted_model_applies_unchanged(
    server: Any, model: type[BaseModel], mode: Literal["validation", "serialization"]
) -> None:
    schema = model.model_json_schema(mode=mode)

    answer = await server.create(_agent(schema), dry=True)

    assert answer.status == 201, answer.message
    assert answer.body["spec"]["schema"] == schema
    read = RemAgent.model_validate(answer.body).spec.schema_
    assert read.model_dump(mode="json", exclude_unset=True) == schema


async def test_tools_are_found_wherever_pydantic_puts_them(server: Any) -> None:
    flattened = RemAgent.model_validate(_agent(Reply.model_json_schema()) | {"metadata": {"name": "a"}}).spec.schema_
    nested = RemAgent.model_validate(_agent(_root_of(Nested))).spec.schema_

    assert [tool.name for tool in flattened.allowed_tools()] == ["search_rem", "get_ticket"]
    assert [resource.uri for resource in flattened.allowed_resources()] == ["rem://schema"]
    assert [tool.name for tool in nested.allowed_tools()] == ["search_rem"]


def _root_of(model: type[BaseModel]) -> Object:
    """The remedy that the refusal names: the entry of $defs at the root, and $defs kept."""
    schema = model.model_json_schema()
    return schema["$defs"][schema["$ref"].rsplit("/", 1)[-1]] | {"$defs": schema["$defs"]}


async def test_a_root_that_is_only_a_reference_is_refused_and_the_remedy_works(server: Any) -> None:
    schema = Nested.model_json_schema()
    assert set(schema) == {"$defs", "$ref"}

    refused = await server.create(_agent(schema), dry=True)
    remedied = await server.create(_agent(_root_of(Nested)), dry=True)

    assert refused.status == 422
    assert "copy the entry of $defs that it names to the root" in refused.message
    assert remedied.status == 201, remedied.message


async def test_a_list_at_the_root_is_refused(server: Any) -> None:
    answer = await server.create(_agent(RootModel[list[str]].model_json_schema()), dry=True)

    assert answer.status == 422
    assert "set type to object" in answer.message
