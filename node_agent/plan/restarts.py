"""Whether an ended container runs again, and when.

The first restart comes at once, the next ones 10 s, 20 s, 40 s … and at most 300 s after the end, or what the node was
told instead; ten minutes of running begin the series anew. Source: Kubernetes, pod-lifecycle "Container restarts" and
the kubelet's back-off (`MaxContainerBackOff`, reset after twice that; `maxContainerRestartPeriod`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from node_agent.plan.lives import Ending, Life
from node_agent.runtime.port import ExitReason
from proto.objects.container import ContainerRestartRule, RestartPolicy

FIRST_BACK_OFF = 2
"""The number in its series of the first restart that waits."""

FIRST_BACK_OFF_S = 10
MAX_BACK_OFF_S = 300
QUIET_S = 600
"""A life this long ends a series of restarts."""

CRASH_LOOP = "CrashLoopBackOff"
"""The waiting reason of a container whose restart is not due yet."""


@dataclass(frozen=True, slots=True)
class Restart:
    """A container is to be started again at `due`, `back_off_s` after its end, as number `series` of its series."""

    due: datetime
    series: int
    back_off_s: int

    def is_due(self, now: datetime) -> bool:
        """Whether to start now. An end that lies in the future shows a clock that was set back: then do not wait."""
        return self.due <= now or self.due - now > timedelta(seconds=self.back_off_s + 1)


def restarts_after(policy: RestartPolicy, ending: Ending, rules: Iterable[ContainerRestartRule] = ()) -> bool:
    """Whether a container with this policy, and these exceptions from it, runs again after this end."""
    if any(_matches(rule, ending) for rule in rules):
        return True
    return policy == "Always" or (policy == "OnFailure" and ending.exit_code != 0)


def _matches(rule: ContainerRestartRule, ending: Ending) -> bool:
    codes = rule.exit_codes
    return codes is not None and (ending.exit_code in codes.values) is (codes.operator == "In")


def back_off_s(series: int, max_s: int = MAX_BACK_OFF_S) -> int:
    """How long restart number `series` (from 1) of a series waits after the end, at most `max_s`."""
    if series <= 1:
        return 0
    return min(FIRST_BACK_OFF_S << min(series - 2, 10), max_s)


def next_restart(
    policy: RestartPolicy, life: Life, max_s: int = MAX_BACK_OFF_S, rules: Iterable[ContainerRestartRule] = ()
) -> Restart | None:
    """The restart that follows an ended life, at most `max_s` after it; None when it stays ended."""
    if life.ending is None or not restarts_after(policy, life.ending, rules):
        return None
    ran_s = (life.ending.at - life.started_at).total_seconds() if life.started_at else 0.0
    # A program that was stopped for the node's lease has done nothing wrong.
    series = 1 if ran_s >= QUIET_S or life.ending.reason == ExitReason.FENCED else life.series + 1
    delay_s = back_off_s(series, max_s)
    return Restart(life.ending.at + timedelta(seconds=delay_s), series, delay_s)


def duration_text(seconds: int) -> str:
    """Seconds as Kubernetes (Go) writes them: `10s`, `1m20s`, `5m0s`."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
