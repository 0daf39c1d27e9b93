"""Draining real machines: within budgets, two at a time, and never half done without a word."""

from __future__ import annotations

import asyncio
import signal

import pytest

from proto.objects.container import Container
from proto.objects.daemon_set import DaemonSet, DaemonSetSpec
from proto.objects.meta import LabelSelector, ObjectMeta
from proto.objects.pod import Pod, PodSpec, PodTemplateSpec
from tests.disruption.conftest import Scene
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_drain_moves_every_pod_and_keeps_the_budget(scene: Scene) -> None:
    await scene.deploy("web", 6)
    await scene.protect(5)
    node = await scene.fullest()
    leaving = await scene.pods_on(node)
    drain = asyncio.create_task(scene.call("drain", node, "--timeout", "60s"))
    assert await scene.healthy_min(drain) >= 5
    outcome = await drain
    lines = outcome.out.splitlines()
    assert lines[0] == f"node/{node} cordoned"
    assert lines[-1] == f"node/{node} drained"
    assert sorted(lines[1:-1]) == sorted(
        line for name in leaving for line in (f"evicting pod default/{name}", f"pod/{name} evicted")
    )
    assert "(will retry after 5s): Cannot evict pod as it would violate the pod's disruption budget." in outcome.err
    assert await scene.pods_on(node) == []
    await scene.settled(6)

    again = await scene.call("drain", f"node/{node}")
    assert again.out == f"node/{node} already cordoned\nnode/{node} drained\n"
    assert (await scene.call("uncordon", node)).out == f"node/{node} uncordoned\n"
    assert (await scene.call("uncordon", node)).out == f"node/{node} already uncordoned\n"


async def test_two_drains_at_once_share_one_budget(scene: Scene) -> None:
    await scene.deploy("web", 6)
    await scene.protect("80%")
    drains = asyncio.gather(*(scene.call("drain", node, "--timeout", "60s") for node in ("m1", "m2")))
    both = asyncio.ensure_future(drains)
    assert await scene.healthy_min(both) >= 5  # type: ignore[arg-type]
    await both
    assert await scene.pods_on("m1") == await scene.pods_on("m2") == []
    await scene.settled(6)


async def test_what_would_be_lost_is_refused_before_anything_leaves(scene: Scene) -> None:
    await scene.deploy("web", 3)
    metadata = ObjectMeta(name="alone", namespace="default", labels={"keep": "no"})
    spec = PodSpec(containers=(Container(name="main", command=("/bin/sleep", "1000000")),), node_name="m1")
    await scene.client.create(Pod(metadata=metadata, spec=spec))
    await scene.settled(4)
    before = await scene.pods()
    words = "cannot delete Pods that declare no controller (use --force to override): default/alone"

    refused = await scene.call("drain", "m1", ok=False)
    assert (refused.status, refused.out) == (1, "node/m1 cordoned\n")
    assert refused.err.splitlines() == [
        f'error: unable to drain node "m1" due to error: {words}, continuing command...',
        "There are pending nodes to be drained:",
        " m1",
        f"setpoint drain: {words}",
    ]
    told = await scene.call("drain", "m1", "--force", "--dry-run=client")
    assert "evicting pod default/alone (dry run)" in told.out
    assert told.out.splitlines()[-1] == "node/m1 drained (dry run)"
    told = await scene.call("drain", "m1", "--force", "--dry-run=server")
    assert "evicting pod default/alone (server dry run)" in told.out
    assert (await scene.pods()).keys() == before.keys()

    chosen = await scene.call("drain", "m1", "--force", "--pod-selector", "keep=no", "--grace-period", "0")
    assert "pod/alone evicted" in chosen.out
    assert chosen.err == "Warning: deleting Pods that declare no controller: default/alone\n"
    assert "alone" not in await scene.pods()


