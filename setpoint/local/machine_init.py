"""The first process of a machine on this host: everything the machine runs descends from it.

It is a program of its own, run as `python -I -S machine_init.py [--own-network]`, and uses the standard library only
(and `control_groups`, which does the same).
As a *child subreaper* it becomes the parent of every orphan below it, so that no process of the machine can leave its
tree, whatever it forks, whichever session it opens and whoever of its parents is killed. That makes "all processes of
this machine" an exact set, without root and without cgroups: what the power switch, the freeze and the final clean-up
of a machine need. With `--own-network` it also opens a network namespace, which ends by itself with its last process.

Reads: requests, one JSON object a line, from its standard input (`{"id": 1, "do": "start", "argv": […], …}`).
Writes: one answer a request (`{"id": 1, "pid": 42}`, or `{"id": 1, "error": "…"}`) and `{"exited": pid, "code": n}`
for each program it started. The end of the input is the pulled plug: its owner is gone, even by `kill -9`, so it
kills everything below itself, removes the control groups that this leaves empty, and exits.
Never: decides anything by itself, or touches a process that does not descend from it.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[2]))

from setpoint.local import control_groups

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
ROUND_S = 0.01
ALL_GONE_WITHIN_S = 10.0

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    """Raise OSError of the calling thread's errno when a libc call failed."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _die_with_the_init() -> None:
    """Have the kernel kill this program when the init dies, since nobody else would still watch it."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def parents() -> dict[int, int]:
    """The parent of every living process (zombies left out), from `/proc/PID/stat` (proc(5))."""
    found: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, parent = (entry / "stat").read_bytes().rpartition(b")")[2].split()[:2]
        except (OSError, ValueError):
            continue  # It ended while we looked.
        if state not in (b"Z", b"X"):
            found[int(entry.name)] = int(parent)
    return found


def descendants(ancestor: int, from_level: int = 1) -> list[int]:
    """The living processes below `ancestor`, from its children (level 1) on, parents before their children."""
    children: dict[int, list[int]] = {}
    for pid, parent in parents().items():
        children.setdefault(parent, []).append(pid)
    levels = [[ancestor]]
    while levels[-1]:
        levels.append([child for pid in levels[-1] for child in children.get(pid, ())])
    return [pid for level in levels[from_level:] for pid in level]


def _send(pid: int, number: int) -> None:
    """Send a signal to a process that may have ended meanwhile."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


class Init:
    """Starts programs, reaps whatever dies below it, and carries out what its owner asks for."""

    def __init__(self) -> None:
        self._programs: dict[int, subprocess.Popen[bytes]] = {}
        self._verbs = {
            "start": self._start,
            "processes": self._processes,
            "signal_all": self._signal_all,
            "freeze": self._freeze,
            "kill_all": self._kill_all,
        }

    def serve(self) -> None:
        """Answer requests until the input ends."""
        woken, wake = os.pipe()
        os.set_blocking(woken, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        selector = selectors.DefaultSelector()
        selector.register(woken, selectors.EVENT_READ)
        selector.register(0, selectors.EVENT_READ)
        self._say({"ready": os.getpid()})
        unread = b""
        while True:
            for key, _ in selector.select():
                if key.fd == woken:
                    os.read(woken, 4096)
                    self._reap()
                    continue
                received = os.read(0, 65536)
                if not received:
                    return
                *lines, unread = (unread + received).split(b"\n")
                for line in lines:
                    self._answer(json.loads(line))

    def power_off(self) -> None:
        """Kill everything below, whoever may still listen."""
        self._kill_all({})

    def _answer(self, request: dict[str, Any]) -> None:
        try:
            answer = self._verbs[request["do"]](request)
        except OSError as error:
            answer = {"error": str(error)}
        self._say({"id": request["id"], **answer})

    def _say(self, message: dict[str, Any]) -> None:
        unsent = json.dumps(message).encode() + b"\n"
        try:
            while unsent:
                unsent = unsent[os.write(1, unsent) :]
        except BrokenPipeError:
            pass  # The owner is gone; the end of the input follows.

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        with Path(request["log"]).open("ab") as log:
            program = subprocess.Popen(
                request["argv"],
                env=request["env"],
                cwd=request["cwd"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_the_init,  # Safe: this program has one thread.
            )
        self._programs[program.pid] = program
        return {"pid": program.pid}

    def _reap(self) -> None:
        """Collect every child that ended, orphans included, and tell the owner about its own programs."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            program = self._programs.pop(pid, None)
            if program is not None:
                program.returncode = os.waitstatus_to_exitcode(status)
                self._say({"exited": pid, "code": program.returncode})

    def _processes(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"pids": descendants(os.getpid(), request["below"])}

    def _signal_all(self, request: dict[str, Any]) -> dict[str, Any]:
        pids = descendants(os.getpid())
        for pid in pids:
            _send(pid, request["signal"])
        return {"pids": pids}

    def _freeze(self, _request: dict[str, Any]) -> dict[str, Any]:
        """Stop everything, in rounds, since a process may fork between the look and the signal."""
        frozen: set[int] = set()
        while new := set(descendants(os.getpid())) - frozen:
            for pid in new:
                _send(pid, signal.SIGSTOP)
            frozen |= new
        return {"pids": sorted(frozen)}

    def _kill_all(self, _request: dict[str, Any]) -> dict[str, Any]:
        """Kill in rounds until nothing lives below; a process stuck in the kernel is named, not waited for forever.

        Nobody is left then who would remove the control groups of the dead.
        """
        killed: set[int] = set()
        groups: set[Path] = set()
        deadline = time.monotonic() + ALL_GONE_WITHIN_S
        while (living := descendants(os.getpid())) and time.monotonic() < deadline:
            groups.update(control_groups.bases_of(living))
            for pid in living:
                _send(pid, signal.SIGKILL)
            killed.update(living)
            time.sleep(ROUND_S)
            self._reap()
        self._reap()
        control_groups.remove(groups)
        return {"pids": sorted(killed), "left": living}


def main() -> int:
    """Become the init of a machine and serve its owner."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--own-network", action="store_true", help="open a network namespace")
    options = parser.parse_args()
    try:
        _checked(_libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl(PR_SET_CHILD_SUBREAPER)")
        if options.own_network:
            _checked(_libc.unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)")
    except OSError as error:
        sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
        return 1
    init = Init()
    try:
        init.serve()
    finally:
        init.power_off()
    return 0


if __name__ == "__main__":
    sys.exit(main())
