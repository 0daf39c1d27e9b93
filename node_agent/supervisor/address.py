"""A Unix socket's path as the kernel takes it: at most 107 bytes.

State folders may lie deep. A longer path is reached through a descriptor of its folder, by way of
`/proc/self/fd`.
"""

import os
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
