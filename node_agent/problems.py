"""What is wrong with this machine though its agent lives: a supervisor that does not answer, a state directory that
takes nothing.

Neither ends the agent. What runs goes on, starts are tried again by the rules of the pods, and the node says in its
conditions what people should look at; the control plane keeps new pods away meanwhile. The names are those of
Kubernetes' node-problem-detector, where it has one: like `DiskPressure`, a condition that is `True` tells of a problem.

Reads: the runtime, the state directory (by writing a small file to it). Writes: nothing that stays.
"""

from __future__ import annotations

import errno
import logging

from node_agent.runtime.port import Runtime, RuntimeFailure
from node_agent.storage.port import Storage, StorageFailure
from proto.clock import Clock
from proto.conditions import RUNTIME_UNHEALTHY, STATE_UNWRITABLE
from proto.objects.meta import Condition

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0

_UNWRITABLE = {
    errno.ENOSPC: "NoSpaceLeft",
    errno.EDQUOT: "NoSpaceLeft",
    errno.EROFS: "FilesystemIsReadOnly",
}


class Problems:
    """The conditions found last."""

    def __init__(self, runtime: Runtime, storage: Storage, clock: Clock) -> None:
        self._runtime = runtime
        self._storage = storage
        self._clock = clock
        self._found: dict[str, Condition] = {}
        self._untold: tuple[Condition, ...] = ()

    def take(self) -> tuple[Condition, ...]:
        """The conditions of the last look: told once for each, as a heartbeat that is lost is followed by others."""
        untold, self._untold = self._untold, ()
        return untold

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self._note(state_condition(self._storage))
            self._note(await runtime_condition(self._runtime))
            self._untold = tuple(self._found.values())
            await self._clock.sleep(LOOK_EVERY_S)

    def _note(self, condition: Condition) -> None:
        known = self._found.get(condition.type)
        self._found[condition.type] = condition
        if condition.status != (known.status if known is not None else "False"):
            level = logging.WARNING if condition.status == "True" else logging.INFO
            log.log(level, "condition=%s status=%s problem=%s", condition.type, condition.status, condition.message)


def state_condition(storage: Storage) -> Condition:
    """Whether the state directory takes what is to be kept."""
    try:
        storage.check()
    except StorageFailure as problem:
        reason = _UNWRITABLE.get(problem.errno, "StateDirectoryFailing")
        return Condition(type=STATE_UNWRITABLE, status="True", reason=reason, message=str(problem))
    return Condition(type=STATE_UNWRITABLE, status="False", reason="StateDirectoryIsWritable")


async def runtime_condition(runtime: Runtime) -> Condition:
    """Whether the runtime answers."""
    try:
        await runtime.fingerprint()
    except RuntimeFailure as problem:
        return Condition(
            type=RUNTIME_UNHEALTHY, status="True", reason="ContainerRuntimeNotResponding", message=str(problem)
        )
    return Condition(type=RUNTIME_UNHEALTHY, status="False", reason="ContainerRuntimeIsHealthy")
