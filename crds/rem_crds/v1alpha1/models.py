"""The `llm` and `agents` parts of a RemTenant's spec: which models and which MCP servers the tenant may use."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from . import defaults
from .fields import (
    PATTERN_MESSAGE,
    Contract,
    HttpUrl,
    LabelName,
    ModelName,
    Rule,
    ToolName,
    named_list,
    rules,
    set_list,
)
from .references import KeySource, SecretKeyRef


class Provider(Contract):
    """A service that answers for models."""

    name: LabelName
    """Name of the provider, as it stands before the colon in a model's name."""
    base_url: Annotated[HttpUrl | None, Field(alias="baseURL")] = None
    """Base URL of its API, such as https://llm.example.com/v1; the provider's public one unless set."""
    key_from: KeySource | None = None
    """Its API key; the provider's usual environment variable unless set."""


class Embedding(Contract):
    """The model that makes vectors. Immutable: the stored vectors are its."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                f"!has(self.provider) || self.provider == '{defaults.EMBEDDING_PROVIDER}' "
                "|| (has(self.model) && has(self.dimensions))",
                f"a provider other than {defaults.EMBEDDING_PROVIDER} needs model and dimensions: set both",
            ),
            Rule(
                f"(has(self.provider) && self.provider != '{defaults.EMBEDDING_PROVIDER}') || "
                f"((!has(self.model) || self.model == '{defaults.EMBEDDING_MODEL}') && "
                f"(!has(self.dimensions) || self.dimensions == {defaults.EMBEDDING_DIMENSIONS}))",
                f"{defaults.EMBEDDING_PROVIDER} is {defaults.EMBEDDING_MODEL} with {defaults.EMBEDDING_DIMENSIONS} "
                "dimensions: remove model and dimensions, or name the provider of yours",
            ),
        )
    )

    provider: LabelName | None = None
    """minilm (in the process, without key and network), openai, or a name in llm.providers; minilm unless set."""
    model: ModelName | None = None
    """Model of the provider; all-MiniLM-L6-v2 unless set."""
    dimensions: Annotated[int, Field(ge=1, le=4000)] | None = None
    """Length of a vector; 384 unless set."""


class Llm(Contract):
    """Language models and the embedding model."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "!has(self.defaultModel) || !has(self.models) || size(self.models) == 0 "
                "|| self.defaultModel in self.models",
                "defaultModel is not among models: add it there, or choose one of them",
                ".defaultModel",
            ),
            Rule(
                "!has(self.embedding) || !has(self.embedding.provider) "
                f"|| self.embedding.provider in ['{defaults.EMBEDDING_PROVIDER}', 'openai'] "
                "|| (has(self.providers) && self.providers.exists(p, p.name == self.embedding.provider))",
                "embedding.provider is unknown: use minilm or openai, or add a provider of that name to llm.providers",
                ".embedding.provider",
            ),
        )
    )

    default_model: ModelName | None = None
    """Model of agents that name none, such as openai-chat:gpt-4.1-mini."""
    models: Annotated[tuple[ModelName, ...], set_list(64)] | None = None
    """Models that agents and callers may ask for; any unless set."""
    providers: Annotated[tuple[Provider, ...], named_list(16)] | None = None
    """Providers with an address or a key of their own."""
    embedding: Embedding | None = None
    """The model that makes vectors. Immutable, also its absence."""


class HeaderSource(Contract):
    """An HTTP header whose value is a credential."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=128,
            pattern="^[A-Za-z0-9][A-Za-z0-9-]*$",
            json_schema_extra={PATTERN_MESSAGE: "write the name of an HTTP header, such as Authorization"},
        ),
    ]
    """Name of the header, such as Authorization."""
    secret_key_ref: SecretKeyRef
    """Where its value comes from."""


class McpServer(Contract):
    """A remote MCP server that agents of this tenant may use."""

    name: LabelName
    """Name by which agents refer to the server."""
    url: HttpUrl
    """URL of the server. Private and link-local addresses are refused unless the operator's settings list them."""
    tools: Annotated[tuple[ToolName, ...], set_list(128)] | None = None
    """Tools of the server that may be used; all unless set."""
    headers_from: Annotated[tuple[HeaderSource, ...], named_list(16)] | None = None
    """Headers sent to the server. The caller's own token is never forwarded."""


class Agents(Contract):
    """What holds for all agents of the tenant."""

    max_agents: Annotated[int, Field(ge=0, le=1000)] | None = None
    """How many RemAgents are served; 100 unless set."""
    mcp_servers: Annotated[tuple[McpServer, ...], named_list(32)] | None = None
    """Remote MCP servers that agents may use."""
