"""Every setting of the runtime, and the only reader of its environment.

A variable is `GROUP__FIELD` (`POSTGRES__HOST`). Each group is frozen and refuses a name that it does not know, so that
a typo is an error that names the variable, not a silent default. Values are read once at the edge (`get_settings`) and
handed inwards as plain arguments; nothing below `cli.py` and `app.py` imports this module.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from rem_runtime.errors import SettingsError

DELIMITER = "__"

Port = Annotated[int, Field(ge=0, le=65535)]


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class TenantSettings(_Group):
    name: str = Field(default="local", min_length=1)
    """The tenant that this process serves. A request whose X-Tenant-Id names another one is refused."""
    namespace: str = ""
    """The Kubernetes namespace it runs in; empty on a laptop."""


class PostgresSettings(_Group):
    host: str = "127.0.0.1"
    """Address of the tenant's database."""
    port: Port = 5432
    """Its port."""
    database: str = "rem"
    """Its name."""
    user: str = "rem_app"
    """Who we log in as: `rem_app` in the API and the workers, the owner in `schema apply`."""
    password: SecretStr = SecretStr("")
    """That user's password; empty for a server that asks for none."""
    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = "prefer"
    """libpq's words. In a cluster, `require` where the server speaks TLS."""
    app_role: str = "rem_app"
    """The role that `schema apply` grants rows to."""
    sql_role: str = "rem_sql"
    """The read-only role that `schema apply` grants the SQL views to."""
    sql_user: str = ""
    """Who SQL mode logs in as: `rem_sql`. Empty: SQL mode is off."""
    sql_password: SecretStr = SecretStr("")
    """That user's password."""
    sql_pool_size: int = Field(default=2, ge=1, le=100)
    """Connections of SQL mode: how many statements run at once. The operator's connection budget counts on 2."""
    sql_timeout_seconds: float = Field(default=5.0, gt=0)
    """How long a statement of SQL mode may run."""
    pool_size: int = Field(default=8, ge=1, le=100)
    """Connections that one process keeps open; the operator's connection budget counts on 8."""
    connect_timeout_seconds: float = Field(default=5.0, gt=0)
    """How long one connection attempt may take."""
    command_timeout_seconds: float = Field(default=30.0, gt=0)
    """How long one statement may take before the client gives up."""
    wait_seconds: float | None = Field(default=None, ge=0)
    """How long `schema` waits for the database and its roles to appear; unset, see `schema_job`."""


class ApiSettings(_Group):
    host: str = "127.0.0.1"
    """Address to listen on; in a pod its own IP."""
    port: Port = 8000
    """Port to listen on; 0 takes a free one."""
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    """Origins that may call from a browser, separated by commas; `*` is any, empty is none."""
    max_body_bytes: int = Field(default=4 * 1024 * 1024, ge=1024)
    """The largest request body but for an upload; a larger one is answered with 413."""
    max_file_bytes: int = Field(default=64 * 1024 * 1024, ge=1024)
    """The largest file that is uploaded; a larger one is answered with 413."""
    shutdown_seconds: int = Field(default=20, ge=0)
    """How long requests in flight may take after SIGTERM; below the pod's termination grace."""

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


class MetricsSettings(_Group):
    host: str = "127.0.0.1"
    """Address of the port for Prometheus and probes; in a pod its own IP."""
    port: Port = 9090
    """That port; 0 takes a free one."""


class AuthSettings(_Group):
    mode: Literal["ApiKey", "OIDC", "Disabled"] = "Disabled"
    """How callers prove who they are. Disabled is for a laptop; a cluster sets ApiKey."""
    keys_file: Path | None = None
    """With ApiKey: the JSON list of keys, re-read when it changes."""


