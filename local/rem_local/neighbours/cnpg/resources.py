"""The kinds of CloudNativePG, and the strings that it puts on things."""

from __future__ import annotations

from rem_local.kube import Resource

CLUSTERS = Resource("postgresql.cnpg.io", "v1", "clusters", "Cluster")
DATABASES = Resource("postgresql.cnpg.io", "v1", "databases", "Database")
DATABASE_ROLES = Resource("postgresql.cnpg.io", "v1", "databaseroles", "DatabaseRole")
STORAGE_CLASSES = Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", namespaced=False)
SERVICES = Resource("", "v1", "services", "Service")
CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")

MANAGER = "cloudnative-pg"
CLUSTER_LABEL = "cnpg.io/cluster"
RELOAD_LABEL = "cnpg.io/reload"
HIBERNATION = "cnpg.io/hibernation"
DATABASE_FINALIZER = "cnpg.io/deleteDatabase"
ROLE_FINALIZER = "cnpg.io/deleteRole"

HEALTHY = "Cluster in healthy state"
SETTING_UP = "Setting up primary"
CLUSTER_DELETED = "cluster resource has been deleted, skipping reconciliation"

POSTGRES_PORT = 5432
SUPPORTED_NOTE = "stand-in: one embedded PostgreSQL on loopback answers for every instance"
