"""How a verb puts its request to an agent into bytes. Never imports the models, so that verbs start quickly."""

from __future__ import annotations

from typing import Any

import msgpack

from setpoint.cli.errors import CliError


def packed(request: dict[str, Any]) -> bytes:
    """The request on the wire.

    Raises:
        CliError: a word of it is no text.
    """
    try:
        return bytes(msgpack.packb(request))
    except UnicodeEncodeError as problem:
        raise CliError(f"{problem.object!r}: names and commands must be UTF-8") from None
