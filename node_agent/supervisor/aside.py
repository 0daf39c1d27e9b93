"""How a fork of the supervisor becomes a process that stands beside it, outlives it, and shares nothing with it."""

import os
import signal
import socket

_KEPT_FD = 3


def step_aside(kept: socket.socket) -> socket.socket:
    """Lets go of all that is the supervisor's but its standard streams and one socket, which is returned anew.

    For the child, right after the fork.
    """
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    os.dup2(kept.detach(), _KEPT_FD, inheritable=False)
    os.closerange(_KEPT_FD + 1, os.sysconf("SC_OPEN_MAX"))
    return socket.socket(fileno=_KEPT_FD)
