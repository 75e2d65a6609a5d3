"""What the operator hands to the pods that it makes: environment names, ports, paths, labels and the API-key file.

The one source for both sides: the operator's builders write what stands here, the runtime's settings read it. It holds
names and the models of files; values, images and how a manifest is laid out belong to the operator.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

# -- API group, labels, annotations: load-bearing, they are stored in clusters and in other people's selectors.
API_GROUP: Final = "rem.dev"
API_VERSION: Final = "rem.dev/v1alpha1"
FIELD_MANAGER: Final = "rem-operator"
FINALIZER: Final = "rem.dev/tenant"

LABEL_TENANT: Final = "rem.dev/tenant"
LABEL_COMPONENT: Final = "rem.dev/component"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
LABEL_PART_OF: Final = "app.kubernetes.io/part-of"
LABEL_NAME: Final = "app.kubernetes.io/name"
MANAGED_BY: Final = "rem-operator"
PART_OF: Final = "rem"
Component = Literal["api", "files", "schema", "database", "dream"]

# Written by us on children.
ANNOTATION_APPLIED_HASH: Final = "rem.dev/applied-hash"
ANNOTATION_ROLLOUT_HASH: Final = "rem.dev/rollout-hash"
# Written by people on our kinds.
ANNOTATION_PAUSED: Final = "rem.dev/paused"
ANNOTATION_SUSPENDED: Final = "rem.dev/suspended"
ANNOTATION_CONFIRM_DELETE: Final = "rem.dev/confirm-delete"
ANNOTATION_REINITIALIZE_DATABASE: Final = "rem.dev/reinitialize-database"
# Each value of these is handled once and echoed in `status.handled`.
ANNOTATION_RESTARTED_AT: Final = "rem.dev/restarted-at"
ANNOTATION_RECONCILE_REQUESTED_AT: Final = "rem.dev/reconcile-requested-at"
ANNOTATION_BACKUP_REQUESTED_AT: Final = "rem.dev/backup-requested-at"
ANNOTATION_RUN_REQUESTED_AT: Final = "rem.dev/run-requested-at"
ANNOTATION_CANCEL_REQUESTED_AT: Final = "rem.dev/cancel-requested-at"

# -- Ports and probe paths.
PORT_API: Final = 8000
PORT_API_NAME: Final = "http"
PORT_METRICS: Final = 9090
PORT_METRICS_NAME: Final = "metrics"
PATH_PREFIX: Final = "/api/v1"
PATH_API_LIVE: Final = "/api/v1/health"
PATH_API_READY: Final = "/api/v1/ready"
"""Touches the database; liveness does not, or a slow database would restart every API pod."""
PATH_MCP: Final = "/api/v1/mcp"
PATH_WORKER_LIVE: Final = "/healthz"
PATH_WORKER_READY: Final = "/readyz"
PATH_METRICS: Final = "/metrics"

# -- Arguments of the runtime image, whose entrypoint is `rem-runtime`.
ARGS_API: Final = ("api",)
ARGS_FILES: Final = ("files",)
ARGS_SCHEMA: Final = ("schema", "apply")

# -- Environment of the runtime's pods.
ENV_DELIMITER: Final = "__"
ENV_TENANT_NAME: Final = "TENANT__NAME"
ENV_TENANT_NAMESPACE: Final = "TENANT__NAMESPACE"
ENV_POSTGRES_HOST: Final = "POSTGRES__HOST"
ENV_POSTGRES_PORT: Final = "POSTGRES__PORT"
ENV_POSTGRES_DATABASE: Final = "POSTGRES__DATABASE"
ENV_POSTGRES_USER: Final = "POSTGRES__USER"
ENV_POSTGRES_PASSWORD: Final = "POSTGRES__PASSWORD"  # noqa: S105 - a variable's name, not a password
ENV_POSTGRES_SSLMODE: Final = "POSTGRES__SSLMODE"
ENV_POSTGRES_APP_ROLE: Final = "POSTGRES__APP_ROLE"
ENV_POSTGRES_SQL_ROLE: Final = "POSTGRES__SQL_ROLE"
ENV_POSTGRES_SQL_USER: Final = "POSTGRES__SQL_USER"
ENV_POSTGRES_SQL_PASSWORD: Final = "POSTGRES__SQL_PASSWORD"  # noqa: S105 - a variable's name, not a password
ENV_API_HOST: Final = "API__HOST"
ENV_API_PORT: Final = "API__PORT"
ENV_METRICS_HOST: Final = "METRICS__HOST"
ENV_METRICS_PORT: Final = "METRICS__PORT"
ENV_AUTH_MODE: Final = "AUTH__MODE"
ENV_AUTH_KEYS_FILE: Final = "AUTH__KEYS_FILE"
ENV_EMBEDDING_PROVIDER: Final = "EMBEDDING__PROVIDER"
ENV_EMBEDDING_MODEL: Final = "EMBEDDING__MODEL"
ENV_EMBEDDING_DIMENSIONS: Final = "EMBEDDING__DIMENSIONS"
ENV_EMBEDDING_DIRECTORY: Final = "EMBEDDING__DIRECTORY"
"""Set by the image (ENV), never by the operator."""
ENV_S3_BUCKET: Final = "S3__BUCKET"
ENV_S3_PREFIX: Final = "S3__PREFIX"
ENV_S3_REGION: Final = "S3__REGION"
ENV_S3_ENDPOINT: Final = "S3__ENDPOINT"
ENV_SQS_QUEUE_URL: Final = "SQS__QUEUE_URL"
ENV_SQS_REGION: Final = "SQS__REGION"
ENV_SQS_ENDPOINT: Final = "SQS__ENDPOINT"
ENV_LLM_DEFAULT_MODEL: Final = "LLM__DEFAULT_MODEL"
ENV_LOG_LEVEL: Final = "LOG__LEVEL"
ENV_TERMINATION_MESSAGE_FILE: Final = "TERMINATION__MESSAGE_FILE"

SETTING_GROUPS: Final = (
    "AGENTS",
    "API",
    "AUTH",
    "DREAM",
    "EMBEDDING",
    "EVALUATION",
    "FILES",
    "LIMITS",
    "LLM",
    "LOG",
    "MCP",
    "MEMORY",
    "METRICS",
    "OTEL",
    "POSTGRES",
    "S3",
    "SCHEMA",
    "SQS",
    "TENANT",
    "TERMINATION",
)
"""Groups of the runtime's settings. pydantic-settings also reads a whole group as JSON from the bare name, so these
names are refused in a tenant's `env` and `secrets` just as everything with the delimiter in it. A new group is added
here first; within v1alpha1 that can refuse a name which a tenant already uses, so prefer an existing group."""

# -- The database, whose names the schema, the roles and the pods agree on.
DATABASE_NAME: Final = "rem"
ROLE_OWNER: Final = "rem_owner"
ROLE_APP: Final = "rem_app"
ROLE_SQL: Final = "rem_sql"
EXTENSIONS: Final = ("vector", "pg_trgm", "btree_gist")

# -- Files that are mounted into pods.
EXIT_CODES_FINAL: Final = (2, 3)
"""Exit codes of `rem-runtime` after which another try of the same thing ends the same way: a setting is wrong (2), or
the database is in a state that this image cannot change (3). A Job gives up at once."""
TERMINATION_MESSAGE_PATH: Final = "/dev/termination-log"
TERMINATION_MESSAGE_BYTES: Final = 4096
"""What a kubelet keeps of the file; the end of a longer one is lost."""
API_KEY_DIRECTORY: Final = "/etc/rem/api-key"
API_KEY_PLAIN: Final = "api-key"
"""Key of the Secret NAME-api-key that holds the plain key, for people; pods mount the other one only."""
API_KEY_FILE: Final = "keys.json"
API_KEY_FILE_PATH: Final = "/etc/rem/api-key/keys.json"

Scope = Literal["read", "write", "admin", "impersonate", "sql"]
ALL_SCOPES: Final[tuple[Scope, ...]] = ("read", "write", "admin", "impersonate", "sql")


class ApiKey(BaseModel):
    """One key that the API accepts; the key itself is not in it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(min_length=1, max_length=63)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    user: str = Field(default="", max_length=200)
    """Owner of what the key stores; as long as the memory takes an owner to be, in bytes (names here are ASCII)."""
    scopes: tuple[Scope, ...]


ApiKeyFile = TypeAdapter(tuple[ApiKey, ...])
"""Reader of `keys.json`: `ApiKeyFile.validate_json(text)` gives the keys or a pydantic ValidationError."""


def sha256_of_key(plain_key: str) -> str:
    """Hex digest under which a key is stored. Keys are long random values, so a slow hash would add nothing."""
    return hashlib.sha256(plain_key.encode()).hexdigest()


def make_api_key_file(plain_key: str, name: str, *, user: str = "", scopes: Iterable[Scope] = ALL_SCOPES) -> str:
    """Text of a `keys.json` that accepts one key; equal input gives equal text."""
    key = ApiKey(name=name, sha256=sha256_of_key(plain_key), user=user, scopes=tuple(scopes))
    return json.dumps([key.model_dump(mode="json")], indent=2) + "\n"
