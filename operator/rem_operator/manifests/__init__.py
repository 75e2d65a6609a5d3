"""What is built for a tenant: pure functions from `inputs.TenantInputs` to lists of `Child`, one file per thing.

No clock, no random values, no settings of their own, no Kubernetes client; every call gives fresh dicts.
"""
