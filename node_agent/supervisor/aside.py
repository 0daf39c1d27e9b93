"""How a fork of the supervisor becomes a process that stands beside it, outlives it, and shares nothing with it."""

import os
import signal
import socket

_KEPT_FD = 3


def step_aside(kept: socket.socket, name: str) -> socket.socket:
    """Lets go of all that is the supervisor's but its standard streams and one socket, which is returned anew.

    For the child, right after the fork. It takes a name, so that who lists processes does not take it for the
    supervisor.
    """
    os.setsid()
    _take_name(name)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    os.dup2(kept.detach(), _KEPT_FD, inheritable=False)
    os.closerange(_KEPT_FD + 1, os.sysconf("SC_OPEN_MAX"))
    return socket.socket(fileno=_KEPT_FD)


def _take_name(name: str) -> None:
    comm = os.open("/proc/self/comm", os.O_WRONLY | os.O_CLOEXEC)
    os.write(comm, name.encode())
    os.close(comm)
