"""200 quick Jobs while the leader and an agent are killed: each runs once, and each is counted once."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proto.errors import AlreadyExists, Timeout, Unavailable
from proto.objects.batch import Job
from proto.objects.pod import Pod
from tests.failures.observing import Observer
from tests.failures.test_the_hub_fails import leader
from tests.jobs.test_jobs_run import job
from tests.waiting import eventually

JOBS = 200
AT_ONCE = 16


@pytest.fixture
async def runs(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """The file into which every run writes its Job's name."""
    path = tmp_path_factory.mktemp("runs") / "runs"
    path.touch()
    path.chmod(0o666)
    yield path


async def create(observer: Observer, name: str, runs: Path) -> None:
    """Create it, whoever dies meanwhile."""
    wanted = job(name, f"echo {name} >> {runs}; sleep 0.2")
    while True:
        try:
            await observer.client.create(wanted)
            return
        except AlreadyExists:
            return
        except (Timeout, Unavailable):
            await asyncio.sleep(0.2)


async def jobs(observer: Observer) -> list[Job]:
    try:
        return list((await observer.client.list(Job, "default")).items)
    except (Timeout, Unavailable) as lost:
        raise AssertionError(lost.message) from None


async def test_every_job_runs_once_and_is_counted_once(observer: Observer, runs: Path) -> None:
    room = asyncio.Semaphore(AT_ONCE)
    names = [f"quick-{number}" for number in range(JOBS)]

    async def one(name: str) -> None:
        async with room:
            await create(observer, name, runs)

    async def complete(count: int) -> bool:
        return sum(each.status.completion_time is not None for each in await jobs(observer)) >= count

    creating = asyncio.gather(*map(one, names))
    await eventually(lambda: complete(JOBS // 8), within_s=40, what="some Jobs are complete")
    (await leader(observer)).program.signal(signal.SIGKILL)
    observer.cluster.agents["m2"].program.signal(signal.SIGKILL)
    await creating
    await eventually(lambda: complete(JOBS), within_s=60, what="all Jobs are complete")

    counted = {each.metadata.name: (each.status.succeeded, each.status.failed) for each in await jobs(observer)}
    assert counted == dict.fromkeys(names, (1, 0))
    assert Counter(runs.read_text().split()) == Counter(names), "none ran twice"
    pods = (await observer.client.list(Pod, "default")).items
    assert len(pods) == JOBS
    assert not [pod.metadata.name for pod in pods if pod.metadata.finalizers]
