"""RemAgent: an agent as a JSON Schema, and what is seen of it.

The schema is stored as it was pasted: what is declared here is what CEL has to look at, everything else is kept. How
the schema becomes an agent belongs to the runtime.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from .conditions import Conditions
from .fields import (
    AGENT_NAME_LENGTH,
    DNS_LABEL,
    Contract,
    LabelName,
    Line,
    ModelName,
    Rule,
    ToolName,
    atomic_list,
    named_list,
    rules,
    set_list,
)
from .metadata import ObjectMeta
from .references import TenantRef

PROMPT_BYTES: Final = 131072  # 128 KiB: far below etcd's 1.5 MiB also with the copy in managedFields
Keyword = Annotated[str, Field(min_length=1, max_length=1024)]
Prose = Annotated[str, Field(max_length=4096)]
JsonSchema = Annotated[Mapping[str, Any], Field()]


class Tool(Contract):
    """A tool that the agent may use. An agent carries no URLs: servers are the tenant's."""

    name: ToolName
    """Name of the tool."""
    server: LabelName | None = None
    """MCP server of the tool, one of the tenant's agents.mcpServers; REM's own tools unless set."""
    description: Prose | None = None
    """What the tool is for, in addition to what its server says."""


class AgentResource(Contract):
    """An MCP resource that the agent may read."""

    uri: Annotated[str, Field(min_length=1, max_length=1024)]
    """URI of the resource, or a URI template."""
    name: Line | None = None
    """Name of the resource, for people."""
    server: LabelName | None = None
    """MCP server of the resource, one of the tenant's agents.mcpServers; REM's own resources unless set."""
    description: Prose | None = None
    """What the resource is for."""


Tools = Annotated[tuple[Tool, ...], atomic_list(128)]
AgentResources = Annotated[tuple[AgentResource, ...], atomic_list(128)]


class SchemaExtra(Contract):
    """What an agent's schema says beyond JSON Schema. Other keys are kept."""

    model_config = ConfigDict(extra="allow")

    name: Annotated[str, Field(max_length=253)] | None = None
    """The agent's name; equal to metadata.name if it is there."""
    tools: Tools | None = None
    """Tools that the agent may use."""
    resources: AgentResources | None = None
    """MCP resources that the agent may read."""


def _not_twice(field: str) -> Rule:
    return Rule(
        f"!has(self.{field}) || !has(self.json_schema_extra) || !has(self.json_schema_extra.{field})",
        f"{field} stand both in the root and under json_schema_extra, which mean the same: keep one of them",
        f".{field}",
    )


class AgentSchema(Contract):
    """The agent as a JSON Schema: what pydantic's model_json_schema() gives can be pasted unchanged. Other keys are
    kept."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra=rules(
            Rule(
                "has(self.properties)",
                "the schema has no properties. If its root is only a $ref (pydantic writes that for a model that "
                "contains itself): copy the entry of $defs that it names to the root, and keep $defs",
            ),
            Rule(
                "!has(self.type) || self.type == 'object'",
                "an agent answers with an object: set type to object, and put a list or a text into a property of it",
                ".type",
            ),
            Rule(
                "!has(self.required) || !has(self.properties) || self.required.all(r, r in self.properties)",
                "required names a property that is not among properties: add the property, or remove it from required",
                ".required",
            ),
            _not_twice("tools"),
            _not_twice("resources"),
        ),
    )

    type: Annotated[str, Field(max_length=32)] | None = None
    """Always object."""
    title: Annotated[str, Field(max_length=1024)] | None = None
    """Title of the output model."""
    description: (
        Annotated[
            str,
            Field(
                min_length=1,
                max_length=PROMPT_BYTES,
                json_schema_extra=rules(
                    Rule(
                        f"size(bytes(self)) <= {PROMPT_BYTES}",
                        "the system prompt is larger than 128 KiB: move what it knows into resources, which the agent "
                        "can search",
                    )
                ),
            ),
        ]
        | None
    ) = None
    """The system prompt, up to 128 KiB: the docstring of a pydantic model."""
    required: Annotated[tuple[Keyword, ...], set_list(256)] | None = None
    """Properties that an answer must have."""
    properties: Annotated[Mapping[str, JsonSchema], Field(max_length=256)] | None = None
    """The output model: a JSON Schema for each property."""
    schema_uri: Annotated[Keyword | None, Field(alias="$schema")] = None
    """Dialect of JSON Schema."""
    id: Annotated[Keyword | None, Field(alias="$id")] = None
    """Identifier of the schema."""
    defs: Annotated[Mapping[str, JsonSchema] | None, Field(alias="$defs", max_length=256)] = None
    """Schemas that the properties refer to."""
    additional_properties: Annotated[Any, Field(alias="additionalProperties")] = None
    """Whether an answer may have other properties: true, false or a schema for them."""
    json_schema_extra: Annotated[SchemaExtra | None, Field(alias="json_schema_extra")] = None
    """Tools, resources and what else REM reads."""
    name: Annotated[str, Field(max_length=253)] | None = None
    """The same as json_schema_extra.name, where pydantic puts it."""
    tools: Tools | None = None
    """The same as json_schema_extra.tools, where pydantic puts it; only one of them may be there."""
    resources: AgentResources | None = None
    """The same as json_schema_extra.resources, where pydantic puts it; only one of them may be there."""

    def allowed_tools(self) -> tuple[Tool, ...]:
        """Tools that the agent may use, wherever in the schema they stand."""
        extra = self.json_schema_extra
        return self.tools or (extra.tools if extra else None) or ()

    def allowed_resources(self) -> tuple[AgentResource, ...]:
        """MCP resources that the agent may read, wherever in the schema they stand."""
        extra = self.json_schema_extra
        return self.resources or (extra.resources if extra else None) or ()


class AgentLimits(Contract):
    """What one run of the agent may use."""

    requests: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Requests to the language model."""
    total_tokens: Annotated[int, Field(ge=1, le=1000000000)] | None = None
    """Tokens, of questions and answers together."""
    timeout_seconds: Annotated[int, Field(ge=1, le=3600)] | None = None
    """Seconds until the run is ended."""


