"""Keys are private, and the certificates are what a strict client accepts."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from rem_local.certificates import make_certificates, write_private


def test_keys_are_private_and_fresh(tmp_path: Path) -> None:
    first = make_certificates(tmp_path, "127.42.0.1")
    for key in (first.serving.key, first.etcd.key, first.service_account_key):
        assert key.stat().st_mode & 0o777 == 0o600
    before = first.service_account_key.read_bytes()
    assert make_certificates(tmp_path, "127.42.0.1").service_account_key.read_bytes() != before


def test_a_private_file_loses_the_mode_that_it_had(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("old")
    (tmp_path / "token").chmod(0o644)
    assert write_private(tmp_path / "token", "new").stat().st_mode & 0o777 == 0o600


async def test_a_strict_client_accepts_the_server_and_the_server_the_client(tmp_path: Path) -> None:
    made = make_certificates(tmp_path, "127.0.0.1")
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(made.ca_file))
    server_side.load_cert_chain(made.etcd.certificate, made.etcd.key)
    server_side.verify_mode = ssl.CERT_REQUIRED
    client_side = ssl.create_default_context(cafile=str(made.ca_file))
    client_side.verify_flags |= ssl.VERIFY_X509_STRICT
    client_side.load_cert_chain(made.etcd.certificate, made.etcd.key)

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=server_side)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), ssl=client_side)
        assert await reader.readline() == b"hello\n"
        writer.close()
        await writer.wait_closed()
