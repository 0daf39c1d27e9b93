"""Jobs for tests, and a world in which their pods end as the test says."""

from __future__ import annotations

from typing import Any

from control_plane.controllers.pods import is_finished
from proto.objects.batch import CronJob, CronJobSpec, Job, JobSpec, JobTemplateSpec
from proto.objects.container import Container
from proto.objects.meta import ObjectMeta, evolve
from proto.objects.pod import Pod, PodSpec, PodTemplateSpec
from proto.objects.pod_status import ContainerState, ContainerStateTerminated, ContainerStatus
from tests.controllers.builders import ago
from tests.controllers.world import World

TEMPLATE = PodTemplateSpec(spec=PodSpec(containers=(Container(name="main"),), restart_policy="Never"))


def job(completions: int | None = 3, parallelism: int = 2, **spec: Any) -> Job:
    made = JobSpec(
        completions=completions,
        parallelism=parallelism,
        backoff_limit=6,
        pod_replacement_policy="TerminatingOrFailed",
        template=TEMPLATE,
    )
    return Job(
        metadata=ObjectMeta(name="work", namespace="default", uid="uid-work", generation=1, creation_timestamp=ago(60)),
        spec=evolve(made, **spec),
    )


def indexed(completions: int = 3, parallelism: int = 2, **spec: Any) -> Job:
    return job(completions, parallelism, completion_mode="Indexed", **spec)


def cron_job(schedule: str = "*/5 * * * *", **changes: Any) -> CronJob:
    made = CronJob(
        metadata=ObjectMeta(name="tick", namespace="default", uid="uid-tick", creation_timestamp=ago(60)),
        spec=CronJobSpec(schedule=schedule, job_template=JobTemplateSpec(spec=job().spec)),
    )
    return evolve(made, **changes)


def ended(pod: Pod, world: World, exit_code: int = 0) -> Pod:
    """The pod after its program ended with that code."""
    terminated = ContainerStateTerminated(exit_code=exit_code, finished_at=world.now)
    status = ContainerStatus(name="main", state=ContainerState(terminated=terminated))
    return evolve(
        pod,
        **{
            "status.phase": "Failed" if exit_code else "Succeeded",
            "status.container_statuses": (status,),
        },
    )


def live(world: World) -> list[Pod]:
    """The pods that run or will, oldest first."""
    return sorted(
        (pod for pod in world.all(Pod) if not is_finished(pod) and not pod.deleting), key=lambda pod: pod.metadata.name
    )


def finish(world: World, pod: Pod, exit_code: int = 0) -> None:
    """Its node says that it ended; nothing happens to one that has ended or is gone."""
    stored = world.truth.get(Pod, *pod.key)
    if stored is not None and not is_finished(stored):
        world.put(ended(stored, world, exit_code))


def the_job(world: World) -> Job:
    found = world.truth.get(Job, "default", "work")
    assert found is not None
    return found
