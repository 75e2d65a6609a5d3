"""The trigger aws-sqs-queue: what it is configured with, and asking the queue.

It asks only the endpoint that the trigger names (`awsEndpoint`). Without one the real KEDA asks AWS; this stand-in
calls that an error instead of leaving the machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.config
import botocore.exceptions

TRIGGER_TYPE = "aws-sqs-queue"
_DEFAULT_TARGET = 5
_TIMEOUT_SECONDS = 5
# moto checks no credentials; real ones come from the TriggerAuthentication's secretTargetRef.
_ANYBODY = ("stand-in", "stand-in")


class TriggerError(Exception):
    """A trigger is not configured well, or its queue cannot be asked."""


@dataclass(frozen=True, slots=True)
class SqsTrigger:
    """One parsed trigger."""

    queue_url: str
    region: str
    endpoint: str
    target: int
    activation: int
    attributes: tuple[str, ...]

    @property
    def queue_name(self) -> str:
        return self.queue_url.rstrip("/").rsplit("/", 1)[-1]


def parse_trigger(trigger: Mapping[str, Any]) -> SqsTrigger:
    """A trigger of a ScaledObject; raises TriggerError with KEDA's own words where it has some."""
    if trigger.get("type") != TRIGGER_TYPE:
        raise TriggerError(f"no scaler found for type: {trigger.get('type')} (the stand-in knows {TRIGGER_TYPE} only)")
    metadata = trigger.get("metadata") or {}
    missing = [name for name in ("queueURL", "awsRegion") if not metadata.get(name)]
    if missing:
        raise TriggerError(
            f"error parsing SQS queue metadata: missing required parameter {missing[0]!r} in [triggerMetadata]"
        )
    if len(urlsplit(metadata["queueURL"]).path.strip("/").split("/")) != 2:
        raise TriggerError("error parsing SQS queue metadata: cannot get queueName from queueURL")
    if not metadata.get("awsEndpoint"):
        raise TriggerError(
            "the stand-in does not talk to AWS: set awsEndpoint (for a tenant: fileProcessor.queue.endpoint)"
        )
    attributes = ["ApproximateNumberOfMessages"]
    if _flag(metadata, "scaleOnInFlight", "true"):
        attributes.append("ApproximateNumberOfMessagesNotVisible")
    if _flag(metadata, "scaleOnDelayed", "false"):
        attributes.append("ApproximateNumberOfMessagesDelayed")
    return SqsTrigger(
        queue_url=metadata["queueURL"],
        region=metadata["awsRegion"],
        endpoint=metadata["awsEndpoint"],
        target=_number(metadata, "queueLength", _DEFAULT_TARGET),
        activation=_number(metadata, "activationQueueLength", 0),
        attributes=tuple(attributes),
    )


async def queue_length(trigger: SqsTrigger, credentials: tuple[str, str] | None) -> int:
    """How many messages wait, with those in flight and delayed when the trigger counts them."""
    return await asyncio.to_thread(_ask, trigger, *(credentials or _ANYBODY))


def _ask(trigger: SqsTrigger, key_id: str, secret: str) -> int:
    client = _client(trigger.endpoint, trigger.region, key_id, secret)
    try:
        answer = client.get_queue_attributes(QueueUrl=trigger.queue_url, AttributeNames=list(trigger.attributes))
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise TriggerError(f"error getting the length of {trigger.queue_url}: {error}") from error
    return sum(int(answer["Attributes"][name]) for name in trigger.attributes)


@lru_cache(maxsize=32)
def _client(endpoint: str, region: str, key_id: str, secret: str) -> Any:
    config = botocore.config.Config(
        connect_timeout=_TIMEOUT_SECONDS, read_timeout=_TIMEOUT_SECONDS, retries={"max_attempts": 1}
    )
    return boto3.session.Session(aws_access_key_id=key_id, aws_secret_access_key=secret, region_name=region).client(
        "sqs", endpoint_url=endpoint, config=config
    )


def _number(metadata: Mapping[str, str], name: str, default: int) -> int:
    text = metadata.get(name)
    if not text:
        return default
    if not str(text).isdigit():
        raise TriggerError(f"error parsing SQS queue metadata: {name} is not a number: {text!r}")
    return int(text)


def _flag(metadata: Mapping[str, str], name: str, default: str) -> bool:
    return str(metadata.get(name) or default).lower() == "true"
