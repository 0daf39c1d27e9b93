"""What stands in the way on this host, said to a person in one line."""

from __future__ import annotations


class LocalError(Exception):
    """Something of this host prevents the embedded cluster: a port in use, a program missing, a folder unwritable.

    The message is one line, names the cause and, where there is one, the way out. The commands print it to stderr
    and exit with status 1.
    """
