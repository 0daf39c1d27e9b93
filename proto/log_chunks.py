"""A chunk of a log from which a reader can go on after a break: its text, and a mark for where it ends.

    length of the head in two bytes | head: msgpack, (mark, gap) | text

The mark goes back to the agent as it came, in `LogRequest.after`; what it means is the agent's affair. The gap is None,
or two times between which lines may have been deleted before they were read. A reader that asks for no marks gets the
text alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgpack

from proto.streams import CHUNK_BYTES_MAX

HEAD_BYTES_MAX = 1024
TEXT_BYTES_MAX = CHUNK_BYTES_MAX - HEAD_BYTES_MAX


class LogChunk(NamedTuple):
    """What a chunk says."""

    mark: dict[str, Any]
    gap: tuple[str, str] | None
    text: bytes | memoryview


def pack_log_chunk(chunk: LogChunk) -> bytes:
    """The chunk on the wire; its text is at most `TEXT_BYTES_MAX` long."""
    head = msgpack.packb((chunk.mark, chunk.gap))
    return b"".join((len(head).to_bytes(2, "big"), head, chunk.text))


def unpack_log_chunk(data: bytes) -> LogChunk:
    """The chunk, whose text is a view of `data`.

    Raises:
        ValueError: it is none.
    """
    view = memoryview(data)
    end = 2 + int.from_bytes(view[:2], "big")
    try:
        mark, gap = msgpack.unpackb(view[2:end])
    except (msgpack.UnpackException, UnicodeDecodeError, ValueError, TypeError) as error:
        raise ValueError(f"not a chunk of a log with a mark: {error}") from None
    return LogChunk(mark, None if gap is None else (str(gap[0]), str(gap[1])), view[end:])
