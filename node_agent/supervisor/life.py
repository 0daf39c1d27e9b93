"""One container's life: launching, running, emptying, ended.

    launching   the child was forked and its pid is on disk; whether the program could be executed is not known yet
    running     the program was executed, or adopted from an earlier supervisor
    emptying    its first process has ended; what it left behind is being killed
    ended       nothing of it lives; the outcome is on disk and was told to everyone who waited

A life only moves forward. What ends it is always noticed, never asked for in turns: by SIGCHLD for our
children, by a pidfd for adopted processes.
"""

import errno
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from node_agent.cgroup.port import Entrances, Limits
from node_agent.supervisor.deadline import Deadline
from node_agent.supervisor.emptying import empty, remove_group
from node_agent.supervisor.ends import Ends, Files
from node_agent.supervisor.execve import Failure
from node_agent.supervisor.first_process import AdoptedProcess, signal_group
from node_agent.supervisor.guard import Charge
from node_agent.supervisor.host import Host
from node_agent.supervisor.kernel import words_of
from node_agent.supervisor.launch import Launch, Program, launch
from node_agent.supervisor.logfile import RotatedLog
from node_agent.supervisor.loop import note
from node_agent.supervisor.oom import OomWatch
from node_agent.supervisor.processes import start_ticks
from node_agent.supervisor.record import EXITED, Record
from node_agent.supervisor.security import PLAIN, Security
from node_agent.supervisor.stdio import NO_STDIO, Stdio
from node_agent.supervisor.tree import place_of
from node_agent.supervisor.waiters import Waiters
from node_agent.supervisor.wire import Fence, StartRequest

_HANG_UP_GRACE_S = 2.0


