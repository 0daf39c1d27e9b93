"""Watches: what is told, in which order, from where on, and how they end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from control_plane.api import watcher as serving
from control_plane.store.history import History
from tests.api.cluster import Cluster, pod
from tests.waiting import eventually


async def config(api: Cluster, name: str, **labels: str) -> dict[str, Any]:
    return await api.ok("create.core.configmaps.default", {"metadata": {"name": name, "labels": labels}})


async def test_a_watch_begins_with_what_there_is(api: Cluster) -> None:
    await config(api, "b")
    await config(api, "a")
    watch = await api.watch("core.configmaps.default")
    await watch.until(2)
    await config(api, "c")
    await api.ok("patch.core.configmaps.default.c", {"data": {"k": "v"}})
    await api.ok("delete.core.configmaps.default.a")
    assert await watch.until(5) == [
        ("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c"), ("MODIFIED", "c"), ("DELETED", "a"),
    ]  # fmt: skip
    assert [message.headers["Sp-Seq"] for message in watch.arrived] == ["1", "2", "3", "4", "5"]
    assert watch.raw(4)["object"]["metadata"]["resourceVersion"] == str(api.revision)


async def test_a_watch_from_a_revision_tells_what_came_after_it(api: Cluster) -> None:
    first = await config(api, "a")
    await config(api, "b")
    await api.ok("delete.core.configmaps.default.a")
    watch = await api.watch("core.configmaps.default", {"resourceVersion": first["metadata"]["resourceVersion"]})
    assert await watch.until(2) == [("ADDED", "b"), ("DELETED", "a")]


async def test_a_watch_from_a_list_misses_and_repeats_nothing(api: Cluster) -> None:
    await config(api, "a")
    listed = await api.ok("list.core.configmaps")
    watch = await api.watch("core.configmaps", {"resourceVersion": listed["metadata"]["resourceVersion"]})
    await config(api, "b")
    assert await watch.until(1) == [("ADDED", "b")]


async def test_a_watch_is_of_one_namespace_or_of_one_name(api: Cluster) -> None:
    one = await api.watch("core.configmaps.default.a")
    everywhere = await api.watch("core.configmaps._")
    here = await api.watch("core.configmaps.default")
    await config(api, "a")
    await config(api, "b")
    await api.ok("create.core.configmaps.kube-system", {"metadata": {"name": "a"}})
    assert len(await everywhere.until(3)) == 3
    assert await here.until(2) == [("ADDED", "a"), ("ADDED", "b")]
    assert await one.until(1) == [("ADDED", "a")]


async def test_what_ceases_to_match_is_deleted_for_its_watcher(api: Cluster) -> None:
    watch = await api.watch("core.configmaps.default", {"labelSelector": "x=1"})
    await config(api, "a", x="1")
    await config(api, "b", x="2")
    for labels in ({"x": "2"}, {"x": "1"}, {"x": "1", "y": "1"}):
        await api.ok("patch.core.configmaps.default.a", {"metadata": {"labels": labels}})
    await api.ok("delete.core.configmaps.default.b")
    await api.ok("delete.core.configmaps.default.a")
    assert await watch.until(5) == [
        ("ADDED", "a"), ("DELETED", "a"), ("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a"),
    ]  # fmt: skip
    ceased = watch.raw(1)["object"]["metadata"]
    assert ceased["labels"] == {"x": "1"}, "the last state that matched"
    assert ceased["resourceVersion"] == "5", "the revision at which it ceased to"


async def test_a_watch_by_field(api: Cluster) -> None:
    watch = await api.watch("core.pods", {"fieldSelector": "spec.nodeName=n1"})
    await api.ok("create.core.pods.default", pod())
    await api.ok("create.core.pods/binding.default.p", {"target": {"name": "n1"}})
    assert await watch.until(1) == [("ADDED", "p")]


async def test_bookmarks_when_idle(api: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "BOOKMARK_S", 0.05)
    watch = await api.watch("core.configmaps.default", {"allowWatchBookmarks": True})
    silent = await api.watch("core.configmaps.default")
    await api.ok("create.core.pods.default", pod())
    await eventually(lambda: len(watch.arrived) >= 3)
    assert watch.raw(2) == {
        "type": "BOOKMARK",
        "object": {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"resourceVersion": str(api.revision)}},
    }
    assert [message.headers["Sp-Seq"] for message in watch.arrived[:3]] == ["1", "2", "3"]
    assert not silent.arrived


async def test_a_revision_that_is_no_longer_held_is_expired(api: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(History, "floor", lambda self, kind: 100)
    watch = await api.watch("core.configmaps.default", {"resourceVersion": "2"})
    await eventually(lambda: watch.arrived)
    told = watch.raw(0)
    assert told["type"] == "ERROR"
    assert (told["object"]["code"], told["object"]["reason"]) == (410, "Expired")


async def test_a_revision_of_the_future_is_waited_for_and_then_refused(
    api: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.api.reading.CATCH_UP_S", 0.05)
    watch = await api.watch("core.configmaps.default", {"resourceVersion": "999"})
    await eventually(lambda: watch.arrived)
    told = watch.raw(0)
    assert (told["kind"], told["code"], told["message"]) == (
        "Status", 504, "Too large resource version: 999, current: 2",
    )  # fmt: skip


async def test_a_watch_ends_after_its_timeout(api: Cluster) -> None:
    watch = await api.watch("core.configmaps.default", {"timeoutSeconds": 1})
    await eventually(lambda: watch.arrived)
    assert (watch.arrived[0].data, watch.arrived[0].headers["Sp-End"]) == (b"", "1")


async def test_a_watcher_that_is_gone_is_noticed(api: Cluster) -> None:
    watching = api.replicas[0].api._watching
    watch = await api.watch("core.configmaps.default")
    await eventually(lambda: watching._all())
    await watch.close()
    await config(api, "a")
    await eventually(lambda: not watching._all())


async def test_a_watcher_that_is_too_slow_is_ended_with_an_error(api: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "WAITING_MAX", 3)
    watch = await api.watch("core.configmaps.default")
    await eventually(lambda: api.replicas[0].api._watching._all())
    await config(api, "a")
    await watch.until(1)
    served = api.replicas[0].api._watching._all()[0]
    event = api.replicas[0].mirror.events_since(2, served.request.kind)[0]
    for _ in range(5):
        served.offer(serving.SharedEvent(event))
    await eventually(lambda: watch.events[-1][0] == "ERROR")
    assert watch.raw(-1)["object"]["reason"] == "Expired"


async def test_stopping_a_replica_ends_its_watches_politely(two: Cluster) -> None:
    watches = [await two.watch("core.configmaps.default") for _ in range(2)]
    await eventually(lambda: all(replica.api._watching._all() for replica in two.replicas))
    await two.replicas[0].api.stop()
    await eventually(lambda: sum(len(watch.arrived) for watch in watches) == 1)
    await two.replicas[0].api.start()


async def test_a_store_that_begins_anew_ends_watches(api: Cluster) -> None:
    watch = await api.watch("core.configmaps.default", {"resourceVersion": "2"})
    for number in range(4):
        await config(api, f"c{number}")
    await watch.until(4)
    api.server.replace()
    await eventually(lambda: watch.events[-1][0] == "ERROR")
    assert watch.raw(-1)["object"]["reason"] == "Expired"


async def test_many_watchers_share_one_encoding(api: Cluster) -> None:
    watches = [await api.watch("core.configmaps.default") for _ in range(20)]
    await eventually(lambda: len(api.replicas[0].api._watching._all()) == 20)
    await config(api, "a")
    for watch in watches:
        await watch.until(1)
    assert len({id(json) for json in (watch.arrived[0].data for watch in watches)}) == 1


async def test_a_refused_watch_is_answered_with_a_status(api: Cluster) -> None:
    watch = await api.watch("core.configmaps.default", {"labelSelector": "a in"})
    await eventually(lambda: watch.arrived)
    assert json.loads(watch.arrived[0].data)["code"] == 400
