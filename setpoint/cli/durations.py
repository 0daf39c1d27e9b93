"""How people write durations in arguments: `90`, `30s`, `5m`, `1h30m`."""

from __future__ import annotations

import argparse
import re

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?")


def duration_s(text: str) -> float:
    """Seconds of `90`, `30s`, `5m`, `1h30m`.

    Raises:
        argparse.ArgumentTypeError: it is none of these.
    """
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise argparse.ArgumentTypeError(f"must be a duration such as 30s, 5m or 1h30m, found {text!r}")
    hours, minutes, seconds = match.groups()
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + float(seconds or 0)
