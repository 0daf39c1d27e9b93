"""What looking after programs costs: processor time of a look by its kind, and of a node with probed pods.

The node's memory is that of its agent and supervisor together; see `measuring.node_memory_bytes` for what is counted.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.clusters import cluster, pod_ready, sleepers, until
from benchmarks.measuring import Figure, cpu_s, node_memory_bytes, supervisors_below
from node_agent.containers.operations import Operations
from node_agent.health.actions import Actions
from node_agent.plan.container_ids import ContainerId
from node_agent.plan.probes import Health
from node_agent.plan.surroundings import Surroundings
from node_agent.plan.view import Target
from node_agent.runtime.port import ContainerSpec, LogPolicy, RuntimeSettings
from node_agent.runtime.process import ProcessRuntime
from node_agent.settings import AgentSettings
from node_agent.storage.disk import DiskStorage
from proto.client.typed import Client
from proto.clock import SystemClock
from proto.objects.apps import Deployment
from proto.objects.container import Container
from proto.objects.health import ExecAction, HTTPGetAction, Probe, TCPSocketAction
from proto.objects.meta import evolve
from proto.objects.pod import Pod, PodSpec

LOOKS = 2000
AT_ONCE = 20
PODS = (0, 50, 250)
SETTLE_S = 8.0
OBSERVE_S = 20.0
MIB = 2**20

_SERVER = """
import asyncio
async def serve(reader, writer):
    if await reader.read(4096):
        writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")
    writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


async def measure() -> AsyncIterator[Figure]:
    """One look of each kind, then a whole node."""
    async with _server() as port:
        ways = {
            "tcpSocket": Probe(tcp_socket=TCPSocketAction(port=port)),
            "httpGet": Probe(http_get=HTTPGetAction(path="/", port=port)),
            "exec": Probe(exec_=ExecAction(command=("/bin/true",))),
        }
        async for figure in _looks(ways):
            yield figure
        for way, probe in ways.items():
            async for figure in _node(way, probe):
                yield figure


@asynccontextmanager
async def _server() -> AsyncIterator[int]:
    """Something to look at, in a process of its own; its port."""
    server = await asyncio.create_subprocess_exec(sys.executable, "-c", _SERVER, stdout=asyncio.subprocess.PIPE)
    assert server.stdout is not None
    try:
        yield int(await server.stdout.readline())
    finally:
        server.kill()
        await server.wait()


async def _looks(ways: dict[str, Probe]) -> AsyncIterator[Figure]:
    """Looks as fast as they go; the agent's and the supervisor's processor time for each."""
    with tempfile.TemporaryDirectory(prefix="setpoint-bench-") as folder:
        runtime = ProcessRuntime(RuntimeSettings("bench", Path(folder)))
        await runtime.open()
        container_id = ContainerId("u", "app", 0)
        try:
            log = LogPolicy(Path(folder, "log"))
            await runtime.start(ContainerSpec(str(container_id), ("/bin/sleep", "1000"), log))
            actions = Actions(
                Operations(runtime, DiskStorage(Path(folder, "agent")), AgentSettings(node="bench")), SystemClock()
            )
            container = Container(name="app")
            pod = Pod(spec=PodSpec(containers=(container,)))
            given = Surroundings({"PATH": "/bin"}, "/")
            target = Target(container_id, pod, container, (), given, None, Health())
            for way, probe in ways.items():
                yield await _pace(way, actions, target, probe, supervisors_below(Path(folder)))
        finally:
            await runtime.shutdown(grace_s=0)


async def _pace(way: str, actions: Actions, target: Target, probe: Probe, pids: list[int]) -> Figure:
    before_s, begun_s = time.process_time() + sum(map(cpu_s, pids)), time.monotonic()

    async def some() -> None:
        for _ in range(LOOKS // AT_ONCE):
            look = await actions.look(target, probe)
            assert look.verdict == "success", look

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    spent_s = time.process_time() + sum(map(cpu_s, pids)) - before_s
    pace = LOOKS / (time.monotonic() - begun_s)
    return Figure(f"one {way} look, processor time", 1e6 * spent_s / LOOKS, "µs", note=f"{pace:,.0f} looks/s at once")


async def _node(way: str, probe: Probe) -> AsyncIterator[Figure]:
    """A node whose every pod is looked at once a second."""
    async with cluster(1, isolation="groups") as (local, client):
        agent = local.agents["m1"].program.pid
        for pods in PODS:
            if pods:
                await _grow(client, pods, probe)
            found = supervisors_below(local.shape.data_dir)
            await asyncio.sleep(SETTLE_S)  # Until then the children that were about to execute something have done so.
            pids = [agent, *set(found).intersection(supervisors_below(local.shape.data_dir))]
            before_s = sum(map(cpu_s, pids))
            await asyncio.sleep(OBSERVE_S)
            share = 100 * (sum(map(cpu_s, pids)) - before_s) / OBSERVE_S
            note = f"agent with its supervisor, one {way} look a pod and second"
            yield Figure(f"{pods} pods with {way} probes, CPU", share, "% of a core", note=note)
            yield Figure(f"{pods} pods with {way} probes, memory", node_memory_bytes(pids) / MIB, "MB", 60, note=note)


async def _grow(client: Client, pods: int, probe: Probe) -> None:
    every_second = evolve(probe, period_seconds=1)
    deployment = sleepers("probed", pods)
    containers = tuple(evolve(each, readiness_probe=every_second) for each in deployment.spec.template.spec.containers)
    if pods == PODS[1]:
        await client.create(evolve(deployment, **{"spec.template.spec.containers": containers}))
    else:
        await client.scale(Deployment, "probed", "default", pods)
    await until(client, Pod, "default", lambda found: sum(map(pod_ready, found.values())) == pods)
