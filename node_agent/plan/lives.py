"""The lives of a container: one history from what the runtime knows, what it forgot, and what could not start.

The runtime knows the containers that it started and has not removed. The status reported last remembers those that are
gone from the runtime: ended ones that were removed, and any that was reported as running and is nowhere now (its
supervisor's state was lost), which is shown as Kubernetes shows it: `ContainerStatusUnknown`, exit code 137.

Reads: `ContainerState` of the runtime port, `ContainerStatus`, what programs said of their ends. Never: decides
anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from node_agent.plan.container_ids import ContainerId, parse_container_id
from node_agent.runtime.port import ContainerState, ExitReason
from proto.objects.pod_status import ContainerStateTerminated, ContainerStatus

SERIES_ANNOTATION = "setpoint.dev/restart-series"
"""Kept with a container by the runtime: how many restarts in a row led to it, so that back-off outlives the agent."""

OOM_KILLS_ANNOTATION = "setpoint.dev/oom-kills"
"""Kept in the same way: how many lives before it ended for their memory, since an OOM kill always ends a life."""

LOST_EXIT_CODE = 137
"""Kubernetes: the exit code shown for a container whose real one nobody knows."""

START_ERROR = "StartError"
START_ERROR_EXIT_CODE = 128
"""Kubernetes (containerd): the reason and the exit code shown for a program that could not be executed."""

FENCED_EXIT_CODE = 143
"""Shown for a program that was stopped for the lease and took that for success: its work is not known to be done."""

_LOST_REASON = "ContainerStatusUnknown"
_REBOOTED = "the machine restarted while the container ran"
_REASONS = {ExitReason.UNKNOWN: _LOST_REASON, ExitReason.REBOOT: _LOST_REASON}
_MESSAGES = {
    ExitReason.UNKNOWN: "the container ended while nobody could see its exit code",
    ExitReason.REBOOT: _REBOOTED,
    ExitReason.FENCED: "the node's lease was not renewed, so the node stopped the container: another may run instead",
}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a life ended; `reason` is Kubernetes' (`Completed`, `Error`, `OOMKilled`, …).

    `message` is ours, what the program said itself, or both, in the kubelet's order: `ours: the program's`.
    """

    at: datetime
    exit_code: int
    reason: str
    signal: int | None = None
    message: str = ""

    @property
    def by_reboot(self) -> bool:
        """Whether a restart of the machine ended it; the message tells, since that is what a status remembers.

        No program can say so itself: what it says of an end with this reason stands behind words of ours.
        """
        return self.reason == _LOST_REASON and self.message.startswith(_REBOOTED)


@dataclass(frozen=True, slots=True)
class Life:
    """One attempt of a container; it runs while `ending` is None.

    `series` counts the restarts in a row that led to it (see `restarts`), `oom_kills` the lives before it that ended
    for their memory. `stored` tells whether the runtime still holds it, that is, whether it must be removed one day.
    """

    attempt: int
    started_at: datetime | None = None
    ending: Ending | None = None
    series: int = 0
    stored: bool = False
    container_id: str = ""
    oom_kills: int = 0

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.ending is None


@dataclass(frozen=True, slots=True)
class Said:
    """What programs said of their ends, by the id of the life, and how long a message may be in UTF-8."""

    messages: Mapping[str, str] = field(default_factory=dict)
    bytes_max: int | None = None


NOTHING_SAID = Said()


def observed_life(state: ContainerState) -> Life | None:
    """The life that the runtime tells of; None for an id that is not ours."""
    key = parse_container_id(state.id)
    if key is None:
        return None
    series = state.annotations.get(SERIES_ANNOTATION, "")
    return Life(
        attempt=key.attempt,
        started_at=_instant(state.started_at_s),
        ending=None if state.running else _ending(state),
        series=int(series) if series.isdecimal() else key.attempt,
        stored=True,
        container_id=state.id,
        oom_kills=earlier_oom_kills(state),
    )


def told_message(status: ContainerStatus, life: Life) -> str | None:
    """The message that was reported of this very end; None if the end was not reported, or as another one."""
    for told in (status.state.terminated, status.last_state.terminated):
        if told is None or life.ending is None or told.container_id != life.container_id:
            continue
        if (told.exit_code, told.reason) == (life.ending.exit_code, life.ending.reason):
            return told.message
    return None


def earlier_oom_kills(state: ContainerState) -> int:
    """How many lives before this one ended for their memory, as far as is known."""
    told = state.annotations.get(OOM_KILLS_ANNOTATION, "")
    return int(told) if told.isdecimal() else 0


