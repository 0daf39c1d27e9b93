"""The frames that an attached client and the supervisor exchange: a channel, the length of the content, the content.

The channels are those of `proto.frames`, of which the supervisor knows nothing, and one more.

    ← 1 stdout, 2 stderr   what the program prints
    ← 3 ended              JSON: how the container ended; the connection ends with it
    ← 5 missed             eight bytes: how many of these the client was too slow for, and will not see
    → 0 stdin              what the program shall read
    → 4 resized            columns and rows, two bytes each
    → 6 end                nothing more will be written

Numbers are in network order; the length has four bytes.
"""

import struct

STDIN, STDOUT, STDERR, ENDED, RESIZED, MISSED, END = range(7)
HEADER = struct.Struct(">BI")
MISSED_BYTES = struct.Struct(">Q")
SIZE = struct.Struct(">HH")
FRAME_BYTES_MAX = 256 * 1024


def frame(channel: int, content: bytes) -> bytes:
    """One frame."""
    return HEADER.pack(channel, len(content)) + content
