"""PURE: the statements that CloudNativePG runs as the superuser, and how names and values are quoted in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ROLE_OPTIONS = {
    "bypassrls": "BYPASSRLS",
    "createdb": "CREATEDB",
    "createrole": "CREATEROLE",
    "inherit": "INHERIT",
    "login": "LOGIN",
    "replication": "REPLICATION",
    "superuser": "SUPERUSER",
}
_DATABASE_OPTIONS = {
    "template": "TEMPLATE",
    "tablespace": "TABLESPACE",
    "encoding": "ENCODING",
    "locale": "LOCALE",
    "localeProvider": "LOCALE_PROVIDER",
    "localeCollate": "LC_COLLATE",
    "localeCType": "LC_CTYPE",
    "icuLocale": "ICU_LOCALE",
    "icuRules": "ICU_RULES",
    "builtinLocale": "BUILTIN_LOCALE",
    "collationVersion": "COLLATION_VERSION",
}


def identifier(name: str) -> str:
    """A quoted name."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A quoted string, whatever standard_conforming_strings says."""
    quoted = "'" + value.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in value else quoted


def create_database(spec: Mapping[str, Any]) -> str:
    """CREATE DATABASE for the spec of a Database."""
    parts = [f"CREATE DATABASE {identifier(spec['name'])} OWNER {identifier(spec['owner'])}"]
    parts += [f"{word} {literal(spec[key])}" for key, word in _DATABASE_OPTIONS.items() if spec.get(key)]
    return " ".join([*parts, *_adjustable(spec)])


def alter_database(spec: Mapping[str, Any]) -> list[str]:
    """The statements that bring an existing database to the spec; locale and encoding cannot change."""
    name = identifier(spec["name"])
    statements = [f"ALTER DATABASE {name} OWNER TO {identifier(spec['owner'])}"]
    statements += [f"ALTER DATABASE {name} WITH {option}" for option in _adjustable(spec)]
    return statements


def _adjustable(spec: Mapping[str, Any]) -> list[str]:
    options = []
    if spec.get("allowConnections") is not None:
        options.append(f"ALLOW_CONNECTIONS {str(spec['allowConnections']).lower()}")
    if spec.get("connectionLimit") is not None:
        options.append(f"CONNECTION LIMIT {int(spec['connectionLimit'])}")
    if spec.get("isTemplate") is not None:
        options.append(f"IS_TEMPLATE {str(spec['isTemplate']).lower()}")
    return options


def change_extension(extension: Mapping[str, Any], installed: Mapping[str, Any] | None) -> list[str]:
    """What makes an extension present or absent, in the version and schema that are asked for."""
    name = identifier(extension["name"])
    if extension.get("ensure") == "absent":
        return [f"DROP EXTENSION {name}"] if installed else []
    schema, version = extension.get("schema"), extension.get("version")
    if installed is None:
        options = f" SCHEMA {identifier(schema)}" if schema else ""
        options += f" VERSION {literal(version)}" if version else ""
        return [f"CREATE EXTENSION {name}{options}"]
    statements = []
    if schema and schema != installed["schema"]:
        statements.append(f"ALTER EXTENSION {name} SET SCHEMA {identifier(schema)}")
    if version and version != installed["version"]:
        statements.append(f"ALTER EXTENSION {name} UPDATE TO {literal(version)}")
    return statements


def change_schema(schema: Mapping[str, Any], owner: str | None) -> list[str]:
    """What makes a schema present or absent; `owner` is the present owner, None when there is no such schema."""
    name = identifier(schema["name"])
    if schema.get("ensure") == "absent":
        return [f"DROP SCHEMA {name}"] if owner is not None else []
    wanted = schema.get("owner")
    if owner is None:
        return [f"CREATE SCHEMA {name}" + (f" AUTHORIZATION {identifier(wanted)}" if wanted else "")]
    return [f"ALTER SCHEMA {name} OWNER TO {identifier(wanted)}"] if wanted and wanted != owner else []


def change_role(spec: Mapping[str, Any], *, exists: bool, password: str | None) -> list[str]:
    """CREATE or ALTER ROLE for the spec of a DatabaseRole; no password given leaves the one that is there."""
    name = identifier(spec["name"])
    # `inherit` alone is on by default.
    words = [word if spec.get(option, option == "inherit") else f"NO{word}" for option, word in _ROLE_OPTIONS.items()]
    words.append(f"CONNECTION LIMIT {int(spec.get('connectionLimit', -1))}")
    if password is not None:
        words.append(f"PASSWORD {literal(password)}")
    elif spec.get("disablePassword"):
        words.append("PASSWORD NULL")
    if spec.get("validUntil"):
        words.append(f"VALID UNTIL {literal(spec['validUntil'])}")
    verb = "ALTER" if exists else "CREATE"
    comment = literal(spec["comment"]) if spec.get("comment") else "NULL"
    return [f"{verb} ROLE {name} WITH {' '.join(words)}", f"COMMENT ON ROLE {name} IS {comment}"]


def change_memberships(name: str, *, wanted: set[str], present: set[str]) -> list[str]:
    """GRANT and REVOKE so that a role is a member of exactly the wanted roles."""
    grants = [f"GRANT {identifier(role)} TO {identifier(name)}" for role in sorted(wanted - present)]
    return grants + [f"REVOKE {identifier(role)} FROM {identifier(name)}" for role in sorted(present - wanted)]
