"""Fencing: when it is certain that a node that fell silent has stopped what must be one.

*Liveness* asks whether a node is alive, and may err. This asks whether its work may be given away although it might
exist twice, and must not err. A node stops such pods by itself, counted from its last grant (see
`proto.disconnection`); what is counted here begins later and ends later, on this program's monotonic clock. The wall
clock decides nothing, so nobody who sets it can cause a double.

What is certain is written on the Node, as `status.sinceGrantSeconds`: once when its lease is over, and again when a
pod that may go on for longer is over, too. Controllers act on it. A node is granted nothing while it says so: the hub
first writes that the node is back, so what was decided on the old word can be told apart by its revision.

A new leader does not know its predecessor's grants: it counts as if it had granted at its own start to every node that
does not carry the mark, and goes on from the mark where there is one.

*Reads*: sessions, Nodes, the pods of silent ones. *Writes*: `sinceGrantSeconds` and the condition `Fenced` of Nodes.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from control_plane.amend import Amender
from control_plane.hub import node_state
from control_plane.hub.session import Session, Sessions
from control_plane.plan import Emit, Snapshot
from control_plane.store.port import StoreError
from proto.clock import Clock
from proto.disconnection import disconnection, margin_s
from proto.objects.core import Node
from proto.objects.pod import Pod

log = logging.getLogger(__name__)

TICK_S = 0.25
LOOK_AGAIN_S = 60.0
"""A silent node is looked at so often for pods that came to it since, which hardly happens."""


class Fencing:
    """Counts for one term of leadership. `record` tells people."""

    def __init__(
        self,
        sessions: Sessions,
        amender: Amender,
        mirror: Snapshot,
        clock: Clock,
        record: Callable[[Emit], None],
        *,
        lease_s: float,
    ):
        self._sessions = sessions
        self._amender = amender
        self._mirror = mirror
        self._clock = clock
        self._record = record
        self._lease_s = lease_s
        self._due_s: dict[str, float] = {}

    def lost(self, session: Session) -> None:
        """A node has fallen silent."""
        self._due_s[session.node] = session.granted_s + math.ceil(self._lease_s + margin_s(self._lease_s))

    async def run(self) -> None:
        """Look for what has become certain, for ever."""
        while True:
            now_s = self._clock.monotonic_s()
            for node in [node for node, due_s in self._due_s.items() if due_s <= now_s]:
                await self._look_at(node)
            await self._clock.sleep(TICK_S)

    async def _look_at(self, node: str) -> None:
        """Write how long the node has had no grant, and find out when that is worth saying again."""
        session = self._sessions.get(node)
        if session is None or session.alive:
            self._due_s.pop(node, None)
            return
        silent_s = int(self._clock.monotonic_s() - session.granted_s)
        try:
            if await self._write(session, silent_s):
                self._due_s[node] = session.granted_s + self._next_s(node, silent_s)
        except StoreError as error:
            log.info("fence not written node=%s error=%s", node, error)

    async def _write(self, session: Session, silent_s: int) -> bool:
        """Whether the stored Node says it now. One that is heard meanwhile, or still counts as Ready, does not."""
        now = self._clock.now()

        def change(stored: Node) -> Node | None:
            if session.alive or node_state.is_ready(stored):
                return None
            return node_state.fenced(stored, silent_s, now)

        written = await self._amender.amend(Node, "", session.node, change)
        if written is None or written.status.since_grant_seconds is None:
            return False
        if written.status.since_grant_seconds == silent_s:
            log.info("node is fenced node=%s since_grant_s=%d", session.node, silent_s)
            self._record(Emit(written, "NodeFenced", node_state.fence_message(silent_s), "Warning"))
        return True

    def _next_s(self, node: str, silent_s: int) -> float:
        """After how many seconds without a grant the next pod of the node is certain to have stopped."""
        policies = [disconnection(pod) for pod in self._mirror.by_node(node) if isinstance(pod, Pod)]
        windows = {policy.stop_after_s for policy in policies if policy.stop_after_s is not None}
        waits = (math.ceil(window_s + margin_s(window_s)) for window_s in windows)
        return min((wait_s for wait_s in waits if wait_s > silent_s), default=silent_s + LOOK_AGAIN_S)
