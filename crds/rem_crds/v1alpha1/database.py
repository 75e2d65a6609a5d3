"""The `database` part of a RemTenant's spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import ConfigDict, Field

from .fields import (
    PATTERN_MESSAGE,
    Contract,
    CronOfFiveFields,
    HttpUrl,
    ObjectName,
    Quantity,
    Rule,
    Timestamp,
    rules,
    unchanged,
)
from .references import SecretRef
from .scheduling import Resources, Scheduling

_OWN_PARAMETERS: Final = (
    "allow_alter_system",
    "archive_cleanup_command",
    "archive_command",
    "archive_mode",
    "data_directory",
    "listen_addresses",
    "local_preload_libraries",
    "port",
    "recovery_end_command",
    "restore_command",
    "session_preload_libraries",
    "shared_preload_libraries",
    "ssl_passphrase_command",
    "unix_socket_directories",
)
"""Parameters that run a command, load a library or move the server: CloudNativePG's or nobody's."""


class Storage(Contract):
    """The volume of each database instance."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "!isQuantity(self.size) || quantity(self.size).compareTo(quantity('1Gi')) >= 0",
                "size is too small for a database: give at least 1Gi",
                ".size",
            ),
            Rule(
                "!isQuantity(self.size) || !isQuantity(oldSelf.size) "
                "|| quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0",
                "a volume can only grow: give at least the present size, or make a new tenant and restore a backup "
                "into it",
                ".size",
            ),
            Rule(
                unchanged("storageClassName"),
                "storageClassName cannot change, come or go once the volumes exist: put back what was there, or make "
                "a new tenant and restore a backup into it",
                ".storageClassName",
            ),
        )
    )

    size: Quantity
    """Size of the volume, such as 20Gi. It can grow, never shrink."""
    storage_class_name: ObjectName | None = None
    """StorageClass of the volume; the cluster's default class unless set. Immutable, also its absence."""


class Backup(Contract):
    """Base backups and the write-ahead log in an object store, through CloudNativePG's Barman Cloud plugin."""

    destination_path: Annotated[
        str,
        Field(
            min_length=6,
            max_length=1024,
            pattern="^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._/-]*)?$",
            json_schema_extra={PATTERN_MESSAGE: "write s3://<bucket>/<path>, such as s3://acme-backups/rem"},
        ),
    ]
    """Where backups go, such as s3://acme-backups/rem."""
    endpoint_url: Annotated[HttpUrl | None, Field(alias="endpointURL")] = None
    """Endpoint of an S3-compatible store; AWS unless set."""
    credentials_secret_ref: SecretRef | None = None
    """Secret with ACCESS_KEY_ID and ACCESS_SECRET_KEY; the cloud identity of the database unless set."""
    schedule: CronOfFiveFields | None = None
    """When a base backup is made, as a cron schedule of five fields in UTC; 0 2 * * * unless set."""
    retention: (
        Annotated[
            str,
            Field(
                min_length=2,
                max_length=5,
                pattern="^[1-9][0-9]{0,3}[dwm]$",
                json_schema_extra={PATTERN_MESSAGE: "write days, weeks or months, such as 30d, 4w or 6m"},
            ),
        ]
        | None
    ) = None
    """How far back one can recover, in days, weeks or months; 30d unless set."""


class RecoveryObjectStore(Contract):
    """Backups of another database."""

    name: ObjectName
    """Name of the ObjectStore (barmancloud.cnpg.io) in this namespace."""
    server_name: ObjectName | None = None
    """Server under which the backups are stored; status.database.serverName of the tenant that made them."""


class Recovery(Contract):
    """What a new database is filled from. It counts when the database is made, and is not looked at afterwards."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "has(self.backupName) != has(self.objectStore)",
                "set exactly one of backupName and objectStore",
            )
        )
    )

    backup_name: ObjectName | None = None
    """Name of a Backup (postgresql.cnpg.io) in this namespace."""
    object_store: RecoveryObjectStore | None = None
    """Backups in an object store."""
    target_time: Timestamp | None = None
    """Point in time to recover to, such as 2026-03-01T12:00:00Z; the latest unless set."""


class Pooler(Contract):
    """Connection pooling with PgBouncer."""

    enabled: bool | None = None
    """Whether the API and the worker connect through a pooler; false unless set."""


class Database(Contract):
    """The tenant's own PostgreSQL, made by CloudNativePG. The database is `rem`, its owner `rem_owner`."""

    instances: Annotated[int, Field(ge=1, le=10)] | None = None
    """Number of instances: one primary, the others replicas; 3 unless set."""
    storage: Storage
    """The volume of each instance."""
    resources: Resources | None = None
    """CPU and memory of each instance. Where neither request nor limit is named: 500m CPU, 1Gi, at most 1Gi."""
    parameters: (
        Annotated[
            Mapping[str, Annotated[str, Field(max_length=1024)]],
            Field(
                max_length=64,
                json_schema_extra=rules(
                    Rule(
                        "self.all(k, k.matches(r'^[a-z_][a-z0-9_]*([.][a-z_][a-z0-9_]*)?$'))",
                        "write the parameter's name in lower case, such as shared_buffers or pg_trgm.threshold",
                    ),
                    Rule(
                        f"self.all(k, !(k in [{', '.join(repr(p) for p in _OWN_PARAMETERS)}]))",
                        "parameters that run commands, load libraries or move the server belong to CloudNativePG: "
                        f"remove {', '.join(_OWN_PARAMETERS)}",
                    ),
                ),
            ),
        ]
        | None
    ) = None
    """PostgreSQL parameters, values as strings, such as shared_buffers: 512MB."""
    scheduling: Scheduling | None = None
    """Where the instances may run."""
    backup: Backup | None = None
    """Backups; none unless set."""
    recovery: Recovery | None = None
    """What a new database is filled from; empty unless set."""
    pooler: Pooler | None = None
    """Connection pooling; off unless set."""
