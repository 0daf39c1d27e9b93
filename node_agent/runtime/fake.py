"""A machine in memory: the fake driver for simulations, tests and simulated nodes.

One `FakeRuntime` object stands for one machine's supervisor and all its processes, so it outlives any agent
that uses it: a new agent calls `open` on the same object and finds its containers again. `reboot` is the
machine's loss of power.

What a container does is written in its own command, so that a scripted behaviour travels through manifests
unchanged: see `fake_behaviour`.

*Reads* time from the running event loop only, hence works in virtual time and repeats exactly. *Never*
touches a file.
"""

import asyncio
import os
import signal as signals
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from node_agent.runtime.abilities import Executed, ProcessState
from node_agent.runtime.fake_behaviour import FakeBehaviour, accepted
from node_agent.runtime.fake_eyes import FakeAttachment, process_of
from node_agent.runtime.fake_process import FakeProcess
from node_agent.runtime.feed import Feed
from node_agent.runtime.port import (
    ContainerSpec,
    ContainerState,
    Fingerprint,
    Limits,
    NoSuchContainer,
    RuntimeEvent,
    RuntimeFailure,
    RuntimeSettings,
    StartFailed,
    StdinNotOpen,
    Usage,
)
from node_agent.supervisor.grant import NEVER, Grant

FAKE_ABILITIES = frozenset({"cpu", "memory", "pids", "tree-kill", "outlives-agent"})


