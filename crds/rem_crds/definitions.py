"""The three CustomResourceDefinitions: names, columns, and the schema of each kind around its model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from .handoff import API_GROUP
from .schema import structural_schema
from .v1alpha1 import DreamCycle, RemAgent, RemTenant

VERSION: Final = "v1alpha1"
CATEGORY: Final = "rem"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; a wide one is shown with `-o wide` only."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False
    description: str = ""

    def manifest(self) -> dict[str, Any]:
        """The column as the CRD writes it."""
        return (
            {"name": self.name, "type": self.type, "jsonPath": self.path}
            | ({"description": self.description} if self.description else {})
            | ({"priority": 1} if self.wide else {})
        )


@dataclass(frozen=True, slots=True)
class Definition:
    """One kind and how it is called and shown."""

    model: type[BaseModel]
    plural: str
    short_name: str
    columns: tuple[Column, ...]

    @property
    def kind(self) -> str:
        """The kind's name, which is the model's."""
        return self.model.__name__

    @property
    def file_name(self) -> str:
        """Name of the committed file in crds/."""
        return f"{self.plural}.{API_GROUP}.yaml"


def _condition(kind: str, field: str) -> str:
    return f'.status.conditions[?(@.type=="{kind}")].{field}'


_AGE: Final = Column("Age", ".metadata.creationTimestamp", "date")
_READY: Final = Column("Ready", _condition("Ready", "status"), description="Whether it works as asked for")
_REASON: Final = Column("Reason", _condition("Ready", "reason"), description="Why it is ready or not")
_MESSAGE: Final = Column("Message", _condition("Ready", "message"), wide=True, description="What to do, if anything")
_TENANT: Final = Column("Tenant", ".spec.tenantRef.name", description="The RemTenant that it belongs to")

DEFINITIONS: Final = (
    Definition(
        RemTenant,
        "remtenants",
        "rt",
        (
            _READY,
            _REASON,
            Column("DB", ".status.summary.database", description="Database instances, ready/wanted"),
            Column("API", ".status.summary.api", description="API pods, ready/wanted"),
            Column("Files", ".status.summary.files", description="File workers, ready/wanted; 0/0 is healthy"),
            _AGE,
            Column("URL", ".status.endpoints.api", wide=True, description="Where the API answers"),
            Column("Primary", ".status.database.primary", wide=True, description="Pod of the primary database"),
            Column("Image", ".status.api.image", wide=True, description="Runtime image of the API"),
            Column("Backup", ".status.database.lastBackup", "date", wide=True, description="Age of the last backup"),
            _MESSAGE,
        ),
    ),
    Definition(
        RemAgent,
        "remagents",
        "ra",
        (
            _READY,
            _REASON,
            _TENANT,
            Column("Model", ".status.model", description="The model in force"),
            Column("Version", ".spec.version", description="The version that its author gave it"),
            _AGE,
            Column("Accepted", _condition("Accepted", "status"), wide=True, description="Whether the schema is valid"),
            Column("Synced", _condition("Synced", "status"), wide=True, description="Whether every API pod serves it"),
            Column("Hash", ".status.schemaHash", wide=True, description="Hash of the schema"),
            _MESSAGE,
        ),
    ),
    Definition(
        DreamCycle,
        "dreamcycles",
        "dc",
        (
            _READY,
            _REASON,
            _TENANT,
            Column("Schedule", ".spec.schedule", description="When it runs; empty for a single run"),
            Column("Last", ".status.lastScheduleTime", "date", description="Age of the last run"),
            Column("Result", ".status.lastResult", description="How the last run went"),
            _AGE,
            Column("Suspend", ".spec.suspend", "boolean", wide=True, description="Whether no further run is started"),
            Column("Next", ".status.nextScheduleTime", wide=True, description="When the next run is due"),
            Column("Entities", ".status.totals.entities", "integer", wide=True, description="Entities of all runs"),
            Column("Moments", ".status.totals.moments", "integer", wide=True, description="Moments of all runs"),
            Column("Edges", ".status.totals.edges", "integer", wide=True, description="Edges of all runs"),
            Column("Tokens", ".status.totals.tokens", "integer", wide=True, description="Tokens of all runs"),
            _MESSAGE,
        ),
    ),
)


def crd_manifest(definition: Definition) -> dict[str, Any]:
    """The CustomResourceDefinition of one kind, a fresh dict at each call."""
    names = {
        "kind": definition.kind,
        "listKind": f"{definition.kind}List",
        "plural": definition.plural,
        "singular": definition.kind.lower(),
        "shortNames": [definition.short_name],
        "categories": [CATEGORY],
    }
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [column.manifest() for column in definition.columns],
        "schema": {"openAPIV3Schema": structural_schema(definition.model)},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{definition.plural}.{API_GROUP}",
            "labels": {"app.kubernetes.io/part-of": "rem"},
        },
        "spec": {"group": API_GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }
