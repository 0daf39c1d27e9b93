"""Answers `down.clean`: what was left over on this node, and away with it.

A container that takes its time to end is answered as `Terminating`: its end goes on, the answer does not wait for it.

Reads: what the cleanup surveys. Writes: what it removes. Never: before the hub has told which pods belong here.
"""

from __future__ import annotations

import asyncio
import logging

from node_agent.background import Background
from node_agent.pressure.cleanup import Cleanup
from proto import codec, subjects
from proto.bus.port import Bus, Disconnected, Message
from proto.clock import Clock
from proto.garbage import Garbage
from proto.node import CleanReply, CleanRequest
from proto.objects.meta import evolve

log = logging.getLogger(__name__)

ANSWER_S = 3.0
"""How long removing may take before what is not removed yet is called Terminating."""

LEFTOVERS_MAX = 1_000


class LeftoverServer:
    """Serves one node's leftovers."""

    def __init__(self, bus: Bus, clock: Clock, background: Background, node: str, cleanup: Cleanup) -> None:
        self._bus = bus
        self._clock = clock
        self._background = background
        self._node = node
        self._cleanup = cleanup

    async def subscribe(self) -> None:
        """Begin to answer."""
        await self._bus.subscribe(subjects.node_down(self._node, "clean"), self._on_message)

    def _on_message(self, message: Message) -> None:
        try:
            request = codec.unpack(message.data, CleanRequest)
        except ValueError as problem:
            log.info("clean_request_unreadable problem=%s", problem)
            return
        if message.reply:
            self._background.spawn(self._answer(request, message.reply), "clean")

    async def _answer(self, request: CleanRequest, reply: str) -> None:
        if not self._cleanup.allowed:
            answer = CleanReply(refused="its agent has not heard yet which pods belong to it")
        elif request.dry_run:
            answer = CleanReply(leftovers=(await self._cleanup.survey())[:LEFTOVERS_MAX])
        else:
            answer = CleanReply(leftovers=(await self._clean())[:LEFTOVERS_MAX])
        try:
            await self._bus.publish(reply, codec.pack(answer))
        except Disconnected as problem:
            log.info("clean_answer_not_sent problem=%s", problem)

    async def _clean(self) -> tuple[Garbage, ...]:
        """What was removed; after `ANSWER_S` also what is on its way."""
        found = await self._cleanup.survey()
        sweeping = self._background.spawn(self._cleanup.sweep(), "sweep")
        waiting = self._background.spawn(self._clock.sleep(ANSWER_S), "sweep patience")
        await asyncio.wait((sweeping, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if sweeping.done():
            return sweeping.result()  # type: ignore[no-any-return]
        left = {(each.kind, each.name) for each in await self._cleanup.survey()}
        return tuple(
            evolve(each, outcome="Terminating" if (each.kind, each.name) in left else "Removed") for each in found
        )
