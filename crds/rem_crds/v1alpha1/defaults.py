"""The operator's documented defaults. They are API: within v1alpha1 they do not change (a test pins each).

They are not in the CRDs: Argo CD cannot see CRD defaults inside lists and would report drift. CEL rules that compare
two optional fields read them here, so that `minReplicas: 15` alone is refused and not clamped.
"""

from __future__ import annotations

from typing import Final

DATABASE_INSTANCES: Final = 3
API_MIN_REPLICAS: Final = 2
API_MAX_REPLICAS: Final = 10
API_TARGET_CPU_PERCENT: Final = 70
WORKER_MIN_REPLICAS: Final = 0
WORKER_MAX_REPLICAS: Final = 20
WORKER_QUEUE_LENGTH: Final = 10
WORKER_POLLING_INTERVAL_SECONDS: Final = 10
WORKER_COOLDOWN_SECONDS: Final = 60
BACKUP_SCHEDULE: Final = "0 2 * * *"
BACKUP_RETENTION: Final = "30d"
EMBEDDING_PROVIDER: Final = "minilm"
EMBEDDING_MODEL: Final = "all-MiniLM-L6-v2"
EMBEDDING_DIMENSIONS: Final = 384
REFRESH_INTERVAL: Final = "1h"  # of the secrets
MAX_AGENTS: Final = 100

# Requests and limits by container, where the spec names neither for that resource. The API's CPU request is what the
# HPA's percentage is a percentage of.
API_RESOURCES: Final = {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}}
WORKER_RESOURCES: Final = {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}}
DATABASE_RESOURCES: Final = {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}}
