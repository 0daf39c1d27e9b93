"""Intake: what nodes report of their pods becomes the pods' status.

A report is acknowledged only after it was written (or was found to say nothing new, or to be about a pod that nobody
knows any more), so a node keeps it until then. Writes of one report go out together.

*Reads*: pods from the mirror. *Writes*: `status` of pods; removes a deleted pod when its node says that it is gone.
*Never*: trusts a node about a pod that is bound elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from control_plane.amend import Amender
from control_plane.plan import Emit, Snapshot
from control_plane.store.deletion import DeleteOptions, Removal, for_delete
from control_plane.store.port import ObjectTooLarge, StoreError
from proto.clock import Clock, Instant
from proto.conditions import RESIZE_CONDITIONS
from proto.node import PodEvent, PodReport, StatusReport
from proto.objects.meta import evolve, find_condition, with_condition
from proto.objects.pod import Pod
from proto.objects.pod_status import PodStatus
from proto.phases import ENDED

log = logging.getLogger(__name__)

NOT_THE_NODES = frozenset({"PodScheduled", "Disconnected"})
"""Conditions that others write; a node's word on them is not taken."""


class Intake:
    """Takes the reports of all nodes."""

    def __init__(self, amender: Amender, mirror: Snapshot, clock: Clock, record: Callable[[Emit], None]):
        self._amender = amender
        self._mirror = mirror
        self._clock = clock
        self._record = record

    async def take(self, node: str, report: StatusReport) -> tuple[str, ...]:
        """Write what a node reports; the uids that the node may let go of."""
        accepted = await asyncio.gather(*(self._take_pod(node, pod) for pod in report.pods))
        for event in report.events:
            self._take_event(node, event)
        return tuple(pod.uid for pod, done in zip(report.pods, accepted, strict=True) if done)

    async def _take_pod(self, node: str, report: PodReport) -> bool:
        now = self._clock.now()

        def change(pod: Pod) -> Pod | Removal | None:
            if pod.metadata.uid != report.uid or pod.spec.node_name != node:
                return None
            merged = with_status(pod, report.status, now)
            return removed(merged, now) if report.gone and pod.deleting else merged

        try:
            await self._amender.amend(Pod, report.namespace, report.name, change, sure=True)
        except ObjectTooLarge as error:
            log.warning("status refused node=%s pod=%s/%s error=%s", node, report.namespace, report.name, error)
        except StoreError as error:
            log.info("status not written node=%s pod=%s/%s error=%s", node, report.namespace, report.name, error)
            return False
        return True

    def _take_event(self, node: str, event: PodEvent) -> None:
        pod = self._mirror.get(Pod, event.namespace, event.name)
        if pod is not None and pod.metadata.uid == event.uid and pod.spec.node_name == node:
            self._record(Emit(pod, event.reason, event.message, event.type, node))


def with_status(pod: Pod, reported: PodStatus, now: Instant) -> Pod:
    """The pod with what its node reports; the pod itself if that is nothing new.

    What others wrote is kept (`PodScheduled`), a finished pod does not run again (Kubernetes: pod phases never go
    back), and a condition keeps its transition time while its status stays.
    """
    current = pod.status
    if current.phase in ENDED and reported.phase not in ENDED:
        return pod
    told = {condition.type for condition in reported.conditions}
    conditions = tuple(c for c in current.conditions if c.type in told or c.type not in RESIZE_CONDITIONS)
    for condition in reported.conditions:
        if condition.type in NOT_THE_NODES:
            continue
        if condition.last_transition_time is None:
            condition = condition.model_copy(update={"last_transition_time": now})
        if find_condition(conditions, condition.type) != condition:
            conditions = with_condition(conditions, condition)
    status = evolve(
        reported,
        conditions=conditions,
        qos_class=reported.qos_class or current.qos_class,
        start_time=reported.start_time or current.start_time,
    )
    return pod if status == current else evolve(pod, status=status)


def removed(pod: Pod, now: Instant) -> Removal | Pod:
    """What becomes of a deleted pod whose processes are gone: it goes, unless finalizers hold it."""
    decided = for_delete(pod, DeleteOptions(grace_s=0), now)
    if isinstance(decided, Removal):
        return Removal(decided.object)
    assert isinstance(decided.object, Pod)
    return decided.object
