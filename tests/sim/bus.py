"""A bus that belongs to a program: what arrives runs on the program's account, or waits until it is thawed."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context

from proto.bus.memory import MemoryBus, MemoryNetwork, MemorySubscription
from proto.bus.port import Handler, Message
from tests.sim.programs import Program


class ProgramBus(MemoryBus):
    """A connection that dies with its program."""

    def __init__(self, network: MemoryNetwork, name: str, program: Program):
        self._program = program
        super().__init__(network, name)

    async def subscribe(self, subject: str, handler: Handler, *, queue: str = "") -> MemorySubscription:
        return await super().subscribe(subject, lambda message: self._program.run(handler, message), queue=queue)

    def on_reconnect(self, callback: Callable[[], None]) -> None:
        super().on_reconnect(lambda: self._program.run(callback))

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        super().on_disconnect(lambda: self._program.run(callback))

    def vanish(self) -> None:
        """The program was killed: its socket is closed by the kernel, and the server notices at once."""
        closing = self.close()
        try:
            closing.send(None)
        except StopIteration:
            pass

    def _send(self, message: Message) -> None:
        """What was sent is the network's: it arrives even if the sender is killed right afterwards."""
        Context().run(super()._send, message)
