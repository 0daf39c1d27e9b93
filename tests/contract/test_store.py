"""What every store does, in memory and in JetStream alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from control_plane.store.mirror import Mirror
from control_plane.store.port import ObjectTooLarge, OutcomeUnknown, RevisionMismatch, Store, StoreUnavailable
from proto.objects.core import ConfigMap
from proto.objects.meta import Object, ObjectMeta, evolve
from tests.contract.stores import Backend, Follower
from tests.waiting import eventually

Follow = Callable[..., Awaitable[Follower]]


def config(name: str, n: object = 0, uid: str = "") -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace="default", uid=uid or f"u-{name}"), data={"n": str(n)})


@pytest.fixture
async def store(backend: Backend) -> Store:
    return await backend.connect()


@pytest.fixture
async def follow() -> AsyncIterator[Follow]:
    """Starts followers, which are ended with the test; what they noticed fails it."""
    tasks: list[asyncio.Task[None]] = []

    async def begin(store: Store, pause_s: float = 0.0) -> Follower:
        follower, task = Follower.of(store, pause_s)
        tasks.append(task)
        return follower

    yield begin
    for task in tasks:
        if task.done():
            await task
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def put_stubbornly(store: Store, obj: Object, expected: int) -> int:
    """Write until it is acknowledged, as the engine does: unavailable is tried again, a mismatch is an error."""
    while True:
        try:
            return await store.put(obj, expected)
        except StoreUnavailable:
            await asyncio.sleep(0.02)


async def test_revisions_are_one_order_over_all_objects(store: Store) -> None:
    first = await store.put(config("a"), 0)
    second = await store.put(config("b"), 0)
    third = await store.put(config("a", 1), first)
    assert first < second < third


@pytest.mark.parametrize("expected", ["never", "old", "new"])
async def test_a_write_names_the_revision_that_it_replaces(store: Store, expected: str) -> None:
    first = await store.put(config("a"), 0)
    second = await store.put(config("a", 1), first)
    wrong = {"never": 0, "old": first, "new": second + 1}[expected]
    for attempt in (store.put(config("a", 2), wrong), store.delete(config("a"), wrong)):
        with pytest.raises(RevisionMismatch):
            await attempt
    assert await store.put(config("a", 2), second) > second


async def test_what_is_not_there_cannot_be_replaced_or_deleted(store: Store) -> None:
    for attempt in (store.put(config("a"), 7), store.delete(config("a"), 7), store.delete(config("a"), 0)):
        with pytest.raises(RevisionMismatch):
            await attempt


async def test_what_is_newest_can_be_confirmed(store: Store) -> None:
    first = await store.put(config("a"), 0)
    seen = evolve(config("a"), **{"metadata.resource_version": str(first)})
    await store.confirm(seen)
    second = await store.put(config("a", 1), first)
    with pytest.raises(RevisionMismatch):
        await store.confirm(seen)
    await store.delete(config("a"), second)
    for stale in (seen, evolve(seen, **{"metadata.resource_version": str(second)})):
        with pytest.raises(RevisionMismatch):
            await store.confirm(stale)


async def test_after_a_deletion_the_key_is_free(store: Store, follow: Follow) -> None:
    revision = await store.put(config("a"), 0)
    deleted = await store.delete(config("a"), revision)
    assert deleted > revision
    with pytest.raises(RevisionMismatch):
        await store.put(config("a", 1), revision)
    again = await store.put(config("a", 1), 0)
    assert again > deleted
    follower = await follow(store)
    await follower.reaches(lambda f: f.synced)
    assert follower.states == {"a": "1"}


async def test_the_feed_tells_everything_then_synced_then_every_change(store: Store, follow: Follow) -> None:
    a = await store.put(config("a"), 0)
    b = await store.put(config("b"), 0)
    gone = await store.put(config("gone"), 0)
    await store.delete(config("gone"), gone)
    a2 = await store.put(config("a", 1), a)
    follower = await follow(store)
    await follower.reaches(lambda f: f.synced)
    deleted = await store.delete(config("b", "last"), b)
    c = await store.put(config("c"), 0)
    await follower.reaches(lambda f: f.revision == c)
    told = [(change.type, change.revision) for change in follower.changes]
    assert told == [("put", b), ("put", a2), ("synced", a2), ("delete", deleted), ("put", c)]
    last = follower.changes[3].object
    assert isinstance(last, ConfigMap)
    assert last.data == {"n": "last"}


async def test_the_feed_of_an_empty_store_is_synced_at_once(store: Store, follow: Follow) -> None:
    follower = await follow(store)
    await follower.reaches(lambda f: f.synced)
    assert [change.type for change in follower.changes] == ["synced"]


async def test_what_is_read_back_is_what_was_written(store: Store, follow: Follow) -> None:
    obj = evolve(config("a"), **{"metadata.labels": {"k": "v"}, "metadata.resource_version": "12345"})
    revision = await store.put(obj, 0)
    follower = await follow(store)
    await follower.reaches(lambda f: f.synced)
    assert follower.changes[0].object == evolve(obj, **{"metadata.resource_version": str(revision)})


async def test_of_two_writers_one_wins_each_round(backend: Backend) -> None:
    stores = [await backend.connect() for _ in range(2)]
    revision = await stores[0].put(config("a"), 0)
    for n in range(20):
        attempts = (store.put(config("a", f"{n}-{who}"), revision) for who, store in enumerate(stores))
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)
        won = [outcome for outcome in outcomes if isinstance(outcome, int)]
        assert len(won) == 1
        assert [type(outcome) for outcome in outcomes if not isinstance(outcome, int)] == [RevisionMismatch]
        revision = won[0]


async def test_racing_increments_lose_nothing(backend: Backend, follow: Follow) -> None:
    watcher = await follow(await backend.connect())
    await (await backend.connect()).put(config("counter"), 0)

    async def count(store: Store, times: int) -> None:
        mirror = Mirror(store)
        following = asyncio.create_task(mirror.run())
        await mirror.wait_synced()
        done = 0
        while done < times:
            held = mirror.get(ConfigMap, "default", "counter")
            assert held is not None
            try:
                raised = config("counter", int(held.data["n"]) + 1)
                revision = await store.put(raised, held.metadata.revision)
                done += 1
            except RevisionMismatch:
                revision = held.metadata.revision + 1
            await mirror.wait_for(revision, 5)
        following.cancel()

    stores = [await backend.connect() for _ in range(3)]
    await watcher.reaches(lambda f: f.synced)
    await asyncio.gather(*(count(store, 20) for store in stores))
    await watcher.reaches(lambda f: f.states.get("counter") == "60")
    told = [int(change.object.data["n"]) for change in watcher.changes if isinstance(change.object, ConfigMap)]
    assert told == sorted(set(told))


async def test_too_large_an_object_is_refused_and_harms_nothing(store: Store) -> None:
    with pytest.raises(ObjectTooLarge, match=r"the object is \d+ bytes, over the \d+ allowed"):
        await store.put(config("a", "x" * 1024 * 1024), 0)
    big = await store.put(config("a", "x" * 1000 * 1000), 0)
    assert await store.put(config("b"), 0) > big


async def test_many_writes_go_out_together(store: Store, follow: Follow) -> None:
    follower = await follow(store)
    revisions = await asyncio.gather(*(store.put(config(f"c{n}", n), 0) for n in range(2000)))
    assert len(set(revisions)) == 2000
    await follower.reaches(lambda f: len(f.states) == 2000)
    assert follower.states == {f"c{n}": str(n) for n in range(2000)}


async def test_a_slow_follower_gets_everything_in_order(store: Store, follow: Follow) -> None:
    slow, quick = await follow(store, 0.001), await follow(store)
    await asyncio.gather(*(store.put(config(f"c{n}", n), 0) for n in range(1000)))
    await quick.reaches(lambda f: len(f.states) == 1000)
    await slow.reaches(lambda f: len(f.states) == 1000)
    assert slow.states == quick.states


async def test_a_follower_that_starts_in_the_middle_of_writes_misses_none(store: Store, follow: Follow) -> None:
    writing = asyncio.gather(*(store.put(config(f"c{n}", n), 0) for n in range(1500)))
    await asyncio.sleep(0)
    followers = [await follow(store) for _ in range(3)]
    await writing
    for follower in followers:
        await follower.reaches(lambda f: len(f.states) == 1500 and f.synced == 1)


async def test_without_the_store_a_write_fails_and_changes_nothing(backend: Backend, follow: Follow) -> None:
    store = await backend.connect()
    follower = await follow(store)
    revision = await store.put(config("a"), 0)
    await backend.stop()

    async def is_refused() -> bool:
        with pytest.raises((StoreUnavailable, OutcomeUnknown)) as failure:
            await store.put(config("a", 1), revision)
        return failure.type is StoreUnavailable

    await asyncio.wait_for(is_refused(), 20)
    await eventually(is_refused)
    await backend.start()
    assert await put_stubbornly(store, config("a", 2), revision) == revision + 1
    await follower.reaches(lambda f: f.states == {"a": "2"})


async def test_a_kill_under_writes_loses_repeats_and_disorders_nothing(backend: Backend, follow: Follow) -> None:
    store, other = await backend.connect(), await backend.connect()
    followers = [await follow(store), await follow(other)]
    acknowledged: dict[str, int] = {}
    stopping = asyncio.Event()

    async def write(name: str) -> None:
        revision, n = 0, 0
        while not stopping.is_set():
            revision = await put_stubbornly(store, config(name, n), revision)
            acknowledged[name] = n
            n += 1
            await asyncio.sleep(0)

    writers = [asyncio.create_task(write(f"w{number}")) for number in range(16)]
    for _ in range(3):
        before = sum(acknowledged.values())
        await eventually(lambda before=before: sum(acknowledged.values()) > before + 100, within_s=30)
        await backend.stop()
        await backend.start()
    before = sum(acknowledged.values())
    await eventually(lambda: sum(acknowledged.values()) > before + 100, within_s=30)
    stopping.set()
    await asyncio.gather(*writers)
    expected = {name: str(n) for name, n in acknowledged.items()}
    for follower in followers:
        await follower.reaches(lambda f: f.states == expected)
        assert (follower.resets, follower.synced) == (0, 1)


async def test_the_feed_goes_on_soon_after_a_restart(backend: Backend, follow: Follow) -> None:
    store, other = await backend.connect(), await backend.connect()
    follower = await follow(other)
    await store.put(config("before"), 0)
    await follower.reaches(lambda f: "before" in f.states)
    await backend.stop()
    await backend.start()
    await put_stubbornly(store, config("after"), 0)
    await follower.reaches(lambda f: "after" in f.states, within_s=5)


async def test_a_stream_made_anew_is_told_from_the_start(backend: Backend, follow: Follow) -> None:
    store = await backend.connect()
    follower = await follow(store)
    for n in range(5):
        await store.put(config(f"old{n}"), 0)
    await follower.reaches(lambda f: len(f.states) == 5)
    await backend.replace()
    await put_stubbornly(store, config("new"), 0)
    await follower.reaches(lambda f: f.states == {"new": "0"})
    await follower.reaches(lambda f: f.resets == 1 and f.synced == 2)


async def test_a_mirror_survives_it_all(backend: Backend) -> None:
    store = await backend.connect()
    mirror = Mirror(store)
    following = asyncio.create_task(mirror.run())
    await mirror.wait_synced()
    revision = await store.put(config("a"), 0)
    assert await mirror.wait_for(revision, 5)
    await backend.stop()
    await backend.start()
    revision = await put_stubbornly(store, config("a", 1), revision)
    assert await mirror.wait_for(revision, 5)
    await backend.replace()
    await eventually(lambda: mirror.get(ConfigMap, "default", "a") is None)
    following.cancel()


async def test_after_close_the_feed_ends(backend: Backend) -> None:
    store = await backend.connect()
    follower, task = Follower.of(store)
    await follower.reaches(lambda f: f.synced)
    await store.close()
    await asyncio.wait_for(task, 5)


async def test_a_state_is_confirmed_only_while_it_is_the_newest(store: Store) -> None:
    first = await store.put(config("a"), 0)
    seen = evolve(config("a"), **{"metadata.resource_version": str(first)})
    await store.confirm(seen)
    second = await store.put(config("a", 1), first)
    with pytest.raises(RevisionMismatch):
        await store.confirm(seen)
    await store.delete(config("a", 1), second)
    for stale in (seen, evolve(seen, **{"metadata.resource_version": str(second)})):
        with pytest.raises(RevisionMismatch):
            await store.confirm(stale)
