"""What is wrong with a call, said to a person in one line."""

from __future__ import annotations

import sys
from collections.abc import Awaitable

from proto.errors import ApiError


class CliError(Exception):
    """The call cannot be carried out; the message says what was found and what would be right."""


async def ended_with_2(verb: str, work: Awaitable[int]) -> int:
    """The exit status of a verb that keeps 1 for "there are differences": 2 for whatever goes wrong."""
    try:
        return await work
    except (ApiError, CliError, OSError, ValueError) as error:
        print(f"setpoint {verb}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
