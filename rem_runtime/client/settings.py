"""Where `rem` finds its tenant: REM_URL and REM_API_KEY. The only reader of the environment in the client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from rem_runtime.client.errors import UsageError


class ClientSettings(BaseSettings):
    """One variable each, `REM_` in front."""

    model_config = SettingsConfigDict(
        env_prefix="REM_", frozen=True, extra="ignore", env_ignore_empty=True, use_attribute_docstrings=True
    )

    url: str = "http://127.0.0.1:8000"
    """The tenant's API, without /api/v1."""
    api_key: SecretStr = SecretStr("")
    """The key that is sent as a bearer token; empty for a server with auth Disabled."""
    timeout_seconds: float = Field(default=60.0, gt=0)
    """How long one request may take."""

    @field_validator("url")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError(f"{value} is no URL; it begins with http:// or https://, such as http://{_host_of(value)}")
        return value.rstrip("/").removesuffix("/api/v1")


def _host_of(value: str) -> str:
    return value.rpartition("//")[2] or "127.0.0.1:8000"


def load_client_settings(**given: object) -> ClientSettings:
    """The environment, with what was given on the command line over it."""
    stated = {name: value for name, value in given.items() if value is not None}
    try:
        return ClientSettings(**stated)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        lines = [_describe(str(item["loc"][0]), dict(item), stated) for item in error.errors()]
        raise UsageError("\n".join(lines)) from error


def _describe(name: str, item: dict[str, Any], stated: Mapping[str, object]) -> str:
    """What is wrong with which variable or option; our own words without pydantic's `Value error` before them."""
    said = item["ctx"]["error"] if item["type"] == "value_error" else item["msg"]
    return f"{f'--{name}' if name in stated else f'REM_{name.upper()}'}: {said}"
