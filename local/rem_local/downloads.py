"""Official release downloads, each checked against the SHA-256 that is published beside it.

The published checksum comes over https from the same place, so it guards against a broken transfer or mirror, not
against a publisher who was broken into. Timeouts are short: without a way out, the build from Go modules is next.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import tarfile
from pathlib import Path

import aiohttp

from rem_local.progress import Step

_CONNECT_SECONDS = 5.0
_SILENCE_SECONDS = 20.0
_CHUNK = 1 << 20

KUBERNETES_URL = "https://dl.k8s.io/{version}/bin/linux/{architecture}/{name}"
ETCD_URL = "https://github.com/etcd-io/etcd/releases/download/{version}"


class DownloadError(Exception):
    """A download could not be reached, or is not what its checksum says."""


async def download_program(name: str, version: str, architecture: str, target: Path, step: Step) -> None:
    """Write the program to `target`; raises DownloadError."""
    if name == "etcd":
        archive = f"etcd-{version}-linux-{architecture}.tar.gz"
        base = ETCD_URL.format(version=version)
        sums = (await fetch(f"{base}/SHA256SUMS")).decode()
        content = await _fetch_checked(f"{base}/{archive}", checksum_in(sums, archive), step)
        content = await asyncio.to_thread(_member, content, f"{archive.removesuffix('.tar.gz')}/etcd")
    else:
        url = KUBERNETES_URL.format(version=version, architecture=architecture, name=name)
        sums = (await fetch(f"{url}.sha256")).decode()
        content = await _fetch_checked(url, checksum_in(sums, name), step)
    await asyncio.to_thread(target.write_bytes, content)


def checksum_in(sums: str, name: str) -> str:
    """The checksum of `name` in the output of sha256sum, or the only word of a .sha256 file."""
    for line in sums.splitlines():
        words = line.split()
        if len(words) == 1 or (len(words) == 2 and words[1].removeprefix("*") == name):
            return words[0].lower()
    raise DownloadError(f"the published checksums do not list {name}")


async def fetch(url: str, step: Step | None = None) -> bytes:
    """The content of a URL; proxies and certificates of the environment are honoured."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_SILENCE_SECONDS)
    content = bytearray()
    try:
        async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session, session.get(url) as response:
            if response.status != 200:
                raise DownloadError(f"{url} answers {response.status}")
            async for chunk in response.content.iter_chunked(_CHUNK):
                content += chunk
                if step is not None:
                    total = response.content_length or 0
                    step.update(f"downloading, {len(content) >> 20} of {total >> 20} MB")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise DownloadError(f"cannot download {url}: {str(error) or type(error).__name__}") from error
    return bytes(content)


async def _fetch_checked(url: str, checksum: str, step: Step) -> bytes:
    content = await fetch(url, step)
    found = (await asyncio.to_thread(hashlib.sha256, content)).hexdigest()
    if found != checksum:
        raise DownloadError(f"{url} has SHA-256 {found}, but {checksum} is published: the download is not used")
    return content


def _member(archive: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        try:
            file = tar.extractfile(name)
        except KeyError:
            file = None
        if file is None:
            raise DownloadError(f"the archive has no {name}")
        return file.read()
