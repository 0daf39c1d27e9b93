"""Ends fenced containers in time when the supervisor cannot: a child of it that does nothing else.

A signal can kill or stop the supervisor, and its agent with it, and nobody may be there to start others in time. So
while containers with a fence run, a fork of the supervisor knows the last grant, and ends by force who is still alive
shortly before its window ends: later than the supervisor would, so that one that is well comes first. When its
supervisor dies it goes on, until another one answers at the socket: that has adopted everything, and has a guard.

    → {"grant": [sent_s, lease_s]}    → {"watch": charge}    → {"forget": place}

*Never*: blocks the supervisor. A guard that does not read is replaced, as one that was killed is.
"""

import json
import os
import select
import signal
import socket
import time
from functools import partial
from typing import Any, NamedTuple, NoReturn

from node_agent.supervisor.address import dial
from node_agent.supervisor.aside import step_aside
from node_agent.supervisor.grant import NEVER, Grant
from node_agent.supervisor.loop import Loop, guarded, note, now_s
from node_agent.supervisor.processes import start_ticks
from node_agent.supervisor.tree import Trees
from node_agent.supervisor.wire import Fence

_MESSAGE_BYTES = 4096
_LOOK_S = 0.1
"""How often one that has no supervisor any more looks for the next."""

_KILL_AGAIN_S = 0.02
_NAME = "setpoint-guard"


class Charge(NamedTuple):
    """A container that is guarded: where its group stands, its first process, and its fence."""

    place: str
    pid: int
    start_ticks: int
    fence: Fence


class Guard:
    """The supervisor's side."""

    def __init__(self, loop: Loop, trees: Trees, socket_path: str) -> None:
        self._loop = loop
        self._trees = trees
        self._socket_path = socket_path
        self._charges: dict[str, Charge] = {}
        self._grant = NEVER
        self._line: socket.socket | None = None
        self._pid = 0

    def take_grant(self, grant: Grant) -> None:
        """The lease was renewed."""
        self._grant = grant
        if self._charges:
            self._tell({"grant": self._grant})

    def watch(self, charge: Charge) -> None:
        """Looks after one more."""
        self._charges[charge.place] = charge
        self._tell({"watch": charge})

    def forget(self, place: str) -> None:
        """It has ended."""
        if self._charges.pop(place, None) is not None and self._line is not None:
            self._tell({"forget": place})

    def _tell(self, message: dict[str, Any]) -> None:
        if self._line is None:
            self._begin()
            return
        try:
            self._line.send(json.dumps(message).encode())
        except BlockingIOError:
            os.kill(self._pid, signal.SIGKILL)  # It was stopped; the next one is told everything.
        except OSError:
            return  # It has ended, which the loop tells in a moment.

    def _begin(self) -> None:
        """Forks one that knows everything."""
        if not self._charges:
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._pid = os.fork()
        except OSError as problem:
            note(f"nobody guards the deadlines of this node beside the supervisor: {problem}")
            ours.close()
            theirs.close()
            return
        if self._pid == 0:
            _Post(self._trees, self._socket_path, self._charges, self._grant).hold(theirs)
        theirs.close()
        ours.setblocking(False)
        self._line = ours
        self._loop.watch(ours.fileno(), lambda events: self._on_lost())

    def _on_lost(self) -> None:
        """It never speaks: it has nobody to guard any more, or somebody has killed it."""
        assert self._line is not None
        self._loop.forget(self._line.fileno())
        self._line.close()
        self._line = None
        self._begin()


class _Post:
    """The guard's side."""

    def __init__(self, trees: Trees, socket_path: str, charges: dict[str, Charge], grant: Grant) -> None:
        self._trees = trees
        self._socket_path = socket_path
        self._charges = charges
        self._grant = grant

    def hold(self, line: socket.socket) -> NoReturn:
        """The whole life of the child."""
        try:
            line = step_aside(line, _NAME)
            guarded(partial(self._guard, line))
        finally:
            os._exit(0)

    def _guard(self, line: socket.socket) -> None:
        """Until there is nobody to guard, or another supervisor does."""
        line.setblocking(False)
        poll = select.poll()
        poll.register(line.fileno(), select.POLLIN)
        orphaned = False
        while self._charges:
            if not orphaned:
                poll.poll(1000 * self._patience_s())
                orphaned = not self._hear(line)
            else:
                time.sleep(min(_LOOK_S, self._patience_s()))  # At first: who dies may close this socket after the line.
                if _answers(self._socket_path):
                    return
            self._end_who_is_due()

    def _hear(self, line: socket.socket) -> bool:
        """Takes all that was said, so that one who was stopped acts on nothing old; false when nobody speaks now."""
        while True:
            try:
                data = line.recv(_MESSAGE_BYTES)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not data:
                return False
            ((what, told),) = json.loads(data).items()
            if what == "grant":
                self._grant = Grant(*told)
            elif what == "watch":
                place, pid, ticks, fence = told
                self._charges[place] = Charge(place, pid, ticks, Fence(*fence))
            else:
                self._charges.pop(told, None)

    def _patience_s(self) -> float:
        due_s = min(self._grant.guarded_at_s(charge.fence) for charge in self._charges.values())
        return max(_KILL_AGAIN_S, due_s - now_s())

    def _end_who_is_due(self) -> None:
        for place, charge in list(self._charges.items()):
            if self._grant.guarded_at_s(charge.fence) > now_s():
                continue
            leader = charge.pid if start_ticks(charge.pid) in (None, charge.start_ticks) else None
            if self._trees.members(place, leader):
                note(f"container={place} is ended by its guard: the lease was not renewed, the supervisor is not well")
                self._trees.kill(place, leader)
            if not self._trees.members(place, leader):
                del self._charges[place]


def _answers(socket_path: str) -> bool:
    """Whether a supervisor listens."""
    try:
        dial(socket_path).close()
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True
