"""From a Deployment to running pods and back, over the whole leading half of the control plane."""

from __future__ import annotations

from proto.bus.memory import MemoryBus
from proto.objects.apps import Deployment, DeploymentSpec
from proto.objects.container import Container
from proto.objects.core import Node
from proto.objects.meta import LabelSelector, ObjectMeta
from proto.objects.pod import Pod, PodSpec, PodTemplateSpec
from tests.engine.replicas import Ground, replicas
from tests.hub.agent import SpokenAgent, running
from tests.virtual import in_virtual_time
from tests.waiting import eventually


def deployment(replicas: int) -> Deployment:
    template = PodTemplateSpec(
        metadata=ObjectMeta(labels={"app": "web"}), spec=PodSpec(containers=(Container(name="c", command=("x",)),))
    )
    return Deployment(
        metadata=ObjectMeta(name="web", namespace="default"),
        spec=DeploymentSpec(replicas=replicas, selector=LabelSelector(match_labels={"app": "web"}), template=template),
    )


@in_virtual_time
async def test_a_deployment_becomes_running_pods_and_moves_when_a_node_falls_silent() -> None:
    ground = Ground()
    async with replicas(ground, "a") as (replica,):
        agents = [SpokenAgent(MemoryBus(ground.network, name), name, f"i-{name}") for name in ("n1", "n2")]
        for agent in agents:
            await agent.join()
        await ground.create(deployment(4))
        await eventually(lambda: all(len(agent.held) == 2 for agent in agents), what="two pods each")
        for agent in agents:
            for each in agent.held.values():
                assert (await agent.report(each.pod, running())).accepted == (each.pod.metadata.uid,)

        def available() -> int:
            found = replica.mirror.get(Deployment, "default", "web")
            return found.status.available_replicas if found is not None else 0

        await eventually(lambda: available() == 4, what="all available")

        await agents[0].stop()
        ground.network.partition("n1")
        silent_since_s = ground.clock.monotonic_s()
        await eventually(lambda: len(agents[1].held) == 4, what="all on the other node")
        assert ground.clock.monotonic_s() - silent_since_s < 3.5
        lost = replica.mirror.get(Node, "", "n1")
        assert lost is not None
        assert {taint.effect for taint in lost.spec.taints} == {"NoSchedule", "NoExecute"}
        assert all(pod.deleting for pod in replica.mirror.by_node("n1") if isinstance(pod, Pod))
        await agents[1].stop()
