"""Copies files and folders as a stream: `python -S copying.py send PATH > stream`, `… receive PATH < stream`.

The stream is a tar of one file or folder, with an empty last member that says that it is whole. The receiver unpacks
beside the final name and renames at the end, so that a stream that breaks off leaves nothing under a final name. As
with `cp`, a PATH that is a folder, or ends with a slash, takes what is copied into itself; folders are merged.

Both ends of `setpoint cp` run this: one on the client's machine, one in the container. Standard library only, since
the second starts in the surroundings of any program. *Never*: follows a link or a name out of the target.
"""
# ruff: noqa: PTH100  (a link that is named is copied itself, so it must not be resolved)

import os
import shutil
import signal
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import BinaryIO

WHOLE = ".setpoint-whole"
MODE_BITS = 0o777


class BrokenOff(Exception):
    """The stream ended before it was whole."""


def main(arguments: list[str]) -> int:
    """Run one end; what goes wrong is one line on stderr and exit status 1."""
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(1))  # So that what was begun is cleared away.
    direction, path = arguments
    try:
        if direction == "send":
            send(path, sys.stdout.buffer)
        else:
            receive(path, sys.stdin.buffer)
    except (OSError, tarfile.TarError, BrokenOff, shutil.Error) as problem:
        named = getattr(problem, "filename", None)
        print(f"{named}: {problem.strerror}" if isinstance(problem, OSError) and named else problem, file=sys.stderr)
        return 1
    return 0


def send(path: str, stream: BinaryIO) -> None:
    """Write a file or folder to the stream, under its own name.

    Raises:
        OSError: something of it cannot be read.
    """
    source = Path(os.path.abspath(path))
    with tarfile.open(fileobj=stream, mode="w|", bufsize=1 << 18) as tar:
        tar.add(source, arcname=source.name or "root")
        tar.addfile(tarfile.TarInfo(WHOLE))
    stream.flush()


def receive(path: str, stream: BinaryIO) -> None:
    """Put what the stream has under `path`, or into it if it is a folder.

    Raises:
        OSError: it cannot be written.
        BrokenOff | tarfile.TarError: the stream is not whole, or has names that lead elsewhere; nothing was changed.
    """
    target = Path(os.path.abspath(path))
    into = path.endswith("/") or target.is_dir()
    parent = target if into else target.parent
    parent.mkdir(parents=True, exist_ok=True)
    begun = Path(tempfile.mkdtemp(prefix=".setpoint-copy-", dir=parent))
    try:
        name = _unpack(stream, begun)
        _settle(begun / name, parent / name if into else target)
    finally:
        shutil.rmtree(begun, ignore_errors=True)


def _unpack(stream: BinaryIO, folder: Path) -> str:
    """Unpack everything; the name of what was copied."""
    name = ""
    with tarfile.open(fileobj=stream, mode="r|", bufsize=1 << 18) as tar:
        for member in tar:
            if member.name == WHOLE:
                return name
            name = name or member.name.split("/")[0]
            tar.extract(member, folder, filter=_with_its_mode)
    raise BrokenOff("the copy broke off; nothing was changed")


def _with_its_mode(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    """Python's filter for data of others, which also takes away what a group may do; that is kept here."""
    safe = tarfile.data_filter(member, folder)
    return safe.replace(mode=member.mode & MODE_BITS, deep=False)


def _settle(source: Path, target: Path) -> None:
    """Move it to its name: files replace files, folders are merged."""
    if not source.is_dir() or source.is_symlink():
        source.replace(target)
        return
    mode = source.stat().st_mode & MODE_BITS
    if not target.is_dir():
        source.replace(target)
        return
    for each in sorted(source.iterdir()):
        _settle(each, target / each.name)
    target.chmod(mode)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
