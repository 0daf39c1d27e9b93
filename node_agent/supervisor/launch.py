"""Starts one program: fork, prepare, wait for the parent's word, execute.

The child talks to us over a socket pair that closes by itself when the program is executed. So we learn
without polling and without blocking which of the two happened: closed means executed, a message means that
it failed, with the error number and the file at fault. A failure to execute is therefore never mistaken for
an exit.

The child waits for one byte before it does anything. We send it after its pid was written to disk; if we die
before, the socket closes and the child leaves, so no process can exist that the next supervisor does not
know of.

What can be set from outside is set by us before that word, and the child is born in its cgroup where the kernel can do
that: each page of our memory that the child or we touch after the fork is copied, which is what a start costs most. For
the same reason those that are to start together are forked one right after the other (see `containers`).

*Never*: the child allocates little, takes no locks and returns to no caller; it ends in `execve` or `_exit`.
"""
# ruff: noqa: PTH110, PTH112

import errno
import json
import os
import resource
import signal
import socket
from typing import NamedTuple, NoReturn

from node_agent.cgroup import files
from node_agent.cgroup.port import Entrances
from node_agent.supervisor import kernel
from node_agent.supervisor.execve import Failure, execute, failure_of
from node_agent.supervisor.mounts import bind, enter_private_namespace, join_view, make_read_only
from node_agent.supervisor.privileges import Refusal, assume, set_limits
from node_agent.supervisor.processes import MARKER
from node_agent.supervisor.security import PLAIN, Security

_REPORT_BYTES = 8192
_UMASK = 0o022


class Program(NamedTuple):
    """What to execute, and in which surroundings; `sees_as` is a process of the container that it is executed in."""

    container_id: str
    argv: list[str]
    env: dict[str, str]
    working_dir: str | None
    stdout: str
    stderr: str
    entrances: Entrances
    open_files: tuple[int, int]
    oom_score_adj: int
    stdin: str = "/dev/null"
    stdin_flags: int = os.O_RDONLY
    output_flags: int = os.O_RDWR
    """Reading and writing: a workload keeps its own pipe alive, so our death sends it no SIGPIPE."""
    security: Security = PLAIN
    sees_as: int | None = None


class Launch:
    """A child that is on its way to its program."""

    def __init__(self, pid: int, line: socket.socket, program: Program) -> None:
        self.pid = pid
        self._line = line
        self._program = program

    def fileno(self) -> int:
        """The descriptor that becomes readable when the outcome is known."""
        return self._line.fileno()

    def go(self) -> None:
        """Sets what can be set from outside, and lets the child execute its program.

        Raises:
            OSError: The kernel refused; the child waits on.
        """
        try:
            resource.prlimit(self.pid, resource.RLIMIT_NOFILE, self._program.open_files)
        except ProcessLookupError:
            return  # It was killed; that will be noticed.
        # A courtesy: below what we inherited it needs a privilege, which unprivileged nodes lack.
        files.write_if_possible(f"/proc/{self.pid}/oom_score_adj", str(self._program.oom_score_adj))
        try:
            self._line.send(b"g")
        except OSError:
            return  # The child failed before it waited; its report is in the socket.

    def outcome(self) -> Failure | None:
        """Reads the report, once the descriptor is readable; None means that the program was executed."""
        try:
            report = self._line.recv(_REPORT_BYTES)
        except OSError:
            report = b""
        self.close()
        return Failure(**json.loads(report)) if report else None

    def close(self) -> None:
        """Lets go of the child; it leaves if it had not been told to go on."""
        self._line.close()

    def abort(self) -> None:
        """Ends a child that was not told to go on, and waits until it is gone."""
        self.close()
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def launch(program: Program) -> Launch:
    """Forks a child that prepares itself and then waits for `go`.

    Raises:
        OSError: The machine is out of processes or memory.
    """
    kernel.load()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        pid, entrances = _fork(program.entrances)
    except OSError:
        ours.close()
        theirs.close()
        raise
    if pid == 0:
        _become(program, entrances, ours, theirs)
    theirs.close()
    return Launch(pid, ours, program)


