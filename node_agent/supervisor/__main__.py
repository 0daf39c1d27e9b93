"""The supervisor's program: `python -S -m node_agent.supervisor --state-dir DIR --socket PATH --node NAME`.

Exit status: 0 after a shutdown or SIGTERM (workloads go on, unless the shutdown said otherwise), 1 if it
cannot start, 75 if another supervisor holds the state folder.
"""
# ruff: noqa: PTH100, PTH103, PTH116

import errno
import fcntl
import os
import sys
import time
from collections.abc import Callable

from node_agent.cgroup import files
from node_agent.cgroup.detect import base_name, detect
from node_agent.cgroup.none import NoCgroups
from node_agent.cgroup.port import Cgroups
from node_agent.supervisor.descriptors import take_all
from node_agent.supervisor.home import remember_home, return_home
from node_agent.supervisor.loop import note
from node_agent.supervisor.program import Home, Supervisor
from node_agent.supervisor.record import UnknownFormat
from node_agent.supervisor.tree import WORKLOADS
from node_agent.supervisor.wire import EXIT_HELD

_OOM_SCORE_ADJ = "/proc/self/oom_score_adj"
_PROTECTED = -999
_REMOVALS_MAX = 25
_REMOVAL_PAUSE_S = 0.02
_USAGE = (
    "usage: python -S -m node_agent.supervisor --state-dir DIR --socket PATH [--node NAME] [--no-cgroups] [--daemon]"
)


def main(arguments: list[str] | None = None) -> int:
    """Runs the supervisor until it is told to leave; with `--daemon`, returns as soon as it listens."""
    try:
        options = _options(sys.argv[1:] if arguments is None else arguments)
    except ValueError as problem:
        print(f"{problem}\n{_USAGE}", file=sys.stderr)
        return 2
    if "--daemon" in options:
        return _in_background(lambda ready: _run(options, ready))
    return _run(options, lambda: None)


def _run(options: dict[str, str], ready: Callable[[], None]) -> int:
    state_dir = os.path.abspath(options["--state-dir"])
    os.umask(0o077)
    try:
        os.makedirs(state_dir, mode=0o700, exist_ok=True)
        lock = _lock(state_dir)
        if lock is None:
            note(f"another supervisor holds {state_dir}")
            return EXIT_HELD
        open_files = take_all()
        oom_score_adj = _protect()
        cgroups = _cgroups(options, state_dir)
        try:
            socket_path = os.path.abspath(options["--socket"])
            home = Home(state_dir, socket_path, lambda: _holds(state_dir, lock))
            Supervisor(home, cgroups, open_files, oom_score_adj).run(ready)
        finally:
            if _holds(state_dir, lock):
                _remove_base(cgroups)
    except (OSError, UnknownFormat) as problem:
        note(f"cannot start: {problem}")
        return 1
    return 0


def _in_background(run: Callable[[Callable[[], None]], int]) -> int:
    """Runs it in a child that is nobody's; returns 0 when it is ready, or its exit status when it failed before."""
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid > 0:
        os.close(write_fd)
        is_ready = os.read(read_fd, 1) == b"r"
        return 0 if is_ready else os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(read_fd)
    os.setsid()

    def ready() -> None:
        os.write(write_fd, b"r")
        os.close(write_fd)

    return run(ready)


def _cgroups(options: dict[str, str], state_dir: str) -> Cgroups:
    if "--no-cgroups" in options:
        return NoCgroups("cgroups are switched off")
    return_home(state_dir)
    cgroups = detect(base_name(options.get("--node", "node"), state_dir))
    remember_home(state_dir)
    return cgroups


def _options(arguments: list[str]) -> dict[str, str]:
    """Reads the options; argparse would cost a megabyte of memory."""
    options, words = {}, list(arguments)
    while words:
        word = words.pop(0)
        if word in ("--no-cgroups", "--daemon"):
            options[word] = ""
        elif word in ("--state-dir", "--socket", "--node") and words:
            options[word] = words.pop(0)
        else:
            raise ValueError(f"unknown or incomplete option {word}")
    for needed in ("--state-dir", "--socket"):
        if needed not in options:
            raise ValueError(f"{needed} is missing")
    return options


def _remove_base(cgroups: Cgroups) -> None:
    """Removes what holds the containers' cgroups, if no container is left in it.

    Processes that another parent has to reap occupy their group a moment longer than they live.
    """
    if cgroups.procs(WORKLOADS):
        return
    for _ in range(_REMOVALS_MAX):
        if cgroups.remove(WORKLOADS):
            cgroups.remove("")
            return
        time.sleep(_REMOVAL_PAUSE_S)


def _lock(state_dir: str) -> int | None:
    """Locks the state folder for as long as we live; None when another supervisor does."""
    try:
        fd = os.open(state_dir + "/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        if problem.errno != errno.EROFS:
            raise
        fd = os.open(state_dir + "/lock", os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def _holds(state_dir: str, lock: int) -> bool:
    """Whether the state folder is still the one that we have locked, and was not removed or made anew."""
    try:
        return os.path.samestat(os.fstat(lock), os.stat(state_dir + "/lock"))
    except OSError:
        return False


def _protect() -> int:
    """Makes us one of the last that the kernel kills for memory, as the kubelet is; the score that we were given."""
    given = files.read_number(_OOM_SCORE_ADJ) or 0
    files.write_if_possible(_OOM_SCORE_ADJ, str(_PROTECTED))
    return given


if __name__ == "__main__":
    sys.exit(main())