class RemAgentSpec(Contract):
    """What the agent is to be."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "self.tenantRef == oldSelf.tenantRef",
                "tenantRef is immutable: put back the tenant, and create another RemAgent for the other tenant",
                ".tenantRef",
            )
        )
    )

    tenant_ref: TenantRef
    """The tenant that the agent belongs to. Immutable."""
    enabled: bool | None = None
    """Whether the agent is served; true unless set."""
    version: Line | None = None
    """Version of the agent, for people."""
    model: ModelName | None = None
    """Model of the agent; the schema's, then the tenant's defaultModel, unless set."""
    limits: AgentLimits | None = None
    """What one run may use; the runtime's limits unless set."""
    schema_: Annotated[AgentSchema, Field(alias="schema")]
    """The agent as a JSON Schema: description is the system prompt, properties the output, json_schema_extra.tools
    and .resources what it may use."""


class LoadedAgent(Contract):
    """What one API pod says of the agent."""

    pod: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the pod."""
    hash: Annotated[str, Field(max_length=128)] | None = None
    """Hash of the schema that the pod serves."""
    error: Annotated[str, Field(max_length=1024)] | None = None
    """Why the pod cannot serve the agent."""


class RemAgentStatus(Contract):
    """What was seen of the agent."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """metadata.generation of the object that this status is about."""
    phase: Annotated[str, Field(max_length=64)] | None = None
    """One word for people, derived from the conditions."""
    conditions: Conditions | None = None
    """Ready is Accepted, ToolsResolved and Synced together."""
    schema_hash: Annotated[str, Field(max_length=128)] | None = None
    """Hash of the last valid schema."""
    model: Annotated[str, Field(max_length=256)] | None = None
    """The model in force."""
    loaded: Annotated[tuple[LoadedAgent, ...], named_list(128, "pod")] | None = None
    """What each API pod serves."""
    handled: Annotated[Mapping[str, Annotated[str, Field(max_length=256)]], Field(max_length=16)] | None = None
    """Value of each -at annotation (by its name after rem.dev/) that was handled last."""


class RemAgent(Contract):
    """An agent of a tenant, declared as a JSON Schema. It is served under its own name within seconds, without a new
    image and without a restart."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                f"size(self.metadata.name) <= {AGENT_NAME_LENGTH}",
                f"the name is longer than {AGENT_NAME_LENGTH} characters: choose a shorter one (its ConfigMap is named "
                "agent-<name>)",
            ),
            Rule(
                f"self.metadata.name.matches('{DNS_LABEL}')",
                "the name becomes the name of a ConfigMap and a label: use lower-case letters, digits and '-'",
            ),
            Rule(
                "!has(self.spec.schema.json_schema_extra) || !has(self.spec.schema.json_schema_extra.name) "
                "|| self.spec.schema.json_schema_extra.name == self.metadata.name",
                "json_schema_extra.name differs from metadata.name, which is the agent's name: make them equal, or "
                "remove json_schema_extra.name",
                ".spec.schema.json_schema_extra.name",
            ),
            Rule(
                "!has(self.spec.schema.name) || self.spec.schema.name == self.metadata.name",
                "name in the schema differs from metadata.name, which is the agent's name: make them equal, or remove "
                "name from the schema",
                ".spec.schema.name",
            ),
        )
    )

    api_version: Literal["rem.dev/v1alpha1"] = "rem.dev/v1alpha1"
    kind: Literal["RemAgent"] = "RemAgent"
    metadata: ObjectMeta
    spec: RemAgentSpec
    """What the agent is to be."""
    status: RemAgentStatus = RemAgentStatus()
    """What was seen of the agent; written by the operator alone."""
