"""What the fake driver's programs and commands do.

What a container does is written in its own command, so that a scripted behaviour travels through manifests
unchanged:

    ["fake", "--exit-after", "3", "--code", "1"]     ends after three seconds with exit code 1
    ["fake", "--exit-after", "3", "--signal", "9"]   is killed by a signal after three seconds
    ["fake", "--exit-after", "3", "--oom"]           is killed by the kernel for its memory
    ["fake", "--start-delay", "0.2"]                 `start` takes that long
    ["fake", "--fail-start", "ENOENT"]               cannot be started
    ["fake", "--stop-after", "1.5"]                  needs that long to obey SIGTERM, and then exits with 0
    ["fake", "--ignore-term"]                        ends by SIGKILL only
    ["fake", "--cpu-millis", "50", "--memory-bytes", "1000000"]   uses that much

A command that is executed in a container understands `--exit-after` and `--code`, and

    ["fake", "--ok-from", "5", "--ok-until", "20"]   exit code 0 while the container's age is between these, else 1

Any other program runs until it is told to stop and dies of SIGTERM at once; any other command succeeds at
once.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from node_agent.runtime.port import ContainerSpec, StartFailed, valid_container_id


@dataclass(frozen=True, slots=True)
class FakeBehaviour:
    """What a fake program does, read from its command."""

    exit_after_s: float | None = None
    code: int = 0
    signal: int | None = None
    oom: bool = False
    start_delay_s: float = 0.0
    fail_start: int | None = None
    ignore_term: bool = False
    stop_after_s: float | None = None
    cpu_millis: int = 0
    memory_bytes: int = 0
    ok_from_s: float = 0.0
    ok_until_s: float = float("inf")

    @classmethod
    def of(cls, argv: tuple[str, ...]) -> FakeBehaviour:
        """Reads a command; one that does not begin with `fake` has the default behaviour.

        Raises:
            ValueError: An option of `fake` is unknown or lacks its value.
        """
        if not argv or Path(argv[0]).name != "fake":
            return cls()
        behaviour, words = cls(), list(argv[1:])
        while words:
            behaviour = _with_option(behaviour, words.pop(0), words)
        return behaviour


def _with_option(behaviour: FakeBehaviour, option: str, words: list[str]) -> FakeBehaviour:
    """Applies one option, taking its value from the front of `words`."""
    if option == "--oom":
        return replace(behaviour, oom=True)
    if option == "--ignore-term":
        return replace(behaviour, ignore_term=True)
    field = _FIELDS.get(option)
    if field is None or not words:
        raise ValueError(f"fake: option {option} is unknown or lacks its value")
    name, read = field
    return replace(behaviour, **{name: read(words.pop(0))})


def _error_number(name: str) -> int:
    """The code of an error's symbolic name such as ENOENT."""
    for number, known in errno.errorcode.items():
        if known == name:
            return number
    raise ValueError(f"fake: {name} is not the name of an error")


_FIELDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "--exit-after": ("exit_after_s", float),
    "--code": ("code", int),
    "--signal": ("signal", int),
    "--start-delay": ("start_delay_s", float),
    "--fail-start": ("fail_start", _error_number),
    "--stop-after": ("stop_after_s", float),
    "--cpu-millis": ("cpu_millis", int),
    "--memory-bytes": ("memory_bytes", int),
    "--ok-from": ("ok_from_s", float),
    "--ok-until": ("ok_until_s", float),
}


def accepted(spec: ContainerSpec) -> FakeBehaviour:
    """What a program will do, after what every driver checks.

    Raises:
        StartFailed: EINVAL for a bad id, an empty command or a bad script.
    """
    if not valid_container_id(spec.id):
        raise StartFailed(errno.EINVAL, f"invalid container id {spec.id!r}")
    if not spec.argv:
        raise StartFailed(errno.EINVAL, "the command is empty")
    try:
        return FakeBehaviour.of(spec.argv)
    except ValueError as problem:
        raise StartFailed(errno.EINVAL, str(problem)) from problem
