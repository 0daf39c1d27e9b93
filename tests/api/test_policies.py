"""Priorities, LimitRanges and quotas at the API: what is added to a pod, what is refused, and who is faster."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.api.cluster import Cluster, Raw, pod

QUOTA = "core.resourcequotas.default"


def asking(name: str, requests: Raw | None = None, limits: Raw | None = None, **spec: Any) -> Raw:
    resources = {"requests": requests or {}, "limits": limits or {}}
    return pod(name, containers=[{"name": "c", "resources": resources}], **spec)


def quota(name: str = "q", **hard: str) -> Raw:
    named = {resource.replace("__", "/").replace("_", "."): amount for resource, amount in hard.items()}
    return {"metadata": {"name": name}, "spec": {"hard": named}}


async def used(api: Cluster, name: str = "q") -> Raw:
    status: Raw = (await api.ok(f"get.{QUOTA}.{name}")).get("status", {})
    return dict(status.get("used", {}))


async def test_a_pod_gets_the_priority_of_its_class(api: Cluster) -> None:
    await api.ok(
        "create.scheduling.priorityclasses._",
        {"metadata": {"name": "high"}, "value": 1000, "preemptionPolicy": "Never"},
    )
    spec = (await api.ok("create.core.pods.default", pod("p", priorityClassName="high")))["spec"]
    assert (spec["priority"], spec["preemptionPolicy"], spec["priorityClassName"]) == (1000, "Never", "high")
    spec = (await api.ok("create.core.pods.default", pod("q")))["spec"]
    assert (spec["priority"], spec["preemptionPolicy"]) == (0, "PreemptLowerPriority")
    assert "priorityClassName" not in spec


async def test_pods_without_a_class_are_of_the_default_class(api: Cluster) -> None:
    usual = {"metadata": {"name": "usual"}, "value": 7, "globalDefault": True}
    await api.ok("create.scheduling.priorityclasses._", usual)
    spec = (await api.ok("create.core.pods.default", pod("p")))["spec"]
    assert (spec["priority"], spec["priorityClassName"]) == (7, "usual")
    await api.ok("delete.scheduling.priorityclasses._.usual")
    patched = await api.ok("patch.core.pods.default.p", {"metadata": {"labels": {"a": "b"}}})
    assert patched["spec"]["priority"] == 7, "what a pod is it stays"


async def test_an_update_that_leaves_the_priority_out_keeps_it(api: Cluster) -> None:
    await api.ok("create.core.pods.default", pod("p"))
    body = pod("p") | {"metadata": {"name": "p", "labels": {"app": "other"}}}
    stored = await api.ok("update.core.pods.default.p", body)
    assert (stored["spec"]["priority"], stored["metadata"]["labels"]) == (0, {"app": "other"})
    code, _, message = await api.refused("update.core.pods.default.p", pod("p", priority=9))
    assert code == 422 and "pod updates may not change fields other than" in message


async def test_a_limit_range_fills_in_and_says_so(api: Cluster) -> None:
    item = {"type": "Container", "default": {"memory": "512Mi"}, "defaultRequest": {"cpu": "100m", "memory": "256Mi"}}
    await api.ok("create.core.limitranges.default", {"metadata": {"name": "l"}, "spec": {"limits": [item]}})
    stored = await api.ok("create.core.pods.default", asking("p", {"cpu": "1"}))
    assert stored["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "1", "memory": "256Mi"},
        "limits": {"memory": "512Mi"},
    }
    note = stored["metadata"]["annotations"]["kubernetes.io/limit-ranger"]
    assert note == "LimitRanger plugin set: memory request for container c; memory limit for container c"
    refusal = await api.refused("create.core.pods.default", asking("q", {"memory": "1Gi"}))
    assert refusal == (
        422,
        "Invalid",
        'Pod "q" is invalid: spec.containers[0].resources.requests: Invalid value: "1Gi": must be less than or equal '
        "to memory limit of 512Mi",
    )


@pytest.mark.parametrize(
    ("hard", "requests", "why"),
    [
        ({"pods": "0"}, {}, "exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0"),
        (
            {"requests_cpu": "500m", "pods": "0"},
            {"cpu": "1"},
            "exceeded quota: q, requested: pods=1,requests.cpu=1, used: pods=0,requests.cpu=0, "
            "limited: pods=0,requests.cpu=500m",
        ),
        (
            {"limits_cpu": "1", "memory": "1Gi"},
            {"cpu": "1"},
            "failed quota: q: must specify limits.cpu for: c; memory for: c",
        ),
        (
            {"requests_example_com__gpu": "1"},
            {"example.com/gpu": "2"},
            "exceeded quota: q, requested: requests.example.com/gpu=2, used: requests.example.com/gpu=0, "
            "limited: requests.example.com/gpu=1",
        ),
    ],
    ids=["pods", "two", "unsaid", "extended"],
)
async def test_a_quota_refuses_in_kubernetes_words(api: Cluster, hard: Raw, requests: Raw, why: str) -> None:
    await api.ok(f"create.{QUOTA}", quota(**hard))
    before = api.revision
    limits = {name: amount for name, amount in requests.items() if "/" in name}
    refusal = await api.refused("create.core.pods.default", asking("p", requests, limits))
    assert refusal == (403, "Forbidden", f'pods "p" is forbidden: {why}')
    assert api.revision == before
    assert (
        await api.refused("create.core.pods.default", asking("p", requests, limits), Sp_Options="dryRun=All") == refusal
    )


async def test_what_a_quota_counts(api: Cluster) -> None:
    await api.ok("create.core.configmaps.default", {"metadata": {"name": "before"}})
    await api.ok(f"create.{QUOTA}", quota(configmaps="2", count__deployments_apps="1", cpu="3500m"))
    await api.ok("create.core.configmaps.default", {"metadata": {"name": "second"}})
    assert (await used(api))["configmaps"] == "2"
    why = "exceeded quota: q, requested: configmaps=1, used: configmaps=2, limited: configmaps=2"
    refusal = await api.refused("create.core.configmaps.default", {"metadata": {"name": "third"}})
    assert refusal == (403, "Forbidden", f'configmaps "third" is forbidden: {why}')
    await api.ok("create.core.configmaps.kube-system", {"metadata": {"name": "third"}})
    await api.ok("create.core.pods.default", asking("p", {"cpu": "2"}))
    why = "exceeded quota: q, requested: cpu=2, used: cpu=2, limited: cpu=3500m"
    assert (await api.refused("create.core.pods.default", asking("r", {"cpu": "2"})))[2].endswith(why)


async def test_what_is_gone_is_free_at_once(api: Cluster) -> None:
    await api.ok(f"create.{QUOTA}", quota(configmaps="1"))
    for round_ in range(3):
        await api.ok("create.core.configmaps.default", {"metadata": {"name": f"c{round_}"}})
        if round_ == 1:
            await settle(api)
        await api.ok(f"delete.core.configmaps.default.c{round_}")


async def settle(api: Cluster) -> None:
    """What the controller does, once, from what the first replica sees."""
    from control_plane.admission.quota_ledger import recounted
    from proto.clock import SystemClock
    from proto.objects.quota import ResourceQuota

    replica = api.replicas[0]
    await replica.mirror.wait_for(api.revision, 5)
    for held in replica.mirror.list(ResourceQuota):
        counted = recounted(held, replica.mirror, SystemClock().now())
        if counted is not held:
            await replica.store.put(counted, held.metadata.revision)
    for each in api.replicas:
        await each.mirror.wait_for(api.revision, 5)


async def test_a_creation_that_fails_costs_nothing(api: Cluster) -> None:
    await api.ok(f"create.{QUOTA}", quota(configmaps="2"))
    await api.ok("create.core.configmaps.default", {"metadata": {"name": "c"}})
    assert (await api.refused("create.core.configmaps.default", {"metadata": {"name": "c"}}))[1] == "AlreadyExists"
    assert (await used(api))["configmaps"] == "1"
    status = (await api.ok(f"get.{QUOTA}.q"))["status"]
    assert len(status["reserved"]) == 1


async def test_a_dry_run_charges_nothing(api: Cluster) -> None:
    await api.ok(f"create.{QUOTA}", quota(configmaps="1"))
    before = api.revision
    await api.ok("create.core.configmaps.default", {"metadata": {"name": "c"}}, Sp_Options="dryRun=All")
    assert api.revision == before


async def test_of_many_at_two_replicas_exactly_as_many_pass_as_are_allowed(two: Cluster) -> None:
    """Both replicas answer in turn; each knows of the other's creations only what its mirror has heard so far."""
    await two.ok(f"create.{QUOTA}", quota("one", pods="7"))
    await two.ok(f"create.{QUOTA}", quota("two", pods="9", count__pods="8"))
    for replica in two.replicas:
        await replica.mirror.wait_for(two.revision, 5)
    answers = await asyncio.gather(*(two.call("create.core.pods.default", pod(f"p{n}")) for n in range(40)))
    refused = [answer["message"] for answer in answers if answer.get("status") == "Failure"]
    assert len(answers) - len(refused) == 7
    why = "exceeded quota: one, requested: pods=1, used: pods=7, limited: pods=7"
    assert all(message.endswith(why) for message in refused)
    await settle(two)
    assert await used(two, "one") == {"pods": "7"}
    assert await used(two, "two") == {"pods": "7", "count/pods": "7"}
    await two.ok("delete.core.pods.default." + next(a["metadata"]["name"] for a in answers if a["kind"] == "Pod"))
    await two.ok("create.core.pods.default", pod("late"))