def _fork(entrances: Entrances) -> tuple[int, tuple[str, ...]]:
    """As `os.fork`; besides, the files by which the child has still to enter its cgroup."""
    if entrances.birthplace is None:
        return os.fork(), entrances.files
    try:
        return kernel.fork_into(entrances.birthplace), entrances.files
    except OSError:  # An older kernel, or a sandbox that does not know the call.
        return os.fork(), (entrances.birthplace + "/cgroup.procs", *entrances.files)


def _become(program: Program, entrances: tuple[str, ...], ours: socket.socket, theirs: socket.socket) -> NoReturn:
    """The child's whole life before its program."""
    try:
        ours.close()
        # The word is read before a failure is told: closing a socket with unread bytes would discard the report.
        if theirs.recv(1) == b"g":
            failure = _prepared(program, entrances) or execute(
                program.argv, {**program.env, MARKER: program.container_id}
            )
            theirs.send(json.dumps({"errno": failure.errno, "message": failure.message}).encode()[:_REPORT_BYTES])
    finally:
        os._exit(127)


def _prepared(program: Program, entrances: tuple[str, ...]) -> Failure | None:
    """Prepares the process; None when that has succeeded."""
    try:
        return _prepare(program, entrances)
    except Refusal as problem:
        return Failure(problem.errno, str(problem))
    except (OSError, ValueError) as problem:
        return Failure(
            getattr(problem, "errno", None) or errno.EINVAL, f"cannot prepare the process: {kernel.words_of(problem)}"
        )


def _prepare(program: Program, entrances: tuple[str, ...]) -> Failure | None:
    """A session of its own, its cgroup, its output and its folder.

    We ignore no signal and block none, so all have their defaults once the program is executed; until then no handler
    of ours may wake us.
    """
    signal.set_wakeup_fd(-1)
    os.setsid()
    os.umask(_UMASK)
    for entrance in entrances:
        if (failure := _enter(entrance)) is not None:
            return failure
    # The first terminal that the leader of a new session opens controls the session.
    _redirect(program.stdin, program.stdin_flags, 0)
    _redirect(program.stdout, program.output_flags, 1)
    _redirect(program.stderr, program.output_flags, 2)
    if program.security != PLAIN:
        set_limits(program.security)
        _see_file_systems(program)
    folder = program.working_dir or "/"
    problem = _entered(folder)
    if program.security != PLAIN:
        assume(program.security)
    # A folder may be open to the user only (NFS), or to the supervisor only (the pod's own, below a private one).
    if problem is not None and (problem := _entered(folder)) is not None:
        return failure_of(problem, f"cannot enter working directory {folder!r}")
    return None


def _see_file_systems(program: Program) -> None:
    """Gives the program a view of its own of the file systems, or that of its container, if it needs one."""
    security = program.security
    if not security.read_only_root and not security.mounts:
        return
    try:
        if program.sees_as is not None:
            join_view(program.sees_as)
            return
        enter_private_namespace()
    except OSError as problem:
        raise Refusal("give it a view of its own of the file systems", problem) from None
    for source, path, read_only in security.mounts:
        try:
            bind(source, path, read_only=read_only)
        except OSError as problem:
            raise Refusal(f"mount {_kind(source)} at {path!r}{_obstacle(source, path)}", problem) from None
    if security.read_only_root:
        try:
            make_read_only([path for _, path, read_only in security.mounts if not read_only])
        except OSError as problem:
            raise Refusal("make the file systems read-only", problem) from None


def _kind(path: str) -> str:
    return "a folder" if os.path.isdir(path) else "a file"


def _obstacle(source: str, path: str) -> str:
    """What is there already, if it is of another kind: the kernel has no good word for that."""
    if not os.path.exists(path) or os.path.isdir(source) == os.path.isdir(path):
        return ""
    return f" ({_kind(path)} is there)"


def _entered(folder: str) -> OSError | None:
    try:
        os.chdir(folder)
    except OSError as problem:
        return problem
    return None


def _enter(entrance: str) -> Failure | None:
    try:
        fd = os.open(entrance, os.O_WRONLY | os.O_CLOEXEC)
        os.write(fd, b"0")
        os.close(fd)
    except OSError as problem:
        return failure_of(problem, f"cannot enter cgroup {entrance!r}")
    return None


def _redirect(path: str, flags: int, target: int) -> None:
    fd = os.open(path, flags)
    os.dup2(fd, target, inheritable=True)
    os.close(fd)
