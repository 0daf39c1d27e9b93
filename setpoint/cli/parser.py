"""How the words of a call are read: as argparse does, where it does as people who know kubectl expect.

Reads: the parser of a verb, and words. Never: does anything with them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

FAILED = 1
"""The exit status of a call that failed, unless its verb keeps 1 for something else."""

_HIDDEN = "\0"
"""A word that no call can have."""

_SAID = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
"""Go `strconv.ParseBool`."""


class OneLineParser(argparse.ArgumentParser):
    """A parser that tells what is wrong with a call as all of this program does: in one line.

    The exit status is 1, or the default `failure_status` of a verb that keeps 1 for something else. A flag without a
    value may also be said as `--follow=true` or `--wait=false`.
    """

    def error(self, message: str) -> NoReturn:
        """End the program."""
        self.exit(self.get_default("failure_status") or FAILED, f"{self.prog}: {message}; see `{self.prog} --help`\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """See argparse."""
        return super().parse_known_args(None if args is None else list(self._plain(args)), namespace)

    def _plain(self, words: Sequence[str]) -> Iterator[str]:
        """The words, with the flags among them as argparse wants them."""
        ends = words.index("--") if "--" in words else len(words)
        for word in words[:ends]:
            flag, is_said, value = word.partition("=")
            action = self._option_string_actions.get(flag) if is_said else None
            both_ways = isinstance(action, argparse.BooleanOptionalAction) and not flag.startswith("--no-")
            if action is None or not (both_ways or (action.nargs == 0 and action.const is True)):
                yield word
            elif value not in _SAID:
                self.error(f"argument {flag}: must be true or false, found {value!r}")
            elif _SAID[value]:
                yield flag
            elif both_ways:
                yield next(each for each in action.option_strings if each.startswith("--no-"))
        yield from words[ends:]


def parse(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """The options of a call. Flags may stand anywhere: words behind one go on with the list that ended before it.

    argparse ends a list of words at the first flag; what it leaves over is the rest of the command or of the objects.
    It may take away every `--`, where only the first is ours and others are the command's: these are hidden from it.
    """
    first = words.index("--") if "--" in words else len(words)
    hidden = [*words[: first + 1], *(_HIDDEN if word == "--" else word for word in words[first + 1 :])]
    options, rest = parser.parse_known_args(hidden)
    ends = rest.index("--") if "--" in rest else len(rest)
    goes_on = next((name for name in ("command", "resource") if hasattr(options, name)), "")
    if rest and (not goes_on or any(word.startswith("-") and word != "-" for word in rest[:ends])):
        hint = "; put `--` before the command" if goes_on == "command" and "--" not in words else ""
        parser.error(f"unrecognized arguments: {' '.join(rest)}{hint}")
    if goes_on:
        found = [*getattr(options, goes_on), *rest[:ends], *rest[ends + 1 :]]
        setattr(options, goes_on, ["--" if word == _HIDDEN else word for word in found])
    return options
