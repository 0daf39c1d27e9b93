"""The end by force that a container is promised: it can come nearer, and never go away again."""

from collections.abc import Callable

from node_agent.supervisor.loop import Loop, Timer, now_s


class Deadline:
    """Calls `due` once, when the shortest of all graces is over."""

    __slots__ = ("_due", "_loop", "_timer")

    def __init__(self, loop: Loop, due: Callable[[], None]) -> None:
        self._loop = loop
        self._due = due
        self._timer: Timer | None = None

    def within(self, grace_s: float) -> None:
        """At the latest after this grace."""
        if self._timer is None or now_s() + grace_s < self._timer.due_s:
            self.cancel()
            self._timer = self._loop.call_later(grace_s, self._due)

    def cancel(self) -> None:
        """It has ended by itself."""
        if self._timer is not None:
            self._timer.cancel()
