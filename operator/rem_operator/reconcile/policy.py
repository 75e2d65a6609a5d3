"""The trust boundary is the namespace: what a tenant may ask for beyond it, checked against the operator's settings.

Pure. Whoever may write a RemTenant must not thereby reach further through the operator, CloudNativePG, KEDA or
External Secrets than the operator's settings say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from rem_crds.v1alpha1.effective import EffectiveTenant


class Policy(Protocol):
    """The operator's settings that draw the boundary; an empty list allows nothing but our own."""

    @property
    def role_pattern(self) -> str: ...
    @property
    def allowed_image_repositories(self) -> tuple[str, ...]: ...
    @property
    def allowed_cluster_stores(self) -> tuple[str, ...] | None: ...


def violations(spec: EffectiveTenant, *, namespace: str, policy: Policy, own_repositories: frozenset[str]) -> list[str]:
    """Each thing that the settings do not allow, in words that name the field and the setting."""
    return [
        *_roles(spec, namespace=namespace, pattern=policy.role_pattern),
        *_images(spec, allowed=frozenset(policy.allowed_image_repositories) | own_repositories),
        *_stores(spec, allowed=policy.allowed_cluster_stores),
        *_secret_keys(spec),
    ]


def repository_of(image: str) -> str:
    """`registry:5000/team/app:1.2@sha256:…` → `registry:5000/team/app`."""
    without_digest = image.partition("@")[0]
    head, colon, tail = without_digest.rpartition(":")
    return head if colon and "/" not in tail else without_digest


def _roles(spec: EffectiveTenant, *, namespace: str, pattern: str) -> Iterator[str]:
    # str.replace, not str.format: the pattern is a regular expression and full of braces.
    allowed = re.compile(pattern.replace("{namespace}", re.escape(namespace)))
    for part in ("api", "worker", "database"):
        workload = getattr(spec.identity, part)
        if workload is not None and not allowed.fullmatch(workload.role_arn):
            yield (
                f"spec.identity.{part}.roleArn {workload.role_arn} does not match {allowed.pattern} "
                "(operator setting POLICY__ROLE_PATTERN): use a role of that form, or ask for the setting to be widened"
            )


def _images(spec: EffectiveTenant, *, allowed: frozenset[str]) -> Iterator[str]:
    for part in ("runtime", "postgres", "pgvector"):
        image = getattr(spec.images, part)
        if image is not None and repository_of(image) not in allowed:
            yield (
                f"spec.images.{part}: repository {repository_of(image)} is not allowed "
                f"(operator setting POLICY__ALLOWED_IMAGE_REPOSITORIES); allowed are {', '.join(sorted(allowed))}"
            )


def _stores(spec: EffectiveTenant, *, allowed: tuple[str, ...] | None) -> Iterator[str]:
    if spec.secrets is None or spec.secrets.store_ref.kind != "ClusterSecretStore" or allowed is None:
        return
    name = spec.secrets.store_ref.name
    if name not in allowed:
        yield (
            f"spec.secrets.storeRef: ClusterSecretStore {name} is not allowed "
            f"(operator setting POLICY__ALLOWED_CLUSTER_STORES); allowed are {', '.join(allowed) or 'none'}"
        )


def _secret_keys(spec: EffectiveTenant) -> Iterator[str]:
    for item in spec.secrets.items if spec.secrets else ():
        # As strict as the builder, which raises: `a..b` is refused although it would not leave the prefix.
        if item.key.startswith("/") or ".." in item.key:
            yield (
                f"spec.secrets.items[{item.name}].key {item.key} leaves the tenant's own prefix: "
                "write it relative and without '..'"
            )
