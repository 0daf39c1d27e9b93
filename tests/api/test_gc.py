"""gc as any client asks for it: what is found, what is removed, what is refused, and which nodes did not tell."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from control_plane.api import collecting
from proto import codec, subjects
from proto.bus.memory import MemoryBus
from proto.bus.port import Message
from proto.client.typed import Client
from proto.garbage import Garbage
from proto.node import CleanReply, CleanRequest
from tests.api.cluster import Cluster, Raw

GC = "gc.meta.garbage._"


def owned(name: str, *, finalizers: list[str] | None = None) -> Raw:
    """A ConfigMap whose owner does not exist."""
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "no-such-uid"}
    return {"metadata": {"name": name, "ownerReferences": [owner], "finalizers": finalizers or []}}


async def make(api: Cluster, *bodies: Raw) -> None:
    for body in bodies:
        await api.ok("create.core.configmaps.default", body)


def told(report: Raw) -> list[tuple[str, str, str]]:
    return [(item["name"], item["reason"], item["outcome"]) for item in report.get("items", ())]


async def test_a_dry_run_finds_and_writes_nothing(api: Cluster) -> None:
    await make(api, owned("a"), {"metadata": {"name": "b"}})
    before = api.revision
    report = await api.ok(GC, {"dryRun": ["All"]})
    assert (report["kind"], report["dryRun"], told(report)) == ("GarbageReport", True, [("a", "owners_gone", "Found")])
    assert report["items"][0] == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "namespace": "default",
        "name": "a",
        "uid": report["items"][0]["uid"],
        "reason": "owners_gone",
        "message": "all of its owners are gone",
        "outcome": "Found",
    }
    assert api.revision == before


async def test_a_pass_removes_what_it_found_and_the_next_finds_nothing(api: Cluster) -> None:
    await make(api, owned("a"), owned("held", finalizers=["acme.com/hold"]))
    report = await api.ok(GC)
    assert sorted(told(report)) == [("a", "owners_gone", "Removed"), ("held", "owners_gone", "Terminating")]
    left = await api.ok("list.core.configmaps.default")
    assert [item["metadata"]["name"] for item in left["items"]] == ["held"]
    assert told(await api.ok(GC)) == []


async def test_what_is_kept_can_be_said(api: Cluster) -> None:
    event = {
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
        "lastTimestamp": "2020-01-01T00:00:00Z",
    }
    await api.ok("create.core.events.default", event)
    assert told(await api.ok(GC, {"eventsTtlSeconds": 2**31, "dryRun": "All"})) == []
    assert told(await api.ok(GC, Sp_Options="eventsTtlSeconds=60")) == [("e", "event_expired", "Removed")]


async def test_a_pass_has_a_limit_and_says_what_remains(api: Cluster) -> None:
    await make(api, *(owned(f"c{number}") for number in range(5)))
    report = await api.ok(GC, {"limit": 2})
    assert (len(report["items"]), report["remaining"]) == (2, 3)
    assert len((await api.ok(GC))["items"]) == 3


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param({"dryRun": "Some"}, 'dryRun: must be "All", found "Some"', id="dryRun"),
        pytest.param({"finishedPodsMax": -1}, "finishedPodsMax: must be a whole number ≥ 0, found -1", id="number"),
        pytest.param({"limit": True}, "limit: must be a whole number ≥ 0, found true", id="not a number"),
        pytest.param({"finishedPods": 1}, 'unknown option "finishedPods" for gc, did you mean "finishedPodsMax"?',
                     id="unknown"),
        pytest.param([], "the request body must be a mapping of options, or empty", id="no mapping"),
    ],
)  # fmt: skip
async def test_what_is_not_understood_is_refused_and_removes_nothing(api: Cluster, body: Any, message: str) -> None:
    await make(api, owned("a"))
    assert await api.refused(GC, body) == (400, "BadRequest", message)
    assert told(await api.ok(GC, {"dryRun": ["All"]})) == [("a", "owners_gone", "Found")]


class NodeAgents:
    """Nodes that answer `down.clean` as their test says."""

    def __init__(self, api: Cluster):
        self._api = api
        self.bus = MemoryBus(api.network, "nodes")
        self.asked: list[tuple[str, bool]] = []

    async def add(self, name: str, answer: CleanReply | bytes | None) -> None:
        """A node in the cluster; without an answer it stays silent."""
        await self._api.ok("create.core.nodes._", {"metadata": {"name": name}})

        def on_message(message: Message) -> None:
            self.asked.append((name, codec.unpack(message.data, CleanRequest).dry_run))
            if answer is not None:
                data = answer if isinstance(answer, bytes) else codec.pack(answer)
                self.sending = asyncio.ensure_future(self.bus.publish(message.reply, data))

        await self.bus.subscribe(subjects.node_down(name, "clean"), on_message)


async def test_nodes_tell_what_was_left_over_and_silent_ones_are_named(
    api: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "NODE_S", 1.0)
    nodes = NodeAgents(api)
    left = Garbage(kind="PodDirectory", name="uid-1", reason="no_pod", message="words", outcome="Removed")
    await nodes.add("n1", CleanReply(leftovers=(left,)))
    await nodes.add("n2", CleanReply(refused="not yet"))
    await nodes.add("n3", None)
    await nodes.add("n4", b"\xff")
    await api.ok("create.core.nodes._", {"metadata": {"name": "n5"}})
    report = await Client(api.client).collect_garbage()
    assert [(item.kind, item.name, item.node, item.outcome) for item in report.items] == [
        ("PodDirectory", "uid-1", "n1", "Removed")
    ]
    assert {node.name: node.problem for node in report.silent_nodes} == {
        "n2": "not yet",
        "n3": "its agent did not answer within 1 s",
        "n4": "its answer cannot be read",
        "n5": "its agent is not connected",
    }
    assert {dry for _, dry in nodes.asked} == {False}
