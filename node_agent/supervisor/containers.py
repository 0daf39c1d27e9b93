"""All containers of the node, and the operations on them.

A request names a container by its id, which is used once for ever: a start of a known id returns what
became of it. Answers are given through callbacks, because a start or a stop takes its time while others go
on.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from node_agent.cgroup.port import Limits
from node_agent.supervisor.descriptors import sparing
from node_agent.supervisor.execution import Execution, Executions
from node_agent.supervisor.execve import Failure
from node_agent.supervisor.fences import Fences
from node_agent.supervisor.host import Host
from node_agent.supervisor.life import Life
from node_agent.supervisor.loop import guarded, note
from node_agent.supervisor.record import Record, unreadable
from node_agent.supervisor.security import PLAIN
from node_agent.supervisor.stdio import NO_STDIO
from node_agent.supervisor.tree import container_of
from node_agent.supervisor.wire import (
    FENCED,
    NO_SUCH_CONTAINER,
    START_FAILED,
    Answer,
    ExecRequest,
    Refused,
    StartRequest,
)

_STEPS = ("prepare", "fork", "go")
_TOGETHER_MAX = 16
"""So many containers begin at a time, before others have their turn."""

_FIRST_RETRY_S = 0.005
_CLEARING_MAX_S = 10.0


class Containers:
    """The table of lives."""

    def __init__(self, host: Host, fences: Fences) -> None:
        self._host = host
        self._fences = fences
        self._lives: dict[str, Life] = {}
        self._by_pid: dict[int, Life] = {}
        self._beginning: list[Life] = []
        self._executions = Executions(host.loop, host.trees, host.open_files)

    def adopt_all(self) -> None:
        """Takes over what an earlier supervisor left on disk and alive."""
        self._host.store.recover()
        lives = [self._revived(record) for record in self._host.shelf.load_all()]
        self._host.trees.adopt(life.place for life in lives if life.record.may_run(self._host.boot_id))
        for life in lives:
            self._adopt(life)
        self._host.store.forget_others()

    def _revived(self, record: Record) -> Life:
        """The life of a record; one whose fields make no sense is not let stand in the way of all others."""
        try:
            return Life(self._host, record)
        except (TypeError, ValueError, AttributeError) as problem:
            return self._lost(record.id, problem)

    def _adopt(self, life: Life) -> None:
        container_id = life.record.id
        try:
            self._lives[container_id] = life
            life.adopt()
            self._fences.watch(container_id, life)
        except (TypeError, ValueError, AttributeError) as problem:
            self._lives[container_id] = lost = self._lost(container_id, problem)
            lost.adopt()

    def _lost(self, container_id: str, problem: Exception) -> Life:
        """Of a container whose record cannot be used: what lives of it is swept."""
        note(f"container={container_id} its record makes no sense, so how it ends is unknown: {problem}")
        return Life(self._host, unreadable(container_id))

    @property
    def any_runs(self) -> bool:
        """Whether something of a container lives."""
        return not all(life.ended for life in self._lives.values())

    def on_child_ended(self, pid: int, status: int) -> None:
        """One of our children has ended: a first process, or an orphan that was reaped just now."""
        life = self._by_pid.pop(pid, None)
        if life is not None:
            life.on_child_ended(status)
        else:
            self._executions.on_child_ended(pid, status)

    def start(self, request: StartRequest, answer: Answer) -> None:
        """Starts a container, or answers with the one that bears the id."""
        life = self._lives.get(request.id)
        if life is None:
            if request.fence is not None and not self._fences.may_start(request.fence):
                answer(Refused(FENCED, f"cannot start {request.id}: the node's lease has run out"))
                return
            life = self._lives[request.id] = self._asked_for(request)
            self._beginning.append(life)
            if len(self._beginning) == 1:
                self._host.loop.call_soon(self._begin)
        life.when_launched(lambda failure: self._answer_start(life, failure, answer))

    def _begin(self) -> None:
        """Begins the containers that were asked for, some at a time: prepares all of them, forks all, lets all go.

        After a fork each page of memory is copied that is written to for the first time. Forks that follow each other
        at once share that cost.
        """
        lives, self._beginning = self._beginning[:_TOGETHER_MAX], self._beginning[_TOGETHER_MAX:]
        if self._beginning:
            self._host.loop.call_soon(self._begin)
        beginnings = [life.begin() for life in lives]
        with sparing():
            for _ in _STEPS:
                for beginning in beginnings:
                    guarded(partial(next, beginning, None))
        for life in lives:
            if not life.ended and life.record.pid is not None:
                self._by_pid[life.record.pid] = life
                self._fences.watch(life.record.id, life)

    def _asked_for(self, request: StartRequest) -> Life:
        record = Record(
            id=request.id,
            log_path=request.log_path,
            log_max_bytes=request.log_max_bytes,
            log_max_files=request.log_max_files,
            annotations=request.annotations,
            fence=request.fence,
            security=None if request.security == PLAIN else request.security,
            level=request.level,
            oom_score_adj=request.oom_score_adj,
            stop_signal=request.stop_signal,
            stdio=None if request.stdio == NO_STDIO else request.stdio,
        ).with_limits(request.limits)
        return Life(self._host, record, request)

    def _answer_start(self, life: Life, failure: Failure | None, answer: Answer) -> None:
        if failure is None:
            answer(life.public())
            return
        if self._lives.get(life.record.id) is life:
            del self._lives[life.record.id]
        answer(Refused(START_FAILED, failure.message, failure.errno))

    def public(self) -> list[dict[str, Any]]:
        """All containers that were started, in order of their ids."""
        return [self._lives[i].public() for i in sorted(self._lives) if not self._lives[i].launching]

    def signal(self, container_id: str, number: int) -> None:
        """Signals the process group."""
        self._life(container_id).signal(number)

    def stop(self, container_id: str, grace_s: float, answer: Answer) -> None:
        """Stops a container and answers when nothing of it lives."""
        life = self._life(container_id)

        def launched(failure: Failure | None) -> None:
            if failure is not None:
                answer(_unknown(container_id))
                return
            life.when_ended(lambda: answer(life.public()))
            life.stop(grace_s)

        life.when_launched(launched)

    def kill_after(self, container_id: str, grace_s: float) -> None:
        """Kills a container after the grace, unless it has ended by then."""
        self._life(container_id).kill_after(grace_s)

    def execute(self, request: ExecRequest, answer: Answer) -> Execution:
        """Runs a command in a container that runs, and answers when it has ended."""
        life = self.running(request.container)

        def ended(result: dict[str, Any] | Refused) -> None:
            lost = life.ended and isinstance(result, Refused)  # Its cgroup went while the command was on its way.
            answer(_unknown(request.container) if lost else result)

        with sparing():
            return self._executions.begin(request, life, ended)

    def pids(self, container_id: str) -> list[int] | None:
        """All processes of a container that runs, as its cgroup tells; None where there are no such groups."""
        return self._host.trees.grouped(self.running(container_id).place)

    def running(self, container_id: str) -> Life:
        """A container that runs.

        Raises:
            Refused: It is unknown, has ended, or is not known to have begun.
        """
        life = self._life(container_id)
        if life.ended or life.launching:
            raise _unknown(container_id)
        return life

    def remove(self, container_id: str, answer: Answer) -> None:
        """Forgets a container, after killing it if need be; one that is unknown is fine."""
        life = self._lives.get(container_id)
        if life is None:
            answer({})
            return

        def launched(failure: Failure | None) -> None:
            if failure is not None:
                answer({})
                return
            life.when_ended(lambda: self._erase(life, answer))
            life.stop(0.0)

        life.when_launched(launched)

    def _erase(self, life: Life, answer: Answer) -> None:
        if self._lives.get(life.record.id) is life:
            del self._lives[life.record.id]
            life.erase()
        answer({})

    def resize(self, container_id: str, limits: Limits) -> dict[str, Any]:
        """Gives a container other limits; what is known of it then."""
        life = self._life(container_id)
        life.resize(limits)
        return life.public()

    def sweep(self, *, dry_run: bool) -> list[dict[str, Any]]:
        """Empties and removes cgroups of containers that nobody knows: `id`, its `pids`, whether it is `removed`.

        They come from a supervisor that was killed while it started or removed a container.
        """
        swept = []
        for place in sorted(self._host.trees.known() - {life.place for life in self._lives.values()}):
            pids = list(self._host.trees.members(place, None))
            removed = not dry_run and self._clear(place)
            swept.append({"id": container_of(place), "pids": pids, "removed": removed})
        return swept

    def _clear(self, place: str, wait_s: float = _FIRST_RETRY_S) -> bool:
        """Kills what is in a cgroup and removes it, if need be a little later; whether it is gone already."""
        life = self._lives.get(container_of(place))
        if life is not None and life.place == place:
            return False
        self._host.trees.kill(place, None)
        if self._host.trees.remove(place):
            return True
        if wait_s < _CLEARING_MAX_S:
            self._host.loop.call_later(wait_s, lambda: self._clear(place, wait_s * 2))
        return False

    def stop_all(self, grace_s: float, done: Callable[[], None]) -> None:
        """Stops all containers and calls back when nothing lives."""
        waiting = {container_id for container_id, life in self._lives.items() if not life.ended}

        def ended(container_id: str, _: dict[str, Any] | Refused) -> None:
            waiting.discard(container_id)
            if not waiting:
                done()

        if not waiting:
            done()
        for container_id in sorted(waiting):
            self.stop(container_id, grace_s, partial(ended, container_id))

    def stats(self, container_ids: list[str] | None) -> dict[str, Any]:
        """What running containers use, by id."""
        wanted = self._lives if container_ids is None else container_ids
        lives = [life for i in wanted if (life := self._lives.get(i)) is not None and not life.ended]
        return {life.record.id: life.usage() for life in lives}

    def _life(self, container_id: str) -> Life:
        life = self._lives.get(container_id)
        if life is None:
            raise _unknown(container_id)
        return life


def _unknown(container_id: str) -> Refused:
    return Refused(NO_SUCH_CONTAINER, f"no container {container_id!r}")
