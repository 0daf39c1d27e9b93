"""What a start request says of a program's stdin and terminal, and reading it from a message."""

from typing import Any, NamedTuple


class Stdio(NamedTuple):
    """What a program reads from; Kubernetes: `stdin`, `stdinOnce` and `tty` of a container.

    Without `stdin` reads end at once. With it they wait for whoever is attached, and with `once` they end when the
    first client that could write has gone. With `tty` the program has a terminal, which is its output too.
    """

    stdin: bool = False
    once: bool = False
    tty: bool = False


NO_STDIO = Stdio()
"""Nothing to read, and two pipes to write to."""


def stdio_of(message: dict[str, Any]) -> Stdio:
    """Reads the part of a start request.

    Raises:
        ValueError: It is none.
    """
    told = message.get("stdio") or {}
    if not isinstance(told, dict) or not all(isinstance(told.get(name, False), bool) for name in Stdio._fields):
        raise ValueError("stdio must have true or false as stdin, once and tty")
    return Stdio(**{name: told.get(name, False) for name in Stdio._fields})
