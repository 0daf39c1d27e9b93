"""Becoming a program, as `execvp` does it; and why that failed, in words that say what to mend.

*Reads*: the file system, in the child. *Never*: returns if it succeeds.
"""
# ruff: noqa: PTH110, PTH112

import errno
import os
from typing import NamedTuple

_DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


class Failure(NamedTuple):
    """Why a program was not executed."""

    errno: int
    message: str


def execute(argv: list[str], env: dict[str, str]) -> Failure:
    """Executes the program; returns only if that failed, with the failure that tells most.

    Without a slash each folder of PATH is tried, and a file that may not be executed is worth mentioning more than the
    folders that have none.
    """
    name, path = argv[0], env.get("PATH", _DEFAULT_PATH)
    candidates = [name] if "/" in name else [f"{folder or '.'}/{name}" for folder in path.split(":")]
    failure: Failure | None = None
    for candidate in candidates:
        try:
            os.execve(candidate, argv, env)
        except OSError as problem:
            missing = isinstance(problem, FileNotFoundError | NotADirectoryError)
            if "/" not in name:  # A folder of PATH may be somebody else's, such as the agent's own.
                missing = missing or isinstance(problem, PermissionError)
            if not missing or os.path.exists(candidate):
                failure = failure or failure_of(problem, f"cannot execute {candidate!r}" + _hint(problem, candidate))
        except ValueError as problem:
            return Failure(errno.EINVAL, f"cannot execute {name!r}: {problem}")
    if failure is None:
        missing_error = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        where = "" if "/" in name else f" (not found in PATH {path!r})"
        failure = failure_of(missing_error, f"cannot execute {name!r}{where}")
    return failure


def failure_of(problem: OSError, what: str) -> Failure:
    """What was tried, and the kernel's word on it."""
    number = problem.errno or 0
    return Failure(number, f"{what}: {os.strerror(number)}")


def _hint(problem: OSError, candidate: str) -> str:
    """What the kernel's word leaves open. A file that exists and is not found names an interpreter that is missing."""
    if isinstance(problem, FileNotFoundError):
        return " (its interpreter is missing)"
    if problem.errno == errno.ENOEXEC:
        return " (neither a script with a #! line nor a program for this kind of machine)"
    if problem.errno == errno.E2BIG:
        return " (each argument and variable may have 128 KiB, all of them 2 MiB)"
    if os.path.isdir(candidate):
        return " (it is a folder)"
    if not isinstance(problem, PermissionError) or os.access(candidate, os.X_OK):
        return ""
    if not os.path.exists(candidate):
        return " (this user may not enter a folder on the way to it)"
    return " (it is not executable for this user)"
