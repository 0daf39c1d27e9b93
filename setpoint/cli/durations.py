"""How people write durations in arguments: `90` (seconds), `30s`, `5m`, `1h30m`, `1.5h`, `500ms`.

Source: Go `time.ParseDuration`, which kubectl reads them by; a number without a unit is ours.
"""

from __future__ import annotations

import argparse
import re

_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)"
_PART = re.compile(rf"({_NUMBER})(ns|us|µs|ms|s|m|h)", re.ASCII)
_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def duration_s(text: str) -> float:
    """Seconds of `90`, `30s`, `5m`, `1h30m`.

    Raises:
        argparse.ArgumentTypeError: it is none of these.
    """
    if re.fullmatch(_NUMBER, text, re.ASCII):
        return float(text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise argparse.ArgumentTypeError(f"must be a duration such as 30s, 5m or 1h30m, found {text!r}")
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)
