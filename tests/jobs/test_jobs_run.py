"""Jobs with real processes: counted exactly, numbered, given up on, and removed when their time has passed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proto.client.typed import Client
from proto.objects.batch import Job, JobSpec
from proto.objects.container import Container
from proto.objects.meta import ObjectMeta, find_condition
from proto.objects.pod import Pod, PodSpec, PodTemplateSpec
from setpoint.local.cluster import ClusterShape
from tests.clusters import client_of
from tests.waiting import eventually


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    shape = ClusterShape(data_dir=tmp_path, machines=("m1", "m2"), isolation="groups")
    async with client_of(shape) as found:
        yield found


def job(name: str, script: str, **spec: object) -> Job:
    container = Container(name="main", command=("/bin/sh", "-c", script))
    template = PodTemplateSpec(spec=PodSpec(containers=(container,), restart_policy="Never"))
    metadata = ObjectMeta(name=name, namespace="default")
    return Job(metadata=metadata, spec=JobSpec.model_validate({"template": template, **spec}))


async def ended(client: Client, name: str) -> Job:
    """The Job once it is Complete or Failed."""

    async def check() -> Job | None:
        found = await client.get(Job, name, "default")
        conditions = found.status.conditions
        done = find_condition(conditions, "Complete") or find_condition(conditions, "Failed")
        return found if done is not None and done.status == "True" else None

    found = await eventually(check, within_s=40, what=f"job {name} ends")
    assert found is not None
    return found


async def test_jobs_come_to_their_ends(client: Client) -> None:
    await client.create(job("five", "sleep 0.1", completions=5, parallelism=2))
    await client.create(job("numbered", "exit $((JOB_COMPLETION_INDEX > 2))", completions=3, completion_mode="Indexed"))
    await client.create(job("hopeless", "exit 7", backoff_limit=0))
    await client.create(job("brief", "true", ttl_seconds_after_finished=1))

    five = await ended(client, "five")
    assert (five.status.succeeded, five.status.failed, five.status.active) == (5, 0, 0)
    numbered = await ended(client, "numbered")
    assert (numbered.status.succeeded, numbered.status.completed_indexes) == (3, "0-2")
    hopeless = await ended(client, "hopeless")
    failed = find_condition(hopeless.status.conditions, "Failed")
    assert failed is not None
    assert (hopeless.status.failed, failed.reason) == (1, "BackoffLimitExceeded")

    async def brief_is_gone() -> bool:
        jobs = {item.metadata.name for item in (await client.list(Job, "default")).items}
        pods = {item.metadata.labels.get("job-name") for item in (await client.list(Pod, "default")).items}
        return "brief" not in jobs and "brief" not in pods

    await eventually(brief_is_gone, within_s=30, what="the brief job and its pods are removed")
