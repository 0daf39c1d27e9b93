"""The slow pace: renews the nodes' Leases and writes their usage, one node after the other, for people to see.

Nothing depends on these writes being recent; they are what 5,000 nodes can afford.

*Reads*: sessions and Nodes. *Writes*: `renewTime` of Leases, `status.usage` of Nodes.
"""

from __future__ import annotations

import logging

from control_plane.amend import Amender
from control_plane.hub.node_state import usage_changed_much, with_usage
from control_plane.hub.registration import Registrar
from control_plane.hub.session import Session, Sessions
from control_plane.plan import Snapshot
from control_plane.store.port import StoreError
from proto.clock import Clock
from proto.objects.core import Node

log = logging.getLogger(__name__)

LEASE_PACE_S = 10.0
USAGE_PACE_S = 30.0
VISITS_PER_S_MAX = 50.0
"""With very many nodes the pace becomes slower still."""


class SlowPace:
    """Visits the nodes in turn, for one term of leadership."""

    def __init__(self, sessions: Sessions, registrar: Registrar, amender: Amender, mirror: Snapshot, clock: Clock):
        self._sessions = sessions
        self._registrar = registrar
        self._amender = amender
        self._mirror = mirror
        self._clock = clock

    async def run(self) -> None:
        """Visit them all every `LEASE_PACE_S`, for ever."""
        while True:
            sessions = tuple(self._sessions)
            pause_s = max(LEASE_PACE_S, len(sessions) / VISITS_PER_S_MAX) / max(1, len(sessions))
            for session in sessions:
                await self._clock.sleep(pause_s)
                await self._visit(session)
            if not sessions:
                await self._clock.sleep(pause_s)

    async def _visit(self, session: Session) -> None:
        node = self._mirror.get(Node, "", session.node)
        if node is None or not session.alive or not session.incarnation:
            return
        try:
            await self._registrar.write_lease(node, session.incarnation)
            await self._write_usage(session, node)
        except StoreError as error:
            log.info("lease not renewed on the node's object node=%s error=%s", session.node, error)

    async def _write_usage(self, session: Session, node: Node) -> None:
        usage, now_s = session.usage, self._clock.monotonic_s()
        if usage is None:
            return
        due = now_s - session.usage_written_s >= USAGE_PACE_S
        if due or usage_changed_much(node.status.usage, usage, node.status.allocatable):
            session.usage_written_s = now_s
            await self._amender.amend(Node, "", session.node, lambda stored: with_usage(stored, usage))
