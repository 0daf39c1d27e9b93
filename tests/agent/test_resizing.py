"""Resizing in place: what an agent does when other amounts are wanted."""

from __future__ import annotations

from typing import Any

from node_agent.runtime.port import Limits
from proto.objects.meta import Condition, evolve, find_condition
from proto.objects.pod import Pod
from tests.agent.cluster import Cluster, scenario
from tests.agent.pods import fake, pod
from tests.waiting import eventually

MIB = 2**20


def sized(cpu: str, memory: str, *options: str, name: str = "web", generation: int = 1, **container: Any) -> Pod:
    amounts = {"cpu": cpu, "memory": memory}
    made = pod(name, fake(*options, resources={"requests": amounts, "limits": amounts}, **container))
    return evolve(made, **{"metadata.generation": generation})


def told(cluster: Cluster, kind: str) -> Condition | None:
    return find_condition(cluster.hub.status("u-web").conditions, kind)


async def in_force(cluster: Cluster) -> Limits:
    (state,) = [state for state in await cluster.runtime.list() if state.running and state.id.startswith("u-web")]
    return state.limits


@scenario
async def test_other_amounts_are_put_in_force_while_it_runs(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(sized("100m", "64Mi"))
    container_id = await cluster.hub.running("u-web")
    await cluster.hub.assign(sized("200m", "128Mi", generation=2))

    async def resized() -> bool:
        limits = await in_force(cluster)
        status = cluster.hub.status("u-web").container_statuses[0]
        assert status.resources is not None
        return (limits.cpu_millis, limits.memory_bytes) == (200, 128 * MIB) and status.resources.limits["cpu"] == "200m"

    await eventually(resized)
    assert await cluster.hub.running("u-web") == container_id
    await eventually(lambda: cluster.runtime.levels.get("", Limits()).memory_request_bytes == 128 * MIB)
    assert cluster.hub.status("u-web").container_statuses[0].allocated_resources == {"cpu": "200m", "memory": "128Mi"}
    await eventually(lambda: told(cluster, "PodResizeInProgress") is None)


@scenario
async def test_more_than_the_node_has_is_infeasible_and_what_others_have_is_waited_for(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(sized("1", "64Mi"))
    await cluster.hub.assign(sized("2", "64Mi", name="other"))
    await cluster.hub.running("u-web")
    await cluster.hub.running("u-other")
    await cluster.hub.assign(sized("5", "64Mi", generation=2))
    await eventually(lambda: told(cluster, "PodResizePending"))
    pending = told(cluster, "PodResizePending")
    assert pending is not None
    assert (pending.reason, pending.message) == (
        "Infeasible", "Node didn't have enough capacity: cpu, requested: 5, capacity: 4",
    )  # fmt: skip
    await cluster.hub.assign(sized("3", "64Mi", generation=3))

    def deferred() -> bool:
        found = told(cluster, "PodResizePending")
        return found is not None and found.reason == "Deferred"

    await eventually(deferred)
    assert (await in_force(cluster)).cpu_millis == 1000
    status = cluster.hub.status("u-web").container_statuses[0]
    assert status.resources is not None and status.resources.requests["cpu"] == "1"
    await cluster.hub.delete("u-other")
    await cluster.hub.gone("u-other")
    await eventually(lambda: told(cluster, "PodResizePending") is None, within_s=30)
    assert (await in_force(cluster)).cpu_millis == 3000


@scenario
async def test_memory_that_is_in_use_is_not_taken_away(cluster: Cluster) -> None:
    await cluster.start_agent()
    await cluster.hub.assign(sized("1", "128Mi", "--memory-bytes", str(100 * MIB)))
    await cluster.hub.running("u-web")
    await cluster.hub.assign(sized("1", "64Mi", "--memory-bytes", str(100 * MIB), generation=2))

    def failed() -> bool:
        found = told(cluster, "PodResizeInProgress")
        return found is not None and found.reason == "Error" and "are in use" in found.message

    await eventually(failed)
    await cluster.hub.assign(sized("1", "128Mi", "--memory-bytes", str(100 * MIB), generation=3))
    await eventually(lambda: told(cluster, "PodResizeInProgress") is None)


@scenario
async def test_a_container_whose_policy_says_so_is_started_anew(cluster: Cluster) -> None:
    policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    await cluster.start_agent()
    await cluster.hub.assign(sized("1", "64Mi", resizePolicy=policy))
    await cluster.hub.running("u-web")
    await cluster.hub.assign(sized("2", "64Mi", resizePolicy=policy, generation=2))
    await eventually(lambda: told(cluster, "PodResizeInProgress") is None)
    assert await cluster.hub.running("u-web") == "u-web.app.0"
    await cluster.hub.assign(sized("2", "128Mi", resizePolicy=policy, generation=3))

    async def anew() -> bool:
        return await cluster.hub.running("u-web") == "u-web.app.1"

    await eventually(anew)
    assert (await in_force(cluster)).memory_bytes == 128 * MIB
    assert "Container app resize requires restart" in [event.message for event in cluster.hub.events]


@scenario
async def test_what_is_wanted_for_the_first_time_is_not_told_before_it_is_in_force(cluster: Cluster) -> None:
    def asking(cpu: str, generation: int, **limits: str) -> Pod:
        resources = {"requests": {"cpu": cpu, "ephemeral-storage": "1Mi"}, "limits": limits}
        return evolve(pod("web", fake(resources=resources)), **{"metadata.generation": generation})

    await cluster.start_agent()
    await cluster.hub.assign(asking("1", 1))
    await cluster.hub.running("u-web")
    await cluster.hub.assign(asking("5", 2, memory="64Mi"))
    await eventually(lambda: told(cluster, "PodResizePending") is not None)
    resources = cluster.hub.status("u-web").container_statuses[0].resources
    assert resources is not None
    assert (resources.requests, resources.limits) == ({"cpu": "1", "ephemeral-storage": "1Mi"}, {})