def oom_kills_until(life: Life | None) -> int:
    """How many lives ended for their memory, up to this one."""
    if life is None:
        return 0
    return life.oom_kills + (life.ending is not None and life.ending.reason == ExitReason.OOM_KILLED)


def failed_start(container_id: ContainerId, series: int, message: str, now: datetime) -> Life:
    """The life of a program that could not be executed: it ended before it began."""
    ending = Ending(now, START_ERROR_EXIT_CODE, START_ERROR, message=message)
    return Life(container_id.attempt, now, ending, series, stored=False, container_id=str(container_id))


def remembered_lives(status: ContainerStatus, now: datetime) -> tuple[Life, ...]:
    """The lives that a reported status tells of, oldest first."""
    lives = []
    current = _current(status, now)
    earlier = status.last_state.terminated
    if earlier is not None:
        lives.append(_told(earlier, status.restart_count - (1 if current is not None else 0)))
    if current is not None:
        lives.append(current)
    return tuple(lives)


def history(
    states: Iterable[ContainerState],
    failed: Life | None,
    status: ContainerStatus | None,
    now: datetime,
    said: Said = NOTHING_SAID,
) -> tuple[Life, ...]:
    """All known lives of one container, oldest first; what the runtime says wins over what was reported.

    What was `said` of an end is found in its report from then on.
    """
    by_attempt: dict[int, Life] = {}
    for life in remembered_lives(status, now) if status is not None else ():
        by_attempt[life.attempt] = life
    if failed is not None:
        by_attempt[failed.attempt] = failed
    for state in states:
        observed = observed_life(state)
        if observed is not None:
            by_attempt[observed.attempt] = _with_message(observed, status, said)
    return tuple(by_attempt[attempt] for attempt in sorted(by_attempt))


def by_container(states: Iterable[ContainerState]) -> Mapping[str, tuple[ContainerState, ...]]:
    """A pod's container states, grouped by the container's name, the earliest attempt first."""
    groups: dict[str, dict[int, ContainerState]] = {}
    for state in states:
        key = parse_container_id(state.id)
        if key is not None:
            groups.setdefault(key.container, {})[key.attempt] = state
    return {name: tuple(group[attempt] for attempt in sorted(group)) for name, group in groups.items()}


def _with_message(life: Life, status: ContainerStatus | None, said: Said) -> Life:
    if life.ending is None:
        return life
    message = told_message(status, life) if status is not None else None
    if message is None:
        texts = (life.ending.message, said.messages.get(life.container_id, ""))
        message = ": ".join(filter(None, texts)).encode()[: said.bytes_max].decode(errors="ignore")
    return replace(life, ending=replace(life.ending, message=message))


def _current(status: ContainerStatus, now: datetime) -> Life | None:
    """The life of `status.state`: an ended one, or a running one that is nowhere to be found now."""
    if status.state.terminated is not None:
        return _told(status.state.terminated, status.restart_count)
    if status.state.running is None:
        return None
    lost = Ending(
        now, LOST_EXIT_CODE, _LOST_REASON, message="the container could not be found on this machine any more"
    )
    return Life(status.restart_count, status.state.running.started_at, lost, container_id=status.container_id)


def _told(terminated: ContainerStateTerminated, attempt: int) -> Life:
    ending = Ending(
        at=terminated.finished_at or datetime.fromtimestamp(0, UTC),
        exit_code=terminated.exit_code,
        reason=terminated.reason,
        signal=terminated.signal,
        message=terminated.message,
    )
    series = 0 if terminated.reason == _LOST_REASON else attempt
    return Life(attempt, terminated.started_at, ending, series, container_id=terminated.container_id)


def _ending(state: ContainerState) -> Ending:
    """The end that the runtime tells of, in Kubernetes' words."""
    reason = state.reason or ExitReason.UNKNOWN
    if state.oom_killed:
        reason = ExitReason.OOM_KILLED
    exit_code = LOST_EXIT_CODE if state.exit_code is None else state.exit_code
    if reason is ExitReason.FENCED and exit_code == 0:
        exit_code = FENCED_EXIT_CODE
    return Ending(
        at=_instant(state.finished_at_s or state.started_at_s),
        exit_code=exit_code,
        reason=_REASONS.get(reason, str(reason)),
        signal=state.signal,
        message=_MESSAGES.get(reason, ""),
    )


def _instant(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)
