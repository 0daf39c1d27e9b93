"""What a conversation with a program is made of: chunks that begin with one byte, which tells their channel.

The channels are those of Kubernetes' remotecommand protocol: 0 stdin, 1 stdout, 2 stderr, 3 how it ended, 4 the size of
the terminal; and 5, how many bytes of the output were left out, because the client is too slow for them. The end of
the client's stream is the end of stdin. A frame fits into one chunk of `proto.streams`.
"""

from __future__ import annotations

from typing import Literal

import msgpack

from proto.streams import CHUNK_BYTES_MAX

Channel = Literal[0, 1, 2, 3, 4, 5]

STDIN: Literal[0] = 0
STDOUT: Literal[1] = 1
STDERR: Literal[2] = 2
ENDED: Literal[3] = 3
RESIZED: Literal[4] = 4
MISSED: Literal[5] = 5

CONTENT_BYTES_MAX = CHUNK_BYTES_MAX - 1


def frame(channel: Channel, content: bytes) -> bytes:
    """One frame; the content is at most `CONTENT_BYTES_MAX` long."""
    return bytes((channel,)) + content


def ended(exit_code: int, message: str = "") -> bytes:
    """The last frame: how the program ended, and what is to be told about that."""
    return frame(ENDED, bytes(msgpack.packb((exit_code, message))))


def how_it_ended(content: bytes) -> tuple[int, str]:
    """(exit code, message) of an `ENDED` frame."""
    exit_code, message = msgpack.unpackb(content)
    return int(exit_code), str(message)


def missed(count_bytes: int) -> bytes:
    """So much of the output will not come."""
    return frame(MISSED, bytes(msgpack.packb(count_bytes)))


def how_much_was_missed(content: bytes) -> int:
    """The bytes that a `MISSED` frame tells of."""
    return int(msgpack.unpackb(content))


def resized(columns: int, rows: int) -> bytes:
    """The terminal has another size now."""
    return frame(RESIZED, bytes(msgpack.packb((columns, rows))))


def new_size(content: bytes) -> tuple[int, int]:
    """(columns, rows) of a `RESIZED` frame.

    Raises:
        ValueError: it is none.
    """
    columns, rows = msgpack.unpackb(content)
    return int(columns), int(rows)
