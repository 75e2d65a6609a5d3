"""Listening and stopping: addresses, delays, requests in flight, faults."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import httpx
import pytest
from starlette.responses import PlainTextResponse

from rem_runtime.errors import ListenError
from rem_runtime.serving import Listener, Servers, listen, serve


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("hello")(scope, receive, send)


def test_a_taken_address_is_refused_and_nothing_stays_open() -> None:
    with listen("127.0.0.1", 0, group="API") as first:
        port = first.getsockname()[1]
        with pytest.raises(ListenError, match=f"port {port}: Address already in use; .* API__HOST and API__PORT"):
            listen("127.0.0.1", port, group="API")
    listen("127.0.0.1", port, group="API").close()


def test_an_address_that_is_not_ours_is_refused() -> None:
    with pytest.raises(ListenError, match="METRICS__HOST"):
        listen("192.0.2.1", 0, group="METRICS")
    with pytest.raises(ListenError, match="no-such-host"):
        listen("no-such-host.invalid", 0, group="METRICS")


async def test_answers_are_not_held_back_by_nagle() -> None:
    """Headers and body leave in two writes; held back, the second waits 40 ms for the client's acknowledgement."""
    accepted: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        transport = next(iter(server.server_state.connections)).transport
        accepted.append(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        await hello(scope, receive, send)

    listener = Listener(app, listen("127.0.0.1", 0, group="API"))
    servers = Servers([listener])
    server = servers._servers[0][0]
    running = asyncio.create_task(servers.run())
    async with httpx.AsyncClient() as client:
        assert (await client.get(listener.url)).text == "hello"
    servers.stop()
    await running
    assert accepted == [1]


async def test_a_request_in_flight_is_finished_and_every_server_stops() -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        entered.set()
        await go_on.wait()
        await hello(scope, receive, send)

    first = Listener(slow, listen("127.0.0.1", 0, group="API"))
    second = Listener(hello, listen("127.0.0.1", 0, group="METRICS"))
    servers = Servers([first, second])
    running = asyncio.create_task(servers.run())
    async with httpx.AsyncClient() as client:
        answer = asyncio.create_task(client.get(first.url))
        await asyncio.wait_for(entered.wait(), 10)
        servers.stop()
        go_on.set()
        assert (await answer).text == "hello"
        await asyncio.wait_for(running, 10)
        for listener in (first, second):
            assert listener.sock.fileno() == -1


async def test_a_fault_in_a_companion_ends_everything_in_order() -> None:
    entered = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        entered.set()
        await asyncio.sleep(0.2)
        await hello(scope, receive, send)

    async def fails() -> None:
        await entered.wait()
        raise RuntimeError("broken")

    listener = Listener(slow, listen("127.0.0.1", 0, group="API"))
    serving = asyncio.create_task(serve([listener], companions=[fails(), asyncio.sleep(60)]))
    async with httpx.AsyncClient() as client:
        assert (await client.get(listener.url)).text == "hello"
    with pytest.raises(ExceptionGroup) as caught:
        await asyncio.wait_for(serving, 10)
    assert caught.group_contains(RuntimeError, match="broken")
    assert listener.sock.fileno() == -1


def test_ipv6_addresses_are_written_in_brackets() -> None:
    try:
        sock = listen("::1", 0, group="API")
    except ListenError:
        pytest.skip("no IPv6 here")
    with sock:
        assert Listener(hello, sock).url.startswith("http://[::1]:")
