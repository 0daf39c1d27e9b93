"""Registration: an agent asks for a node's name, and gets it or is told why not.

A name is spoken for by one incarnation at a time. Another one is refused while the first one's lease runs, unless it
shows that it is the same agent, started again (`previous_incarnation`). Who holds a name is on the node's Lease, so
that a new leader knows; it is written before the agent is welcomed.

*Reads*: the sessions and the mirror. *Writes*: the Node (new, or merged with the declared one) and its Lease.
"""

from __future__ import annotations

import logging

from control_plane.amend import Amender
from control_plane.hub.node_state import LEASE_NAMESPACE, new_lease, registered, released_lease, renewed_lease
from control_plane.hub.session import Session, Sessions
from control_plane.plan import Snapshot
from control_plane.store import lifecycle
from control_plane.store.port import StoreUnavailable
from proto.clock import Clock
from proto.ids import Ids
from proto.names import subdomain_problem
from proto.node import Registration
from proto.objects.coordination import Lease
from proto.objects.core import Node

log = logging.getLogger(__name__)

ATTEMPTS_MAX = 3


class Registrar:
    """Gives out names, for one term of leadership."""

    def __init__(
        self, sessions: Sessions, amender: Amender, mirror: Snapshot, clock: Clock, ids: Ids, *, lease_s: float
    ):
        self._sessions = sessions
        self._amender = amender
        self._mirror = mirror
        self._clock = clock
        self._ids = ids
        self._lease_s = lease_s

    def refusal(self, subject_node: str, registration: Registration) -> str:
        """Why this agent does not get the name; "" if it does."""
        name = registration.node
        if problem := subdomain_problem(name):
            return f"node name {name!r} is invalid: {problem}"
        if name != subject_node:
            return f"node name {name!r} does not match the subject, which names {subject_node!r}"
        session = self._sessions.get(name)
        now_s = self._clock.monotonic_s()
        if session is None or not session.held_by_other(registration.incarnation, now_s):
            return ""
        if session.incarnation == registration.previous_incarnation:
            return ""
        remaining_s = session.granted_until_s - now_s
        return (
            f"node name {name!r} is held by another agent; "
            f"stop that one, or wait until its lease has run out (in {remaining_s:.0f} s at the earliest)"
        )

    def open(self, registration: Registration) -> Session:
        """Give the name to this incarnation, from this moment on."""
        session = self._sessions.open(registration.node)
        session.incarnation = registration.incarnation
        session.granted_until_s = self._clock.monotonic_s() + self._lease_s
        session.conditions = registration.conditions
        session.leaving = registration.leaving
        session.mismatches = 0
        return session

    async def write(self, registration: Registration) -> None:
        """Write the Node and the Lease.

        Raises:
            StoreUnavailable | OutcomeUnknown | ObjectTooLarge: the agent is not welcomed, and will ask again.
        """
        node = await self._write_node(registration)
        await self.write_lease(node, registration.incarnation)

    async def write_lease(self, node: Node, incarnation: str) -> None:
        """Make the node's Lease say who holds it, as of now."""
        now, name = self._clock.now(), node.metadata.name
        renewed = await self._amender.amend(
            Lease, LEASE_NAMESPACE, name, lambda lease: renewed_lease(lease, node, incarnation, now)
        )
        if renewed is None:
            lease = new_lease(node, incarnation, self._lease_s, now)
            await self._amender.create(lifecycle.for_create(lease, uid=self._ids.uid(), now=now))

    async def release(self, session: Session) -> None:
        """The agent says goodbye: the name is free at once."""
        session.incarnation, session.granted_until_s = "", float("-inf")
        now = self._clock.now()
        await self._amender.amend(Lease, LEASE_NAMESPACE, session.node, lambda lease: released_lease(lease, now))

    async def _write_node(self, registration: Registration) -> Node:
        now = self._clock.now()
        for _ in range(ATTEMPTS_MAX):
            node = await self._amender.amend(
                Node, "", registration.node, lambda node: registered(node, registration, now)
            )
            if node is not None:
                return node
            new = registered(None, registration, now)
            new = lifecycle.for_create(new, uid=self._ids.uid(), now=now, keep_status=True)
            if await self._amender.create(new) is not None:
                log.info("node registered node=%s", registration.node)
            if (created := self._mirror.get(Node, "", registration.node)) is not None:
                return created
        raise StoreUnavailable(f"node {registration.node} is being created and deleted at the same time")
