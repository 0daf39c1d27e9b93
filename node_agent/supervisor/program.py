"""Puts the supervisor together: the operations of the socket, on the containers, in the loop."""

import gc
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from node_agent.cgroup.port import Cgroups
from node_agent.supervisor.attaching import Attachment
from node_agent.supervisor.containers import Containers
from node_agent.supervisor.fd_store import FdStore
from node_agent.supervisor.fences import Fences
from node_agent.supervisor.grant import Grant
from node_agent.supervisor.guard import Guard
from node_agent.supervisor.host import Host
from node_agent.supervisor.kernel import become_subreaper
from node_agent.supervisor.life import Life
from node_agent.supervisor.loop import Loop, note
from node_agent.supervisor.processes import boot_id
from node_agent.supervisor.reaper import Reaper
from node_agent.supervisor.record import Shelf
from node_agent.supervisor.server import Connection, Message, Server
from node_agent.supervisor.tree import Trees
from node_agent.supervisor.wire import (
    BAD_REQUEST,
    NO_STDIN,
    PROTOCOL,
    Answer,
    ExecRequest,
    Refused,
    StartRequest,
    container_id_of,
    level_of,
    limits_of,
    seconds,
    whole_number,
)

VERSION = "1"


class Home(NamedTuple):
    """Where a supervisor lives. `is_ours` tells whether the folder is still the one that it found at its start."""

    state_dir: str
    socket_path: str
    is_ours: Callable[[], bool]


