"""DreamCycle: work that turns raw resources into knowledge, recurring or once, and what is seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from .conditions import Conditions
from .fields import (
    DNS_LABEL_STARTING_WITH_LETTER,
    DREAM_NAME_LENGTH,
    PATTERN_MESSAGE,
    Contract,
    Cron,
    Duration,
    Line,
    ModelName,
    Rule,
    named_list,
    rules,
    set_list,
    unchanged,
)
from .metadata import ObjectMeta
from .references import TenantRef

Stage = Literal["Entities", "Moments", "Affinity", "Consolidation"]
Percent = Annotated[int, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0, le=1000000000000)]
Time = Annotated[str, Field(max_length=40)]
DAY_SECONDS: Final = 86400
_MUTABLE_IN_A_ONE_OFF: Final = ("schedule", "suspend")  # the schedule has a rule of its own
_RECURRING_ONLY: Final = ("timeZone", "concurrencyPolicy", "startingDeadlineSeconds", "immediate")


class Affinity(Contract):
    """How resources that belong together are found and linked."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "!has(self.mode) || self.mode != 'LLM' || has(self.limit)",
                "mode LLM asks a language model for every pair and costs money: set limit to the most resources that "
                "one run looks at",
                ".mode",
            )
        )
    )

    mode: Literal["Semantic", "LLM"] | None = None
    """Semantic compares vectors, LLM has a language model judge; Semantic unless set."""
    limit: Annotated[int, Field(ge=1, le=1000000)] | None = None
    """The most resources that one run looks at; required with mode LLM."""
    similarity_percent: Percent | None = None
    """How alike two resources must be, in percent."""
    top_k: Annotated[int, Field(ge=1, le=100)] | None = None
    """How many links a resource gets at most."""


class Budget(Contract):
    """What one run may use; it stops when that is used up, and the next goes on from there."""

    max_tokens: Annotated[int, Field(ge=1, le=1000000000000)] | None = None
    """Tokens of language models."""
    max_duration: Duration | None = None
    """Time, such as 30m."""


class DreamCycleSpec(Contract):
    """What is to be dreamt, and when."""

    tenant_ref: TenantRef
    """The tenant whose memory is worked on. Immutable."""
    schedule: Cron | None = None
    """When it runs, as a cron schedule of five fields such as 0 3 * * *. Absent means one run; it can change, but
    neither come nor go."""
    time_zone: (
        Annotated[
            str,
            Field(
                min_length=1,
                max_length=64,
                pattern="^(UTC|[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){1,2})$",
                json_schema_extra={PATTERN_MESSAGE: "write an IANA time zone such as Europe/Berlin, or UTC"},
            ),
        ]
        | None
    ) = None
    """IANA time zone of the schedule, such as Europe/Berlin; UTC unless set."""
    suspend: bool | None = None
    """Whether no further run is started; false unless set."""
    concurrency_policy: Literal["Forbid", "Replace"] | None = None
    """What happens when a run is due while one is going: Forbid skips it, Replace ends the old one. Forbid unless
    set."""
    starting_deadline_seconds: Annotated[int, Field(ge=10, le=604800)] | None = None
    """How late a run may still start, in seconds; at least 10, as Kubernetes looks every 10 seconds."""
    immediate: bool | None = None
    """Whether the first run starts at once and not at the first scheduled time; false unless set."""
    stages: Annotated[tuple[Stage, ...], set_list(4, 1)] | None = None
    """What is done, always in the order Entities, Moments, Affinity, Consolidation; all of it unless set."""
    affinity: Affinity | None = None
    """How the stage Affinity works."""
    lookback: Duration | None = None
    """How far back resources are looked at, such as 24h; everything that is new since the last run unless set."""
    user_ids: Annotated[tuple[Line, ...] | None, set_list(256, 1), Field(alias="userIDs")] = None
    """Users whose private memory is worked on, each apart; everybody's unless set."""
    model: ModelName | None = None
    """Model that is used; the tenant's defaultModel unless set, none at all where there is neither."""
    budget: Budget | None = None
    """What one run may use."""
    successful_jobs_history_limit: Annotated[int, Field(ge=0, le=100)] | None = None
    """How many succeeded Jobs are kept."""
    failed_jobs_history_limit: Annotated[int, Field(ge=0, le=100)] | None = None
    """How many failed Jobs are kept."""
    job_ttl_seconds: Annotated[int | None, Field(ge=DAY_SECONDS, le=31536000, alias="jobTTLSeconds")] = None
    """How long a finished Job is kept, in seconds; at least one day (86400)."""


