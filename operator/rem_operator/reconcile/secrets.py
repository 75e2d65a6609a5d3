"""What is known of the tenant's values from the secret store: pure readings of External Secrets' objects."""

from __future__ import annotations

from rem_crds import handoff
from rem_operator.errors import Problem, Waiting
from rem_operator.kube.index import Seen
from rem_operator.kube.resources import SECRETS
from rem_operator.reconcile.facts import TenantFacts

CLOUD_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""Keys of the Secret that `spec.identity.credentialsSecretRef` names; a pod does not start without them."""


def secrets_problem(facts: TenantFacts, *, external: Seen | None, target: Seen | None) -> Problem | None:
    """Why the tenant's Secrets cannot be used yet; None when all are there, or none is wanted."""
    if facts.absent_named_secrets:
        return Waiting(
            "WaitingForSecret",
            f"Secret {facts.absent_named_secrets[0]} is named by spec.identity.credentialsSecretRef and is not there, "
            f"or does not carry the label {handoff.LABEL_TENANT}={facts.name}: create it, or add the label.",
        )
    incomplete = _credentials_problem(facts)
    if incomplete is not None or facts.effective.secrets is None:
        return incomplete
    return _store_problem(facts) or _sync_problem(facts, external, target)


def _credentials_problem(facts: TenantFacts) -> Problem | None:
    reference = facts.effective.identity.credentials_secret_ref
    found = facts.child(SECRETS, reference.name) if reference else None
    missing = [key for key in CLOUD_CREDENTIALS if key not in found.body["keys"]] if found else []
    if found is None or not missing:
        return None
    return Waiting(
        "WaitingForSecret",
        f"Secret {found.name} is named by spec.identity.credentialsSecretRef and lacks {', '.join(missing)}: add it.",
    )


def _store_problem(facts: TenantFacts) -> Problem | None:
    if facts.store is not None or facts.effective.secrets is None:
        return None
    reference = facts.effective.secrets.store_ref
    kind = reference.kind
    where = "" if kind == "ClusterSecretStore" else f" in namespace {facts.namespace}"
    return Waiting(
        "WaitingForSecretStore",
        f"{kind} {reference.name} does not exist{where}: create it, or correct spec.secrets.storeRef.",
    )


def _sync_problem(facts: TenantFacts, external: Seen | None, target: Seen | None) -> Problem | None:
    if external is None:
        return Waiting("WaitingForSecrets", "The ExternalSecret does not exist yet.")
    conditions = (external.body.get("status") or {}).get("conditions") or ()
    ready = next((c for c in conditions if c.get("type") == "Ready"), None)
    if ready is None:
        return Waiting("WaitingForSecrets", f"External Secrets has not looked at ExternalSecret {external.name} yet.")
    if ready.get("status") != "True":
        return Waiting("WaitingForSecrets", f"ExternalSecret {external.name}: {ready.get('message') or 'not synced'}.")
    if target is None:
        return Waiting(
            "WaitingForSecrets",
            f"External Secrets is making Secret {external.name}; it must carry the label "
            f"{handoff.LABEL_TENANT}={facts.name} (it gets it from the ExternalSecret's target.template).",
        )
    # Ready may still be about the items of a moment ago.
    wanted = {item.name for item in facts.effective.secrets.items} if facts.effective.secrets else set()
    missing = sorted(wanted - set(target.body["keys"]))
    if missing:
        return Waiting("WaitingForSecrets", f"External Secrets is adding {', '.join(missing)} to {target.name}.")
    return None
