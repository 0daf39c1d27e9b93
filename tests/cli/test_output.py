"""What others have written is shown, and never obeyed by the terminal."""

from __future__ import annotations

from setpoint.cli.output import columns, printable


def test_nothing_that_is_shown_commands_the_terminal() -> None:
    assert printable("a\x1b[2J\0\x9b\r ü\tb\nc") == "a\\x1b[2J\\x00\\x9b\\x0d ü\tb\nc"
    assert columns([["MESSAGE", "N"], ["\x1b[31m", "1"]]) == ["MESSAGE    N", "\\x1b[31m   1"]
