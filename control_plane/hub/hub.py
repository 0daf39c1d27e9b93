"""The hub itself: one subscription for all that nodes say, and an answer to each.

Heartbeats are answered at once and from memory. Whatever has to write is done in a task of its own and answered
when it is written; a node that gets no answer asks again. Answers go through one outbox, in order.

Served by the leader only: the subscription lives as long as the term.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from control_plane.amend import Amender
from control_plane.hub.dispatch import Dispatcher
from control_plane.hub.fencing import Fencing
from control_plane.hub.hearing import Hearing
from control_plane.hub.intake import Intake
from control_plane.hub.liveness import Liveness
from control_plane.hub.registration import Registrar
from control_plane.hub.session import Session, Sessions
from control_plane.hub.slow_pace import SlowPace
from control_plane.plan import Emit
from control_plane.store.mirror import Mirror
from control_plane.store.port import StoreError
from control_plane.tasks import Tasks
from proto import codec, subjects
from proto.bus.port import Bus, Disconnected, Message
from proto.clock import Clock
from proto.ids import Ids
from proto.node import (
    Goodbye,
    GoodbyeReply,
    Heartbeat,
    HeartbeatReply,
    Registration,
    RegistrationReply,
    StatusReply,
    StatusReport,
    SyncRequest,
)
from proto.objects.core import Node
from proto.objects.meta import Model

log = logging.getLogger(__name__)

EVERY_NODE = f"{subjects.NODE_PREFIX}.*.up.*"


@dataclass(frozen=True, slots=True)
class HubPace:
    """Seconds: how often agents should send heartbeats, how long they may be silent, how long a lease lasts."""

    heartbeat_s: float = 0.75
    grace_s: float = 3.0
    lease_s: float = 15.0


class Hub:
    """Serves all nodes for one term of leadership; `held()` says whether that still lasts."""

    def __init__(
        self,
        bus: Bus,
        hearing: Hearing,
        mirror: Mirror,
        amender: Amender,
        clock: Clock,
        ids: Ids,
        tasks: Tasks,
        record: Callable[[Emit], None],
        *,
        held: Callable[[], bool],
        epoch: int,
        pace: HubPace | None = None,
    ):
        self._bus = bus
        self._mirror = mirror
        self._tasks = tasks
        self._held = held
        self._epoch = epoch
        self._pace = pace = pace or HubPace()
        self.sessions = Sessions()
        self._hearing = hearing
        self._registrar = Registrar(self.sessions, amender, mirror, clock, ids, lease_s=pace.lease_s)
        self._fencing = Fencing(self.sessions, amender, mirror, clock, record, lease_s=pace.lease_s)
        self._liveness = Liveness(
            self.sessions, hearing, self._fencing, amender, mirror, clock, grace_s=pace.grace_s, lease_s=pace.lease_s
        )
        self._slow_pace = SlowPace(self.sessions, self._registrar, amender, mirror, clock)
        self._dispatcher = Dispatcher(bus, mirror, clock, epoch)
        self._intake = Intake(amender, mirror, clock, record)
        self._clock = clock
        self._grants = {
            resync: codec.pack(HeartbeatReply(verdict="granted", lease_s=pace.lease_s, epoch=epoch, resync=resync))
            for resync in (False, True)
        }
        """The answers to nearly all heartbeats; in one term they are the same for all nodes."""
        self._outbox: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._handlers: dict[str, Callable[[str, Message], None]] = {
            "register": self._on_register,
            "heartbeat": self._on_heartbeat,
            "status": self._on_status,
            "sync": self._on_sync,
            "goodbye": self._on_goodbye,
        }

    async def run(self) -> None:
        """Serve until cancelled."""
        self._liveness.take_over()
        self._tasks.spawn("hub outbox", self._send_answers())
        self._tasks.spawn("hub dispatch", self._dispatcher.run())
        self._tasks.spawn("hub settling", self._liveness.run_settling())
        self._tasks.spawn("hub fencing", self._fencing.run())
        self._tasks.spawn("hub slow pace", self._slow_pace.run())
        silence = [
            self._mirror.subscribe(on_event) for on_event in (self._dispatcher.on_event, self._liveness.on_event)
        ]
        echo = await self._hearing.listen()
        subscription = await self._bus.subscribe(EVERY_NODE, self.on_message)
        try:
            await self._liveness.run_ticks()
        finally:
            for end in silence:
                end()
            # Whoever ends the term asks again while this takes long; a subscription that stays would be heard for ever.
            await asyncio.shield(asyncio.gather(subscription.unsubscribe(), echo.unsubscribe()))

    def on_message(self, message: Message) -> None:
        """Hand a node's message to whom it concerns; one that cannot be read, or comes after the term, is dropped."""
        node, _, kind = subjects.parse_node(message.subject)
        handler = self._handlers.get(kind)
        if handler is None or not message.reply or not self._held():
            return
        try:
            handler(node, message)
        except ValueError as error:
            log.info("unreadable message node=%s kind=%s error=%.200s", node, kind, error)

    def _on_heartbeat(self, node: str, message: Message) -> None:
        heartbeat = codec.unpack(message.data, Heartbeat)
        session = self.sessions.get(node)
        if session is not None and session.held_by_other(heartbeat.incarnation, self._clock.monotonic_s()):
            self._answer(message, HeartbeatReply(verdict="refused", lease_s=self._pace.lease_s, epoch=self._epoch))
            return
        known = session is not None and session.incarnation == heartbeat.incarnation
        if session is None or not known or self._mirror.get(Node, "", node) is None:
            self._answer(message, HeartbeatReply(verdict="register", lease_s=self._pace.lease_s, epoch=self._epoch))
            return
        self._liveness.heard(session, heartbeat)
        if self._liveness.admits(node):
            self._grant(session, heartbeat, message)
        else:
            self._tasks.once(f"readmit {node}", self._readmit(session, heartbeat, message))

    async def _readmit(self, session: Session, heartbeat: Heartbeat, message: Message) -> None:
        """Grant the lease to a node that was lost, once it is written that it is not; else it will ask again."""
        if await self._liveness.readmit(session) and self._held():
            self._grant(session, heartbeat, message)

    def _grant(self, session: Session, heartbeat: Heartbeat, message: Message) -> None:
        node = session.node
        resync, session.mismatches = self._dispatcher.needs_sync(node, heartbeat.digest, session.mismatches)
        self._outbox.put_nowait((message.reply, self._grants[resync]))

    def _on_register(self, node: str, message: Message) -> None:
        try:
            registration = codec.unpack(message.data, Registration)
        except ValueError as error:
            self._answer(message, RegistrationReply(refused=f"the registration cannot be read: {error}"))
            return
        if refused := self._registrar.refusal(node, registration):
            log.info("registration refused node=%s why=%s", node, refused)
            self._answer(message, RegistrationReply(refused=refused, epoch=self._epoch))
            return
        session = self._registrar.open(registration)
        self._liveness.heard(session)
        self._tasks.once(f"register {node}", self._register(registration, message))

    async def _register(self, registration: Registration, message: Message) -> None:
        try:
            await self._registrar.write(registration)
        except StoreError as error:
            log.info("registration not written node=%s error=%s", registration.node, error)
            return
        pace = self._pace
        self._answer(message, RegistrationReply(heartbeat_s=pace.heartbeat_s, lease_s=pace.lease_s, epoch=self._epoch))

    def _on_status(self, node: str, message: Message) -> None:
        report = codec.unpack(message.data, StatusReport)
        if self._speaks_for(node, report.incarnation):
            self._tasks.once(f"status {node}", self._take_status(node, report, message))
        else:
            self._answer(message, StatusReply(verdict="register"))

    async def _take_status(self, node: str, report: StatusReport, message: Message) -> None:
        self._answer(message, StatusReply(accepted=await self._intake.take(node, report)))

    def _on_sync(self, node: str, message: Message) -> None:
        request = codec.unpack(message.data, SyncRequest)
        if self._speaks_for(node, request.incarnation):
            self._outbox.put_nowait((message.reply, self._dispatcher.everything(node)))

    def _on_goodbye(self, node: str, message: Message) -> None:
        goodbye = codec.unpack(message.data, Goodbye)
        if self._speaks_for(node, goodbye.incarnation):
            self._tasks.once(f"goodbye {node}", self._say_goodbye(node, message))
        else:
            self._answer(message, GoodbyeReply())

    async def _say_goodbye(self, node: str, message: Message) -> None:
        session = self.sessions.get(node)
        if session is not None:
            try:
                await self._registrar.release(session)
            except StoreError as error:
                log.info("goodbye not written node=%s error=%s", node, error)
        self._answer(message, GoodbyeReply())

    def _speaks_for(self, node: str, incarnation: str) -> bool:
        session = self.sessions.get(node)
        return session is not None and bool(incarnation) and session.incarnation == incarnation

    def _answer(self, message: Message, reply: Model) -> None:
        self._outbox.put_nowait((message.reply, codec.pack(reply)))

    async def _send_answers(self) -> None:
        while True:
            subject, data = await self._outbox.get()
            try:
                await self._bus.publish(subject, data)
            except Disconnected as error:
                log.debug("answer not sent error=%s", error)
