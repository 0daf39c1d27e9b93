"""What the agent asks of a driver that can do less than ours, and what it adds for terminals."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from node_agent.containers.operations import Operations
from node_agent.plan.container_ids import ContainerId
from node_agent.plan.launch import Launch
from node_agent.plan.view import Start
from node_agent.plan.volumes import Content, MountPoint, Volumes
from node_agent.runtime.fake import FakeRuntime
from node_agent.runtime.port import ContainerSpec, ContainerState, RuntimeFailure, StartFailed
from node_agent.settings import AgentSettings
from node_agent.storage.memory import MemoryStorage
from proto.objects.volumes import HostPathVolumeSource
from tests.agent.pods import pod


class Recording(FakeRuntime):
    """Keeps what it was told to start."""

    specs: tuple[ContainerSpec, ...] = ()

    async def start(self, spec: ContainerSpec) -> ContainerState:
        self.specs += (spec,)
        return await super().start(spec)


class Plain(Recording):
    """A driver without these abilities."""

    attach = None  # type: ignore[assignment]
    processes = None  # type: ignore[assignment]


async def start(runtime: FakeRuntime, **stdio: bool) -> Operations:
    operations = Operations(runtime, MemoryStorage(), AgentSettings(node="n"))
    launch = Launch(("serve",), env={"A": "b"}, **stdio)
    await operations.start(pod(), Start(ContainerId("u-web", "app", 0), launch, 0, "first_start"))
    return operations


async def test_a_terminal_has_a_type() -> None:
    runtime = Recording()
    await start(runtime, stdin=True, tty=True)
    (spec,) = runtime.specs
    assert (spec.stdin, spec.stdin_once, spec.tty, spec.env) == (True, False, True, {"A": "b", "TERM": "xterm"})


@pytest.mark.parametrize("stdio", [{"stdin": True}, {"tty": True}], ids=str)
async def test_a_driver_without_stdin_and_terminals_is_never_asked_for_them(stdio: dict[str, bool]) -> None:
    runtime = Plain()
    with pytest.raises(StartFailed, match="cannot keep stdin or tty of app") as failure:
        await start(runtime, **stdio)
    assert (failure.value.errno, runtime.specs) == (errno.ENOTSUP, ())


async def test_what_a_driver_cannot_do_is_said() -> None:
    operations = await start(Plain())
    with pytest.raises(RuntimeFailure, match="cannot attach to the programs of containers"):
        await operations.attach("u-web.app.0", stdin=False)
    with pytest.raises(RuntimeFailure, match="cannot tell the processes of containers"):
        await operations.processes("u-web.app.0")


async def test_the_file_of_a_message_is_mounted_in_a_volume_that_is_above_it(tmp_path: Path) -> None:
    storage, runtime = MemoryStorage(str(tmp_path)), Recording()
    volumes = Volumes({"v": Content(host=HostPathVolumeSource(path="/tmp"))}, (MountPoint("v", "/y/../x"),))
    launch = Launch(("serve",), volumes=volumes, message_path="/x/why")
    key = ContainerId("u-web", "app", 0)
    await Operations(runtime, storage, AgentSettings(node="n")).start(pod(), Start(key, launch, 0, "first_start"))
    (spec,) = runtime.specs
    assert [path for _, path, _ in spec.security.mounts] == ["/y/../x", "/x/why"]
    assert storage.message_path("u-web", "app", 0).exists()


async def test_a_program_that_cannot_be_executed_leaves_no_file(tmp_path: Path) -> None:
    storage, runtime = MemoryStorage(str(tmp_path)), FakeRuntime()
    launch = Launch(("fake", "--fail-start", "ENOENT"), message_path="/why")
    step = Start(ContainerId("u-web", "app", 0), launch, 0, "first_start")
    with pytest.raises(StartFailed):
        await Operations(runtime, storage, AgentSettings(node="n")).start(pod(), step)
    assert list(storage.message_path("u-web", "app", 0).parent.iterdir()) == []