class FakeRuntime:
    """The fake driver. `boot_epoch_s` is the Unix time at which the event loop's clock showed zero."""

    port_version = 1

    def __init__(self, settings: RuntimeSettings | None = None, *, boot_epoch_s: float = 0.0) -> None:
        self.node_name = settings.node_name if settings else "fake"
        self._boot_epoch_s = boot_epoch_s
        self._boots = 1
        self._next_pid = 1000
        self._processes: dict[str, FakeProcess] = {}
        self._starting: dict[str, asyncio.Future[ContainerState]] = {}
        self._feed = Feed()
        self._grant = NEVER
        self.levels: dict[str, Limits] = {}

    async def open(self) -> None:
        """Nothing to prepare: the machine is this object."""

    async def close(self) -> None:
        """Ends the iterators of the agent that lets go; the containers go on."""
        self._feed.close()

    async def fingerprint(self) -> Fingerprint:
        """A machine with all abilities."""
        return Fingerprint(
            driver="fake", version="1", boot_id=f"{self.node_name}-{self._boots}", abilities=FAKE_ABILITIES
        )

    async def start(self, spec: ContainerSpec) -> ContainerState:
        """See the port. The delay of a scripted slow start is shared by repeated calls."""
        known = self._processes.get(spec.id)
        if known is not None:
            return known.state
        starting = self._starting.get(spec.id)
        if starting is None:
            starting = asyncio.ensure_future(self._start(spec))
            self._starting[spec.id] = starting
            starting.add_done_callback(lambda _: self._starting.pop(spec.id, None))
        return await asyncio.shield(starting)

    async def _start(self, spec: ContainerSpec) -> ContainerState:
        behaviour = accepted(spec)
        if spec.fence is not None and self._grant.stop_at_s(spec.fence) <= asyncio.get_running_loop().time():
            raise RuntimeFailure(f"cannot start {spec.id}: the node's lease has run out")
        if behaviour.start_delay_s > 0:
            await asyncio.sleep(behaviour.start_delay_s)
        if behaviour.fail_start is not None:
            reason = os.strerror(behaviour.fail_start)
            raise StartFailed(behaviour.fail_start, f"cannot execute {spec.argv[0]!r}: {reason}")
        self._next_pid += 1
        process = FakeProcess(spec, behaviour, self._next_pid, now_s=self._now_s, told=self._feed.publish)
        self._processes[spec.id] = process
        self._feed.publish(process.state)
        if spec.fence is not None:
            process.enforce(spec.fence, lambda: self._grant)
        process.follow_script()
        return process.state

    async def list(self) -> tuple[ContainerState, ...]:
        """See the port."""
        return self._listing()

    def _listing(self) -> tuple[ContainerState, ...]:
        return tuple(self._processes[container_id].state for container_id in sorted(self._processes))

    def events(self) -> AsyncIterator[RuntimeEvent]:
        """See the port."""
        return self._feed.subscribe(self._listing)

    async def signal(self, container_id: str, number: int) -> None:
        """See the port."""
        self._process(container_id).deliver(number)

    async def stop(self, container_id: str, grace_s: float) -> ContainerState:
        """See the port."""
        process = self._process(container_id)
        process.stop(grace_s)
        await process.ended.wait()
        return process.state

    async def kill_after(self, container_id: str, grace_s: float) -> None:
        """See the port."""
        self._process(container_id).kill_after(grace_s)

    async def execute(
        self,
        container_id: str,
        argv: tuple[str, ...],
        *,
        env: Mapping[str, str],
        working_dir: Path | None,
        timeout_s: float | None = None,
        output_bytes_max: int = 10 * 1024,
    ) -> Executed:
        """See the port."""
        process = self._running(container_id)
        behaviour = FakeBehaviour.of(argv)
        if behaviour.fail_start is not None:
            raise StartFailed(behaviour.fail_start, f"cannot execute {argv[0]!r}: {os.strerror(behaviour.fail_start)}")
        takes_s = behaviour.exit_after_s or 0.0
        try:
            async with asyncio.timeout(min(takes_s, timeout_s or takes_s)):
                await process.ended.wait()
        except TimeoutError:
            if timeout_s is not None and takes_s > timeout_s:
                return Executed(128 + signals.SIGKILL, timed_out=True)
        if not process.state.running:
            return Executed(128 + signals.SIGKILL)
        age_s = self._now_s() - process.state.started_at_s
        return Executed(behaviour.code if behaviour.ok_from_s <= age_s < behaviour.ok_until_s else 1)

    async def attach(self, container_id: str, *, stdin: bool) -> FakeAttachment:
        """See the port. The programs print nothing, and let fall what they are given."""
        process = self._running(container_id)
        if stdin and not process.stdin_open:
            raise StdinNotOpen(f"stdin of container {container_id!r} is not open")

        def left() -> None:
            process.stdin_open = process.stdin_open and not (stdin and process.spec.stdin_once)

        return FakeAttachment(process.ended, lambda: process.state, left)

    async def processes(self, container_id: str) -> tuple[ProcessState, ...]:
        """See the port: one each."""
        process = self._running(container_id)
        usage = process.usage()
        return (process_of(process.state, process.spec.argv, (usage.cpu_ns or 0) / 1e9, usage.memory_bytes or 0),)

    async def remove(self, container_id: str) -> None:
        """See the port."""
        process = self._processes.get(container_id)
        if process is not None:
            process.end(None, signals.SIGKILL)
            del self._processes[container_id]
            self._feed.forget(container_id)

    async def resize(self, container_id: str, limits: Limits) -> ContainerState:
        """See the port: less memory than is used is refused."""
        process = self._process(container_id)
        if not process.state.running:
            return process.state
        if limits.memory_bytes is not None and limits.memory_bytes < process.behaviour.memory_bytes:
            raise RuntimeFailure(f"{process.behaviour.memory_bytes} bytes of memory are in use")
        process.state = replace(process.state, limits=limits)
        self._feed.publish(process.state)
        return process.state

    async def bound(self, level: str, limits: Limits) -> None:
        """See the port."""
        self.levels[level] = limits

    def grant(self, sent_s: float, lease_s: float) -> None:
        """See the port; `sent_s` is the event loop's time."""
        if sent_s > self._grant.sent_s:
            self._grant = Grant(sent_s, lease_s)

    async def stats(self, container_ids: Iterable[str] | None = None) -> Mapping[str, Usage]:
        """See the port."""
        wanted = self._processes.keys() if container_ids is None else container_ids
        return {i: p.usage() for i in wanted if (p := self._processes.get(i)) and p.state.running}

    def reboot(self) -> None:
        """Loses power and comes back: what ran has ended with reason `Reboot`, what had ended stays known."""
        self._boots += 1
        for process in self._processes.values():
            process.lose_power()
        self._feed.relist(self._listing())

    def _process(self, container_id: str) -> FakeProcess:
        process = self._processes.get(container_id)
        if process is None:
            raise NoSuchContainer(f"no container {container_id!r}")
        return process

    def _running(self, container_id: str) -> FakeProcess:
        process = self._process(container_id)
        if not process.state.running:
            raise NoSuchContainer(f"container {container_id!r} has ended")
        return process

    def _now_s(self) -> float:
        return self._boot_epoch_s + asyncio.get_running_loop().time()
