"""Finds runtime drivers by name among the installed entry points.

The group is `setpoint.runtimes`; the built-in drivers are found without an installation too, so that a
source tree works. A driver that cannot be used is refused by name, with what would be right.
"""

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from node_agent.runtime.port import PORT_VERSION, Runtime, RuntimeFactory, RuntimeSettings

ENTRY_POINT_GROUP = "setpoint.runtimes"

_BUILT_IN = {
    "process": "node_agent.runtime.process:ProcessRuntime",
    "fake": "node_agent.runtime.fake:FakeRuntime",
}


class UnusableRuntime(Exception):
    """No driver can be had by that name.

    UnusableRuntime
     ├ UnknownRuntime        none is installed; the message lists those that are
     ├ BrokenRuntime         what is installed cannot be imported
     └ IncompatibleRuntime   it was written for another version of the port
    """


class UnknownRuntime(UnusableRuntime):
    """No driver of that name is installed; the message lists those that are."""


class BrokenRuntime(UnusableRuntime):
    """What the entry point names cannot be imported."""


class IncompatibleRuntime(UnusableRuntime):
    """The driver was written for another version of the port, or does not say for which."""


def installed_runtimes() -> dict[str, EntryPoint | str]:
    """All drivers by name. An installed entry point wins over a built-in of the same name."""
    found: dict[str, EntryPoint | str] = dict(_BUILT_IN)
    found.update({point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)})
    return found


def build_runtime(name: str, settings: RuntimeSettings) -> Runtime:
    """Builds the driver of that name; it does nothing before it is opened.

    Raises:
        UnusableRuntime: Nothing is installed under the name, or what is cannot be used.
    """
    known = installed_runtimes()
    place = known.get(name)
    if place is None:
        raise UnknownRuntime(f"no runtime named {name!r}; installed are: {', '.join(sorted(known))}")
    try:
        factory = _factory(place)
    except (ImportError, AttributeError) as problem:
        raise BrokenRuntime(f"the runtime {name!r} cannot be loaded: {problem}") from problem
    version = getattr(factory, "port_version", None)
    if version != PORT_VERSION:
        written_for = "does not say its port_version" if version is None else f"has port_version {version!r}"
        raise IncompatibleRuntime(f"the runtime {name!r} {written_for}; this agent speaks version {PORT_VERSION}")
    return factory(settings)


def _factory(place: EntryPoint | str) -> RuntimeFactory:
    if isinstance(place, EntryPoint):
        return cast("RuntimeFactory", place.load())
    module, _, attribute = place.partition(":")
    return cast("RuntimeFactory", getattr(import_module(module), attribute))
