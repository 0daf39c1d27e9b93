"""The free ports that pods asked for: chosen once for a pod's life, known to nobody else until it ends.

A port is drawn from the agent's range, is not named by any pod of this machine, and nobody listens on it at that time.
The choice is kept with the pod's record, so it is the same after a restart of the container or of the agent.
"""

from __future__ import annotations

from collections.abc import Mapping

from node_agent.machine.port import Machine
from node_agent.plan.ports import fixed_ports, port_requests
from proto.ids import Ids
from proto.objects.pod import Pod


class PortTable:
    """Which pod has which ports."""

    def __init__(self, machine: Machine, ids: Ids, port_range: tuple[int, int]) -> None:
        self._machine = machine
        self._ids = ids
        self._first, self._end = port_range
        self._taken: dict[int, str] = {}
        self._of_pod: dict[str, set[int]] = {}

    def choose(self, pod: Pod, kept: Mapping[str, int]) -> dict[str, int]:
        """A number for every port that the pod wants chosen; those in `kept` stay as they are.

        A port for which none is left is left out; it is shown as 0.
        """
        uid = pod.metadata.uid
        for number in (*fixed_ports(pod), *kept.values()):
            self._take(number, uid)
        chosen = dict(kept)
        for request in port_requests(pod):
            if request.key not in chosen and (number := self._draw(request.protocol)):
                self._take(number, uid)
                chosen[request.key] = number
        return chosen

    def release(self, uid: str) -> None:
        """The pod has ended: its ports are free."""
        for number in self._of_pod.pop(uid, ()):
            if self._taken.get(number) == uid:
                del self._taken[number]

    def _take(self, number: int, uid: str) -> None:
        self._taken.setdefault(number, uid)
        self._of_pod.setdefault(uid, set()).add(number)

    def _draw(self, protocol: str) -> int:
        """The first free port after a random one, so that agents on one machine rarely meet; 0 if there is none."""
        size = self._end - self._first
        start = int(self._ids.uniform(0, size))
        for offset in range(size):
            number = self._first + (start + offset) % size
            if number not in self._taken and self._machine.port_is_free(number, protocol):
                return number
        return 0