async def test_daemons_stay_where_they_are(scene: Scene) -> None:
    template = PodTemplateSpec(
        metadata=ObjectMeta(labels={"app": "agents"}),
        spec=PodSpec(containers=(Container(name="main", command=("/bin/sleep", "1000000")),)),
    )
    spec = DaemonSetSpec(selector=LabelSelector(match_labels={"app": "agents"}), template=template)
    await scene.client.create(DaemonSet(metadata=ObjectMeta(name="agents", namespace="default"), spec=spec))
    await scene.settled(3)
    (daemon,) = await scene.pods_on("m1")
    refused = await scene.call("drain", "m1", ok=False)
    words = f"cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): default/{daemon}"
    assert (refused.status, refused.err.splitlines()[-1]) == (1, f"setpoint drain: {words}")
    ignored = await scene.call("drain", "m1", "--ignore-daemonsets")
    assert ignored.out == "node/m1 already cordoned\nnode/m1 drained\n"
    assert ignored.err == f"Warning: ignoring DaemonSet-managed Pods: default/{daemon}\n"
    assert await scene.pods_on("m1") == [daemon]


async def test_a_budget_that_allows_nothing_ends_a_drain_with_words(scene: Scene) -> None:
    await scene.deploy("web", 3)
    await scene.protect("100%")
    node = await scene.fullest()
    (first, *_) = await scene.pods_on(node)
    failed = await scene.call("drain", node, "--timeout", "1s", ok=False)
    assert failed.status == 1
    assert f'error when evicting pods/"{first}" -n "default": global timeout reached: 1s' in failed.err
    assert f'There are pending pods in node "{node}" when an error occurred:' in failed.err
    assert f"pod/{first}\n" in failed.err

    process = await scene.call.start("drain", node)
    assert process.stdout is not None
    await process.stdout.readline()
    await asyncio.wait_for(process.stdout.readline(), 10)
    process.send_signal(signal.SIGINT)
    _, err = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 130
    assert f"interrupted: node/{node} stays cordoned, and has pods that should leave:\npod/" in err.decode()
    assert await scene.cordoned(node)
    assert await scene.pods_on(node)

    forced = await scene.call("drain", node, "--disable-eviction", "--timeout", "30s")
    assert f"deleting pod default/{first}\n" in forced.out
    assert f"pod/{first} deleted\n" in forced.out


async def test_nodes_are_chosen_by_their_labels(scene: Scene) -> None:
    outcome = await scene.call("cordon", "-l", "kubernetes.io/hostname in (m1,m2)", "--dry-run=server")
    assert outcome.out == "node/m1 cordoned (server dry run)\nnode/m2 cordoned (server dry run)\n"
    assert not await scene.cordoned("m1")
    await scene.call("drain", "-l", "kubernetes.io/hostname in (m1,m2)")
    assert [await scene.cordoned(node) for node in ("m1", "m2", "m3")] == [True, True, False]
    both = await scene.call("drain", "m1", "-l", "a=b", ok=False)
    assert both.err == "setpoint drain: cannot specify both a node name and a --selector option\n"
    assert (await scene.call("cordon", "-l", "a=b")).err == "No resources found\n"
    missing = await scene.call("drain", "m9", ok=False)
    assert (missing.status, missing.err) == (1, 'setpoint drain: nodes "m9" not found\n')


async def test_evicted_pods_say_why_they_end(scene: Scene) -> None:
    await scene.deploy("web", 1)
    (name,) = await scene.pods()
    seen: list[Pod] = []
    follows = asyncio.Event()

    async def follow() -> None:
        async for event in scene.client.watch(Pod, "default"):
            if event.object.metadata.name == name:
                follows.set()
                if event.object.deleting:
                    seen.append(event.object)

    following = asyncio.create_task(follow())
    await eventually(follows.is_set)
    await scene.client.evict(name, "default")
    await eventually(lambda: seen, what="the pod is ending")
    following.cancel()
    reasons = [condition.reason for condition in seen[0].status.conditions if condition.type == "DisruptionTarget"]
    assert reasons == ["EvictionByEvictionAPI"]


async def test_a_budget_is_shown_as_people_need_it(scene: Scene) -> None:
    await scene.deploy("web", 3)
    await scene.protect(2)
    header, row = (await scene.call("get", "pdb")).out.splitlines()
    assert header.split("  ")[0] == "NAME" and "ALLOWED DISRUPTIONS" in header
    assert row.split()[:4] == ["web", "2", "N/A", "1"]
    page = (await scene.call("describe", "pdb", "web")).out
    shown = (
        "Min available:    2",
        "Selector:         app=web",
        "  Allowed disruptions:  1",
        "  Total:                3",
    )
    for line in shown:
        assert f"{line}\n" in page