class Supervisor:
    """The program as one object."""

    def __init__(self, home: Home, cgroups: Cgroups, open_files: tuple[int, int], oom_score_adj: int) -> None:
        self._loop = Loop()
        self._trees = Trees(cgroups)
        self._boot_id = boot_id()
        self._incarnation = f"{os.getpid()}-{time.time_ns():x}"
        self._server: Server | None = None
        self._home = home
        shelf, store = Shelf(home.state_dir), FdStore(self._loop, home.state_dir)
        host = Host(self._loop, shelf, store, self._trees, self._boot_id, open_files, oom_score_adj, self._on_changed)
        guard = Guard(self._loop, self._trees, home.socket_path)
        self._fences = Fences(self._loop, guard, home.state_dir, self._boot_id)
        self._containers = Containers(host, self._fences)

    def run(self, ready: Callable[[], None]) -> None:
        """Adopts, serves, and returns when told to leave; calls `ready` once it listens."""
        become_subreaper()
        reaper = Reaper(self._loop, self._containers.on_child_ended, self._loop.stop)
        self._containers.adopt_all()
        self._containers.sweep(dry_run=False)
        self._server = Server(self._home.socket_path, self._loop, self._operations(), left=self._leave_if_homeless)
        reaper.reap()
        gc.collect()
        gc.freeze()  # What lasts for ever is not looked at again: looking would copy it after each fork.
        ready()
        self._loop.run()
        self._server.close(remove_socket=self._home.is_ours())

    def _operations(self) -> dict[str, Any]:
        return {
            "hello": self._hello,
            "start": self._start,
            "list": self._list,
            "signal": self._signal,
            "stop": self._stop,
            "kill_after": self._kill_after,
            "execute": self._execute,
            "attach": self._attach,
            "remove": self._remove,
            "resize": self._resize,
            "bound": self._bound,
            "stats": self._stats,
            "pids": self._pids,
            "sweep": self._sweep,
            "shutdown": self._shutdown,
            "grant": self._grant,
        }

    def _on_changed(self, life: Life) -> None:
        if self._server is not None:
            self._server.publish({"event": "container", "container": life.public()})
            if life.ended:
                self._leave_if_homeless()

    def _leave_if_homeless(self) -> None:
        """Nobody can find a supervisor whose folder was removed; so it leaves once it serves and keeps nobody."""
        assert self._server is not None
        if not (self._server.serves or self._containers.any_runs or self._home.is_ours()):
            note("the state folder is not ours any more, and nothing runs: leaving")
            self._loop.stop()

    def _hello(self, connection: Connection, message: Message) -> None:
        cgroups = self._trees.cgroups
        _answer(connection, message)(
            {
                "protocol": PROTOCOL,
                "version": VERSION,
                "pid": os.getpid(),
                "boot_id": self._boot_id,
                "incarnation": self._incarnation,
                "cgroups": cgroups.name,
                "abilities": sorted(cgroups.abilities),
                "missing": dict(cgroups.missing),
            }
        )

    def _start(self, connection: Connection, message: Message) -> None:
        self._containers.start(StartRequest.of(message), _answer(connection, message))

    def _list(self, connection: Connection, message: Message) -> None:
        connection.watching = connection.watching or bool(message.get("watch"))
        _answer(connection, message)({"containers": self._containers.public()})

    def _signal(self, connection: Connection, message: Message) -> None:
        number = whole_number(message, "signal")
        if number is None or number not in signal.valid_signals():
            raise Refused(BAD_REQUEST, "signal must be the number of a signal")
        self._containers.signal(container_id_of(message), number)
        _answer(connection, message)({})

    def _stop(self, connection: Connection, message: Message) -> None:
        self._containers.stop(container_id_of(message), seconds(message, "grace_s"), _answer(connection, message))

    def _kill_after(self, connection: Connection, message: Message) -> None:
        self._containers.kill_after(container_id_of(message), seconds(message, "grace_s"))
        _answer(connection, message)({})

    def _execute(self, connection: Connection, message: Message) -> None:
        request = ExecRequest.of(message)
        execution = self._containers.execute(request, _answer(connection, message))
        if request.files is not None:
            connection.when_closed(execution.hang_up)

    def _attach(self, connection: Connection, message: Message) -> None:
        """The connection is the client's line to the program from here on."""
        life = self._containers.running(container_id_of(message))
        stdin = bool(message.get("stdin"))
        if stdin and not life.takes_input:
            raise Refused(NO_STDIN, f"stdin of container {life.record.id} is not open")
        _answer(connection, message)({})
        attachment = Attachment(self._loop, *connection.hand_over(), life.ends, stdin=stdin)
        life.when_ended(lambda: attachment.tell_end(life.public()))

    def _remove(self, connection: Connection, message: Message) -> None:
        self._containers.remove(container_id_of(message), _answer(connection, message))

    def _resize(self, connection: Connection, message: Message) -> None:
        resized = self._containers.resize(container_id_of(message), limits_of(message))
        _answer(connection, message)(resized)

    def _bound(self, connection: Connection, message: Message) -> None:
        self._trees.bound(level_of(message), limits_of(message))
        _answer(connection, message)({})

    def _stats(self, connection: Connection, message: Message) -> None:
        wanted = message.get("containers")
        if wanted is not None and not isinstance(wanted, list):
            raise Refused(BAD_REQUEST, "containers must be a list")
        _answer(connection, message)({"usage": self._containers.stats(wanted)})

    def _pids(self, connection: Connection, message: Message) -> None:
        _answer(connection, message)({"pids": self._containers.pids(container_id_of(message))})

    def _sweep(self, connection: Connection, message: Message) -> None:
        swept = self._containers.sweep(dry_run=bool(message.get("dry_run")))
        _answer(connection, message)({"groups": swept})

    def _shutdown(self, connection: Connection, message: Message) -> None:
        """Leaves; with `stop_containers` after stopping them all, else they go on for the next supervisor."""
        done = partial(self._leave, connection, message)
        if message.get("stop_containers"):
            self._containers.stop_all(seconds(message, "grace_s"), done)
        else:
            done()

    def _grant(self, connection: Connection, message: Message) -> None:
        """The hub renewed the node's lease. Nobody waits for an answer: the next one is a heartbeat away."""
        self._fences.take_grant(Grant(seconds(message, "sent_s"), seconds(message, "lease_s")))

    def _leave(self, connection: Connection, message: Message) -> None:
        _answer(connection, message)({})
        self._loop.stop()


def _answer(connection: Connection, message: Message) -> Answer:
    """How the sender of a message is answered."""
    request_id = message.get("id")

    def answer(result: dict[str, Any] | Refused) -> None:
        if isinstance(result, Refused):
            connection.send({"id": request_id, "error": result.public()})
        else:
            connection.send({"id": request_id, "ok": result})

    return answer