def _spec_rules() -> dict[str, Any]:
    """Rules of the spec; the one for one-offs names every field, also those that are added later."""
    aliases = [f.alias or name for name, f in DreamCycleSpec.model_fields.items()]
    fixed = [a for a in aliases if a not in (*_MUTABLE_IN_A_ONE_OFF, "tenantRef")]
    return rules(
        Rule(
            "self.tenantRef == oldSelf.tenantRef",
            "tenantRef is immutable: put back the tenant, and create another DreamCycle for the other tenant",
            ".tenantRef",
        ),
        Rule(
            "has(self.schedule) == has(oldSelf.schedule)",
            "a recurring DreamCycle cannot become a single run, nor the other way round: put schedule back as it was, "
            "and create another DreamCycle",
            ".schedule",
        ),
        Rule(
            f"has(self.schedule) || has(oldSelf.schedule) || ({' && '.join(f'({unchanged(a)})' for a in fixed)})",
            "a DreamCycle without schedule is one run and cannot change, except for suspend: put its spec back, and "
            "create another DreamCycle",
        ),
        Rule(
            f"has(self.schedule) || !({' || '.join(f'has(self.{a})' for a in _RECURRING_ONLY)})",
            f"{', '.join(_RECURRING_ONLY)} belong to a schedule: remove them, or set schedule",
        ),
    )


class RunCounters(Contract):
    """What a run, or all runs together, made and used."""

    resources: Count | None = None
    """Resources that were looked at."""
    entities: Count | None = None
    """Entities that were made."""
    moments: Count | None = None
    """Moments that were made."""
    edges: Count | None = None
    """Edges that were made."""
    tokens: Count | None = None
    """Tokens of language models that were used."""


class Run(RunCounters):
    """A run."""

    key: Annotated[str, Field(min_length=1, max_length=128)]
    """Key of the run: the same work has the same key, and is counted once."""
    job: Annotated[str, Field(max_length=253)] | None = None
    """Name of the Job."""
    start_time: Time | None = None
    """When it started."""
    completion_time: Time | None = None
    """When it ended."""
    result: Literal["Running", "Succeeded", "Failed", "Skipped", "Cancelled"] | None = None
    """How it went."""
    reason: Annotated[str, Field(max_length=256)] | None = None
    """Why it went so."""
    message: Annotated[str, Field(max_length=4096)] | None = None
    """What the run said at its end."""
    answerable_percent: Percent | None = None
    """Golden questions that could be answered after the run, in percent."""


class ActiveRun(Contract):
    """A run that is going."""

    job: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the Job."""
    start_time: Time | None = None
    """When it started."""


class DreamCycleStatus(Contract):
    """What was seen of the dream."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """metadata.generation of the object that this status is about."""
    phase: Annotated[str, Field(max_length=64)] | None = None
    """One word for people, derived from the conditions."""
    conditions: Conditions | None = None
    """Ready stays true during runs and after one failed run; LastRunSucceeded is apart."""
    active: Annotated[tuple[ActiveRun, ...], named_list(10, "job")] | None = None
    """Runs that are going."""
    last_schedule_time: Time | None = None
    """When a run was last due."""
    next_schedule_time: Time | None = None
    """When the next run is due."""
    last_successful_time: Time | None = None
    """When a run last succeeded."""
    last_result: Annotated[str, Field(max_length=64)] | None = None
    """How the last run went."""
    totals: RunCounters | None = None
    """All runs together, each counted once."""
    answerable_percent: Percent | None = None
    """Golden questions that could be answered after the last run, in percent."""
    history: Annotated[tuple[Run, ...], named_list(10, "key")] | None = None
    """The last ten runs."""
    handled: Annotated[Mapping[str, Annotated[str, Field(max_length=256)]], Field(max_length=16)] | None = None
    """Value of each -at annotation (by its name after rem.dev/) that was handled last."""


class DreamCycle(Contract):
    """Dreaming turns a tenant's raw resources into knowledge: entities, moments and the edges between them. With a
    schedule it recurs, without one it runs once."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                f"size(self.metadata.name) <= {DREAM_NAME_LENGTH}",
                f"the name is longer than {DREAM_NAME_LENGTH} characters: choose a shorter one (its CronJob is named "
                "dream-<name>, and its Jobs after that)",
            ),
            Rule(
                f"self.metadata.name.matches('{DNS_LABEL_STARTING_WITH_LETTER}')",
                "the name becomes the name of Jobs: use lower-case letters, digits and '-', a letter first",
            ),
        )
    )

    api_version: Literal["rem.dev/v1alpha1"] = "rem.dev/v1alpha1"
    kind: Literal["DreamCycle"] = "DreamCycle"
    metadata: ObjectMeta
    spec: Annotated[DreamCycleSpec, Field(json_schema_extra=_spec_rules())]
    """What is to be dreamt, and when."""
    status: DreamCycleStatus = DreamCycleStatus()
    """What was seen of the dream; written by the operator alone."""
