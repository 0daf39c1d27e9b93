"""The eviction subresource: what it asks the budgets, what it changes, and that two can never spend the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from control_plane.api.committing import Committer
from control_plane.api.evicting import Evictor
from control_plane.api.request import Request
from control_plane.controllers.disruption import DisruptionController
from control_plane.plan import Key, SetStatus
from proto.catalog import BY_KIND
from proto.clock import SystemClock
from proto.errors import TooManyRequests
from proto.objects.pod import Pod
from proto.objects.policy import PodDisruptionBudget
from tests.api.cluster import Cluster, Raw, Replica, pod

BUDGET = "policy.poddisruptionbudgets.default.pdb"
VIOLATES = "Cannot evict pod as it would violate the pod's disruption budget."


def budget(name: str = "pdb", **spec: Any) -> Raw:
    return {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec}}


async def running(api: Cluster, *names: str, ready: bool = True) -> None:
    """Pods as they are on a node."""
    for name in names:
        await api.ok("create.core.pods.default", pod(name, nodeName="n1"))
        condition = {"type": "Ready", "status": "True" if ready else "False"}
        status = {"status": {"phase": "Running", "conditions": [condition]}}
        await api.ok(f"patch.core.pods/status.default.{name}", status)


async def count(api: Cluster) -> None:
    """What the controller does, once, from what the first replica sees."""
    mirror = api.replicas[0].mirror
    await mirror.wait_for(api.revision, 5)
    for held in mirror.list(PodDisruptionBudget):
        controller = DisruptionController()
        view = controller.observe(mirror, Key(*held.key), SystemClock().now())
        assert view is not None
        for action in controller.reconcile(view).actions:
            if isinstance(action, SetStatus):
                await api.replicas[0].store.put(action.object, action.object.metadata.revision)
    for replica in api.replicas:
        await replica.mirror.wait_for(api.revision, 5)


def evict(name: str) -> str:
    return f"create.core.pods/eviction.default.{name}"


@pytest.mark.parametrize(
    "body",
    [
        None,
        b" ",
        {},
        {"metadata": {"name": "p", "namespace": "default"}},
        {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}, "deleteOptions": {}},
    ],
    ids=["nothing", "white", "empty", "named", "whole"],
)
async def test_without_a_budget_the_pod_goes(api: Cluster, body: Any) -> None:
    await running(api, "p")
    answer = await api.ok(evict("p"), body)
    assert (answer["kind"], answer["status"]) == ("Status", "Success")
    found = await api.ok("get.core.pods.default.p")
    assert found["metadata"]["deletionGracePeriodSeconds"] == 30
    target = next(c for c in found["status"]["conditions"] if c["type"] == "DisruptionTarget")
    assert (target["status"], target["reason"]) == ("True", "EvictionByEvictionAPI")
    assert target["message"] == "Eviction API: evicting"


async def test_the_options_of_the_deletion_count(api: Cluster) -> None:
    await running(api, "p")
    await api.ok(evict("p"), {"deleteOptions": {"gracePeriodSeconds": 7, "propagationPolicy": "Foreground"}})
    metadata = (await api.ok("get.core.pods.default.p"))["metadata"]
    assert (metadata["deletionGracePeriodSeconds"], metadata["finalizers"]) == (7, ["foregroundDeletion"])


async def test_a_pod_on_no_node_goes_at_once(api: Cluster) -> None:
    await api.ok("create.core.pods.default", pod("p"))
    await api.ok(evict("p"))
    assert (await api.refused("get.core.pods.default.p"))[0] == 404


async def test_a_budget_is_spent_once(api: Cluster) -> None:
    await api.ok("create.policy.poddisruptionbudgets.default", budget(minAvailable=2))
    await running(api, "a", "b", "c")
    await count(api)
    await api.ok(evict("a"))
    status = (await api.ok(f"get.{BUDGET}"))["status"]
    assert (status["disruptionsAllowed"], list(status["disruptedPods"])) == (0, ["a"])
    refusal = await api.call(evict("b"))
    assert (refusal["code"], refusal["reason"], refusal["message"]) == (429, "TooManyRequests", VIOLATES)
    assert refusal["details"]["retryAfterSeconds"] == 5
    (cause,) = refusal["details"]["causes"]
    assert cause["reason"] == "DisruptionBudget"
    assert cause["message"] == "The disruption budget pdb needs 2 healthy pods and has 3 currently"
    assert "deletionTimestamp" not in (await api.ok("get.core.pods.default.b"))["metadata"]
    before = api.revision
    await api.ok(evict("a"))
    assert api.revision == before, "one that is going is evicted already"


async def test_a_budget_that_nobody_has_counted_allows_nothing(api: Cluster) -> None:
    await api.ok("create.policy.poddisruptionbudgets.default", budget(minAvailable=0))
    await running(api, "p")
    refusal = await api.call(evict("p"))
    assert (refusal["code"], refusal["details"]["retryAfterSeconds"]) == (429, 10)
    (cause,) = refusal["details"]["causes"]
    assert cause["message"] == "The disruption budget pdb is still being processed by the server."


async def test_several_budgets_are_no_budget(api: Cluster) -> None:
    for name in ("one", "two"):
        await api.ok("create.policy.poddisruptionbudgets.default", budget(name, minAvailable=0))
    await running(api, "p")
    await count(api)
    code, reason, message = await api.refused(evict("p"))
    assert (code, reason) == (500, "InternalError")
    assert message == (
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
    )


@pytest.mark.parametrize("how", ["option", "body"])
async def test_a_dry_run_answers_and_changes_nothing(api: Cluster, how: str) -> None:
    await api.ok("create.policy.poddisruptionbudgets.default", budget(minAvailable=1))
    await running(api, "a", "b")
    await count(api)
    before = api.revision
    headers = {"Sp_Options": "dryRun=All"} if how == "option" else {}
    body = {"deleteOptions": {"dryRun": ["All"]}} if how == "body" else None
    await api.ok(evict("a"), body, **headers)
    assert api.revision == before
    await api.ok(evict("a"))
    assert (await api.refused(evict("b"), body, **headers))[0] == 429


async def test_the_sick_may_go_only_as_they_are_now(api: Cluster) -> None:
    await api.ok("create.policy.poddisruptionbudgets.default", budget(minAvailable=2))
    await running(api, "a", "b")
    await running(api, "sick", ready=False)
    await count(api)
    assert (await api.refused(evict("a")))[0] == 429
    await api.ok(evict("sick"))
    status = (await api.ok(f"get.{BUDGET}"))["status"]
    assert (status["disruptionsAllowed"], status.get("disruptedPods")) == (0, None)


WRONG = [
    ("another-pod", {"metadata": {"name": "q"}}, 400, "name in URL does not match name in Eviction object"),
    (
        "another-namespace",
        {"metadata": {"name": "p", "namespace": "kube-system"}},
        400,
        "the namespace of the Eviction does not match the namespace on the request",
    ),
    (
        "another-kind",
        {"kind": "Evict"},
        400,
        "the kind in the data (Evict) does not match the expected kind (Eviction)",
    ),
    (
        "misspelt",
        {"deleteOption": {}},
        422,
        'Pod "p" is invalid: unknown field "deleteOption", did you mean "deleteOptions"?',
    ),
    (
        "negative-grace",
        {"deleteOptions": {"gracePeriodSeconds": -1}},
        422,
        'Pod "p" is invalid: deleteOptions.gracePeriodSeconds: must be a whole number ≥ 0, found -1',
    ),
    (
        "unknown-propagation",
        {"deleteOptions": {"propagationPolicy": "Sideways"}},
        422,
        'Pod "p" is invalid: deleteOptions: propagationPolicy: must be one of "Background", "Foreground", "Orphan", '
        'found "Sideways"',
    ),
    (
        "another-uid",
        {"deleteOptions": {"preconditions": {"uid": "no"}}},
        409,
        'Operation cannot be fulfilled on pods "p": Precondition failed: UID in precondition: no, UID in object meta: ',
    ),
]


@pytest.mark.parametrize(("body", "code", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
async def test_wrong_evictions_change_nothing(api: Cluster, body: Raw, code: int, message: str) -> None:
    await running(api, "p")
    before = api.revision
    refused = await api.refused(evict("p"), body)
    assert (refused[0], refused[2][: len(message)]) == (code, message)
    assert api.revision == before


async def test_what_is_not_there_cannot_be_evicted(api: Cluster) -> None:
    assert await api.refused(evict("p")) == (404, "NotFound", 'pods "p" not found')
    assert (await api.refused("get.core.pods/eviction.default.p"))[:2] == (405, "MethodNotAllowed")
    assert (await api.refused("create.core.nodes/eviction._.n"))[:2] == (404, "NotFound")


@asynccontextmanager
async def frozen(replica: Replica) -> AsyncIterator[Evictor]:
    """A replica whose mirror sees nothing until the end of the block, and its way of evicting."""
    replica.task.cancel()
    await asyncio.gather(replica.task, return_exceptions=True)
    try:
        yield Evictor(Committer(replica.store, replica.mirror), replica.mirror, SystemClock())
    finally:
        replica.task = asyncio.create_task(replica.mirror.run())


async def test_a_stale_replica_cannot_spend_again_what_was_spent(two: Cluster) -> None:
    """It still believes that one disruption is allowed, and evicts another pod."""
    await two.ok("create.policy.poddisruptionbudgets.default", budget(minAvailable=2))
    await running(two, "a", "b", "c")
    await count(two)
    fresh, stale = two.replicas
    await fresh.api.stop()
    await stale.api.stop()
    other = Evictor(Committer(fresh.store, fresh.mirror), fresh.mirror, SystemClock())
    request = Request("create", BY_KIND["Pod"], "eviction", "default", "a", body={})
    async with frozen(stale) as late:
        await other.evict(request)
        held = stale.mirror.get(PodDisruptionBudget, "default", "pdb")
        assert held is not None and held.status.disruptions_allowed == 1, "it is not stale"
        waiting = asyncio.create_task(late.evict(replace(request, name="b")))
    with pytest.raises(TooManyRequests):
        await waiting
    kept = fresh.mirror.get(Pod, "default", "b")
    assert kept is not None and not kept.deleting


async def test_many_evictions_at_once_never_pass_the_budget(two: Cluster) -> None:
    names = [f"p{n}" for n in range(12)]
    await two.ok("create.policy.poddisruptionbudgets.default", budget(minAvailable=8))
    await running(two, *names)
    await count(two)
    answers = await asyncio.gather(*(two.call(evict(name)) for name in names))
    passed = [name for name, answer in zip(names, answers, strict=True) if answer["status"] == "Success"]
    assert len(passed) == 4, answers
    going = [
        item for item in (await two.ok("list.core.pods.default"))["items"] if "deletionTimestamp" in item["metadata"]
    ]
    assert sorted(item["metadata"]["name"] for item in going) == sorted(passed)
    status = (await two.ok(f"get.{BUDGET}"))["status"]
    assert status["disruptionsAllowed"] == 0
    assert sorted(status["disruptedPods"]) == sorted(passed)
