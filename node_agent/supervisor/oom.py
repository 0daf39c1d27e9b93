"""Ends a whole container when memory has run out in it, where the kernel ends a single process (cgroup v1).

On the unified hierarchy the kernel does that by itself (`memory.oom.group`). Half a container is no container: without
this, a server that lost its worker to the kernel would go on as if nothing had happened (Kubernetes: a container of
which any process was killed for memory ends as `OOMKilled`).
"""

import os
from collections.abc import Callable

from node_agent.supervisor.loop import Loop, Timer
from node_agent.supervisor.tree import Trees

_FIRST_RETRY_S = 0.001
_LAST_RETRY_S = 1.0


class OomWatch:
    """Watches one container's group; `kill` is called once, when the kernel has killed in it."""

    __slots__ = ("_event", "_group", "_kill", "_loop", "_retry", "_trees")

    def __init__(self, loop: Loop, trees: Trees, group: str, kill: Callable[[], None]) -> None:
        self._loop = loop
        self._trees = trees
        self._group = group
        self._kill = kill
        self._retry: Timer | None = None
        self._event = trees.cgroups.watch_oom(trees.path(group))
        if self._event is not None:
            loop.watch(self._event, lambda events: self._on_event())
            self._look(_LAST_RETRY_S)

    def close(self) -> None:
        """Stops watching."""
        if self._event is not None:
            self._loop.forget(self._event)
            os.close(self._event)
            self._event = None
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _on_event(self) -> None:
        """Memory ran out. The kernel tells before it has chosen whom to kill, and again while that lasts."""
        assert self._event is not None
        try:
            os.eventfd_read(self._event)
        except BlockingIOError:
            return
        if self._retry is None:
            self._look(_FIRST_RETRY_S)

    def _look(self, wait_s: float) -> None:
        """Ends the container if the kernel has killed in it by now; looks again a little later."""
        self._retry = None
        if self._trees.oom_killed(self._group):
            self.close()
            self._kill()
        elif wait_s < _LAST_RETRY_S:
            self._retry = self._loop.call_later(wait_s, lambda: self._look(wait_s * 2))
