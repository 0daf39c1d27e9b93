"""Making the node known to the hub, as the one agent of its name.

An agent shows its predecessor's incarnation, so that a restart takes over at once what its last life held. That life
may have ended before the hub knew of it; then it is an earlier one that the hub knows. So all are shown, the newest
first, before a refusal is believed.

Writes: `up.register`, the identity record. Never: retries after a refusal.
"""

from __future__ import annotations

import logging

from node_agent.storage.port import Identity, Storage, StorageFailure
from proto import codec, subjects
from proto.bus.port import Bus, BusError
from proto.clock import Clock
from proto.ids import Ids
from proto.node import Registration, RegistrationReply

log = logging.getLogger(__name__)

REPLY_TIMEOUT_S = 3.0
RETRY_FIRST_S = 0.1
RETRY_MAX_S = 1.0
PREDECESSORS_MAX = 5


class NameRefused(Exception):
    """The hub does not give this agent its name; the message says why."""


def adopt_identity(storage: Storage, ids: Ids, machine_id: str) -> Identity:
    """This life's identity, saved before anybody hears of it.

    A state directory that was copied to another machine (another machine id) has no predecessors there. One that cannot
    be written costs only time: the next life then has to wait until this one's lease has run out.
    """
    last = storage.load_identity()
    same = not machine_id or not last.machine_id or last.machine_id == machine_id
    identity = Identity(
        machine_id=machine_id or last.machine_id or ids.uid().replace("-", ""),
        incarnation=ids.uid(),
        predecessors=_lives_before(last) if same else (),
    )
    try:
        storage.save_identity(identity)
    except StorageFailure as problem:
        log.warning("identity_not_saved problem=%s", problem)
    return identity


def _lives_before(last: Identity) -> tuple[str, ...]:
    """All that the hub may know, the newest first."""
    return (last.incarnation, *last.predecessors)[:PREDECESSORS_MAX] if last.incarnation else ()


class Registrar:
    """Registers one incarnation, as often as the hub asks for it; `leaving` if its node is about to leave."""

    def __init__(self, bus: Bus, clock: Clock, ids: Ids, registration: Registration, predecessors: tuple[str, ...]):
        self._bus = bus
        self._clock = clock
        self._ids = ids
        self._registration = registration
        self._predecessors = predecessors or ("",)
        self.leaving = False

    async def register(self) -> tuple[RegistrationReply, float]:
        """Ask until the hub has answered; the welcome, and when (monotonic) the answered request was sent.

        Raises:
            NameRefused: the hub refused every predecessor that could be shown.
        """
        for predecessor in self._predecessors:
            reply, sent_s = await self._ask(predecessor)
            if not reply.refused:
                return reply, sent_s
            log.info("registration_refused predecessor=%s why=%s", predecessor or "none", reply.refused)
        raise NameRefused(reply.refused)

    async def _ask(self, predecessor: str) -> tuple[RegistrationReply, float]:
        news = {"previous_incarnation": predecessor, "leaving": self.leaving}
        registration = self._registration.model_copy(update=news)
        data = codec.pack(registration)
        delay_s, told = RETRY_FIRST_S, False
        while True:
            sent_s = self._clock.monotonic_s()
            try:
                subject = subjects.node_up(registration.node, "register")
                answer = await self._bus.request(subject, data, timeout_s=REPLY_TIMEOUT_S)
                return codec.unpack(answer.data, RegistrationReply), sent_s
            except (BusError, ValueError) as problem:
                log.log(logging.DEBUG if told else logging.WARNING, "hub_not_reached retrying problem=%s", problem)
                told = True
            await self._clock.sleep(delay_s * self._ids.uniform(0.75, 1.25))
            delay_s = min(delay_s * 2, RETRY_MAX_S)
