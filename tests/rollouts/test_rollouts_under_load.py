"""Rollouts of real servers under real load: nothing fails, whether the new revision is good or crashes."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from proto.client.typed import Client
from proto.objects.apps import Deployment
from proto.objects.meta import find_condition
from proto.objects.pod import Pod
from setpoint.local.cluster import ClusterShape
from tests.clusters import client_of
from tests.rollouts.load import load_on
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

REPLICAS = 10
MIN_READY_S = 2

SERVER = """
import asyncio, os, signal

async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    await asyncio.sleep(0.02)
    body = os.environ["VERSION"].encode()
    head = b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body)
    writer.write(head + body)
    await writer.drain()
    writer.close()

async def main():
    told_to_end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told_to_end.set)
    server = await asyncio.start_server(answer, "0.0.0.0", int(os.environ["PORT"]))
    await told_to_end.wait()
    # Draining: whoever has not heard yet that this pod goes is still answered, and so is who has asked already.
    await asyncio.sleep(3)
    server.close()
    await asyncio.sleep(0.2)

asyncio.run(main())
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A client of a cluster of two machines, the same for all tests here."""
    shape = ClusterShape(data_dir=tmp_path_factory.mktemp("cluster"), machines=("m1", "m2"), isolation="groups")
    async with client_of(shape) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def client(cluster: Client) -> AsyncIterator[Client]:
    """The same, with nothing left of the Deployment of the test before."""
    yield cluster
    await cluster.delete(Deployment, "web", "default")

    async def gone() -> bool:
        return not (await cluster.list(Pod, "default")).items

    await eventually(gone, within_s=30, what="its pods are gone")


def template(version: str, script: str = SERVER) -> dict[str, Any]:
    """Ready once its server listens, however long that takes here; what is no server, once it runs."""
    probe = {"readinessProbe": {"tcpSocket": {"port": "http"}, "periodSeconds": 1}} if script is SERVER else {}
    container = {
        "name": "main",
        "command": [sys.executable, "-S", "-c", script],
        "ports": [{"name": "http", "containerPort": 0}],
        "env": [{"name": "VERSION", "value": version}],
        **probe,
    }
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}


async def deploy(client: Client, strategy: dict[str, Any], **spec: Any) -> None:
    """Ten servers of version v1, all available."""
    written = {
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": REPLICAS,
            "selector": {"matchLabels": {"app": "web"}},
            "minReadySeconds": MIN_READY_S,
            "strategy": strategy,
            "template": template("v1"),
            **spec,
        },
    }
    await client.create(Deployment.model_validate(written))
    await rolled_out(client)


async def rolled_out(client: Client) -> Deployment:
    """The Deployment once the newest spec is rolled out."""

    async def check() -> Deployment | None:
        found = await client.get(Deployment, "web", "default")
        status = found.status
        done = (status.updated_replicas, status.replicas, status.available_replicas) == (REPLICAS,) * 3
        told = find_condition(status.conditions, "Progressing")
        current = status.observed_generation == found.metadata.generation
        return found if done and current and told is not None and told.reason == "NewReplicaSetAvailable" else None

    found = await eventually(check, within_s=60, every_s=0.1, what="rolled out")
    assert found is not None
    return found


ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 5, "maxUnavailable": 2}}
CANARY = {
    "type": "Canary",
    "rollingUpdate": {"maxSurge": 5, "maxUnavailable": 0},
    "canary": {"steps": [{"setWeight": 30}, {"pause": {"durationSeconds": 1}}]},
}


@pytest.mark.parametrize("strategy", [pytest.param(ROLLING, id="rolling"), pytest.param(CANARY, id="canary")])
async def test_a_rollout_under_load_fails_no_request(client: Client, strategy: dict[str, Any]) -> None:
    await deploy(client, strategy)
    async with load_on(client, "app=web", min_ready_s=MIN_READY_S) as load:
        await eventually(lambda: load.requests > 100, what="the load is on")
        await client.patch(Deployment, "web", "default", {"spec": {"template": template("v2")}})
        await rolled_out(client)
        await eventually(lambda: load.answers.get("v2", 0) > 500, within_s=60, what="v2 answers")
    assert load.failures == []
    assert load.requests > 500


async def test_a_crashing_revision_is_rolled_back_with_all_pods_available(client: Client) -> None:
    await deploy(client, {"type": "RollingUpdate"}, minReadySeconds=0, autoRollback=True)
    async with load_on(client, "app=web", min_ready_s=MIN_READY_S) as load:
        bad = {"spec": {"template": template("v2", "import time; time.sleep(0.2); raise SystemExit(1)")}}
        changed = await client.patch(Deployment, "web", "default", bad)
        available, verdict = [], None
        async for event in client.watch(Deployment, "default", since=changed.metadata.resource_version):
            available.append(event.object.status.available_replicas)
            verdict = find_condition(event.object.status.conditions, "RolledBack")
            updated = event.object.status.updated_replicas
            if verdict is not None and updated == event.object.status.replicas == REPLICAS:
                break
    assert verdict is not None
    assert (verdict.status, verdict.reason) == ("True", "CrashLoopBackOff")
    assert verdict.message.startswith("Rolled back from revision 2 to revision 1: container")
    assert min(available) == REPLICAS
    assert load.failures == []
    assert set(load.answers) == {"v1"}
    found = await rolled_out(client)
    assert found.spec.template.spec.containers[0].env[0].value == "v1"
