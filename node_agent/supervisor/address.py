"""A Unix socket's address as the kernel takes it.

A path has at most 107 bytes, and state folders may lie deep: a longer one is reached through a descriptor of its
folder, by way of `/proc/self/fd`. On a disk that takes no new file, not even a socket's, there is a name that needs
none: anybody may listen there or connect, so both ends ask the kernel who the other one is. `dial` knows both names.
"""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

_PATH_BYTES_MAX = 107


@contextmanager
def reachable(path: str) -> Iterator[str]:
    """Yields a name for the path that is short enough, valid within the block.

    Raises:
        OSError: The folder does not exist.
    """
    if len(os.fsencode(path)) <= _PATH_BYTES_MAX:
        yield path
        return
    folder, _, name = path.rpartition("/")
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{name}"
    finally:
        os.close(fd)


def dial(path: str) -> socket.socket:
    """A non-blocking connection to who listens at the path, with a file or without.

    Raises:
        BlockingIOError: Somebody listens, and has no room for another connection now.
        OSError: Nobody of our user's listens there.
    """
    with reachable(path) as name:
        try:
            return _connected(name)
        except BlockingIOError:
            raise
        except OSError as problem:
            gone = problem
    try:
        connection = _connected(name_without_file(path))
    except OSError:
        raise gone from None
    if user_behind(connection) != os.geteuid():
        connection.close()
        raise gone
    return connection


def _connected(name: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        connection.connect(name)
    except OSError:
        connection.close()
        raise
    return connection


def name_without_file(path: str) -> str:
    """The name in the abstract namespace that stands for a socket's path: its folder, however that is reached.

    Raises:
        OSError: The folder does not exist.
    """
    folder = os.stat(os.path.dirname(path))  # noqa: PTH116, PTH120
    return f"\0setpoint-supervisor-{folder.st_dev:x}-{folder.st_ino:x}"


def user_behind(connection: socket.socket) -> int:
    """The user who is at the other end, as the kernel says.

    Raises:
        OSError: The connection is gone.
    """
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(uid)
