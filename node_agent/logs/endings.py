"""The end of a log that is written no more, in a bounded number of reads however long its lines are.

Reads: log files. Never: reads more of one than a block.
"""

from __future__ import annotations

from pathlib import Path

from node_agent.logs.files import close_all, open_files
from node_agent.logs.rendering import Renderer

BLOCK_BYTES = 64 * 1024
"""More than a record: it holds a whole one, and hundreds of short ones."""


def end_of_log(path: Path, enough_bytes: int, enough_lines: int) -> bytes:
    """The last text of a log: more than enough of one of the two, or all there is of it."""
    files = open_files(path)
    text = b""
    try:
        for file in reversed(files):
            begin = max(file.size_bytes() - BLOCK_BYTES, 0)
            block = file.read(BLOCK_BYTES, begin)
            if begin > 0:
                block = block[block.find(b"\n") + 1 :]
            text = Renderer(timestamps=False).render(block[: block.rfind(b"\n") + 1]) + text
            if begin > 0 or len(text) > enough_bytes or text.count(b"\n") > enough_lines:
                return text
    finally:
        close_all(files)
    return text
