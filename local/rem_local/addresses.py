"""Loopback addresses of one instance: which block it owns, and who sits where in it.

Linux answers on all of 127.0.0.0/8 without configuration, so every instance takes a block 127.N.0.0/16 of its own
and every pod gets an address. A bound socket is the lock: the kernel gives it back however the owner dies.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections import deque
from dataclasses import dataclass
from typing import Self

# Above 1023, because the cluster must start without root.
LOCK_PORT = 11011
ETCD_CLIENT_PORT = 2379
ETCD_PEER_PORT = 2380
API_SERVER_PORT = 6443
CONTROLLER_MANAGER_PORT = 10257
SCHEDULER_PORT = 10259
MOTO_PORT = 5000
POSTGRES_PORT = 5432

# Below 16 sit resolvers and other people's tricks (127.0.0.53, 127.0.1.1).
_BLOCKS = range(16, 251)
_CONTROL_PLANE_PORTS = (ETCD_CLIENT_PORT, ETCD_PEER_PORT, API_SERVER_PORT, CONTROLLER_MANAGER_PORT, SCHEDULER_PORT)


class NoAddressesError(Exception):
    """Every loopback block is taken: stop a cluster that is not needed any more (`rem-local up` holds one each)."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


@dataclass(frozen=True, slots=True)
class AddressBlock:
    """The block 127.N.0.0/16."""

    number: int

    def address(self, third: int, fourth: int) -> str:
        return f"127.{self.number}.{third}.{fourth}"

    @property
    def control_plane(self) -> str:
        return self.address(0, 1)

    @property
    def moto(self) -> str:
        return self.address(0, 2)

    def databases(self) -> AddressPool:
        """A new pool of addresses for PostgreSQL servers: 127.N.1.1 … 127.N.1.254."""
        return AddressPool(self, thirds=range(1, 2))

    def pods(self) -> AddressPool:
        """A new pool of pod addresses: 127.N.10.1 … 127.N.250.254."""
        return AddressPool(self, thirds=range(10, 251))


class AddressPool:
    """Hands out addresses of a part of a block; one that was given back is used again last."""

    def __init__(self, block: AddressBlock, *, thirds: range) -> None:
        self._fresh = (block.address(third, fourth) for third in thirds for fourth in range(1, 255))
        self._returned: deque[str] = deque()
        self._taken: set[str] = set()

    def take(self) -> str:
        """An address that nobody else of this pool holds."""
        address = next(self._fresh, None) or (self._returned.popleft() if self._returned else None)
        if address is None:
            raise NoAddressesError("every address of this pool is in use: delete some pods or clusters")
        self._taken.add(address)
        return address

    def give_back(self, address: str) -> None:
        """Return an address; one that was not taken is ignored, so that cleaning up twice is harmless."""
        if address in self._taken:
            self._taken.remove(address)
            self._returned.append(address)


class BlockLock:
    """A block together with the socket that keeps others out; `with BlockLock.take() as block`."""

    def __init__(self, block: AddressBlock, sock: socket.socket) -> None:
        self.block = block
        self._socket = sock

    @classmethod
    def take(cls) -> Self:
        """The first free block, beginning at one that depends on the process so that neighbours rarely meet."""
        if sys.platform != "linux":
            raise NoAddressesError(
                "the cluster without containers needs Linux: other systems do not answer on all of 127.0.0.0/8. "
                "Run it in a Linux virtual machine, or use kind"
            )
        start = os.getpid() % len(_BLOCKS)
        for number in [*_BLOCKS[start:], *_BLOCKS[:start]]:
            block = AddressBlock(number)
            sock = _bind(block.control_plane, LOCK_PORT)
            if sock is None:
                continue
            if all(_is_free(block.control_plane, port) for port in _CONTROL_PLANE_PORTS):
                return cls(block, sock)
            sock.close()
        raise NoAddressesError

    def release(self) -> None:
        self._socket.close()

    def __enter__(self) -> AddressBlock:
        return self.block

    def __exit__(self, *_: object) -> None:
        self.release()


def _bind(address: str, port: int) -> socket.socket | None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.bind((address, port))
        sock.listen(1)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise
    return sock


def _is_free(address: str, port: int) -> bool:
    """Nobody listens there: a killed predecessor's children may outlive its lock by a moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        # Like the servers do; connections in TIME_WAIT do not count.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((address, port))
        except OSError:
            return False
        return True
