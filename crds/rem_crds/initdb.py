"""The SQL that a superuser runs once in a new database, before anybody else is in it: in a cluster through
CloudNativePG, on a laptop by `rem dev`.

It takes from PUBLIC what would let a read-only login step out of its own rows: changing the setting that says who asks,
and functions that run SQL given as text. Only a superuser can do that, and CNPG gives nobody else one. The owner gets
the rights back with grant option, so that the schema Job, which runs as the owner, passes them on to the roles; those
do not exist yet. Tables, views and grants to roles belong to the runtime's schema.

One statement each; the order matters. The functions are PostgreSQL 18's.
"""

from __future__ import annotations

from typing import Final

from .handoff import DATABASE_NAME, ROLE_OWNER

_SET_CONFIG: Final = "pg_catalog.set_config(text, text, boolean)"

# They run, or describe, a query that is handed to them as text, past every check of the statement around them.
_RUN_TEXT: Final = (
    "query_to_xml(text, boolean, boolean, text)",
    "query_to_xmlschema(text, boolean, boolean, text)",
    "query_to_xml_and_xmlschema(text, boolean, boolean, text)",
    "cursor_to_xml(refcursor, integer, boolean, boolean, text)",
    "cursor_to_xmlschema(refcursor, boolean, boolean, text)",
    "table_to_xml(regclass, boolean, boolean, text)",
    "table_to_xmlschema(regclass, boolean, boolean, text)",
    "table_to_xml_and_xmlschema(regclass, boolean, boolean, text)",
    "schema_to_xml(name, boolean, boolean, text)",
    "schema_to_xmlschema(name, boolean, boolean, text)",
    "schema_to_xml_and_xmlschema(name, boolean, boolean, text)",
    "database_to_xml(boolean, boolean, text)",
    "database_to_xmlschema(boolean, boolean, text)",
    "database_to_xml_and_xmlschema(boolean, boolean, text)",
    "ts_stat(text)",
    "ts_stat(text, text)",
    "ts_rewrite(tsquery, text)",
)


def post_init_application_sql() -> list[str]:
    """Statements for CNPG's `postInitApplicationSQL`."""
    return [
        f"REVOKE EXECUTE ON FUNCTION {_SET_CONFIG} FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION {_SET_CONFIG} TO {ROLE_OWNER} WITH GRANT OPTION",
        # So that the role of SQL mode can be kept from filling the disk; a superuser's setting otherwise.
        f"GRANT SET ON PARAMETER temp_file_limit TO {ROLE_OWNER} WITH GRANT OPTION",
        *(f"REVOKE EXECUTE ON FUNCTION pg_catalog.{function} FROM PUBLIC" for function in _RUN_TEXT),
        f"REVOKE CONNECT, TEMPORARY ON DATABASE {DATABASE_NAME} FROM PUBLIC",
        f"GRANT CONNECT, TEMPORARY ON DATABASE {DATABASE_NAME} TO {ROLE_OWNER} WITH GRANT OPTION",
        # CNPG's metrics exporter logs in as a role of its own, made later, that is a member of this one.
        f"GRANT CONNECT ON DATABASE {DATABASE_NAME} TO pg_monitor",
    ]
