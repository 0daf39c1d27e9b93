"""The leader's key: one holder, a time to live, epochs that grow; in memory and in JetStream alike."""

from __future__ import annotations

import asyncio

import pytest

from control_plane.store.nats.leader_keys import NatsLeaderKeys
from control_plane.store.port import LeaderKeys, OutcomeUnknown, StoreUnavailable
from setpoint.local.nats_server import NatsServer
from tests.contract.stores import Backend, NatsBackend
from tests.waiting import eventually

TTL_S = 1.0


@pytest.fixture
async def keys(backend: Backend) -> tuple[LeaderKeys, LeaderKeys]:
    return await backend.keys(), await backend.keys()


Pair = tuple[LeaderKeys, LeaderKeys]


async def test_one_holds_the_key(keys: Pair) -> None:
    a, b = keys
    assert await a.holder() is None
    revision = await a.acquire("a", TTL_S)
    assert revision is not None
    assert await b.acquire("b", TTL_S) is None
    assert (await a.holder(), await b.holder()) == ("a", "a")


async def test_of_many_that_ask_at_once_one_gets_it(keys: Pair) -> None:
    a, b = keys
    answers = await asyncio.gather(*((a, b)[n % 2].acquire(f"h{n}", TTL_S) for n in range(10)))
    assert sum(answer is not None for answer in answers) == 1


async def test_a_renewed_key_lives_on(keys: Pair) -> None:
    a, b = keys
    revision = await a.acquire("a", TTL_S)
    loop = asyncio.get_running_loop()
    until_s = loop.time() + 2.5 * TTL_S
    while loop.time() < until_s:
        assert revision is not None
        renewed = await a.renew("a", revision, TTL_S)
        assert renewed is not None
        assert renewed > revision
        revision = renewed
        assert await b.acquire("b", TTL_S) is None
        await asyncio.sleep(TTL_S / 5)
    assert await b.holder() == "a"


async def test_a_key_that_is_not_renewed_expires(keys: Pair) -> None:
    a, b = keys
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    revision = await a.acquire("a", TTL_S)
    assert revision is not None
    taken = await eventually(lambda: b.acquire("b", TTL_S), within_s=5)
    assert loop.time() - began_s >= TTL_S * 0.99, "never early"
    assert loop.time() - began_s < TTL_S + 1.5
    assert await a.renew("a", revision, TTL_S) is None
    assert await a.holder() == "b"
    assert await b.renew("b", taken, TTL_S) is not None


async def test_a_released_key_is_free_at_once(keys: Pair) -> None:
    a, b = keys
    revision = await a.acquire("a", 60)
    assert revision is not None
    await a.release(revision)
    assert await a.holder() is None
    assert await b.acquire("b", 60) is not None
    await a.release(revision)
    assert await a.holder() == "b"


async def test_a_released_key_can_be_taken_after_its_marker_expired(keys: Pair) -> None:
    a, b = keys
    revision = await a.acquire("a", TTL_S)
    assert revision is not None
    await a.release(revision)
    await asyncio.sleep(1.5)  # The marker's own time to live: there is nothing else to wait for.
    assert await b.acquire("b", TTL_S) is not None


async def test_epochs_grow(keys: Pair) -> None:
    a, b = keys
    drawn = [await a.next_epoch(), await b.next_epoch(), await a.next_epoch()]
    assert drawn == [1, 2, 3]
    at_once = await asyncio.gather(*((a, b)[n % 2].next_epoch() for n in range(8)))
    assert sorted(at_once) == list(range(4, 12))


async def test_without_the_store_nothing_is_known(backend: Backend, keys: Pair) -> None:
    a, _ = keys
    revision = await a.acquire("a", 60)
    assert revision is not None
    await backend.stop()
    with pytest.raises((StoreUnavailable, OutcomeUnknown)):
        await a.renew("a", revision, 60)
    await backend.start()

    async def is_renewed() -> bool:
        try:
            return await a.renew("a", revision, 60) is not None
        except (StoreUnavailable, OutcomeUnknown):
            return False

    await eventually(is_renewed)


async def test_a_renewal_whose_acknowledgement_was_lost_is_recognised(nats_server: NatsServer) -> None:
    backend = NatsBackend(nats_server)
    keys = await backend.keys()
    assert isinstance(keys, NatsLeaderKeys)
    revision = await keys.acquire("a", 60)
    assert revision is not None
    # A renewal that happened, told to nobody: what is left of one is its id among the doubtful ones.
    write_id = keys._writes.new_id()
    await keys._writes.swap("sp.leader.leader", b"a", revision, {"Nats-TTL": "60s"}, write_id=write_id)
    assert await keys.renew("a", revision, 60) is None
    keys._doubtful.add(write_id)
    assert await keys.renew("a", revision, 60) is not None
    await backend.close()
