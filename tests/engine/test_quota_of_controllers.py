"""Controllers under quotas: what they may not create they say, and they go on when there is room."""

from __future__ import annotations

from proto.objects.apps import Deployment, DeploymentSpec
from proto.objects.meta import Condition, LabelSelector, ObjectMeta, evolve, find_condition
from proto.objects.pod import Container, Pod, PodSpec, PodTemplateSpec
from proto.objects.quota import LimitRange, LimitRangeItem, LimitRangeSpec, ResourceQuota, ResourceQuotaSpec
from proto.objects.scheduling import PriorityClass
from tests.hub.scene import Scene, scene
from tests.virtual import in_virtual_time
from tests.waiting import eventually

LABELS = {"app": "web"}


def quota(**hard: str) -> ResourceQuota:
    return ResourceQuota(metadata=ObjectMeta(name="q", namespace="default"), spec=ResourceQuotaSpec(hard=hard))


def deployment(replicas: int, **spec: object) -> Deployment:
    pod = PodSpec.model_validate({"containers": [Container(name="c", command=("x",))], **spec})
    template = PodTemplateSpec(metadata=ObjectMeta(labels=LABELS), spec=pod)
    wanted = DeploymentSpec(replicas=replicas, selector=LabelSelector(match_labels=LABELS), template=template)
    return Deployment(metadata=ObjectMeta(name="web", namespace="default"), spec=wanted)


def pods(on: Scene) -> list[Pod]:
    return list(on.replica.mirror.list(Pod, "default"))


def failure(on: Scene) -> Condition | None:
    found = on.replica.mirror.get(Deployment, "default", "web")
    return None if found is None else find_condition(found.status.conditions, "ReplicaFailure")


@in_virtual_time
async def test_a_deployment_says_what_its_quota_refuses_and_goes_on_when_there_is_room() -> None:
    async with scene() as on:
        await on.ground.create(quota(pods="2"))
        await on.ground.create(deployment(5))
        await eventually(lambda: failure(on) is not None, within_s=30)
        told = failure(on)
        assert told is not None and (told.status, told.reason) == ("True", "FailedCreate")
        assert "exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2" in told.message
        assert len(pods(on)) == 2
        held = on.replica.mirror.get(ResourceQuota, "default", "q")
        assert held is not None
        await on.ground.user.put(evolve(held, **{"spec.hard": {"pods": "5"}}), held.metadata.revision)
        await eventually(lambda: len(pods(on)) == 5, within_s=60)
        await eventually(lambda: failure(on) is None, within_s=10)


@in_virtual_time
async def test_pods_of_controllers_are_held_to_classes_and_limits_as_all_are() -> None:
    async with scene() as on:
        item = LimitRangeItem(type="Container", default_request={"cpu": "100m"})
        limits = LimitRange(metadata=ObjectMeta(name="l", namespace="default"), spec=LimitRangeSpec(limits=(item,)))
        await on.ground.create(PriorityClass(metadata=ObjectMeta(name="high"), value=1000), limits)
        await on.ground.create(deployment(2, priority_class_name="high"))
        await eventually(lambda: len(pods(on)) == 2)
        assert {pod.spec.priority for pod in pods(on)} == {1000}
        assert {pod.spec.containers[0].resources.requests["cpu"] for pod in pods(on)} == {"100m"}


@in_virtual_time
async def test_a_class_that_is_missing_is_told_on_the_deployment() -> None:
    async with scene() as on:
        await on.ground.create(deployment(1, priority_class_name="urgent"))
        await eventually(lambda: failure(on) is not None, within_s=30)
        told = failure(on)
        assert told is not None and told.message.endswith("no PriorityClass with name urgent was found")
        await on.ground.create(PriorityClass(metadata=ObjectMeta(name="urgent"), value=1))
        await eventually(lambda: len(pods(on)) == 1, within_s=60)
