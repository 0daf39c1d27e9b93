"""Liveness: who is heard, and what follows when a node falls silent or is heard again.

A heartbeat touches memory only. A node that was silent for `grace_s` of *hearing* time (see `hearing`) is marked
Ready=Unknown and its pods not Ready; what else follows (taints, evictions) is the node lifecycle controller's.

While nobody at all is heard, one node's silence says little about that node: those whose time has come are then judged
together, with the last one or as soon as somebody is heard. So when all are cut off at once, all are seen to be lost
at once, and node eviction does not take the first one for a single loss.

A new leader knows nobody's last heartbeat: everyone gets a full grace period from its start.

*Reads*: sessions, Nodes, pods. *Writes*: conditions of Nodes, Ready of the pods on lost ones.
"""

from __future__ import annotations

import asyncio
import logging
from typing import cast

from control_plane.amend import Amender
from control_plane.hub import node_state
from control_plane.hub.fencing import Fencing
from control_plane.hub.hearing import TICK_S, Hearing
from control_plane.hub.session import Session, Sessions
from control_plane.hub.wheel import Wheel
from control_plane.plan import Snapshot
from control_plane.store.mirror import MirrorEvent
from control_plane.store.port import StoreError
from proto.clock import Clock, Instant
from proto.leaving import LEAVING
from proto.node import Heartbeat
from proto.objects.coordination import Lease
from proto.objects.core import Node
from proto.objects.pod import Pod

log = logging.getLogger(__name__)

RETRY_S = 0.25

LULL_SHARE = 0.5
"""Nobody is heard when the last word of anyone is older than this share of the grace period: two heartbeats."""


