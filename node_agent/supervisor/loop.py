"""One epoll, timers, and callbacks: the supervisor's whole concurrency.

A callback that raises is reported on stderr and forgotten; the loop goes on, since the workloads of a node
depend on it.
"""

import heapq
import itertools
import select
import sys
import time
from collections.abc import Callable
from functools import partial

READABLE = select.EPOLLIN
WRITABLE = select.EPOLLOUT

_EVENTS_PER_ROUND = 64


class Timer:
    """A callback that is due once; it does nothing any more after `cancel`."""

    __slots__ = ("_callback", "due_s")

    def __init__(self, due_s: float, callback: Callable[[], object]) -> None:
        self.due_s = due_s
        self._callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        """Forgets the callback."""
        self._callback = None

    def fire(self) -> None:
        """Calls back, unless cancelled."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class Loop:
    """Runs callbacks for ready descriptors and due timers until it is stopped."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._soon: list[Callable[[], object]] = []
        self._running = False

    def watch(self, fd: int, handler: Callable[[int], None], events: int = READABLE) -> None:
        """Calls `handler(events)` whenever the descriptor is ready; also on errors and hang-ups."""
        self._epoll.register(fd, events)
        self._handlers[fd] = handler

    def expect(self, fd: int, events: int) -> None:
        """Changes what is waited for on a watched descriptor."""
        self._epoll.modify(fd, events)

    def forget(self, fd: int) -> None:
        """Stops watching; call it before the descriptor is closed."""
        if self._handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        """Calls back once after `delay_s` seconds, counted over a suspended machine too."""
        timer = Timer(now_s() + delay_s, callback)
        heapq.heappush(self._timers, (timer.due_s, next(self._order), timer))
        return timer

    def call_soon(self, callback: Callable[[], object]) -> None:
        """Calls back once, after what is ready now."""
        self._soon.append(callback)

    def stop(self) -> None:
        """Ends `run` after the present round."""
        self._running = False

    def run(self) -> None:
        """Sleeps until something happens, calls back, and so on until stopped."""
        self._running = True
        while self._running:
            for fd, events in self._epoll.poll(self._patience_s(), _EVENTS_PER_ROUND):
                handler = self._handlers.get(fd)
                if handler is not None:
                    guarded(partial(handler, events))
            soon, self._soon = self._soon, []
            for callback in soon:
                guarded(callback)
            self._fire_due_timers()

    def close(self) -> None:
        """Lets go of the epoll."""
        self._epoll.close()

    def _patience_s(self) -> float | None:
        """How long to sleep: until the first timer, or for ever."""
        if self._soon:
            return 0.0
        return max(0.0, self._timers[0][0] - now_s()) if self._timers else None

    def _fire_due_timers(self) -> None:
        while self._timers and self._timers[0][0] <= now_s():
            guarded(heapq.heappop(self._timers)[2].fire)


def guarded(callback: Callable[[], object]) -> None:
    """Calls back; an exception ends the callback only. The full story goes to stderr, since it is a defect."""
    try:
        callback()
    except Exception:
        import traceback

        note("a callback failed: " + traceback.format_exc().strip().replace("\n", " | "))


def note(message: str) -> None:
    """One line on stderr. The logging package would cost a megabyte of memory."""
    try:
        print(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} supervisor: {message}", file=sys.stderr, flush=True)
    except OSError:
        return


def now_s() -> float:
    """Seconds since boot, suspension included: grace periods run while a laptop sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