class EmbeddingSettings(_Group):
    provider: Literal["minilm", "openai"] = "minilm"
    """Who turns text into vectors: `minilm`, in this process, or `openai`, any endpoint with its `/embeddings`."""
    model: str = "all-MiniLM-L6-v2"
    """The model's name, stored beside each vector."""
    dimensions: int = Field(default=384, ge=1, le=4000)
    """Its vector size."""
    directory: Path = Field(default_factory=lambda: user_cache_directory() / "rem" / "embedder")
    """Where model.onnx, tokenizer.json and embedder.json lie; the image sets it."""
    base_url: str = Field(default="", pattern=r"^(https?://\S+)?$")
    """With openai: the URL up to `/embeddings`, as in `https://host/v1`."""
    api_key: SecretStr = SecretStr("")
    """Its key; empty for an endpoint that asks for none."""
    max_tokens: int = Field(default=512, ge=32)
    """With openai: the model's window, which decides how large passages become. Counted high, by a rule of thumb."""
    shorten: bool = False
    """With openai: ask for vectors of `dimensions`, for models that can shorten theirs."""
    batch: int = Field(default=64, ge=1, le=2048)
    """With openai: texts of one request."""
    timeout_seconds: float = Field(default=30.0, gt=0)
    """With openai: how long one request may take."""


class S3Settings(_Group):
    bucket: str = ""
    """The tenant's bucket; empty without object storage."""
    prefix: str = ""
    """The tenant's part of it."""
    region: str = ""
    """Its region."""
    endpoint: str = ""
    """A service other than AWS."""


class SqsSettings(_Group):
    queue_url: str = ""
    """The queue that names new files; empty without a file worker."""
    region: str = ""
    """Its region."""
    endpoint: str = ""
    """A service other than AWS."""


class LlmSettings(_Group):
    default_model: str = ""
    """The model of agents that name none; empty: no agent without a model of its own."""


class OtelSettings(_Group):
    endpoint: str = ""
    """Where traces go. Not available yet: must be empty."""


class LogSettings(_Group):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """What is logged: JSON lines on standard error."""

    @field_validator("level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value


class TerminationSettings(_Group):
    message_file: Path | None = None
    """Where a failing `schema apply` leaves its reason, for the operator to read from the pod."""


class Settings(BaseSettings):
    """The whole tree; one attribute for each group of variables."""

    model_config = SettingsConfigDict(
        env_nested_delimiter=DELIMITER, frozen=True, extra="ignore", env_ignore_empty=True, validate_default=False
    )

    tenant: TenantSettings = TenantSettings()
    postgres: PostgresSettings = PostgresSettings()
    api: ApiSettings = ApiSettings()
    metrics: MetricsSettings = MetricsSettings()
    auth: AuthSettings = AuthSettings()
    embedding: EmbeddingSettings = Field(default_factory=EmbeddingSettings)
    s3: S3Settings = S3Settings()
    sqs: SqsSettings = SqsSettings()
    llm: LlmSettings = LlmSettings()
    otel: OtelSettings = OtelSettings()
    log: LogSettings = LogSettings()
    termination: TerminationSettings = TerminationSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, _GroupedVariables(settings_cls)


class _GroupedVariables(EnvSettingsSource):
    """`GROUP__FIELD` only: a bare LOG or API in somebody's environment is not ours, and not JSON either."""

    def prepare_field_value(self, field_name: str, field: FieldInfo, value: Any, value_is_complex: bool) -> Any:  # noqa: FBT001 - pydantic-settings' signature
        del value
        return super().prepare_field_value(field_name, field, None, value_is_complex)


def user_cache_directory() -> Path:
    """`$XDG_CACHE_HOME`, or `~/.cache`."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    return Path(configured) if configured else Path.home() / ".cache"


def load_settings() -> Settings:
    """Reads the environment; raises SettingsError with one line for each variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(_describe(error)) from error


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The process's settings, read once."""
    return load_settings()


def _describe(error: ValidationError) -> str:
    return "\n".join(_describe_one(list(map(str, item["loc"])), dict(item)) for item in error.errors())


def _describe_one(location: list[str], item: dict[str, Any]) -> str:
    variable = DELIMITER.join(location).upper()
    if item["type"] == "extra_forbidden":
        known = ", ".join(sorted(_known_variables(location[0])))
        return f"{variable}: there is no such setting; {location[0].upper()} has {known}"
    return f"{variable}: {item['msg']}"


def _known_variables(group: str) -> list[str]:
    model = Settings.model_fields[group].annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    return [DELIMITER.join((group, name)).upper() for name in model.model_fields]
