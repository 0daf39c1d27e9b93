"""What happened in a run, line by line, and the hash that two equal runs share."""

from __future__ import annotations

import asyncio
import hashlib


class Trace:
    """Lines of "time, who, what"; `follow` prints them as they come."""

    def __init__(self, *, follow: bool = False):
        self.lines: list[str] = []
        self._follow = follow

    def note(self, who: str, what: str) -> None:
        """Something happened now."""
        line = f"{asyncio.get_running_loop().time():10.4f}  {who:<12} {what}"
        self.lines.append(line)
        if self._follow:
            print(line, flush=True)

    @property
    def hash(self) -> str:
        """Equal for equal runs."""
        return hashlib.blake2b("\n".join(self.lines).encode(), digest_size=12).hexdigest()
