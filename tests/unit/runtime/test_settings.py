"""The settings tree: what a variable does, and what the error says when it is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from rem_crds import handoff
from rem_runtime.errors import SettingsError
from rem_runtime.settings import Settings, get_settings, load_settings


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def test_defaults_serve_a_laptop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    settings = load_settings()
    assert settings.tenant.name == "local"
    assert (settings.api.host, settings.api.port) == ("127.0.0.1", 8000)
    assert settings.auth.mode == "Disabled"
    assert settings.embedding.directory == tmp_path / "rem" / "embedder"


def test_every_variable_that_the_operator_hands_over_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {value for name, value in vars(handoff).items() if name.startswith("ENV_") and name != "ENV_DELIMITER"}
    assert len(names) > 20
    for name in names:
        group, _, field = name.lower().partition("__")
        model = Settings.model_fields[group].annotation
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        assert field in model.model_fields, name
    assert {name.upper() for name in Settings.model_fields} <= set(handoff.SETTING_GROUPS)


def test_variables_reach_their_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "TENANT__NAME": "acme",
        "POSTGRES__PORT": "6543",
        "POSTGRES__PASSWORD": "hush",
        "API__CORS_ORIGINS": "https://a.example, https://b.example",
        "LOG__LEVEL": "debug",
        "S3__BUCKET": "",
    }.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.tenant.name == "acme"
    assert settings.postgres.port == 6543
    assert settings.api.cors_origins == ("https://a.example", "https://b.example")
    assert settings.log.level == "DEBUG"
    assert "hush" not in repr(settings)


def test_a_bare_group_name_in_the_environment_is_somebody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOG", "API", "S3", "AUTH"):
        monkeypatch.setenv(name, "anything, not JSON")
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    assert load_settings().log.level == "INFO"


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("POSTGRES__HSOT", "db", "POSTGRES__HSOT: there is no such setting; POSTGRES has POSTGRES__APP_ROLE"),
        ("POSTGRES__PORT", "many", "POSTGRES__PORT: "),
        ("AUTH__MODE", "Basic", "AUTH__MODE: Input should be 'ApiKey', 'OIDC' or 'Disabled'"),
        ("EMBEDDING__PROVIDER", "other", "EMBEDDING__PROVIDER: "),
    ],
)
def test_an_error_names_the_variable(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith(said)


def test_every_setting_is_described() -> None:
    for group in Settings.model_fields.values():
        model = group.annotation
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        assert all(field.description for field in model.model_fields.values()), model


def test_settings_are_read_once_and_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    first = get_settings()
    monkeypatch.setenv("TENANT__NAME", "other")
    assert get_settings() is first
    with pytest.raises(ValueError, match="frozen"):
        first.api.port = 1  # type: ignore[misc]  # that is the point
