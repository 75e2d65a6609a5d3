"""moto's server as SQS and S3: one process on the cluster's own address, with the queues and buckets asked for."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import boto3

from rem_local.addresses import MOTO_PORT, AddressBlock
from rem_local.processes import Process, start

DEFAULT_REGION = "eu-central-1"
# moto checks no credentials, but clients insist on having some.
ACCESS_KEY_ID = "stand-in"
SECRET_ACCESS_KEY = "stand-in"

_START_SECONDS = 60.0
_POLL_SECONDS = 0.05


class MotoError(Exception):
    """moto's server does not start."""


@dataclass(frozen=True, slots=True)
class Moto:
    """A running server; `endpoint` is what S3 and SQS clients are given."""

    endpoint: str
    region: str
    queue_urls: dict[str, str]

    def client(self, service: str) -> Any:
        """A boto3 client for `sqs` or `s3`."""
        session = boto3.session.Session(ACCESS_KEY_ID, SECRET_ACCESS_KEY, region_name=self.region)
        return session.client(service, endpoint_url=self.endpoint)


@asynccontextmanager
async def start_moto(
    block: AddressBlock,
    *,
    log_dir: Path,
    queues: Sequence[str] = (),
    buckets: Sequence[str] = (),
    region: str = DEFAULT_REGION,
) -> AsyncIterator[Moto]:
    """Run moto until the context is left; its data is gone then."""
    endpoint = f"http://{block.moto}:{MOTO_PORT}"
    process = await start(
        [sys.executable, "-m", "moto.server", "-H", block.moto, "-p", str(MOTO_PORT)],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        log=log_dir / "moto.log",
    )
    try:
        await _ready(process, endpoint)
        moto = Moto(endpoint=endpoint, region=region, queue_urls={})
        await asyncio.to_thread(_make, moto, queues, buckets)
        yield moto
    finally:
        await process.stop()


async def _ready(process: Process, endpoint: str) -> None:
    deadline = monotonic() + _START_SECONDS
    async with aiohttp.ClientSession() as session:
        while process.returncode is None and monotonic() < deadline:
            try:
                async with session.get(f"{endpoint}/moto-api/data.json") as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                await asyncio.sleep(_POLL_SECONDS)
    raise MotoError(f"moto does not answer on {endpoint}; the end of its log:\n{process.tail()}")


def _make(moto: Moto, queues: Sequence[str], buckets: Sequence[str]) -> None:
    if queues:
        sqs = moto.client("sqs")
        moto.queue_urls.update({name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in queues})
    if buckets:
        s3 = moto.client("s3")
        for name in buckets:
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": moto.region})
