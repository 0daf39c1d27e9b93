"""Schedules of CronJobs: the grammar that is accepted, and the next time after a given one.

The five fields are read and searched by the library `cronsim`; here stand Kubernetes' additions (`?`, the macros,
`@every`), its limits (no `L`, `W`, `#`, no seconds) and the step between a zone's clock and UTC.

**Clock changes** are treated as cron treats them: where the clock leaps over a fixed time (`30 2 * * *`) it is due
right after the leap, and where an hour comes twice it is due once; what is due every minute or every hour follows
real time.

Pure: *now* is passed in. Used by the API's validation and by the CronJob controller.
Source: Kubernetes `github.com/robfig/cron/v3` (parser.go) for the grammar, Debian's cron(8) for clock changes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
EVERY_MIN = timedelta(minutes=1)
"""Jobs are named by the minute, so that two in one minute would be one."""

_TERM = re.compile(r"(\*|\?|[0-9]{1,4}|[A-Za-z]{3})(-([0-9]{1,4}|[A-Za-z]{3}))?(/[0-9]{1,4})?")
_UNIT_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(h|ms|m|s)")


class BadSchedule(ValueError):
    """A schedule or time zone that cannot be read, and why."""


class Schedule(Protocol):
    """When something is due."""

    def next_after(self, instant: datetime) -> datetime | None:
        """The first time (UTC) strictly after `instant`; None if there is none for decades."""
        ...


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """Five fields, on the clock of a zone."""

    fields: str
    zone: ZoneInfo

    def next_after(self, instant: datetime) -> datetime | None:
        """The first matching minute after `instant`."""
        # In an hour that comes twice the library may offer what is over by real time.
        offered = (due.astimezone(UTC) for due in CronSim(self.fields, instant.astimezone(self.zone)))
        return next((due for due in offered if due > instant), None)


@dataclass(frozen=True, slots=True)
class EverySchedule:
    """A fixed time after the last one (Kubernetes: ConstantDelaySchedule)."""

    delay: timedelta

    def next_after(self, instant: datetime) -> datetime | None:
        """`instant` in whole seconds, and the delay."""
        return (instant + self.delay).replace(microsecond=0)


@lru_cache(maxsize=4096)
def read_schedule(text: str, zone: str | None = None) -> Schedule:
    """Read a schedule; without a zone its clock is UTC.

    Raises:
        BadSchedule: what is wrong with it.
    """
    clock = read_zone(zone) if zone else ZoneInfo("UTC")
    if text.startswith("@every "):
        return EverySchedule(_delay(text.removeprefix("@every ").strip()))
    if text.startswith("@"):
        if text not in MACROS:
            raise BadSchedule(f"unrecognized descriptor: {text:.60}")
        return CronSchedule(MACROS[text], clock)
    return CronSchedule(_fields(text, clock), clock)


def read_zone(name: str) -> ZoneInfo:
    """The time zone of that IANA name.

    Raises:
        BadSchedule: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadSchedule(f"unknown time zone {name:.60}") from None


def _fields(text: str, zone: ZoneInfo) -> str:
    """The five fields in the library's spelling, checked."""
    fields = text.split()
    if len(fields) != 5:
        raise BadSchedule(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields):.60}]")
    for field in fields:
        for term in field.split(","):
            if not _TERM.fullmatch(term):
                raise BadSchedule(f"failed to parse {term:.60}")
    plain = " ".join(fields).replace("?", "*")
    try:
        CronSim(plain, datetime(2026, 1, 1, tzinfo=zone))
    except CronSimError as error:
        raise BadSchedule(f"{str(error).lower()} in {text:.60}") from None
    return plain


def _delay(text: str) -> timedelta:
    """Go's form of a duration: `1h30m`, `90s`."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise BadSchedule(f"failed to parse duration @every {text:.60}")
    try:
        delay = timedelta(seconds=sum(float(number) * _UNIT_S[unit] for number, unit in parts))
    except OverflowError:
        raise BadSchedule(f"failed to parse duration @every {text:.60}") from None
    if not EVERY_MIN <= delay < timedelta(days=36_500):
        raise BadSchedule(f"@every {text:.60}: must be at least 1m")
    return delay


def latest_between(schedule: Schedule, earliest: datetime, now: datetime, *, many: int) -> tuple[datetime | None, int]:
    """The last time after `earliest` and not after `now`, and how many there are, counted up to `many` + 1.

    After a long downtime there may be millions: beyond `many` the last one is looked for from the near end.
    """
    first = due = schedule.next_after(earliest)
    latest: datetime | None = None
    missed = 0
    while due is not None and due <= now:
        latest, missed = due, missed + 1
        if missed > many:
            assert first is not None, "many were found"
            return _last_by_widening(schedule, earliest, now, (due - first) / many), missed
        due = schedule.next_after(due)
    return latest, missed


def _last_by_widening(schedule: Schedule, earliest: datetime, now: datetime, pace: timedelta) -> datetime | None:
    """The last time before `now`, looked for in wider and wider windows that end there."""
    if isinstance(schedule, EverySchedule):
        start = earliest.replace(microsecond=0)
        return start + (now - start) // schedule.delay * schedule.delay
    window, found = pace, None
    while found is None:
        window *= 2
        due = schedule.next_after(max(earliest, now - window))
        while due is not None and due <= now:
            found, due = due, schedule.next_after(due)
    return found
