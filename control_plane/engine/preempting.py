"""Preemption's hands: writes for which node a pod is nominated, and asks for the end of its victims.

In this order: the nomination is written on the pod first, and nobody is ended for a pod that does not wait any more.
Victims get their grace period, the condition `DisruptionTarget` and an Event. A victim whose end cannot be asked for
counts on again, and the pod is tried again.

*Reads*: pods from the mirror. *Writes*: `status.nominatedNodeName` of the pod, the deletion mark of victims.
*Never*: chooses victims (see `control_plane.scheduling.preemption`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from control_plane.amend import Amender
from control_plane.budgets import Allowance, as_target, disruption_target
from control_plane.engine.pending import awaits_node
from control_plane.plan import Emit, Snapshot
from control_plane.scheduling import Decision, Preemption, Scheduling
from control_plane.store.deletion import DeleteOptions, Removal, for_delete
from control_plane.store.lifecycle import to_milliseconds
from control_plane.store.port import StoreError
from proto.clock import Clock, Instant
from proto.objects.meta import Condition, evolve, find_condition, with_condition
from proto.objects.pod import Pod

log = logging.getLogger(__name__)

REASON = "PreemptionByScheduler"
MESSAGE = "default-scheduler: preempting to accommodate a higher priority pod"


class Preempting:
    """Carries preemptions out for one term of leadership."""

    def __init__(
        self,
        scheduling: Scheduling,
        snapshot: Snapshot,
        amender: Amender,
        clock: Clock,
        record: Callable[[Emit], None],
    ):
        self._scheduling = scheduling
        self._snapshot = snapshot
        self._amender = amender
        self._clock = clock
        self._record = record

    def decide(self, decision: Decision) -> Preemption:
        """Whether and where room can be made for a pod that fits nowhere."""
        return self._scheduling.preempt(decision.pod, lambda: Allowance(self._snapshot))

    async def carry_out(self, pod: Pod, preemption: Preemption, why: str) -> bool:
        """Nominate the pod and ask for the end of its victims; False if the pod should be tried again."""
        if not await self._nominate(pod, preemption.node, why):
            self._scheduling.withdraw(pod)
            for victim in preemption.victims:
                self._scheduling.spare(victim)
            return False
        ended = await asyncio.gather(*(self._end(victim, pod, preemption.node) for victim in preemption.victims))
        return bool(ended) and all(ended)

    async def _nominate(self, pod: Pod, node: str, why: str) -> bool:
        """Write the nomination; False if the pod does not wait any more, or it cannot be written."""
        now = to_milliseconds(self._clock.now())

        def nominated(newest: Pod) -> Pod | None:
            same = newest.metadata.uid == pod.metadata.uid and awaits_node(newest)
            return unplaceable(newest, why, now, nominated=node) if same else None

        try:
            newest = await self._amender.amend(Pod, *pod.key, nominated, sure=True)
        except StoreError as error:
            log.info("nomination not written pod=%s/%s error=%s", *pod.key, error)
            return False
        return newest is not None and newest.metadata.uid == pod.metadata.uid and awaits_node(newest)

    async def _end(self, victim: Pod, pod: Pod, node: str) -> bool:
        """Ask for the end of a victim; False if that could not be written."""
        now = to_milliseconds(self._clock.now())

        def ending(newest: Pod) -> Pod | Removal | None:
            if newest.metadata.uid != victim.metadata.uid or newest.deleting:
                return None
            target = as_target(newest, disruption_target(REASON, MESSAGE, now))
            outcome = for_delete(target, DeleteOptions(), now)
            return outcome if isinstance(outcome, Removal) else cast("Pod", outcome.object)

        try:
            await self._amender.amend(Pod, *victim.key, ending)
        except StoreError as error:
            log.info("victim not ended pod=%s/%s error=%s", *victim.key, error)
            self._scheduling.spare(victim)
            return False
        self._record(Emit(victim, "Preempted", f"Preempted by pod {pod.metadata.uid} on node {node}"))
        return True


def unplaceable(pod: Pod, why: str, now: Instant, *, nominated: str) -> Pod | None:
    """The pod with the condition that explains why it waits, and its nomination; None if it says all that already."""
    old = find_condition(pod.status.conditions, "PodScheduled")
    told = old is not None and (old.status, old.reason, old.message) == ("False", "Unschedulable", why)
    if told and pod.status.nominated_node_name == nominated:
        return None
    new = Condition(
        type="PodScheduled",
        status="False",
        reason="Unschedulable",
        message=why,
        last_transition_time=to_milliseconds(now),
    )
    conditions = with_condition(pod.status.conditions, new)
    return evolve(pod, **{"status.conditions": conditions, "status.nominated_node_name": nominated})
