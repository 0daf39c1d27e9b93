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
from node_agent.runtime.feed import Feed
from node_agent.runtime.port import (
    ContainerPhase,
    ContainerSpec,
    ContainerState,
    ExitReason,
    Fence,
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
_FATAL_SIGNALS = frozenset({signals.SIGHUP, signals.SIGINT, signals.SIGQUIT, signals.SIGTERM})


class _FakeProcess:
    """One living or ended container and the timers that will end it."""

    def __init__(self, spec: ContainerSpec, state: ContainerState, behaviour: FakeBehaviour) -> None:
        self.spec = spec
        self.stdin_open = spec.stdin
        self.state = state
        self.behaviour = behaviour
        self.ended = asyncio.Event()
        self.timers: list[asyncio.TimerHandle] = []
        self.kill_at_s: float | None = None
        self.told_to_stop = False
        self.fenced = False


class FakeRuntime:
    """The fake driver. `boot_epoch_s` is the Unix time at which the event loop's clock showed zero."""

    port_version = 1

    def __init__(self, settings: RuntimeSettings | None = None, *, boot_epoch_s: float = 0.0) -> None:
        self.node_name = settings.node_name if settings else "fake"
        self._boot_epoch_s = boot_epoch_s
        self._boots = 1
        self._next_pid = 1000
        self._processes: dict[str, _FakeProcess] = {}
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
        state = ContainerState(
            id=spec.id,
            phase=ContainerPhase.RUNNING,
            pid=self._next_pid,
            started_at_s=self._now_s(),
            log_path=spec.log.path,
            annotations=dict(spec.annotations),
            limits=spec.limits,
        )
        process = _FakeProcess(spec, state, behaviour)
        self._processes[spec.id] = process
        self._feed.publish(state)
        if spec.fence is not None:
            self._enforce(process, spec.fence)
        if behaviour.exit_after_s is not None:
            number = signals.SIGKILL if behaviour.oom else behaviour.signal
            self._later(process, behaviour.exit_after_s, behaviour.code, number)
        return state

    async def list(self) -> tuple[ContainerState, ...]:
        """See the port."""
        return self._listing()

    def _listing(self) -> tuple[ContainerState, ...]:
        return tuple(self._processes[container_id].state for container_id in sorted(self._processes))

    def events(self) -> AsyncIterator[RuntimeEvent]:
        """See the port."""
        return self._feed.subscribe(self._listing)

    async def signal(self, container_id: str, number: int) -> None:
        """SIGKILL always ends it, SIGTERM, SIGINT, SIGHUP and SIGQUIT unless it ignores them."""
        self._deliver(self._process(container_id), number)

    def _deliver(self, process: _FakeProcess, number: int) -> None:
        if number == signals.SIGKILL:
            self._end(process, None, number)
        elif number in _FATAL_SIGNALS and not process.behaviour.ignore_term:
            if process.behaviour.stop_after_s is None:
                self._end(process, None, number)
            else:
                self._later(process, process.behaviour.stop_after_s, 0, None)

    async def stop(self, container_id: str, grace_s: float) -> ContainerState:
        """See the port."""
        process = self._process(container_id)
        if not process.told_to_stop:
            process.told_to_stop = True
            self._deliver(process, process.spec.stop_signal)
        self._kill_after(process, grace_s)
        await process.ended.wait()
        return process.state

    async def kill_after(self, container_id: str, grace_s: float) -> None:
        """See the port."""
        self._kill_after(self._process(container_id), grace_s)

    def _kill_after(self, process: _FakeProcess, grace_s: float) -> None:
        kill_at_s = asyncio.get_running_loop().time() + grace_s
        if process.kill_at_s is None or kill_at_s < process.kill_at_s:
            process.kill_at_s = kill_at_s
            self._later(process, grace_s, 0, signals.SIGKILL)

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
        usage = self._usage(process)
        return (process_of(process.state, process.spec.argv, (usage.cpu_ns or 0) / 1e9, usage.memory_bytes or 0),)

    async def remove(self, container_id: str) -> None:
        """See the port."""
        process = self._processes.get(container_id)
        if process is not None:
            self._end(process, None, signals.SIGKILL)
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

    def _enforce(self, process: _FakeProcess, fence: Fence) -> None:
        """Stop it if its fence has run out, or look again when that will be so."""
        loop = asyncio.get_running_loop()
        stop_at_s = self._grant.stop_at_s(fence)
        if stop_at_s > loop.time():
            process.timers.append(loop.call_at(stop_at_s, self._enforce, process, fence))
        elif process.state.running:
            process.fenced = True
            self._later(process, max(0.0, self._grant.kill_at_s(fence) - loop.time()), 0, signals.SIGKILL)
            self._deliver(process, process.spec.stop_signal)

    async def stats(self, container_ids: Iterable[str] | None = None) -> Mapping[str, Usage]:
        """Constant memory, and processor time that grows with the scripted rate."""
        wanted = self._processes.keys() if container_ids is None else container_ids
        return {i: self._usage(p) for i in wanted if (p := self._processes.get(i)) and p.state.running}

    def _usage(self, process: _FakeProcess) -> Usage:
        alive_s = self._now_s() - process.state.started_at_s
        cpu_ns = int(alive_s * process.behaviour.cpu_millis * 1_000_000)
        return Usage(memory_bytes=process.behaviour.memory_bytes, cpu_ns=cpu_ns, pids=1)

    def reboot(self) -> None:
        """Loses power and comes back: what ran has ended with reason `Reboot`, what had ended stays known."""
        self._boots += 1
        for process in self._processes.values():
            if process.state.running:
                self._finish(process, replace(process.state, reason=ExitReason.REBOOT))
        self._feed.relist(self._listing())

    def _process(self, container_id: str) -> _FakeProcess:
        process = self._processes.get(container_id)
        if process is None:
            raise NoSuchContainer(f"no container {container_id!r}")
        return process

    def _running(self, container_id: str) -> _FakeProcess:
        process = self._process(container_id)
        if not process.state.running:
            raise NoSuchContainer(f"container {container_id!r} has ended")
        return process

    def _later(self, process: _FakeProcess, delay_s: float, code: int, number: int | None) -> None:
        loop = asyncio.get_running_loop()
        process.timers.append(loop.call_later(delay_s, self._end, process, code, number))

    def _end(self, process: _FakeProcess, code: int | None, number: int | None) -> None:
        if not process.state.running:
            return
        oom = number == signals.SIGKILL and process.behaviour.oom
        exit_code = 128 + number if number else code
        reason = ExitReason.COMPLETED if exit_code == 0 else ExitReason.ERROR
        state = replace(
            process.state,
            exit_code=exit_code,
            signal=int(number) if number else None,
            oom_killed=oom,
            reason=ExitReason.FENCED if process.fenced else ExitReason.OOM_KILLED if oom else reason,
        )
        self._finish(process, state)
        self._feed.publish(process.state)

    def _finish(self, process: _FakeProcess, state: ContainerState) -> None:
        process.state = replace(state, phase=ContainerPhase.EXITED, finished_at_s=self._now_s())
        for timer in process.timers:
            timer.cancel()
        process.timers.clear()
        process.ended.set()

    def _now_s(self) -> float:
        return self._boot_epoch_s + asyncio.get_running_loop().time()
