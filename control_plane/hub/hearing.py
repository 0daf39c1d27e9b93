"""Whether this replica can hear at all: a clock that only runs while it does.

Silence proves a node's death only if its heartbeats would have been heard. So silence is measured on a clock that
stands still while this program was stopped or stalled, while its connection is broken, and while the bus does not even
bring back its own echo (the server hangs). After a longer break the clock also has a new *floor*: every node gets a
full grace period from then, because nodes need a moment to find back, too.

*Reads*: the clock and its own echo on the bus. *Never*: judges a node, see `liveness`.
"""

from __future__ import annotations

from proto.bus.port import Bus, Disconnected, Message, Subscription
from proto.clock import Clock

TICK_S = 0.1
STEP_S_MAX = 0.25
"""What one tick may add at most: a stall longer than this does not count as time in which nodes were silent."""

ECHO_S = 0.5
DEAF_S = 1.25
"""Without an echo for so long, nothing is being heard."""

BREAK_S = 1.0
"""A break longer than this gives every node a new grace period."""


class Hearing:
    """Monotonic seconds of hearing. `floor_s` is when hearing last began."""

    def __init__(self, bus: Bus, clock: Clock):
        self._bus = bus
        self._clock = clock
        self._ticked_s = clock.monotonic_s()
        self._called_s = float("-inf")
        self._echoed_s = self._ticked_s
        self._subject = bus.inbox()
        self._deaf_since_s: float | None = None
        self.now_s = 0.0
        self.floor_s = 0.0
        bus.on_disconnect(self.interrupt)
        bus.on_reconnect(self.interrupt)

    def silence_s(self, heard_s: float) -> float:
        """How long something was silent that was last heard at `heard_s` of this clock."""
        return self.now_s - max(heard_s, self.floor_s)

    def interrupt(self) -> None:
        """Something was missed: whatever is silent from now on has been so from now on."""
        self.floor_s = self.now_s

    async def listen(self) -> Subscription:
        """Begin to hear one's own echo, until the subscription is ended."""
        subscription = await self._bus.subscribe(self._subject, self._on_echo)
        self._echoed_s = self._ticked_s = self._clock.monotonic_s()
        return subscription

    async def tick(self) -> None:
        """Advance by what was heard since the last tick; to be called every `TICK_S`."""
        now_s = self._clock.monotonic_s()
        passed_s, self._ticked_s = now_s - self._ticked_s, now_s
        deaf = not self._bus.connected or now_s - self._echoed_s > DEAF_S
        if deaf or passed_s > BREAK_S:
            self.interrupt()
        else:
            self.now_s += min(passed_s, STEP_S_MAX)
        if now_s - self._called_s >= ECHO_S:
            self._called_s = now_s
            await self._call()

    async def _call(self) -> None:
        try:
            await self._bus.publish(self._subject)
        except Disconnected:
            self.interrupt()

    def _on_echo(self, _: Message) -> None:
        self._echoed_s = self._clock.monotonic_s()
