"""Waiting until a cluster's nodes are Ready, as its API tells it.

Reads: nodes, over the bus, as any client does. Writes: nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from proto.bus.port import Bus
from proto.client.typed import Client
from proto.clock import Clock, SystemClock
from proto.errors import ApiError
from proto.objects.core import Node
from proto.objects.meta import find_condition

_POLL_S = 0.1


def is_ready(node: Node) -> bool:
    """Whether its condition Ready is True."""
    condition = find_condition(node.status.conditions, "Ready")
    return condition is not None and condition.status == "True"


async def unready_nodes(
    bus: Bus, names: Iterable[str], *, within_s: float, clock: Clock | None = None
) -> tuple[str, ...]:
    """Wait until all nodes named are Ready; those that are not within `within_s` seconds (none, as a rule)."""
    clock = clock or SystemClock()
    client = Client(bus, timeout_s=2.0)
    missing = set(names)
    deadline_s = clock.monotonic_s() + within_s
    while missing and clock.monotonic_s() < deadline_s:
        try:
            nodes = (await client.list(Node)).items
            missing -= {node.metadata.name for node in nodes if is_ready(node)}
        except ApiError:
            pass  # The control plane is still starting.
        if missing:
            await clock.sleep(_POLL_S)
    return tuple(sorted(missing))
