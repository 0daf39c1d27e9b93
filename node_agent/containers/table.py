"""The containers of this machine, as the runtime tells them: the agent's table of what is.

Follows `Runtime.events` for ever. Until the first listing nothing is known, and nothing may be concluded from a
container that is not in the table.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from node_agent.plan.container_ids import parse_container_id
from node_agent.runtime.port import ContainerState, Relisted, Runtime
from proto.clock import Clock

log = logging.getLogger(__name__)

_REOPEN_S = 0.2


class ContainerTable:
    """States by pod uid. `changed` hears the uid of a pod and which of its containers changed, `relisted` that all were
    listed."""

    def __init__(
        self,
        runtime: Runtime,
        clock: Clock,
        *,
        changed: Callable[[str, ContainerState], None],
        relisted: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._clock = clock
        self._changed = changed
        self._relisted = relisted
        self._by_pod: dict[str, dict[str, ContainerState]] = {}
        self.listed = False

    async def follow(self) -> None:
        """Keep the table true until cancelled."""
        while True:
            async for event in self._runtime.events():
                if isinstance(event, Relisted):
                    self._relist(event.states)
                else:
                    self.note(event.state)
            log.info("runtime_events_ended reopening")
            await self._clock.sleep(_REOPEN_S)

    def of_pod(self, uid: str) -> tuple[ContainerState, ...]:
        """The pod's containers in order of their ids."""
        states = self._by_pod.get(uid, {})
        return tuple(states[container_id] for container_id in sorted(states))

    def uids(self) -> frozenset[str]:
        """The pods that have containers."""
        return frozenset(self._by_pod)

    def note(self, state: ContainerState) -> None:
        """One container is so. A life ends once: what has ended is not made running by an older message."""
        key = parse_container_id(state.id)
        if key is None:
            return
        states = self._by_pod.setdefault(key.pod_uid, {})
        known = states.get(state.id)
        if known == state or (known is not None and not known.running and state.running):
            return
        states[state.id] = state
        self._changed(key.pod_uid, state)

    def forget(self, container_id: str) -> None:
        """The container was removed."""
        key = parse_container_id(container_id)
        if key is None or key.pod_uid not in self._by_pod:
            return
        states = self._by_pod[key.pod_uid]
        states.pop(container_id, None)
        if not states:
            del self._by_pod[key.pod_uid]

    def _relist(self, states: Iterable[ContainerState]) -> None:
        self._by_pod = {}
        for state in states:
            key = parse_container_id(state.id)
            if key is not None:
                self._by_pod.setdefault(key.pod_uid, {})[state.id] = state
        self.listed = True
        self._relisted()
