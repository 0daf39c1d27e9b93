"""Commands in a running container, beside its program: for probes, hooks and people.

A command is a child of ours in the container's cgroup, in a session of its own. Its output is kept in one pipe and told
at the end, or it reads and writes files that whoever asked has opened: pipes or a terminal, in which we have no part.
It is killed when its time is over, and with everything else when the container ends; with files of the asker's, also
when the asker's connection ends. Nothing of it is on disk: if we die, it lives on in the cgroup until the container
ends, and whoever asked asks again.

*Writes* nothing. *Never* blocks; keeps no more output than was asked for, and drops the rest.
"""

import os
import signal
from typing import Any

from node_agent.supervisor.launch import Launch, Program, launch
from node_agent.supervisor.life import Life
from node_agent.supervisor.loop import Loop, Timer
from node_agent.supervisor.processes import session_of
from node_agent.supervisor.tree import Trees
from node_agent.supervisor.wire import START_FAILED, Answer, ExecRequest, Files, Refused

_CHUNK_BYTES = 64 * 1024
_HANG_UP_GRACE_S = 5.0
"""What an editor has to save its work when its person has vanished, a copy to clear away on a busy disk."""
_CHUNKS_AT_END_MAX = 16  # A pipe holds one; who still writes has left the command's own life.


class Execution:
    """One command under way."""

    def __init__(self, loop: Loop, trees: Trees, life: Life, request: ExecRequest, answer: Answer) -> None:
        self.pid = 0
        self._loop = loop
        self._trees = trees
        self._life = life
        self._request = request
        self._answer = answer
        self._launch: Launch | None = None
        self._output = bytearray()
        self._read_fd = -1
        self._timer: Timer | None = None
        self._timed_out = False
        self._failure: Refused | None = None
        self._status: int | None = None

    def begin(self, open_files: tuple[int, int]) -> None:
        """Forks the command and lets it go.

        Raises:
            OSError: The machine is out of processes, memory or descriptors.
        """
        if self._request.files is None:
            self._launch = self._launch_kept(open_files)
        else:
            self._launch = launch(self._program(self._request.files, open_files))
        self.pid = self._launch.pid
        self._loop.watch(self._launch.fileno(), lambda events: self._on_launched())
        if self._request.timeout_s is not None:
            self._timer = self._loop.call_later(self._request.timeout_s, self._on_time_over)
        self._launch.go()

    def on_ended(self, status: int) -> None:
        """The command's process has ended with this wait status."""
        self._status = status
        if self._launch is None:
            self._conclude()

    def hang_up(self) -> None:
        """Ends the command and what it started in its session, since nobody talks with it any more."""
        if self._status is not None:
            return
        self._signal_session(signal.SIGHUP)
        self._loop.call_later(_HANG_UP_GRACE_S, lambda: self._signal_session(signal.SIGKILL))

    def _signal_session(self, number: int) -> None:
        """Signals all of its session: an interactive shell gives each of its jobs a group of its own."""
        for pid in self._trees.members(self._life.place, None):
            if session_of(pid) == self.pid:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue

    def _launch_kept(self, open_files: tuple[int, int]) -> Launch:
        """Launches it with its output in a pipe of ours."""
        self._read_fd, write_fd = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        output = f"/proc/self/fd/{write_fd}"
        try:
            launched = launch(self._program(Files("/dev/null", output, output, terminal=False), open_files))
        except OSError:
            os.close(self._read_fd)
            raise
        finally:
            os.close(write_fd)
        self._loop.watch(self._read_fd, lambda events: self._on_output())
        return launched

    def _program(self, files: Files, open_files: tuple[int, int]) -> Program:
        """A command runs as the container's program does: as the same user, with the same rights and view."""
        request = self._request
        return Program(
            container_id=request.container,
            argv=request.argv,
            env=request.env,
            working_dir=request.working_dir,
            stdin=files.stdin,
            stdout=files.stdout,
            stderr=files.stderr,
            stdin_flags=os.O_RDWR if files.terminal else os.O_RDONLY,
            output_flags=os.O_RDWR if files.terminal else os.O_WRONLY,
            entrances=self._trees.entrances(self._life.place),
            open_files=open_files,
            oom_score_adj=self._life.oom_score_adj,
            security=self._life.security,
            sees_as=self._life.leader,
        )

    def _on_launched(self) -> None:
        assert self._launch is not None
        self._loop.forget(self._launch.fileno())
        failure, self._launch = self._launch.outcome(), None
        if failure is not None:
            self._failure = Refused(START_FAILED, failure.message, failure.errno)
        if self._status is not None:
            self._conclude()

    def _on_output(self) -> None:
        if self._take() == 0:
            self._release()

    def _take(self) -> int | None:
        """Reads one chunk; how many bytes it had, 0 when all writers are gone, None when nothing is there."""
        try:
            chunk = os.read(self._read_fd, _CHUNK_BYTES)
        except BlockingIOError:
            return None
        self._output += chunk[: max(0, self._request.output_bytes_max - len(self._output))]
        return len(chunk)

    def _release(self) -> None:
        if self._read_fd >= 0:
            self._loop.forget(self._read_fd)
            os.close(self._read_fd)
            self._read_fd = -1

    def _on_time_over(self) -> None:
        """Kills the command and what it started in its session."""
        if self._status is not None:
            return
        self._timed_out = True
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            os.kill(self.pid, signal.SIGKILL)  # It has not made its session yet.

    def _conclude(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for _ in range(_CHUNKS_AT_END_MAX):
            if self._read_fd < 0 or not self._take():
                break
        self._release()
        self._answer(self._failure if self._failure is not None and not self._timed_out else self._outcome())

    def _outcome(self) -> dict[str, Any]:
        code = os.waitstatus_to_exitcode(self._status or 0)
        return {
            "exit_code": code if code >= 0 else 128 - code,
            "output": self._output.decode("utf-8", "surrogateescape"),
            "timed_out": self._timed_out,
        }


class Executions:
    """All commands under way."""

    def __init__(self, loop: Loop, trees: Trees, open_files: tuple[int, int]) -> None:
        self._loop = loop
        self._trees = trees
        self._open_files = open_files
        self._by_pid: dict[int, Execution] = {}

    def begin(self, request: ExecRequest, life: Life, answer: Answer) -> Execution:
        """Begins a command in a container; the answer comes when it has ended.

        Raises:
            OSError: The machine is out of processes, memory or descriptors.
        """
        execution = Execution(self._loop, self._trees, life, request, answer)
        execution.begin(self._open_files)
        self._by_pid[execution.pid] = execution
        return execution

    def on_child_ended(self, pid: int, status: int) -> None:
        """One of our children has ended; most are none of ours."""
        execution = self._by_pid.pop(pid, None)
        if execution is not None:
            execution.on_ended(status)
