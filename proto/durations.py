"""Durations in the short form that people read: 5s, 2m30s, 3h, 12d.

Reads and writes nothing. Source: Kubernetes `apimachinery/pkg/util/duration` (HumanDuration).
"""

from __future__ import annotations

from datetime import datetime


def short_duration(seconds: int) -> str:
    """Two units while the first is small, one when it is large."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    if days < 730:
        return f"{days}d"
    return f"{days // 365}y{days % 365}d" if days < 2920 and days % 365 else f"{days // 365}y"


def age(since: datetime | None, now: datetime) -> str:
    """How long ago; `<unknown>` for no time. A time in the future (clocks differ) is now."""
    return "<unknown>" if since is None else short_duration(max(0, int((now - since).total_seconds())))
