"""Address blocks: one owner each, given back by the kernel; pools hand out what is free."""

from __future__ import annotations

import socket

import pytest

from rem_local.addresses import AddressBlock, BlockLock, NoAddressesError


def test_two_instances_never_share_a_block() -> None:
    with BlockLock.take() as first, BlockLock.take() as second:
        assert first.number != second.number


def test_a_released_block_can_be_taken_again() -> None:
    with BlockLock.take() as first:
        pass
    with BlockLock.take() as second:
        assert first == second


def test_a_block_whose_ports_are_in_use_is_passed_over() -> None:
    with BlockLock.take() as first:
        pass
    with socket.create_server((first.control_plane, 6443)), BlockLock.take() as second:
        assert first != second


def test_addresses_lie_where_the_plan_says() -> None:
    block = AddressBlock(42)
    assert (block.control_plane, block.moto) == ("127.42.0.1", "127.42.0.2")
    assert block.databases().take() == "127.42.1.1"
    assert block.pods().take() == "127.42.10.1"


def test_a_pool_uses_returned_addresses_last_and_ends_with_a_reason() -> None:
    pool = AddressBlock(42).databases()
    first = pool.take()
    pool.give_back(first)
    pool.give_back(first)
    rest = [pool.take() for _ in range(254)]
    assert rest[-1] == first
    assert len(set(rest)) == 254
    with pytest.raises(NoAddressesError, match="delete some"):
        pool.take()
