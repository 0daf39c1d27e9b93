"""Probes, hooks, init containers and sidecars with real processes: each kind once, through the whole cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from proto.client.typed import Client
from proto.objects.core import Event
from proto.objects.meta import Condition, evolve, find_condition
from proto.objects.pod import Pod
from proto.objects.pod_status import ContainerStatus
from setpoint.local.cluster import ClusterShape
from tests.clusters import client_of
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVER = """
import http.server, os, pathlib, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        well = not pathlib.Path(os.environ["ILL"]).exists() and self.headers.get("X-Key", "") == "secret"
        self.send_response(200 if self.path == "/healthz?full=1" and well else 503)
        self.end_headers()
    def log_message(self, *words): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    shape = ClusterShape(data_dir=tmp_path_factory.mktemp("health"), machines=("m1",), isolation="groups")
    async with client_of(shape) as found:
        yield found


def shell(script: str, name: str = "app", **more: Any) -> dict[str, Any]:
    return {"name": name, "command": ["/bin/sh", "-c", script], **more}


async def make(client: Client, name: str, *containers: dict[str, Any], **spec: Any) -> None:
    described = {"metadata": {"name": name, "namespace": "default"}, "spec": {"containers": containers, **spec}}
    await client.create(Pod.model_validate(described))


async def until(client: Client, name: str, check: Callable[[Pod], Any], what: str = "") -> Pod:
    """The pod once `check` is true of it."""

    async def look() -> Pod | None:
        pod = await client.get(Pod, name, "default")
        return pod if check(pod) else None

    found = await eventually(look, within_s=20, what=what or f"pod {name}")
    assert found is not None
    return found


def ready(pod: Pod) -> bool:
    condition = find_condition(pod.status.conditions, "Ready")
    return condition is not None and condition.status == "True"


def of(pod: Pod, name: str = "app") -> ContainerStatus:
    statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses)
    return next(status for status in statuses if status.name == name)


def told(client: Client, name: str, reason: str) -> Callable[[], Awaitable[str]]:
    """A check: the message of an event about a pod."""

    async def look() -> str:
        events = (await client.list(Event, "default")).items
        found = [e.message for e in events if e.involved_object.name == name and e.reason == reason]
        return found[0] if found else ""

    return look


def running(pod: Pod) -> bool:
    return bool(pod.status.container_statuses) and of(pod).state.running is not None


async def test_an_http_probe_finds_a_port_by_name_and_takes_the_pod_out_of_service(
    client: Client, tmp_path: Path
) -> None:
    probe = {
        "httpGet": {"path": "/healthz?full=1", "port": "web", "httpHeaders": [{"name": "X-Key", "value": "secret"}]},
        "periodSeconds": 1, "failureThreshold": 1,
    }  # fmt: skip
    script = 'exec python3 -c "$CODE"'
    env = [{"name": "CODE", "value": SERVER}, {"name": "ILL", "value": f"{tmp_path}/ill"}]
    container = shell(
        script, env=env, ports=[{"name": "web", "containerPort": 0}],
        readinessProbe=probe,
        livenessProbe={"tcpSocket": {"port": "web"}, "periodSeconds": 1},
        startupProbe={"tcpSocket": {"port": "web"}, "periodSeconds": 1, "failureThreshold": 20},
        lifecycle={"postStart": {"exec": {"command": ["/bin/sh", "-c", "sleep 1000 >/dev/null 2>&1 &"]}}},
    )  # fmt: skip
    await make(client, "http", container, terminationGracePeriodSeconds=1)
    await until(client, "http", ready, "ready")
    (tmp_path / "ill").touch()
    pod = await until(client, "http", lambda pod: not ready(pod), "not ready")
    assert of(pod).state.running is not None and of(pod).restart_count == 0
    message = await eventually(told(client, "http", "Unhealthy"), within_s=10)
    assert message.startswith(("Startup probe failed: dial tcp", "Readiness probe failed: HTTP probe failed with"))
    await client.delete(Pod, "http", "default", grace_s=0)


async def test_a_command_that_fails_restarts_the_container(client: Client) -> None:
    probe = {"exec": {"command": ["/bin/sh", "-c", "test $LIFE = ok && test ! -e ill || (echo broken; false)"]}}
    timing = {"periodSeconds": 1, "failureThreshold": 2}
    script = "test -e again && exec sleep 1000; touch again ill; sleep 3; exec sleep 1000"
    container = shell(f"rm -f ill; {script}", env=[{"name": "LIFE", "value": "ok"}], livenessProbe={**probe, **timing})
    await make(client, "exec", container)
    pod = await until(client, "exec", lambda pod: running(pod) and of(pod).restart_count == 1)
    last = of(pod).last_state.terminated
    assert last is not None and (last.exit_code, last.signal) == (143, 15)
    assert await eventually(told(client, "exec", "Unhealthy")) == "Liveness probe failed: broken"
    killing = await eventually(told(client, "exec", "Killing"))
    assert killing == "Container app failed liveness probe, will be restarted"
    await client.delete(Pod, "exec", "default", grace_s=0)


