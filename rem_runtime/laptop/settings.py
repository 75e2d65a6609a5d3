"""The one reader of the environment for what runs on a laptop only."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class LaptopSettings(BaseSettings):
    """Where things that can be made again are kept."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    cache_home: Path | None = Field(default=None, validation_alias="XDG_CACHE_HOME")
    """`XDG_CACHE_HOME`: the user's cache directory; `~/.cache` when unset."""

    @property
    def cache_directory(self) -> Path:
        """Our part of the user's cache directory."""
        return (self.cache_home or Path.home() / ".cache") / "rem"


@cache
def get_laptop_settings() -> LaptopSettings:
    """Read the environment once."""
    return LaptopSettings()
