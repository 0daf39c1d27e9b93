"""Descriptors: as many as this process may have, of which some are kept back.

Whatever ends a program needs descriptors for a moment: to read who it is, to find what it has forked, to note how it
ended. If all were in use, nothing could be ended any more, and so none would come free. Therefore what is begun, new
clients and output do with fewer than there are.
"""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

_KEPT_BACK = 32
_KEPT_BACK_SHARE = 4


def take_all() -> tuple[int, int]:
    """Takes as many as we may have; returns what we were given, soft and hard, which is what programs shall have."""
    given = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (given[1], given[1]))
    return given


@contextmanager
def sparing() -> Iterator[None]:
    """Within the block the last ones are not to be had: opening something then fails with EMFILE."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        yield
        return
    spared = hard - min(_KEPT_BACK, hard // _KEPT_BACK_SHARE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, spared), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
