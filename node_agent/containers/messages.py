"""The files in which programs say why they end, and what is in them, or at the end of a log, when they have.

A program may have made anything of its file that it can: however long it is, a little is read, and what is not a file
is told as the error that it is. Nothing here waits for a program or follows a link.

Reads, writes: the folder of a pod's messages; reads logs. Never: decides whose message is wanted (`plan.messages`).
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from node_agent.logs.endings import end_of_log
from node_agent.plan.container_ids import ContainerId
from node_agent.plan.messages import FILE_BYTES_MAX, LOG_BYTES_MAX, LOG_LINES_MAX, MessageSource, last_lines, last_text
from node_agent.storage.port import Storage, StorageFailure

_CHARACTER_BYTES_MAX = 4
"""So much more is read than counts, to see whether the first character is whole."""

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Messages:
    """What programs of all pods have to say of their ends."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def file_for(self, key: ContainerId) -> Path:
        """The file of one life, made if it is not there; any user may write to it, and none find it but by its mount.

        Raises:
            StorageFailure: It cannot be made.
        """
        path = self._path(key)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
            try:
                os.fchmod(fd, 0o666)
            finally:
                os.close(fd)
        except OSError as error:
            raise StorageFailure(f"cannot make {path}: {error.strerror}", error.errno) from None
        return path

    def read(self, source: MessageSource) -> str:
        """What was said; "" if nothing was."""
        try:
            data = _end_of_file(self._path(source.id)) if source.path else b""
        except FileNotFoundError:
            data = b""
        except OSError as error:
            return f"Error on reading termination log {source.path}: {error.strerror}"
        if data or source.log is None:
            return last_text(data, FILE_BYTES_MAX)
        try:
            return last_text(last_lines(end_of_log(source.log, LOG_BYTES_MAX, LOG_LINES_MAX)), LOG_BYTES_MAX)
        except OSError as error:
            return f"Error on reading termination message from logs: {error.strerror}"

    def remove(self, key: ContainerId) -> None:
        """The file of one life goes; what cannot be removed goes with its pod."""
        with contextlib.suppress(OSError):
            self._path(key).unlink()

    def _path(self, key: ContainerId) -> Path:
        return self._storage.message_path(key.pod_uid, key.container, key.attempt)


def _end_of_file(path: Path) -> bytes:
    """The end of a file, as much of it as counts, and a little more.

    Raises:
        OSError: It cannot be read, or is no file.
    """
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _refuse_all_but_files(os.stat(path.name, dir_fd=folder, follow_symlinks=False).st_mode)
        # It may have become another since it was looked at: devices do something when they are opened.
        fd = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        status = os.fstat(fd)
        _refuse_all_but_files(status.st_mode)
        wanted = FILE_BYTES_MAX + _CHARACTER_BYTES_MAX
        return os.pread(fd, wanted, max(status.st_size - wanted, 0))
    finally:
        os.close(fd)


def _refuse_all_but_files(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise OSError(0, f"it is {_KINDS.get(stat.S_IFMT(mode), 'no file')}")
