"""This node's membership in the cluster: register, then heartbeat for ever.

Heartbeats go out at their pace whatever becomes of their answers, so a slow answer never makes the node look dead. The
workloads do not depend on any of it: without a hub everything goes on.

When the hub does not know this agent (it changed, or was restarted) the agent registers again and tells everything.
When the hub says that another holds the name, that is believed only after our own lease has run out: until then the hub
has promised that nobody else gets it.

Writes: `up.heartbeat`, and through `Registrar` `up.register`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from node_agent.background import Background
from node_agent.membership.lease import Lease
from node_agent.membership.registration import NameRefused, Registrar
from proto import codec, subjects
from proto.bus.port import Bus, BusError
from proto.clock import Clock
from proto.ids import Ids
from proto.node import Heartbeat, HeartbeatReply, RegistrationReply

log = logging.getLogger(__name__)

IN_FLIGHT_MAX = 4
"""Heartbeats whose answers may be awaited at once."""

JITTER = 0.05
SILENT_BEATS = 2.5
"""After so many beats without a grant the hub may think that this node is gone."""

REFUSED_RETRY_S = 2.0


class Membership:
    """The node's place in the cluster.

    `compose` makes the next heartbeat of a sequence number. `welcomed` is called after each registration, `returned`
    after a time without grants (the hub may have taken this node for lost), `resync` when the hub wants everything to
    be asked for again.
    """

    def __init__(
        self,
        *,
        bus: Bus,
        clock: Clock,
        ids: Ids,
        background: Background,
        node: str,
        registrar: Registrar,
        lease: Lease,
        compose: Callable[[int], Heartbeat],
        welcomed: Callable[[], None],
        returned: Callable[[], None],
        resync: Callable[[], None],
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._ids = ids
        self._background = background
        self._subject = subjects.node_up(node, "heartbeat")
        self._registrar = registrar
        self._lease = lease
        self._compose = compose
        self._welcomed = welcomed
        self._returned = returned
        self._resync = resync
        self._sequence = 0
        self._in_flight = 0
        self._registered_s = float("-inf")
        self._granted_s = float("-inf")
        self._terms = RegistrationReply()
        self._reachable = True
        self._registering = True
        self.joined = asyncio.Event()
        self.leaving = False

    def register_again(self) -> None:
        """The hub does not know this agent."""
        if not self._registering:
            self._registering = True
            self._background.spawn(self._register(), "register again")

    @property
    def silence_s(self) -> float:
        """How long ago the last heartbeat was sent that the hub granted."""
        return self._clock.monotonic_s() - self._granted_s

    def leave(self) -> None:
        """Tell the hub, now and from now on, that this node leaves."""
        self.leaving = self._registrar.leaving = True
        self._send_beat()

    async def run(self) -> None:
        """Be a member until cancelled.

        Raises:
            NameRefused: another agent holds the name.
        """
        await self._register()
        while True:
            self._send_beat()
            await self._clock.sleep(self._terms.heartbeat_s * self._ids.uniform(1 - JITTER, 1 + JITTER))

    def _send_beat(self) -> None:
        if self._in_flight < IN_FLIGHT_MAX and not self._registering:
            self._sequence += 1
            self._in_flight += 1
            self._background.spawn(self._beat(self._sequence), "heartbeat")

    async def _register(self) -> None:
        """Register, and come back only when the hub knows this agent."""
        while True:
            try:
                self._terms, self._registered_s = await self._registrar.register()
                break
            except NameRefused as refusal:
                if not self._lease.valid:
                    raise
                log.warning("refused_while_lease_runs remaining_s=%.1f why=%s", self._lease.remaining_s, refusal)
            await self._clock.sleep(REFUSED_RETRY_S)
        self._registering = False
        self._granted_s = self._registered_s
        self._lease.grant(self._registered_s, self._terms.lease_s)
        log.info("registered epoch=%d heartbeat_s=%s", self._terms.epoch, self._terms.heartbeat_s)
        self.joined.set()
        self._welcomed()

    async def _beat(self, sequence: int) -> None:
        """One heartbeat and its answer."""
        sent_s = self._clock.monotonic_s()
        timeout_s = self._terms.heartbeat_s * IN_FLIGHT_MAX
        try:
            answer = await self._bus.request(self._subject, codec.pack(self._compose(sequence)), timeout_s=timeout_s)
            reply = codec.unpack(answer.data, HeartbeatReply)
        except (BusError, ValueError) as problem:
            self._note_reachable(False, str(problem))
        else:
            self._note_reachable(True)
            self._take(reply, sent_s)
        finally:
            self._in_flight -= 1

    def _take(self, reply: HeartbeatReply, sent_s: float) -> None:
        """What the hub said; an answer to what was sent before the last registration says nothing new."""
        if sent_s < self._registered_s:
            return
        if reply.verdict != "granted":
            log.info("heartbeat_not_granted verdict=%s", reply.verdict)
            self.register_again()
            return
        if self._lease.grant(sent_s, reply.lease_s):
            self._resync()
        away_s, self._granted_s = sent_s - self._granted_s, max(sent_s, self._granted_s)
        if away_s > self._terms.heartbeat_s * SILENT_BEATS:
            log.info("back_after away_s=%.1f", away_s)
            self._returned()
        if reply.resync:
            self._resync()

    def _note_reachable(self, reachable: bool, problem: str = "") -> None:
        """Log when the hub goes away and when it is back, not every beat."""
        if reachable == self._reachable:
            return
        self._reachable = reachable
        if reachable:
            log.info("hub_back")
        else:
            log.warning("hub_lost workloads go on problem=%s", problem)
