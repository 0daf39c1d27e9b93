"""Copies files and folders as a stream: `python -S copying.py send PATH > stream`, `… receive PATH < stream`.

The stream is a tar of one file or folder, with an empty last member that says that it is whole. The receiver unpacks
beside the final name and renames at the end, so that a stream that breaks off leaves nothing under a final name. As
with `cp`, a PATH that is a folder, or ends with a slash, takes what is copied into itself; folders are merged.

Both ends of `setpoint cp` run this: one on the client's machine, one in the container, perhaps by another interpreter
than ours. So: standard library only, and nothing newer than Python 3.8. Links are copied as they are. *Never*: follows
a link or a name out of the target.
"""
# ruff: noqa: PTH100  (a link that is named is copied itself, so it must not be resolved)

from __future__ import annotations

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
WHILE_UNPACKED = 0o700
"""What we need of folders until everything in them has its name."""


class BrokenOff(Exception):
    """The stream ended before it was whole."""


class Unsafe(Exception):
    """The stream would write elsewhere, or make what is neither file, folder nor link."""


_ENDING = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT)


def main(arguments: list[str]) -> int:
    """Run one end; what goes wrong is one line on stderr and exit status 1."""
    for number in _ENDING:
        signal.signal(number, _end)
    direction, path = arguments
    try:
        if direction == "send":
            send(path, sys.stdout.buffer)
        else:
            receive(path, sys.stdin.buffer)
    except OSError as problem:
        print(f"{problem.filename or path}: {problem.strerror or problem}", file=sys.stderr)
        return 1
    except (tarfile.TarError, BrokenOff, Unsafe) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


def send(path: str, stream: BinaryIO) -> None:
    """Write a file or folder to the stream, under its own name. Of a folder, sockets and devices are left out.

    Raises:
        OSError: something of it cannot be read.
        Unsafe: it is neither file, folder nor link.
    """
    source = Path(os.path.abspath(path))
    name = source.name or "root"

    def wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if _is_copied(member):
            return member
        what = source.parent / member.name
        if member.name == name:
            raise Unsafe(f"{what}: neither a file, a folder nor a link")
        print(f"{what}: left out, since it is neither a file, a folder nor a link", file=sys.stderr)
        return None

    if source.is_socket():  # tarfile leaves these out without a word.
        raise Unsafe(f"{source}: neither a file, a folder nor a link")
    with tarfile.open(fileobj=stream, mode="w|", bufsize=1 << 18) as tar:
        tar.add(source, arcname=name, filter=wanted)
        tar.addfile(tarfile.TarInfo(WHOLE))
    stream.flush()


def receive(path: str, stream: BinaryIO) -> None:
    """Put what the stream has under `path`, or into it if it is a folder.

    Raises:
        OSError: it cannot be written.
        BrokenOff | Unsafe | tarfile.TarError: the stream is not whole, or is none of ours; nothing was changed.
    """
    target = Path(os.path.abspath(path))
    into = path.endswith("/") or target.is_dir()
    parent = target if into else target.parent
    parent.mkdir(parents=True, exist_ok=True)
    begun = _begin_in(parent)
    try:
        name, folders = _unpack(stream, begun)
        final = parent / name if into else target
        merged = _settle(begun / name, final)
        for folder in reversed(folders):
            where = final.joinpath(*folder.name.split("/")[1:])
            if where not in merged:
                os.utime(where, (folder.mtime, folder.mtime))
                where.chmod(folder.mode & MODE_BITS)
    finally:
        _clear(begun)


def _end(number: int, frame: object) -> None:
    """End so that what was begun is cleared away; who asks again has to wait for that."""
    for each in _ENDING:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(1)


def _clear(begun: Path) -> None:
    """Remove what was begun, also when the end is asked for meanwhile: a client that dies ends stream and command."""
    try:
        shutil.rmtree(begun, ignore_errors=True)
    except SystemExit:
        shutil.rmtree(begun, ignore_errors=True)
        raise


def _begin_in(parent: Path) -> Path:
    """A folder of our own beside the final name."""
    try:
        return Path(tempfile.mkdtemp(prefix=".setpoint-copy-", dir=parent))
    except OSError as problem:
        raise OSError(problem.errno, problem.strerror, str(parent)) from None


def _unpack(stream: BinaryIO, begun: Path) -> tuple[str, list[tarfile.TarInfo]]:
    """Unpack everything; the name of what was copied, and all folders of it, the outer ones first."""
    name = ""
    folders: list[tarfile.TarInfo] = []
    with tarfile.open(fileobj=stream, mode="r|", bufsize=1 << 18) as tar:
        tar.extraction_filter = lambda member, _: member  # What is safe is decided here, whatever the interpreter.
        for member in tar:
            if member.name == WHOLE and name:
                return name, folders
            name = name or member.name.split("/")[0]
            _check(member, begun)
            member.uid, member.gid, member.uname, member.gname = os.geteuid(), os.getegid(), "", ""
            if member.isdir():
                folders.append(member)
                (begun / member.name).mkdir(WHILE_UNPACKED)
            else:
                member.mode &= MODE_BITS
                tar.extract(member, begun)
    raise BrokenOff("the copy broke off; nothing was changed")


def _is_copied(member: tarfile.TarInfo) -> bool:
    return member.isreg() or member.isdir() or member.issym() or member.islnk()


def _check(member: tarfile.TarInfo, begun: Path) -> None:
    """Refuse what would be written through a link or to another place.

    Raises:
        Unsafe: it would.
    """
    names = [member.name, *([member.linkname] if member.islnk() else [])]
    for name in names:
        outer, _, last = name.rpartition("/")
        is_plain = last not in ("", ".", "..") and not name.startswith("/")
        if not is_plain or (begun / outer).resolve() != begun.resolve() / outer:
            raise Unsafe(f"{name}: leads out of what is copied; nothing was changed")
    if not _is_copied(member):
        raise Unsafe(f"{member.name}: neither a file, a folder nor a link; nothing was changed")
    if os.path.lexists(begun / member.name):
        raise Unsafe(f"{member.name}: comes twice; nothing was changed")


def _settle(source: Path, target: Path, *, outermost: bool = True) -> set[Path]:
    """Move it to its name: files replace files, folders are merged; the folders that were there before.

    As with `cp`, a link to a folder that stands where a folder should be is followed only if the caller named it.

    Raises:
        OSError: one cannot have its name.
        Unsafe: a device, a pipe or a socket has it.
    """
    if os.path.lexists(target) and not (target.is_symlink() or target.is_file() or target.is_dir()):
        raise Unsafe(f"{target}: neither a file nor a folder, so it is not replaced")
    is_folder = source.is_dir() and not source.is_symlink()
    if not is_folder or not target.is_dir() or (target.is_symlink() and not outermost):
        try:
            source.replace(target)
        except OSError as problem:
            raise OSError(problem.errno, problem.strerror, str(target)) from None
        return set()
    merged = {target}
    for each in sorted(source.iterdir()):
        merged |= _settle(each, target / each.name, outermost=False)
    return merged


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
