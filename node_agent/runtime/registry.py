"""Finds runtime drivers by name among the installed entry points.

The group is `setpoint.runtimes`; the built-in drivers are found without an installation too, so that a
source tree works.
"""

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from node_agent.runtime.port import Runtime, RuntimeFactory, RuntimeSettings

ENTRY_POINT_GROUP = "setpoint.runtimes"

_BUILT_IN = {
    "process": "node_agent.runtime.process:ProcessRuntime",
    "fake": "node_agent.runtime.fake:FakeRuntime",
}


class UnknownRuntime(LookupError):
    """No driver of that name is installed; the message lists those that are."""


def installed_runtimes() -> dict[str, EntryPoint | str]:
    """All drivers by name. An installed entry point wins over a built-in of the same name."""
    found: dict[str, EntryPoint | str] = dict(_BUILT_IN)
    found.update({point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)})
    return found


def build_runtime(name: str, settings: RuntimeSettings) -> Runtime:
    """Builds the driver of that name; it does nothing before it is opened.

    Raises:
        UnknownRuntime: Nothing is installed under the name.
    """
    known = installed_runtimes()
    place = known.get(name)
    if place is None:
        raise UnknownRuntime(f"no runtime named {name!r}; installed are: {', '.join(sorted(known))}")
    return _factory(place)(settings)


def _factory(place: EntryPoint | str) -> RuntimeFactory:
    if isinstance(place, EntryPoint):
        return cast("RuntimeFactory", place.load())
    module, _, attribute = place.partition(":")
    return cast("RuntimeFactory", getattr(import_module(module), attribute))
