"""A container's first process, told from others that get the same pid later: signals for it, and its end.

*Reads* `/proc` and a pidfd. *Never* waits for a child: that is the reaper's.
"""

import os
from collections.abc import Callable

from node_agent.supervisor.loop import Loop, now_s
from node_agent.supervisor.processes import exit_status, is_zombie, pidfd_of, start_ticks

_LOOK_AGAIN_S = 0.005
_REAPED_ELSEWHERE_MAX_S = 0.5


def signal_group(pid: int | None, ticks: int | None, number: int) -> None:
    """Signals the process group of exactly this process; nothing happens when it has ended."""
    if pid is None or start_ticks(pid) != ticks:
        return
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return


class AdoptedProcess:
    """A first process that is not our child. `ended` is called once with its wait status, or None."""

    def __init__(self, loop: Loop, pid: int, ticks: int, ended: Callable[[int | None], None]) -> None:
        self._loop = loop
        self._pid = pid
        self._ticks = ticks
        self._ended = ended
        self._pidfd = pidfd_of(pid, ticks)

    @property
    def alive(self) -> bool:
        """Whether it lived when it was adopted."""
        return self._pidfd is not None

    def status(self) -> int | None:
        """How it ended, where that can still be known."""
        return exit_status(self._pid, self._ticks, self._pidfd)

    def follow(self) -> None:
        """Waits for the end of one that is alive."""
        assert self._pidfd is not None
        self._loop.watch(self._pidfd, lambda events: self._on_ended(now_s() + _REAPED_ELSEWHERE_MAX_S))

    def _on_ended(self, patient_until_s: float) -> None:
        """It has ended. Its status may show only once its new parent has reaped it."""
        assert self._pidfd is not None
        self._loop.forget(self._pidfd)
        status = self.status()
        if status is None and is_zombie(self._pid) and now_s() < patient_until_s:
            self._loop.call_later(_LOOK_AGAIN_S, lambda: self._on_ended(patient_until_s))
            return
        os.close(self._pidfd)
        self._pidfd = None
        self._ended(status)