async def test_order_of_init_containers_sidecars_and_the_end(client: Client, tmp_path: Path) -> None:
    note = tmp_path / "order"

    def says(name: str, work: str = "", **more: Any) -> dict[str, Any]:
        trap = f"trap 'echo end-{name} >> {note}; exit 0' TERM; echo begin-{name} >> {note}; "
        return shell(trap + (work or "while :; do sleep 0.05; done"), name, **more)

    beside = {"restartPolicy": "Always"}
    waits = {"exec": {"command": ["test", "-e", f"{tmp_path}/up"]}, "periodSeconds": 1, "failureThreshold": 20}
    init = [
        says("prepare", "sleep 0.3"),
        says("proxy", startupProbe=waits, lifecycle={"postStart": {"exec": {"command": ["touch", f"{tmp_path}/up"]}}},
             **beside),
        says("helper", **beside),
        says("migrate", "true"),
    ]  # fmt: skip
    await make(client, "order", says("app"), initContainers=init)
    pod = await until(client, "order", ready)
    assert [status.ready for status in pod.status.init_container_statuses] == [True] * 4
    await eventually(lambda: note.read_text().count("begin") == 5)
    await client.delete(Pod, "order", "default", grace_s=20)
    await eventually(lambda: note.read_text().count("end") == 3, within_s=10)
    assert note.read_text().split() == [
        "begin-prepare", "begin-proxy", "begin-helper", "begin-migrate", "begin-app",
        "end-app", "end-helper", "end-proxy",
    ]  # fmt: skip


async def test_a_sidecar_does_not_keep_a_job_from_ending(client: Client) -> None:
    side = shell("trap 'exit 0' TERM; while :; do sleep 0.05; done", "side", restartPolicy="Always")
    await make(client, "work", shell("sleep 0.5"), initContainers=[side], restartPolicy="Never")
    pod = await until(client, "work", lambda pod: pod.status.phase == "Succeeded")
    assert of(pod, "side").state.terminated is not None


async def test_a_failed_hook_after_the_start_kills_the_container(client: Client) -> None:
    hook = {"postStart": {"exec": {"command": ["/bin/sh", "-c", "echo no; exit 7"]}}}
    await make(client, "start-hook", shell("exec sleep 1000", lifecycle=hook), restartPolicy="Never")
    await until(client, "start-hook", lambda pod: pod.status.phase == "Failed")
    message = await eventually(told(client, "start-hook", "FailedPostStartHook"))
    assert message.startswith("PostStartHook failed: Exec lifecycle hook") and message.endswith("failed - error: no")


async def test_a_hook_before_the_stop_comes_first_and_its_time_counts(client: Client, tmp_path: Path) -> None:
    note = tmp_path / "order"
    hook = {"preStop": {"exec": {"command": ["/bin/sh", "-c", f"sleep 0.5; echo hook >> {note}"]}}}
    script = f"trap 'echo term >> {note}' TERM; while :; do sleep 0.05; done"
    await make(client, "stop-hook", shell(script, lifecycle=hook), terminationGracePeriodSeconds=2)
    await until(client, "stop-hook", ready)
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    await client.delete(Pod, "stop-hook", "default")
    await gone(client, "stop-hook")
    assert loop.time() - begun_s >= 1.8
    assert note.read_text().split() == ["hook", "term"]


async def gone(client: Client, name: str) -> None:
    async def look() -> bool:
        return name not in {pod.metadata.name for pod in (await client.list(Pod, "default")).items}

    await eventually(look, within_s=15, what=f"{name} is gone")


async def test_a_pod_that_is_active_for_too_long_fails(client: Client) -> None:
    await make(client, "late", shell("exec sleep 1000"), activeDeadlineSeconds=1)
    pod = await until(client, "late", lambda pod: pod.status.phase == "Failed")
    assert pod.status.reason == "DeadlineExceeded"
    assert of(pod).state.terminated is not None


async def test_readiness_gates_are_opened_through_the_status(client: Client) -> None:
    await make(client, "gated", shell("exec sleep 1000"), readinessGates=[{"conditionType": "example.com/open"}])
    pod = await until(client, "gated", running)
    condition = find_condition(pod.status.conditions, "Ready")
    assert condition is not None and condition.reason == "ReadinessGatesNotReady"
    gate = Condition(type="example.com/open", status="True")
    await client.update_status(evolve(pod, **{"status.conditions": (*pod.status.conditions, gate)}))
    pod = await until(client, "gated", ready)
    shut = tuple(evolve(c, status="False") if c.type == "example.com/open" else c for c in pod.status.conditions)
    await client.update_status(evolve(pod, **{"status.conditions": shut}))
    await until(client, "gated", lambda pod: not ready(pod))
