"""What everyone shares: the store's server. Breaking it is a fault of its own."""

from __future__ import annotations

from control_plane.store.memory import MemoryStoreServer


class Hub:
    """The NATS server: its streams. The links to it belong to the machines and control planes."""

    name = "hub"

    def __init__(self) -> None:
        self.server = MemoryStoreServer()

    def stop_writes(self) -> None:
        """JetStream elects: nobody can write, core messages go on."""
        self.server.unavailable = True

    def resume_writes(self) -> None:
        """It has elected."""
        self.server.unavailable = False

    def disconnect(self) -> None:
        """The server goes down: nobody writes, followers lose their place."""
        self.server.unavailable = True

    def reconnect(self) -> None:
        """It is up again; states that were superseded meanwhile are not told."""
        self.server.unavailable = False
        self.server.restart()
