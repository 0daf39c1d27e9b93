"""The words between agent and supervisor: JSON, one message a line.

    → {"id": 7, "op": "start", "container": "u.web.0", "argv": ["sleep", "9"], "env": {…}, …}
    ← {"id": 7, "ok": {…}}                      or  {"id": 7, "error": {"kind": …, "errno": …, "message": …}}
    ← {"event": "container", "container": {…}}  after {"op": "list", "watch": true}

Operations: `hello`, `start`, `list`, `signal`, `stop`, `kill_after`, `execute`, `attach` (after which the connection is
its own: see `attaching`), `remove`, `resize`, `bound`, `stats`, `pids`, `sweep`, `shutdown`, and `grant`, which is not
answered. Replies may come in any order. Bytes that are not UTF-8 travel
as lone surrogates, as Python's file system encoding has them.
"""

import re
import signal
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from node_agent.cgroup.port import Limits, limits_in
from node_agent.supervisor.security import PLAIN, Security, security_of
from node_agent.supervisor.stdio import NO_STDIO, Stdio, stdio_of
from node_agent.supervisor.tree import LEVELS, TOP

T = TypeVar("T")

PROTOCOL = 7
EXIT_HELD = 75
"""The exit status of a supervisor whose state folder is held by another one."""

LINE_BYTES_MAX = 4 * 1024 * 1024

BAD_REQUEST = "bad_request"
START_FAILED = "start_failed"
NO_SUCH_CONTAINER = "no_such_container"
NO_STDIN = "no_stdin"
FENCED = "fenced"
FAILED = "failed"

_CONTAINER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, kind: str, message: str, errno: int | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.errno = errno

    def public(self) -> dict[str, Any]:
        """The error as the client sees it."""
        return {"kind": self.kind, "errno": self.errno, "message": str(self)}


class Fence(NamedTuple):
    """How long a container may run without a new grant of the node's lease (None: as long as the lease lasts).

    `grace_s` is what its programs would like to have between SIGTERM and SIGKILL.
    """

    stop_after_s: float | None
    grace_s: float


Answer = Callable[[dict[str, Any] | Refused], None]
"""How the sender of a request is answered, now or later."""


class StartRequest(NamedTuple):
    """A checked request to start a container."""

    id: str
    argv: list[str]
    env: dict[str, str]
    working_dir: str | None
    limits: Limits
    log_path: str
    log_max_bytes: int
    log_max_files: int
    annotations: dict[str, str]
    fence: Fence | None
    level: str
    oom_score_adj: int | None
    security: Security = PLAIN
    stop_signal: int = signal.SIGTERM
    stdio: Stdio = NO_STDIO

    @classmethod
    def of(cls, message: dict[str, Any]) -> "StartRequest":
        """Reads a message.

        Raises:
            Refused: Something is missing or has the wrong type.
        """
        argv = _argv(message)
        log = _object(message, "log")
        log_path = log.get("path")
        if not isinstance(log_path, str) or not log_path.startswith("/"):
            raise Refused(BAD_REQUEST, "log.path must be an absolute path")
        return cls(
            id=container_id_of(message),
            argv=argv,
            env=_strings(message, "env"),
            working_dir=_optional_string(message, "working_dir"),
            limits=limits_of(message),
            log_path=log_path,
            log_max_bytes=whole_number(log, "max_bytes") or 10 * 1024 * 1024,
            log_max_files=whole_number(log, "max_files") or 5,
            annotations=_strings(message, "annotations"),
            fence=_fence(message),
            level=level_of(message),
            oom_score_adj=_oom_score_adj(message),
            security=_read(security_of, message),
            stop_signal=_stop_signal(message),
            stdio=_read(stdio_of, message),
        )


class Files(NamedTuple):
    """Paths that a command reads and writes instead of having its output kept: pipes, or three times a terminal."""

    stdin: str
    stdout: str
    stderr: str
    terminal: bool


class ExecRequest(NamedTuple):
    """A checked request to run a command in a container; `timeout_s` is None where it may take for ever.

    A command with `files` is talked with: it ends with the connection that asked for it.
    """

    container: str
    argv: list[str]
    env: dict[str, str]
    working_dir: str | None
    timeout_s: float | None
    output_bytes_max: int
    files: Files | None

    @classmethod
    def of(cls, message: dict[str, Any]) -> "ExecRequest":
        """Reads a message.

        Raises:
            Refused: Something is missing or has the wrong type.
        """
        return cls(
            container=container_id_of(message),
            argv=_argv(message),
            env=_strings(message, "env"),
            working_dir=_optional_string(message, "working_dir"),
            timeout_s=None if message.get("timeout_s") is None else seconds(message, "timeout_s"),
            output_bytes_max=whole_number(message, "output_bytes_max") or 0,
            files=_files(message),
        )


