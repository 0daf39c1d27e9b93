"""Takes the hub's word on which pods this node should hold.

A change is applied as it comes. Every message says which digest the node has after it; if ours differs, something was
lost, and everything is asked for (`up.sync`). A full message replaces all. Messages of an older epoch, from a leader
that was replaced, are not heeded, nor are those that a later one has overtaken, nor is a change of a pod to a
generation that is past.

Reads: `down.assign`, replies to `up.sync`. Writes: `up.sync`, and `Pods`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from node_agent.pods.pods import Pods
from node_agent.storage.port import valid_uid
from proto import codec, subjects
from proto.bus.port import Bus, BusError, Message
from proto.clock import Clock
from proto.ids import Ids
from proto.node import CONFIG_WITHHELD, DIGEST_MODULUS, Assignment, AssignmentsHead, SyncRequest, pod_digest

log = logging.getLogger(__name__)

SYNC_TIMEOUT_S = 5.0
RETRY_S = 1.0


class Held(NamedTuple):
    """Which state of a pod is held."""

    version: str
    generation: int


class AssignmentIntake:
    """What is assigned, by uid, and its digest.

    `synced` is called after everything was told, `confirmed` after that was asked for, with the time of asking.
    """

    def __init__(
        self,
        bus: Bus,
        clock: Clock,
        ids: Ids,
        node: str,
        incarnation: str,
        pods: Pods,
        *,
        synced: Callable[[], None],
        confirmed: Callable[[float], None],
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._ids = ids
        self._node = node
        self._incarnation = incarnation
        self._pods = pods
        self._synced = synced
        self._confirmed = confirmed
        self._held: dict[str, Held] = {}
        self._epoch = 0
        self._sequence = 0
        self._wanted = asyncio.Event()
        self.digest = 0

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, assignment: Assignment) -> None:
        """This pod is assigned (as a record of the agent's last life says); only the count is kept here."""
        meta = assignment.pod.metadata
        self.forget(meta.uid)
        self._held[meta.uid] = Held(meta.resource_version, meta.generation or 0)
        self.digest = (self.digest + pod_digest(meta.uid, meta.resource_version)) % DIGEST_MODULUS

    def forget(self, uid: str) -> None:
        """This pod is not assigned any more."""
        held = self._held.pop(uid, None)
        if held is not None:
            self.digest = (self.digest - pod_digest(uid, held.version)) % DIGEST_MODULUS

    async def subscribe(self) -> None:
        """Begin to hear changes."""
        await self._bus.subscribe(subjects.node_down(self._node, "assign"), self._on_message)

    def want_sync(self) -> None:
        """Ask for everything, soon."""
        self._wanted.set()

    async def run(self) -> None:
        """Ask for everything whenever that is wanted, until it is told."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if not await self._sync():
                self._wanted.set()
                await self._clock.sleep(RETRY_S * self._ids.uniform(0.75, 1.25))

    async def _sync(self) -> bool:
        request, asked_s = codec.pack(SyncRequest(incarnation=self._incarnation)), self._clock.monotonic_s()
        try:
            subject = subjects.node_up(self._node, "sync")
            answer = await self._bus.request(subject, request, timeout_s=SYNC_TIMEOUT_S)
            assignments, pods = _read(answer.data)
            applied = self._apply(assignments, pods)
        except (BusError, ValueError) as problem:
            log.info("sync_failed problem=%s", problem)
            return False
        if applied and assignments.full:
            self._confirmed(asked_s)
        return assignments.full

    def _on_message(self, message: Message) -> None:
        try:
            self._apply(*_read(message.data))
        except ValueError as problem:
            log.warning("assignment_unreadable problem=%s", problem)
            self.want_sync()

    def _apply(self, assignments: AssignmentsHead, pods: Sequence[Any]) -> bool:
        """Do what it says; False if something later was applied before.

        An answer with everything waits for its task while changes that were composed after it are applied as they
        come: it is asked for again then, or it would end what these have just started.

        Raises:
            ValueError: one of the pods cannot be read; those before it were taken.
        """
        if assignments.epoch < self._epoch:
            log.info("assignment_of_old_epoch epoch=%d known=%d", assignments.epoch, self._epoch)
            return False
        if assignments.epoch == self._epoch and 0 < assignments.sequence < self._sequence:
            log.info("assignment_overtaken full=%s sequence=%d", assignments.full, assignments.sequence)
            if assignments.full:
                self.want_sync()
            return False
        self._epoch, self._sequence = assignments.epoch, assignments.sequence
        for uid in self._surplus(assignments, pods):  # First, since these give room to those.
            self.forget(uid)
            self._pods.unassign(uid)
        for pod in pods:
            self._assign(Assignment.model_validate(pod), certain=assignments.full)
        if assignments.full:
            self._synced()
        elif self.digest != assignments.digest:
            log.info("digest_differs asking for everything")
            self.want_sync()
        return True

    def _surplus(self, assignments: AssignmentsHead, pods: Sequence[Any]) -> tuple[str, ...]:
        """The uids that should not be here."""
        if not assignments.full:
            return assignments.removed
        told = set(map(_uid, pods))
        return tuple(uid for uid in self._held if uid not in told)

    def _assign(self, assignment: Assignment, *, certain: bool) -> None:
        """Take one pod, unless a later change has overtaken this one, or its config is still to come."""
        meta = assignment.pod.metadata
        if not valid_uid(meta.uid):
            log.warning("assignment_without_usable_uid pod=%s/%s uid=%r", meta.namespace, meta.name, meta.uid)
            return
        held = self._held.get(meta.uid)
        if held is not None and not certain and held.generation > (meta.generation or 0):
            return
        self.hold(assignment)
        if meta.resource_version != CONFIG_WITHHELD:
            self._pods.assign(assignment)


def _read(data: bytes) -> tuple[AssignmentsHead, Sequence[Any]]:
    """A message without its pods, and these as they came: each is read when it is its turn."""
    return codec.unpack_apart(data, AssignmentsHead, "pods")


def _uid(pod: Any) -> str:
    """The uid of a pod that was not read yet; "" if there is none."""
    try:
        return str(pod["pod"]["metadata"]["uid"])
    except (KeyError, TypeError, IndexError):
        return ""
