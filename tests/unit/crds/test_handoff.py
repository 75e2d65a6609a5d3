"""What both sides of the hand-over agree on."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from pydantic import ValidationError

from rem_crds import handoff

PLAIN = "for-this-test-only"


def test_a_key_file_holds_the_digest_and_never_the_key() -> None:
    text = handoff.make_api_key_file(PLAIN, "operator")

    assert PLAIN not in text
    assert json.loads(text) == [
        {
            "name": "operator",
            "sha256": handoff.sha256_of_key(PLAIN),
            "user": "",
            "scopes": ["read", "write", "admin", "impersonate", "sql"],
        }
    ]
    assert text == handoff.make_api_key_file(PLAIN, "operator")


def test_a_key_file_is_read_back() -> None:
    (key,) = handoff.ApiKeyFile.validate_json(handoff.make_api_key_file(PLAIN, "ann", user="ann", scopes=["read"]))

    assert (key.name, key.user, key.scopes) == ("ann", "ann", ("read",))
    assert key.sha256 == handoff.sha256_of_key(PLAIN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '[{"name": "a", "sha256": "short", "scopes": []}]',
        f'[{{"name": "a", "sha256": "{"0" * 64}", "scopes": ["root"]}}]',
    ],
)
def test_a_broken_key_file_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        handoff.ApiKeyFile.validate_json(text)


def test_all_scopes_are_all() -> None:
    assert set(handoff.ALL_SCOPES) == set(get_args(handoff.Scope))


def test_every_variable_belongs_to_a_group_that_tenants_cannot_set() -> None:
    variables = {value for name, value in vars(handoff).items() if name.startswith("ENV_") and name != "ENV_DELIMITER"}

    assert {variable.split(handoff.ENV_DELIMITER)[0] for variable in variables} <= set(handoff.SETTING_GROUPS)
    assert list(handoff.SETTING_GROUPS) == sorted(handoff.SETTING_GROUPS)