class Liveness:
    """Judges all nodes, for one term of leadership."""

    def __init__(
        self,
        sessions: Sessions,
        hearing: Hearing,
        fencing: Fencing,
        amender: Amender,
        mirror: Snapshot,
        clock: Clock,
        *,
        grace_s: float,
        lease_s: float,
    ):
        self._sessions = sessions
        self._hearing = hearing
        self._fencing = fencing
        self._amender = amender
        self._mirror = mirror
        self._clock = clock
        self._grace_s = grace_s
        self._lease_s = lease_s
        self._wheel: Wheel[str] = Wheel(TICK_S, hearing.now_s)
        self._overdue: dict[str, None] = {}
        self._heard_s = 0.0
        self._unsettled: dict[str, None] = {}
        self._wake = asyncio.Event()

    def take_over(self) -> None:
        """Begin with what a predecessor left: who holds which name, and who was Ready."""
        self._hearing.interrupt()
        now_s = self._clock.monotonic_s()
        for node in self._mirror.list(Node):
            self._settle(node.metadata.name)
            if node.status.node_info is None:
                continue
            session = self._sessions.open(node.metadata.name)
            session.alive = node_state.is_ready(node)
            session.leaving = LEAVING in node.metadata.labels
            lease = self._mirror.get(Lease, node_state.LEASE_NAMESPACE, node.metadata.name)
            session.incarnation = node_state.incarnation_of(lease)
            session.granted_s = now_s - (node.status.since_grant_seconds or 0)
            session.granted_until_s = now_s + self._lease_s
            self._watch(session)
            if not session.alive:
                self._fencing.lost(session)

    def on_event(self, event: MirrorEvent) -> None:
        """Look again at a node whose stored state is not (or not yet) what is known of it here."""
        if isinstance(event.object, Node):
            self._on_node(event.object.metadata.name, cast("Node | None", event.new), added=event.old is None)
        elif isinstance(event.new, Pod) and node_state.is_lost(event.new):
            session = self._sessions.get(event.new.spec.node_name)
            if session is not None and session.alive:
                self._settle(session.node)

    def heard(self, session: Session, heartbeat: Heartbeat | None = None) -> None:
        """The node's agent spoke; from here on it counts as granted, even if the answer does not say so yet."""
        session.heard_s = self._heard_s = self._hearing.now_s
        session.granted_s = self._clock.monotonic_s()
        session.granted_until_s = session.granted_s + self._lease_s
        if heartbeat is not None:
            session.usage = heartbeat.usage or session.usage
            if heartbeat.conditions and heartbeat.conditions != session.conditions:
                session.conditions = heartbeat.conditions
                self._settle(session.node)
            if heartbeat.leaving != session.leaving:
                session.leaving = heartbeat.leaving
                log.info("node %s node=%s", "leaves" if heartbeat.leaving else "stays", session.node)
                self._settle(session.node)
        if not session.alive:
            session.alive = True
            log.info("node is heard again node=%s", session.node)
            self._settle(session.node)
        self._watch(session)

    def admits(self, node: str) -> bool:
        """Whether a node may be granted its lease at once: it is not written anywhere that it was lost."""
        stored = self._mirror.get(Node, "", node)
        return stored is not None and node_state.is_ready(stored)

    async def readmit(self, session: Session) -> bool:
        """Write that a node is back, before it is granted anything; whether that is written.

        Whoever gave its work away, or is about to, did so on an older revision of the Node: see `fencing`.
        """
        now = self._clock.now()

        def change(stored: Node) -> Node | None:
            return node_state.with_news(stored, session, now)

        try:
            await self._amender.amend(Node, "", session.node, change)
        except StoreError as error:
            log.info("node not readmitted node=%s error=%s", session.node, error)
        return self.admits(session.node)

    async def run_ticks(self) -> None:
        """Look for silence, for ever."""
        while True:
            await self._hearing.tick()
            self._overdue.update(dict.fromkeys(self._wheel.advance(self._hearing.now_s, self._due_s)))
            self._judge()
            await self._clock.sleep(TICK_S)

    def _judge(self) -> None:
        """Lose the nodes whose time has come, unless nobody is heard and others' time is still to come."""
        if not self._overdue:
            return
        lull = self._hearing.silence_s(self._heard_s) > self._grace_s * LULL_SHARE
        if lull and any(session.alive and session.node not in self._overdue for session in self._sessions):
            return
        overdue, self._overdue = self._overdue, {}
        for node in overdue:
            session = self._sessions.get(node)
            if session is None or not session.alive:
                continue
            if self._hearing.silence_s(session.heard_s) >= self._grace_s:
                self._lose(session)
            else:
                self._watch(session)

    async def run_settling(self) -> None:
        """Write what changed about nodes, for ever; all that is waiting at a time together."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            nodes, self._unsettled = tuple(self._unsettled), {}
            settled = await asyncio.gather(*(self._write_state(node) for node in nodes))
            if not all(settled):
                await self._clock.sleep(RETRY_S)
                for node, done in zip(nodes, settled, strict=True):
                    if not done:
                        self._settle(node)

    async def _write_state(self, node: str) -> bool:
        """Write whether a node is heard, on it and on its pods; whether that worked."""
        session, now = self._sessions.get(node), self._clock.now()
        alive = session is not None and session.alive

        def change(stored: Node) -> Node | None:
            if session is None:
                return node_state.never_heard(stored, now)
            return node_state.with_news(stored, session, now)

        try:
            written = await self._amender.amend(Node, "", node, change)
            if session is not None:
                await self._write_pods(node, alive, now)
        except StoreError as error:
            log.info("node state not written node=%s error=%s", node, error)
            return False
        if written is None and session is not None and not session.alive:
            self._sessions.drop(node)
        return session is None or session.alive == alive

    async def _write_pods(self, node: str, alive: bool, now: Instant) -> None:
        """Pods on a lost node are not Ready, those of one that is back are again (Kubernetes: MarkPodsNotReady)."""
        change = node_state.pod_found if alive else node_state.pod_lost
        pods = [pod for pod in self._mirror.by_node(node) if isinstance(pod, Pod) and change(pod, now) is not None]
        await asyncio.gather(*(self._amender.amend(Pod, *pod.key, lambda pod: change(pod, now)) for pod in pods))

    def _on_node(self, name: str, node: Node | None, *, added: bool) -> None:
        session = self._sessions.get(name)
        if node is None:
            if session is not None and not session.alive:
                self._sessions.drop(name)
        elif added or (session is not None and not node_state.agrees(node, session)):
            self._settle(name)

    def _watch(self, session: Session) -> None:
        if session.alive and session.node not in self._wheel:
            self._wheel.add(session.node, self._hearing.now_s + self._grace_s)

    def _settle(self, node: str) -> None:
        self._unsettled[node] = None
        self._wake.set()

    def _due_s(self, node: str) -> float | None:
        session = self._sessions.get(node)
        if session is None or not session.alive:
            return None
        return self._hearing.now_s + self._grace_s - self._hearing.silence_s(session.heard_s)

    def _lose(self, session: Session) -> None:
        session.alive = False
        log.warning("node is silent node=%s grace_s=%.2f", session.node, self._grace_s)
        self._fencing.lost(session)
        self._settle(session.node)
