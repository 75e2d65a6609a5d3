"""The `fileProcessor` and `objectStorage` parts of a RemTenant's spec."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import ConfigDict, Field

from . import defaults
from .fields import PATTERN_MESSAGE, Contract, HttpUrl, Region, Rule, rules
from .workload import Workload

_AWS_QUEUE: Final = r"^https://sqs(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/"


def region_of_queue_url(url: str) -> str | None:
    """Region that the URL of an SQS queue names; None when the URL is not one of AWS."""
    found = re.match(r"https://sqs(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/", url)
    return found.group(1) if found else None


class Queue(Contract):
    """The SQS queue that announces new files."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                f"has(self.region) || (!has(self.endpoint) && self.url.matches(r'{_AWS_QUEUE}'))",
                "the region cannot be read from the URL (it is not of the form https://sqs.<region>.amazonaws.com/… "
                "or there is an endpoint): set region",
                ".region",
            ),
            Rule(
                f"!has(self.region) || !self.url.matches(r'{_AWS_QUEUE}') "
                "|| self.url.contains('.' + self.region + '.')",
                "region differs from the region in url: remove region, or correct one of them",
                ".region",
            ),
        )
    )

    url: HttpUrl
    """URL of the queue, such as https://sqs.eu-central-1.amazonaws.com/111122223333/acme-files."""
    region: Region | None = None
    """Region of the queue; read from the URL unless set. Required with an endpoint."""
    endpoint: HttpUrl | None = None
    """Endpoint of an SQS-compatible service; AWS unless set."""


class Scaling(Contract):
    """How KEDA scales the worker by the length of the queue."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                f"(has(self.minReplicas) ? self.minReplicas : {defaults.WORKER_MIN_REPLICAS}) <= "
                f"(has(self.maxReplicas) ? self.maxReplicas : {defaults.WORKER_MAX_REPLICAS})",
                f"minReplicas ({defaults.WORKER_MIN_REPLICAS} unless set) must not be above maxReplicas "
                f"({defaults.WORKER_MAX_REPLICAS} unless set): raise maxReplicas or lower minReplicas",
                ".minReplicas",
            )
        )
    )

    min_replicas: Annotated[int, Field(ge=0, le=100)] | None = None
    """Least number of pods; 0 unless set."""
    max_replicas: Annotated[int, Field(ge=1, le=100)] | None = None
    """Greatest number of pods; 20 unless set."""
    queue_length: Annotated[int, Field(ge=1, le=10000)] | None = None
    """Messages in the queue for each pod; 10 unless set."""
    polling_interval_seconds: Annotated[int, Field(ge=1, le=3600)] | None = None
    """How often the length is asked for, in seconds; 10 unless set."""
    cooldown_seconds: Annotated[int, Field(ge=0, le=86400)] | None = None
    """How long the queue must be empty before the last pod goes, in seconds; 60 unless set."""


class FileProcessor(Workload):
    """The worker that parses, chunks and embeds the files that the queue announces."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                "has(self.queue) || (has(self.enabled) && !self.enabled)",
                "the file processor takes its work from a queue: set queue.url, or enabled to false",
                ".queue",
            )
        )
    )

    enabled: bool | None = None
    """Whether files are processed; true unless set."""
    queue: Queue | None = None
    """The queue that announces new files; required unless enabled is false."""
    scaling: Scaling | None = None
    """How many pods; 0 to 20 unless set."""
    spot: bool | None = None
    """Whether the pods may run on spot instances, which can go at any time; false unless set."""


class ObjectStorage(Contract):
    """The bucket that holds the tenant's files."""

    bucket: Annotated[
        str,
        Field(
            min_length=3,
            max_length=63,
            pattern="^[a-z0-9][a-z0-9.-]*[a-z0-9]$",
            json_schema_extra={
                PATTERN_MESSAGE: "write the bucket's name alone, without s3:// and path: lower-case letters, digits, "
                "'.' and '-'"
            },
        ),
    ]
    """Name of the bucket."""
    prefix: (
        Annotated[
            str,
            Field(
                min_length=1,
                max_length=512,
                pattern="^[A-Za-z0-9_.=-]+(/[A-Za-z0-9_.=-]+)*/?$",
                json_schema_extra={PATTERN_MESSAGE: "write a relative prefix such as acme/, without a leading '/'"},
            ),
        ]
        | None
    ) = None
    """Prefix of the tenant's keys, a whole path segment (acme means acme/); the whole bucket unless set."""
    region: Region | None = None
    """Region of the bucket; that of the queue unless set."""
    endpoint: HttpUrl | None = None
    """Endpoint of an S3-compatible store; AWS unless set."""
