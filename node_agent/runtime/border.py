"""The border between the agent and a driver that somebody else wrote: a fault of the driver stays the driver's.

Whatever one of its verbs raises, the agent hears `RuntimeUnavailable`, which costs a pod its step and not the node its
agent; what should be answered at once and is not, fails in time; a stream of events that breaks off ends, and is opened
again. What the driver can do shows through: it has the verbs at this border that it has itself.

*Reads* nothing. *Writes* the log. *Never* stands before the drivers of this house, which are held to the port by tests.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

from node_agent.runtime import abilities
from node_agent.runtime.port import (
    ContainerState,
    Fingerprint,
    Runtime,
    RuntimeEvent,
    RuntimeFailure,
    RuntimeUnavailable,
)

logger = logging.getLogger(__name__)

OPENED_WITHIN_S = 60.0
ANSWERED_WITHIN_S = 30.0

_VERBS = frozenset(name for name in vars(Runtime) if not name.startswith("_"))
_ABILITIES = (
    abilities.Attaches,
    abilities.Converses,
    abilities.Executes,
    abilities.KillsLater,
    abilities.Levels,
    abilities.Resizes,
    abilities.Sweeps,
    abilities.TellsProcesses,
)
_OPTIONAL_VERBS = frozenset(name for ability in _ABILITIES for name in vars(ability) if not name.startswith("_"))
_AT_ONCE = {"open": OPENED_WITHIN_S} | dict.fromkeys(
    ("fingerprint", "list", "signal", "stats", "kill_after", "bound", "processes"), ANSWERED_WITHIN_S
)
"""How long verbs may take that wait for no program and no image."""

_ANSWERS: dict[str, type] = {"fingerprint": Fingerprint, "start": ContainerState, "stop": ContainerState, "list": tuple}


def missing_verbs(driver: object) -> tuple[str, ...]:
    """The verbs of the port that the driver has not."""
    return tuple(sorted(verb for verb in _VERBS if not callable(getattr(driver, verb, None))))


def guarded(name: str, driver: Runtime) -> Runtime:
    """The driver as the agent is to see it. `name` is told in its failures."""
    verbs: dict[str, Any] = {
        verb: _asynchronous(name, verb, method)
        for verb in (_VERBS | _OPTIONAL_VERBS) - {"events", "grant"}
        if callable(method := getattr(driver, verb, None))
    }
    # Abilities are looked for in the class: `isinstance` with a protocol does not see what an object adds by itself.
    border = type("GuardedRuntime", (), verbs | {"events": _events(name, driver), "grant": _grant(name, driver)})
    return cast("Runtime", border())


def _asynchronous(name: str, verb: str, method: Callable[..., Any]) -> Callable[..., Any]:
    within_s, answers = _AT_ONCE.get(verb), _ANSWERS.get(verb, object)

    async def called(self: object, *arguments: Any, **options: Any) -> Any:
        limit = asyncio.timeout(within_s)
        try:
            async with limit:
                answer = await method(*arguments, **options)
        except RuntimeFailure:
            raise
        except Exception as fault:
            if limit.expired():
                raise RuntimeUnavailable(
                    f"the runtime {name!r} has not answered {verb} within {within_s:g} s"
                ) from fault
            raise _failure(name, verb, fault) from fault
        if not isinstance(answer, answers):
            raise RuntimeUnavailable(
                f"the runtime {name!r} answered {verb} with {type(answer).__name__}, not {answers.__name__}"
            )
        return answer

    return called


def _events(name: str, driver: Runtime) -> Callable[[object], AsyncIterator[RuntimeEvent]]:
    async def events(self: object) -> AsyncIterator[RuntimeEvent]:
        try:
            async for event in driver.events():
                yield event
        except Exception as fault:
            logger.warning("events_ended problem=%s", _failure(name, "events", fault))

    return events


def _grant(name: str, driver: Runtime) -> Callable[[object, float, float], None]:
    def grant(self: object, sent_s: float, lease_s: float) -> None:
        try:
            driver.grant(sent_s, lease_s)
        except Exception as fault:
            logger.warning("grant_not_taken problem=%s", _failure(name, "grant", fault))

    return grant


def _failure(name: str, verb: str, fault: Exception) -> RuntimeUnavailable:
    """The author of the driver finds the place in the log of level DEBUG."""
    logger.debug("driver_raised runtime=%s verb=%s", name, verb, exc_info=fault)
    return RuntimeUnavailable(f"the runtime {name!r} failed in {verb}: {type(fault).__name__}: {fault}")
