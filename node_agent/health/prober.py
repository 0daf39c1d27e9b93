"""The probes of all running containers: looks when it is time, keeps what came of it, wakes the pod when that changed.

All probes wait in one timetable; a probe costs a task only while it looks. Due times are rounded up to a
tick, so that thousands of probes a second wake the agent fifty times.

Reads: targets from plans. Writes: events about failed looks. Never: stops a container; the next plan does.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from node_agent.background import Background
from node_agent.health.actions import Actions
from node_agent.plan.events import probed
from node_agent.plan.probes import (
    Health,
    Look,
    Streak,
    first_look_s,
    is_wanted,
    judged,
    probes_of,
    prolonged,
    told,
)
from node_agent.plan.view import Target
from node_agent.timetable import Timetable
from proto.clock import Clock
from proto.ids import Ids
from proto.node import PodEvent
from proto.objects.health import Probe, ProbeKind

log = logging.getLogger(__name__)

TICK_S = 0.02
ADOPTED_AFTER_S = 5.0
"""A container that is older than this when it is first seen was adopted: its first look comes at some time within its
period, so that a restarted agent does not look at everything at once."""


@dataclass(slots=True)
class _Watched:
    """One running container."""

    target: Target
    health: Health
    gone: bool = False


@dataclass(slots=True)
class _Looking:
    """One probe of one container, and when to look next (monotonic seconds)."""

    watched: _Watched
    kind: ProbeKind
    probe: Probe
    due_s: float
    streak: Streak = field(default_factory=Streak)

    @property
    def wanted(self) -> bool:
        """Whether it should look at all now."""
        return not self.watched.gone and is_wanted(self.kind, self.watched.health)


class Prober:
    """Looks at containers. `changed` hears the uid of a pod whose health changed, `tell` what people should know."""

    def __init__(
        self,
        actions: Actions,
        clock: Clock,
        ids: Ids,
        background: Background,
        *,
        changed: Callable[[str], None],
        tell: Callable[[PodEvent], None],
    ) -> None:
        self._actions = actions
        self._clock = clock
        self._ids = ids
        self._background = background
        self._changed = changed
        self._tell = tell
        self._watched: dict[str, dict[str, _Watched]] = {}
        self._table: Timetable[_Looking] = Timetable(clock, background, "probes", self._begin_look)

    def health_of(self, uid: str) -> Mapping[str, Health]:
        """What is known of the pod's containers, by their ids."""
        return {container_id: watched.health for container_id, watched in self._watched.get(uid, {}).items()}

    def follow(self, uid: str, targets: Iterable[Target]) -> None:
        """From now on look at exactly these containers of the pod."""
        wanted = {str(target.id): target for target in targets}
        known = self._watched.get(uid, {})
        for container_id in known.keys() - wanted.keys():
            known.pop(container_id).gone = True
        for container_id, target in wanted.items():
            if (watched := known.get(container_id)) is not None:
                watched.target = target
            else:
                known[container_id] = self._begin(target)
        if known:
            self._watched[uid] = known
        else:
            self._watched.pop(uid, None)

    def _begin(self, target: Target) -> _Watched:
        watched = _Watched(target, target.health)
        age_s = self._age_s(target)
        for kind, probe in probes_of(target.container):
            if is_wanted(kind, watched.health):
                delay_s = self._ids.uniform(0.0, probe.period_seconds) if age_s > ADOPTED_AFTER_S else 0.0
                self._add(watched, kind, probe, first_look_s(probe, age_s, delay_s))
        return watched

    def _add(self, watched: _Watched, kind: ProbeKind, probe: Probe, in_s: float) -> None:
        self._wait(_Looking(watched, kind, probe, self._clock.monotonic_s() + in_s))

    def _wait(self, looking: _Looking) -> None:
        self._table.add(math.ceil(looking.due_s / TICK_S) * TICK_S, looking)

    def _begin_look(self, looking: _Looking) -> None:
        if looking.wanted:
            self._background.spawn(self._look(looking), "probe")

    async def _look(self, looking: _Looking) -> None:
        look = await self._actions.look(looking.watched.target, looking.probe)
        if not looking.wanted:
            return
        now_s = self._clock.monotonic_s()
        self._take(looking, look, now_s)
        if looking.wanted:
            looking.due_s = max(looking.due_s + looking.probe.period_seconds, now_s)
            self._wait(looking)

    def _take(self, looking: _Looking, look: Look, now_s: float) -> None:
        """What follows from a look."""
        watched, target = looking.watched, looking.watched.target
        streak, event = told(looking.kind, prolonged(looking.streak, look), look, now_s)
        if event is not None:
            self._tell(probed(target.pod, *event))
        before = watched.health
        watched.health = judged(target.container, looking.kind, looking.probe, streak, before)
        looking.streak = streak
        if watched.health == before:
            return
        log.info("health_changed pod=%s/%s container=%s %s", *target.pod.key, target.id, watched.health)
        if watched.health.started and not before.started:
            for kind, probe in probes_of(target.container):
                if kind != "startup":
                    self._add(watched, kind, probe, first_look_s(probe, self._age_s(target)))
        self._changed(target.id.pod_uid)

    def _age_s(self, target: Target) -> float:
        if target.started_at is None:
            return 0.0
        return max((self._clock.now() - target.started_at).total_seconds(), 0.0)
