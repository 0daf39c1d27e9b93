"""What clients ask a node of its running programs: a line to one of them, and which processes there are.

The other requests to nodes are in `proto.node`.
"""

from __future__ import annotations

from typing import Any

from proto.node import TerminalSize
from proto.objects.meta import Many, Model


class AttachRequest(Model):
    """A line to a container's own program: its output from now on, and its stdin if that is wanted.

    `terminal` is the size that the program's terminal, if it has one, is to have now.
    """

    namespace: str
    pod: str
    container: str = ""
    stdin: bool = False
    terminal: TerminalSize | None = None


class ProcessesRequest(Model):
    """Tell the processes of a pod, or of one container of it."""

    namespace: str
    pod: str
    container: str = ""


class ProcessOfContainer(Model):
    """One process. `state` is the letter of ps, `memory_bytes` what is resident, `started_at` Unix time.

    `cpu_s` is the processor time used so far, `cpu_percent` that in percent of the time since its start, as ps counts.
    """

    container: str
    pid: int
    parent_pid: int
    user: str
    state: str
    cpu_s: float = 0.0
    cpu_percent: float = 0.0
    memory_bytes: int = 0
    threads: int = 1
    started_at: float
    command: Many[str] = ()


class ProcessesReply(Model):
    """Those of the containers that run, in the order of the spec, each container's by pid.

    So many more were `omitted`, since no reply has room for them. With `error`, a Status, there are none.
    """

    processes: Many[ProcessOfContainer] = ()
    omitted: int = 0
    error: dict[str, Any] | None = None
