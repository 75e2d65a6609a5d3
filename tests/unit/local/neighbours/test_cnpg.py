"""What the stand-in for CloudNativePG makes, says and runs."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from rem_local.neighbours.cnpg import manifests, sql, status
from rem_local.neighbours.cnpg.instances import UnsupportedBootstrapError, initdb_options, parameters_of


def cluster(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Cluster",
        "metadata": {"name": "acme-db", "namespace": "acme", "uid": "u-1"},
        "spec": {"instances": 2, **spec},
    }


def test_identifiers_and_literals_cannot_be_left() -> None:
    assert sql.identifier('a"; DROP TABLE x; --') == '"a""; DROP TABLE x; --"'
    assert sql.literal("it's") == "'it''s'"
    assert sql.literal("back\\slash'") == "E'back\\\\slash'''"


def test_a_role_has_every_option_that_is_not_said_switched_off_but_inherit() -> None:
    statement = sql.change_role({"name": "rem_app"}, exists=False, password=None)[0]
    assert statement == (
        'CREATE ROLE "rem_app" WITH NOBYPASSRLS NOCREATEDB NOCREATEROLE INHERIT NOLOGIN NOREPLICATION NOSUPERUSER '
        "CONNECTION LIMIT -1"
    )
    spec = {
        "name": "rem_app",
        "login": True,
        "inherit": False,
        "connectionLimit": 5,
        "validUntil": "2030-01-01T00:00:00Z",
    }
    statement = sql.change_role(spec, exists=True, password="p'w")[0]
    assert statement.startswith('ALTER ROLE "rem_app" WITH NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT LOGIN')
    assert statement.endswith("CONNECTION LIMIT 5 PASSWORD 'p''w' VALID UNTIL '2030-01-01T00:00:00Z'")
    assert "PASSWORD NULL" in sql.change_role({"name": "a", "disablePassword": True}, exists=True, password=None)[0]


def test_memberships_are_exactly_those_asked_for() -> None:
    assert sql.change_memberships("a", wanted={"x", "y"}, present={"y", "z"}) == [
        'GRANT "x" TO "a"',
        'REVOKE "z" FROM "a"',
    ]


def test_an_extension_is_made_moved_updated_or_dropped() -> None:
    present = {"version": "0.8.0", "schema": "public"}
    assert sql.change_extension({"name": "vector"}, None) == ['CREATE EXTENSION "vector"']
    assert sql.change_extension({"name": "vector", "version": "1", "schema": "s"}, None) == [
        'CREATE EXTENSION "vector" SCHEMA "s" VERSION \'1\''
    ]
    assert sql.change_extension({"name": "vector"}, present) == []
    assert sql.change_extension({"name": "vector", "version": "1"}, present) == [
        "ALTER EXTENSION \"vector\" UPDATE TO '1'"
    ]
    assert sql.change_extension({"name": "vector", "ensure": "absent"}, present) == ['DROP EXTENSION "vector"']
    assert sql.change_extension({"name": "vector", "ensure": "absent"}, None) == []


def test_a_database_is_made_with_its_locale_and_only_its_owner_changes_later() -> None:
    spec = {"name": "rem", "owner": "o", "localeProvider": "builtin", "builtinLocale": "C.UTF-8", "connectionLimit": 5}
    assert sql.create_database(spec) == (
        "CREATE DATABASE \"rem\" OWNER \"o\" LOCALE_PROVIDER 'builtin' BUILTIN_LOCALE 'C.UTF-8' CONNECTION LIMIT 5"
    )
    assert sql.alter_database(spec) == [
        'ALTER DATABASE "rem" OWNER TO "o"',
        'ALTER DATABASE "rem" WITH CONNECTION LIMIT 5',
    ]


def test_initdb_gets_the_defaults_of_cloudnativepg() -> None:
    assert initdb_options(cluster()) == ("--encoding=UTF8", "--lc-collate=C", "--lc-ctype=C")
    builtin = {"initdb": {"localeProvider": "builtin", "builtinLocale": "C.UTF-8"}}
    assert "--builtin-locale=C.UTF-8" in initdb_options(cluster(bootstrap=builtin))
    with pytest.raises(UnsupportedBootstrapError, match=r"bootstrap\.recovery"):
        initdb_options(cluster(bootstrap={"recovery": {}}))


def test_parameters_are_handed_on_but_for_those_of_an_image() -> None:
    given = {
        "parameters": {"work_mem": "8MB", "archive_mode": "on"},
        "shared_preload_libraries": ["pg_stat_statements"],
    }
    parameters = parameters_of(cluster(postgresql=given))
    assert parameters["work_mem"] == "8MB"
    assert parameters["shared_preload_libraries"] == "pg_stat_statements"
    assert "archive_mode" not in parameters


def test_the_application_secret_escapes_what_its_urls_need() -> None:
    secret = manifests.application_secret(cluster(), host="127.20.1.1", password="p@ss/word")
    values = {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}
    assert values["password"] == "p@ss/word"
    assert values["uri"] == "postgresql://app:p%40ss%2Fword@127.20.1.1:5432/app"
    assert values["jdbc-uri"] == "jdbc:postgresql://127.20.1.1:5432/app?password=p%40ss%2Fword&user=app"
    assert values["pgpass"] == "127.20.1.1:5432:app:app:p@ss/word\n"
    assert secret["metadata"]["labels"]["rem.dev/stand-in"] == "true"
    assert secret["metadata"]["ownerReferences"][0]["uid"] == "u-1"


def test_a_cluster_hibernates_only_once_it_was_healthy() -> None:
    sleepy = cluster()
    sleepy["metadata"]["annotations"] = {"cnpg.io/hibernation": "on"}
    assert status.wants_hibernation(sleepy)
    assert not status.may_hibernate(sleepy)
    healthy = status.healthy(sleepy, system_id="1", secret_version="2", at="2026-01-01T00:00:00Z")
    assert status.may_hibernate({**sleepy, "status": healthy})
    asleep = status.hibernated({**sleepy, "status": healthy}, at="2026-01-02T00:00:00Z")
    assert {item["type"]: item["status"] for item in asleep["conditions"]} == {
        "ConsistentSystemID": "False",
        "Ready": "True",
        "cnpg.io/hibernation": "True",
    }