def container_id_of(message: dict[str, Any]) -> str:
    """The id of the container that a message is about.

    Raises:
        Refused: It is missing, or no name for a folder.
    """
    container_id = message.get("container")
    if not isinstance(container_id, str) or _CONTAINER_ID.fullmatch(container_id) is None or container_id in LEVELS:
        raise Refused(BAD_REQUEST, f"invalid container id {container_id!r}")
    return container_id


def limits_of(message: dict[str, Any]) -> Limits:
    """The limits in a message; what is left out is unlimited, and of huge pages nothing is allowed.

    Raises:
        Refused: One is no number, or is negative.
    """
    limits = _object(message, "limits")
    for name in limits.keys() & set(Limits._fields) - {"hugepages"}:
        whole_number(limits, name)
    try:
        return limits_in(limits)
    except (TypeError, ValueError):
        raise Refused(BAD_REQUEST, "hugepages must be pairs of a page size and an amount, in bytes") from None


def level_of(message: dict[str, Any]) -> str:
    """The level that a message is about; left out, the top.

    Raises:
        Refused: There is no such level.
    """
    level = message.get("level", TOP)
    if level not in LEVELS:
        raise Refused(BAD_REQUEST, f"unknown level {level!r}")
    return str(level)


def _oom_score_adj(message: dict[str, Any]) -> int | None:
    score = message.get("oom_score_adj")
    if score is not None and (not isinstance(score, int) or isinstance(score, bool) or not -1000 <= score <= 1000):
        raise Refused(BAD_REQUEST, "oom_score_adj must be a whole number from -1000 to 1000")
    return score


def _stop_signal(message: dict[str, Any]) -> int:
    number = message.get("stop_signal", int(signal.SIGTERM))
    if number not in signal.valid_signals():
        raise Refused(BAD_REQUEST, "stop_signal must be the number of a signal")
    return int(number)


def whole_number(message: dict[str, Any], name: str) -> int | None:
    """A number that is not negative, or None where it is left out."""
    number = message.get(name)
    if number is None:
        return None
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise Refused(BAD_REQUEST, f"{name} must be a whole number that is not negative")
    return number


def seconds(message: dict[str, Any], name: str) -> float:
    """A number of seconds that is not negative; 0 where it is left out."""
    number = message.get(name, 0)
    if not isinstance(number, int | float) or isinstance(number, bool) or not 0 <= number < 1e9:
        raise Refused(BAD_REQUEST, f"{name} must be a number of seconds that is not negative")
    return float(number)


def _fence(message: dict[str, Any]) -> Fence | None:
    if message.get("fence") is None:
        return None
    fence = _object(message, "fence")
    stop_after_s = None if fence.get("stop_after_s") is None else seconds(fence, "stop_after_s")
    return Fence(stop_after_s, seconds(fence, "grace_s"))


def _files(message: dict[str, Any]) -> Files | None:
    files = _object(message, "files")
    if not files:
        return None
    stdin, stdout, stderr = (str(files.get(name, "")) for name in ("stdin", "stdout", "stderr"))
    if not all(path.startswith("/") for path in (stdin, stdout, stderr)):
        raise Refused(BAD_REQUEST, "files must have the absolute paths stdin, stdout and stderr")
    return Files(stdin, stdout, stderr, terminal=bool(files.get("terminal")))


def _argv(message: dict[str, Any]) -> list[str]:
    argv = message.get("argv")
    if not isinstance(argv, list) or not argv or not all(isinstance(word, str) for word in argv):
        raise Refused(BAD_REQUEST, "argv must be a list of strings that is not empty")
    return argv


def _read(part_of: Callable[[dict[str, Any]], T], message: dict[str, Any]) -> T:
    try:
        return part_of(message)
    except ValueError as problem:
        raise Refused(BAD_REQUEST, str(problem)) from None


def _object(message: dict[str, Any], name: str) -> dict[str, Any]:
    value = message.get(name) or {}
    if not isinstance(value, dict):
        raise Refused(BAD_REQUEST, f"{name} must be an object")
    return value


def _strings(message: dict[str, Any], name: str) -> dict[str, str]:
    value = _object(message, name)
    if not all(isinstance(text, str) for text in value.values()):
        raise Refused(BAD_REQUEST, f"{name} must have strings as values")
    return value


def _optional_string(message: dict[str, Any], name: str) -> str | None:
    value = message.get(name)
    if value is not None and not isinstance(value, str):
        raise Refused(BAD_REQUEST, f"{name} must be a string")
    return value
