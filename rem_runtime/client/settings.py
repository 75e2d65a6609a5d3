"""Where `rem` finds its tenant: REM_URL and REM_API_KEY. The only reader of the environment in the client."""

from __future__ import annotations

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
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/").removesuffix("/api/v1")


def load_client_settings(**given: object) -> ClientSettings:
    """The environment, with what was given on the command line over it."""
    try:
        return ClientSettings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        lines = [f"REM_{str(item['loc'][0]).upper()}: {item['msg']}" for item in error.errors()]
        raise UsageError("\n".join(lines)) from error
