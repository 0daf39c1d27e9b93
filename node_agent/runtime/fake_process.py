"""One program of the fake driver: what its script, signals and its fence make of its only life.

*Reads* time from the running event loop only. *Writes* its own state, and tells of it. *Never* starts another.
"""

from __future__ import annotations

import asyncio
import signal as signals
from collections.abc import Callable
from dataclasses import replace

from node_agent.runtime.fake_behaviour import FakeBehaviour
from node_agent.runtime.port import ContainerPhase, ContainerSpec, ContainerState, ExitReason, Fence, Usage
from node_agent.supervisor.grant import Grant

_FATAL_SIGNALS = frozenset({signals.SIGHUP, signals.SIGINT, signals.SIGQUIT, signals.SIGTERM})


class FakeProcess:
    """One living or ended container and the timers that will end it. `now_s` is Unix time; `told` hears of its end."""

    def __init__(
        self,
        spec: ContainerSpec,
        behaviour: FakeBehaviour,
        pid: int,
        *,
        now_s: Callable[[], float],
        told: Callable[[ContainerState], None],
    ) -> None:
        self.spec = spec
        self.behaviour = behaviour
        self.state = ContainerState(
            id=spec.id, phase=ContainerPhase.RUNNING, pid=pid, started_at_s=now_s(), log_path=spec.log.path,
            annotations=dict(spec.annotations), limits=spec.limits,
        )  # fmt: skip
        self.stdin_open = spec.stdin
        self.ended = asyncio.Event()
        self._now_s = now_s
        self._told = told
        self._timers: list[asyncio.TimerHandle] = []
        self._kill_at_s: float | None = None
        self._told_to_stop = False
        self._fenced = False

    def follow_script(self) -> None:
        """Ends by itself when its command says so."""
        behaviour = self.behaviour
        if behaviour.exit_after_s is not None:
            number = signals.SIGKILL if behaviour.oom else behaviour.signal
            self._later(behaviour.exit_after_s, behaviour.code, number)

    def deliver(self, number: int) -> None:
        """SIGKILL always ends it, SIGTERM, SIGINT, SIGHUP and SIGQUIT unless it ignores them."""
        if number == signals.SIGKILL:
            self.end(None, number)
        elif number in _FATAL_SIGNALS and not self.behaviour.ignore_term:
            if self.behaviour.stop_after_s is None:
                self.end(None, number)
            else:
                self._later(self.behaviour.stop_after_s, 0, None)

    def stop(self, grace_s: float) -> None:
        """Its stop signal, once, and SIGKILL after the grace."""
        if not self._told_to_stop:
            self._told_to_stop = True
            self.deliver(self.spec.stop_signal)
        self.kill_after(grace_s)

    def kill_after(self, grace_s: float) -> None:
        """SIGKILL after the grace; asked again, it can only get shorter."""
        kill_at_s = asyncio.get_running_loop().time() + grace_s
        if self._kill_at_s is None or kill_at_s < self._kill_at_s:
            self._kill_at_s = kill_at_s
            self._later(grace_s, 0, signals.SIGKILL)

    def enforce(self, fence: Fence, granted: Callable[[], Grant]) -> None:
        """Stop it if its fence has run out, or look again when that will be so."""
        loop, grant = asyncio.get_running_loop(), granted()
        stop_at_s = grant.stop_at_s(fence)
        if stop_at_s > loop.time():
            self._timers.append(loop.call_at(stop_at_s, self.enforce, fence, granted))
        elif self.state.running:
            self._fenced = True
            self._later(max(0.0, grant.kill_at_s(fence) - loop.time()), 0, signals.SIGKILL)
            self.deliver(self.spec.stop_signal)

    def usage(self) -> Usage:
        """Constant memory, and processor time that grows with the scripted rate."""
        alive_s = self._now_s() - self.state.started_at_s
        cpu_ns = int(alive_s * self.behaviour.cpu_millis * 1_000_000)
        return Usage(memory_bytes=self.behaviour.memory_bytes, cpu_ns=cpu_ns, pids=1)

    def end(self, code: int | None, number: int | None) -> None:
        """Ends it with an exit code, or by a signal, and tells."""
        if not self.state.running:
            return
        oom = number == signals.SIGKILL and self.behaviour.oom
        exit_code = 128 + number if number else code
        reason = ExitReason.COMPLETED if exit_code == 0 else ExitReason.ERROR
        ended = replace(
            self.state,
            exit_code=exit_code,
            signal=int(number) if number else None,
            oom_killed=oom,
            reason=ExitReason.FENCED if self._fenced else ExitReason.OOM_KILLED if oom else reason,
        )
        self._finish(ended)
        self._told(self.state)

    def lose_power(self) -> None:
        """Ends it with the machine; nobody is told before that is back."""
        if self.state.running:
            self._finish(replace(self.state, reason=ExitReason.REBOOT))

    def _later(self, delay_s: float, code: int, number: int | None) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(delay_s, self.end, code, number))

    def _finish(self, state: ContainerState) -> None:
        self.state = replace(state, phase=ContainerPhase.EXITED, finished_at_s=self._now_s())
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.ended.set()
