"""What the API and the file worker have in common: resources, placement, environment and pod metadata.

Also the rules for names of environment variables, which hold for `secrets.items` as well.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from rem_crds.handoff import ENV_DELIMITER, SETTING_GROUPS

from .fields import PATTERN_MESSAGE, QUALIFIED_KEYS, VALIDATIONS, Annotations, Contract, Labels, Rule, named_list, rules
from .scheduling import Resources, Scheduling

RESERVED_NAMES: Final = (
    "PATH",
    "HOME",
    "HOSTNAME",
    "TMPDIR",
    "BASH_ENV",
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    *SETTING_GROUPS,
)
RESERVED_PREFIXES: Final = ("LD_", "PYTHON", "KUBERNETES_", "REM_")

_RESERVED_RULE = Rule(
    f"!self.contains('{ENV_DELIMITER}') && !(self in [{', '.join(repr(n) for n in RESERVED_NAMES)}]) && "
    + " && ".join(f"!self.startsWith('{p}')" for p in RESERVED_PREFIXES),
    "this name is the runtime's own or steers the interpreter (PATH, LD_*, PYTHON*, KUBERNETES_*, REM_*, names with "
    "'__' and the names of setting groups): choose another name, or use the field of the spec that is meant for it",
)

VariableName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=128,
        pattern="^[A-Z][A-Z0-9_]*$",
        json_schema_extra={
            PATTERN_MESSAGE: "write the variable in upper case: a letter first, then letters, digits and '_'",
            VALIDATIONS: rules(_RESERVED_RULE)[VALIDATIONS],
        },
    ),
]


def is_reserved_variable(name: str) -> bool:
    """Whether a tenant may not set this environment variable: the same rule as in the CRD."""
    return ENV_DELIMITER in name or name in RESERVED_NAMES or name.startswith(RESERVED_PREFIXES)


class EnvVar(Contract):
    """An environment variable with a literal value. Secrets come through secrets.items."""

    name: VariableName
    """Name of the variable; names of the runtime's own settings are refused."""
    value: Annotated[str, Field(max_length=4096)] = ""
    """Its value, not a secret; empty unless set."""


def _foreign_keys_only(what: str) -> dict[str, Any]:
    # pydantic replaces the type's own extension by this one, so its rule stands here again.
    return rules(
        QUALIFIED_KEYS,
        Rule(
            "self.all(k, !k.startsWith('rem.dev/') && !k.startsWith('app.kubernetes.io/') "
            "&& !k.startsWith('kubernetes.io/') && !k.startsWith('batch.kubernetes.io/'))",
            f"{what} under rem.dev/, app.kubernetes.io/, kubernetes.io/ and batch.kubernetes.io/ are the operator's: "
            "use a prefix of your own",
        ),
    )


class Workload(Contract):
    """Pods that the operator makes."""

    resources: Resources | None = None
    """CPU and memory of each pod. Where neither request nor limit is named: 250m CPU, 512Mi, at most 1Gi."""
    scheduling: Scheduling | None = None
    """Where the pods may run."""
    env: Annotated[tuple[EnvVar, ...], named_list(64)] | None = None
    """Further environment variables, name and literal value."""
    pod_labels: Annotated[Labels, Field(json_schema_extra=_foreign_keys_only("labels"))] | None = None
    """Further labels of the pods."""
    pod_annotations: Annotated[Annotations, Field(json_schema_extra=_foreign_keys_only("annotations"))] | None = None
    """Further annotations of the pods."""
