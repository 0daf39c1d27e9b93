"""Ending a TCP connection so that its peer learns that something went wrong, and takes nothing for whole."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress

_NO_FAREWELL = struct.pack("ii", 1, 0)


def reset(writer: asyncio.StreamWriter) -> None:
    """Close at once, with a reset (RST) instead of the end of a complete answer (FIN)."""
    end = writer.get_extra_info("socket")
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_FAREWELL)
    writer.transport.abort()
