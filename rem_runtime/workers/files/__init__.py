"""The worker that KEDA scales on the tenant's queue."""
