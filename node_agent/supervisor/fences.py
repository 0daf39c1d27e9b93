"""Stops containers in time when the node's lease is not renewed, whatever has become of the agent.

The hub promises to start nothing elsewhere that must be one before this node can have stopped it; this is where that
promise is kept. The agent tells of each grant when the heartbeat that earned it was *sent*; from then on a container
may run for its own window, or for the length of the lease. Within the window fall SIGTERM, the grace (at most a third
of it) and the end by force, so at its end nothing of the container lives.

Times are CLOCK_BOOTTIME, which all programs of a machine share and which runs on while the machine is suspended: a
laptop that wakes up after an hour must not think that its lease still runs. Grants name a time and not a distance, so
one that lay in a socket while somebody was stopped by a signal is not worth more for being read late.

The last grant lies on disk too, so that the next supervisor goes on counting from it. For as long as this one is dead
or stopped, a guard keeps the promise, by force.
"""
# ruff: noqa: PTH123

import json
import os
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from node_agent.supervisor.grant import NEVER, Grant
from node_agent.supervisor.guard import Charge, Guard
from node_agent.supervisor.loop import Loop, Timer, note, now_s
from node_agent.supervisor.wire import Fence

_FILE_BYTES = 200


class Fenceable(Protocol):
    """What is stopped: a life."""

    @property
    def fence(self) -> Fence | None:
        """How long it may run without a grant; None for ever, and once it has ended or was stopped for it."""
        ...

    @property
    def charge(self) -> Charge | None:
        """What its guard has to know; None when it has no fence now."""
        ...

    def when_running(self, tell: Callable[[], None]) -> None:
        """Call back once its program runs."""
        ...

    def when_ended(self, tell: Callable[[], None]) -> None:
        """Call back when nothing of it lives."""
        ...

    def stop_fenced(self, grace_s: float) -> None:
        """Stop it, and remember why."""
        ...


class Fences:
    """Watches over all containers that have a fence, with one timer; a guard does where this cannot."""

    def __init__(self, loop: Loop, guard: Guard, state_dir: str, boot_id: str) -> None:
        self._loop = loop
        self._guard = guard
        self._path = state_dir + "/grant"
        self._boot_id = boot_id
        self._watched: dict[str, Fenceable] = {}
        self._timer: Timer | None = None
        self._fd: int | None = None
        self._grant = self._load()
        guard.take_grant(self._grant)

    def take_grant(self, grant: Grant) -> None:
        """The hub has renewed the lease; older news than what is known says nothing. The timer finds it out itself."""
        if grant.sent_s <= self._grant.sent_s:
            return
        self._grant = grant
        self._guard.take_grant(grant)
        if self._watched:
            self._save()

    def may_start(self, fence: Fence) -> bool:
        """Whether a container with this fence may run now."""
        return now_s() < self._grant.stop_at_s(fence)

    def watch(self, container_id: str, life: Fenceable) -> None:
        """Look after this container, if it has a fence."""
        if life.fence is None:
            return
        if not self._watched:
            self._save()
        self._watched[container_id] = life
        self._arm((life,))
        life.when_running(lambda: self._have_guarded(life))

    def _have_guarded(self, life: Fenceable) -> None:
        charge = life.charge
        if charge is not None:
            self._guard.watch(charge)
            life.when_ended(lambda: self._guard.forget(charge.place))

    def _arm(self, lives: Iterable[Fenceable]) -> None:
        """See that the timer is due when the first of these is."""
        due_s = min((self._grant.stop_at_s(life.fence) for life in lives if life.fence is not None), default=None)
        if due_s is None or (self._timer is not None and self._timer.due_s <= due_s):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(max(0.0, due_s - now_s()), self._look)

    def _look(self) -> None:
        """Stop who is due; most often the lease was renewed meanwhile, and the timer is set anew."""
        self._timer = None
        now = now_s()
        for container_id, life in list(self._watched.items()):
            fence = life.fence
            if fence is None:
                del self._watched[container_id]
            elif self._grant.stop_at_s(fence) <= now:
                del self._watched[container_id]
                note(f"container={container_id} is stopped: the node's lease was not renewed")
                life.stop_fenced(max(0.0, self._grant.kill_at_s(fence) - now))
        self._arm(self._watched.values())

    def _load(self) -> Grant:
        """What an earlier supervisor of this boot was told last."""
        try:
            with open(self._path, "rb") as file:
                told: Any = json.loads(file.read())
            if told["boot_id"] == self._boot_id:
                return Grant(float(told["sent_s"]), float(told["lease_s"]))
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return NEVER

    def _save(self) -> None:
        """Write over what is there, in one piece; not synced, as the boot id tells what a crash of the machine left."""
        if self._grant is NEVER:
            return
        try:
            if self._fd is None:
                self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            text = json.dumps({"boot_id": self._boot_id, **self._grant._asdict()})
            os.pwrite(self._fd, text.ljust(_FILE_BYTES).encode(), 0)
        except OSError as problem:
            note(f"the grant could not be saved, the next supervisor will take it for run out: {problem}")
