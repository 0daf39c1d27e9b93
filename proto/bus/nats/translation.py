"""Between the port's words and those of nats-py: messages, headers, and errors for people. PURE."""

from __future__ import annotations

from nats.aio.msg import Msg

from proto.bus.port import Headers, Message


def message(raw: Msg) -> Message:
    """A message as it came."""
    return Message(raw.subject, raw.data, raw.reply, raw.headers or {})


def on_the_wire(headers: Headers | None) -> dict[str, str] | None:
    """One header line for each line of a value.

    nats-py takes one value a name, but strips the names: trailing spaces make a repeated name a different key.
    """
    if not headers:
        return None
    lines: dict[str, str] = {}
    for name, value in headers.items():
        for number, line in enumerate(value.split("\n")):
            lines[name + " " * number] = line
    return lines


def header_bytes(headers: Headers | None) -> int:
    """At most what the headers take on the wire: the server counts them, and closes the connection over the limit."""
    if not headers:
        return 0
    lines = sum((len(name) + 4) * (value.count("\n") + 1) + len(value.encode()) for name, value in headers.items())
    return lines + len("NATS/1.0\r\n\r\n")


def unreachable(servers: str | list[str], why: str) -> str:
    """Why no connection came about."""
    where = servers if isinstance(servers, str) else ", ".join(servers)
    return f"cannot reach the NATS server at {where}: {why}"


def words(error: BaseException) -> str:
    """What an error says, or its name if it says nothing."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error).removeprefix("nats: ") or type(error).__name__