class Life:
    """A container in memory; `record` is what is on disk of it."""

    def __init__(self, host: Host, record: Record, request: StartRequest | None = None) -> None:
        self.record = record
        self.ended = False
        self.place = place_of(record.level, record.id)
        self.oom_score_adj = host.oom_score_adj if record.oom_score_adj is None else record.oom_score_adj
        self._host = host
        self._request = request
        self.ends = Ends(
            host.loop, host.store, record.id, host.shelf.place(record.id),
            RotatedLog(record.log_path, record.log_max_bytes, record.log_max_files),
            NO_STDIO if record.stdio is None else Stdio(*record.stdio), self._on_input_ended,
        )  # fmt: skip
        self._launch: Launch | None = None
        self._failure: Failure | None = None
        self._early_status: int | None = None
        self._deadline = Deadline(host.loop, self._kill)
        self._told_to_stop = False
        self._oom: OomWatch | None = None
        self._launched: Waiters[Failure | None] = Waiters()
        self._over: Waiters[None] = Waiters()

    def begin(self) -> Iterator[None]:
        """Forks the program's process and lets it go once its pid is on disk; pauses before and after the fork.

        Where something that is needed for it fails, those who wait are told, and nothing of the container is left.
        """
        request = self._request
        assert request is not None, "only a life that was asked for begins"
        try:
            files = self.ends.make(request.security.uid)
            entrances = self._host.trees.prepare(self.place, request.limits)
            self._watch_oom()
            program = self._program(request, files, entrances)
            yield
            self._launch = launch(program)
            yield
            pid, boot_id = self._launch.pid, self._host.boot_id
            self.record = self.record._replace(
                pid=pid, start_ticks=start_ticks(pid), boot_id=boot_id, started_at_s=time.time()
            )
            self._host.shelf.save(self.record)
            self._launch.go()
        except (OSError, ValueError) as problem:
            number = getattr(problem, "errno", None) or errno.EINVAL
            self._on_failed(Failure(number, f"cannot start {self.record.id}: {words_of(problem)}"))
            return
        self._request = None
        self._host.loop.watch(self._launch.fileno(), lambda events: self._on_launched())

    def _program(self, request: StartRequest, files: Files, entrances: Entrances) -> Program:
        return Program(
            request.id, request.argv, request.env, request.working_dir, **files._asdict(), entrances=entrances,
            open_files=self._host.open_files, oom_score_adj=self.oom_score_adj, security=request.security,
        )  # fmt: skip

    def _on_launched(self) -> None:
        assert self._launch is not None
        self._host.loop.forget(self._launch.fileno())
        self._failure, self._launch = self._launch.outcome(), None
        if self._failure is None:
            self._host.changed(self)
            self._launched.tell(None)
        if self._early_status is not None:
            self.on_child_ended(self._early_status)

    def _on_failed(self, failure: Failure) -> None:
        """The child that could not execute the program is gone (or never was), so its cgroup can be removed."""
        self._abandon()
        self._request = self._failure = None
        self._launched.tell(failure)

    def _abandon(self) -> None:
        """Leaves nothing of a container that never ran."""
        self.ended = True
        if self._launch is not None:
            self._launch.abort()
            self._launch = None
        self.ends.finish()
        if self._oom is not None:
            self._oom.close()
        self.ends.log.remove_if_empty()
        self._remove_cgroup()
        self._host.shelf.drop(self.record.id)

    def adopt(self) -> None:
        """Takes over a container of an earlier supervisor, whatever became of it meanwhile."""
        self._launched.tell(None)
        if self.record.phase == EXITED:
            self.ended = True
            self._over.tell(None)
            self._host.trees.kill(self.place, self.leader)
            self._remove_cgroup()
        elif self.record.boot_id != self._host.boot_id:
            self._become_ended(self.record.ended_by_reboot(time.time()))
        else:
            self._adopt_process()

    def _adopt_process(self) -> None:
        has_terminal = self.ends.adopt(input_ended=self.record.stdin_ended)
        pid, ticks = self.record.pid or 0, self.record.start_ticks or 0
        adopted = AdoptedProcess(self._host.loop, pid, ticks, self._on_first_process_ended)
        if adopted.alive:
            self._watch_oom()
            adopted.follow()
            if not has_terminal:  # The kernel has sent SIGHUP; who ignores that would go on unheard.
                note(f"container={self.record.id} is stopped: its terminal ended with its holder")
                self.stop(_HANG_UP_GRACE_S)
        else:
            self._on_first_process_ended(adopted.status())

    def _watch_oom(self) -> None:
        self._oom = OomWatch(self._host.loop, self._host.trees, self.place, self._kill)

    def on_child_ended(self, status: int) -> None:
        """Our child, the first process, has ended with this wait status."""
        if self.ended:
            return
        if self._launch is not None:
            self._early_status = status
        elif self._failure is not None:
            self._on_failed(self._failure)
        else:
            self._on_first_process_ended(status)

    def _on_first_process_ended(self, status: int | None) -> None:
        """A container ends with its first process (Kubernetes: pod-lifecycle), so the others are killed."""
        ended_record = self.record.ended(status, time.time())
        conclude = partial(self._conclude, ended_record)
        self._deadline.cancel()
        self.ends.close_input()
        if self._host.trees.members(self.place, self.leader):
            self._save(ended_record)
            empty(self._host.loop, self._host.trees, self.place, lambda: self.leader, conclude)
        else:
            conclude()

    def _conclude(self, ended_record: Record) -> None:
        """Nothing of it lives any more: takes the last output, notes the outcome, tells everyone."""
        self.ends.finish()
        if self._oom is not None:
            self._oom.close()
        if self._host.trees.oom_killed(self.place):
            ended_record = ended_record.blaming_memory()
        self._remove_cgroup()
        self._become_ended(ended_record)

    def _remove_cgroup(self) -> None:
        remove_group(self._host.loop, self._host.trees, self.place)

    def _become_ended(self, ended_record: Record) -> None:
        self.record, self.ended = ended_record, True
        self._save(self.record)
        self._host.changed(self)
        self._over.tell(None)

    def _save(self, record: Record) -> None:
        """Saves the outcome. A full disk costs only what a later supervisor would know."""
        try:
            self._host.shelf.save(record)
        except OSError as problem:
            note(f"container={record.id} the outcome could not be saved: {problem}")

    @property
    def launching(self) -> bool:
        """Whether it is not known yet if the program could be executed."""
        return self._request is not None or self._launch is not None or self._failure is not None

    def public(self) -> dict[str, Any]:
        """What clients are told."""
        return {**self.record.public(), "log_dropped_bytes": self.ends.log.dropped_bytes}

    def usage(self) -> dict[str, int | None]:
        """What it uses now."""
        return self._host.trees.usage(self.place, self.leader)._asdict()

    @property
    def takes_input(self) -> bool:
        """Whether a client may write what its program reads."""
        return self.ends.stdio.stdin and not self.record.stdin_ended

    def _on_input_ended(self) -> None:
        self.record = self.record._replace(stdin_ended=True)
        self._save(self.record)

    def resize(self, limits: Limits) -> None:
        """Gives it other limits while it runs; one that has ended stays as it is.

        Raises:
            OSError: The kernel refused, for example less memory than is used; the former limits are in force.
        """
        if self.ended:
            return
        self._host.trees.change(self.place, self.record.limits_in_force, limits)
        self.record = self.record.with_limits(limits)
        self._save(self.record)
        self._host.changed(self)

    @property
    def security(self) -> Security:
        """As whom it runs, and what it may."""
        return PLAIN if self.record.security is None else Security(*self.record.security)

    @property
    def leader(self) -> int | None:
        """The first process, whose session tells its descendants; None once its pid may mean another process."""
        pid = self.record.pid
        if self.ended or pid is None or start_ticks(pid) not in (None, self.record.start_ticks):
            return None
        return pid

    def when_launched(self, tell: Callable[[Failure | None], None]) -> None:
        """Calls back with the outcome of the launch, at once if it is known."""
        self._launched.add(tell)

    def when_ended(self, tell: Callable[[], None]) -> None:
        """Calls back when nothing of it lives, at once if so."""
        self._over.add(lambda _: tell())

    def signal(self, number: int) -> None:
        """Signals the process group; nothing happens when the first process has ended."""
        if not self.ended:
            signal_group(self.record.pid, self.record.start_ticks, number)

    def stop(self, grace_s: float) -> None:
        """Its stop signal now, SIGKILL to everything after the grace; asked again, it can only get shorter."""
        if self.ended:
            return
        if not self._told_to_stop and grace_s > 0:
            self._told_to_stop = True
            self.signal(self.record.stop_signal)
        self.kill_after(grace_s)

    def kill_after(self, grace_s: float) -> None:
        """SIGKILL to everything after the grace; asked again, it can only get shorter."""
        if not self.ended:
            self._deadline.within(grace_s)

    @property
    def fence(self) -> Fence | None:
        """How long it may run without a grant; None for ever, and once it has ended or was stopped for it."""
        return None if self.record.fence is None or self.record.fenced or self.ended else Fence(*self.record.fence)

    @property
    def charge(self) -> Charge | None:
        """What its guard has to know; None without a fence or a process."""
        pid, ticks = self.record.pid, self.record.start_ticks
        return None if self.fence is None or pid is None else Charge(self.place, pid, ticks or 0, self.fence)

    def when_running(self, tell: Callable[[], None]) -> None:
        """Calls back once its program runs; never if it cannot be executed."""
        self.when_launched(lambda failure: None if failure else tell())

    def stop_fenced(self, grace_s: float) -> None:
        """Stops it because the node's lease has run out; that is remembered as the reason of its end."""
        self.record = self.record._replace(fenced=True)
        self._save(self.record)
        self.when_launched(lambda failure: self.stop(grace_s))

    def _kill(self) -> None:
        self.signal(signal.SIGKILL)
        self._host.trees.kill(self.place, self.leader)

    def erase(self) -> None:
        """Deletes all that is left of an ended container."""
        self.ends.log.remove()
        self._host.trees.kill(self.place, self.leader)
        self._remove_cgroup()
        self._host.shelf.drop(self.record.id)
