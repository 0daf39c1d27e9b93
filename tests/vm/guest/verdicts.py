"""How a check tells its outcome: one line on the console."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

MARKER = "setpoint-verdict "


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check's outcome. `problem` is empty when it passed, else the failure as a person reads it."""

    check: str
    problem: str = ""
    took_s: float = 0.0

    def line(self) -> str:
        """The line that the console shows."""
        return MARKER + json.dumps(asdict(self))
