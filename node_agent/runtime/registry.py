"""Finds runtime drivers by name among the installed entry points.

The group is `setpoint.runtimes`; the built-in drivers are found without an installation too, so that a
source tree works. A driver that cannot be used is refused by name, with what would be right.
"""

from importlib.metadata import EntryPoint, entry_points
from typing import cast

from node_agent.runtime.border import guarded, missing_verbs
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
     ├ AmbiguousRuntime      several packages install one
     ├ BrokenRuntime         what is installed cannot be imported or built, or is no driver
     └ IncompatibleRuntime   it was written for another version of the port
    """


class UnknownRuntime(UnusableRuntime):
    """No driver of that name is installed; the message lists those that are."""


class AmbiguousRuntime(UnusableRuntime):
    """Several packages install a driver of that name; which one is meant cannot be told."""


class BrokenRuntime(UnusableRuntime):
    """What the entry point names cannot be imported or built, or lacks verbs of the port."""


class IncompatibleRuntime(UnusableRuntime):
    """The driver was written for another version of the port, or does not say for which."""


def installed_runtimes() -> dict[str, tuple[EntryPoint, ...]]:
    """All drivers by name: most often one each, and the built-in ones always."""
    found = {name: [EntryPoint(name, place, ENTRY_POINT_GROUP)] for name, place in _BUILT_IN.items()}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        others = found.setdefault(point.name, [])
        if point.value not in [other.value for other in others]:
            others.append(point)
    return {name: tuple(points) for name, points in found.items()}


def build_runtime(name: str, settings: RuntimeSettings) -> Runtime:
    """Builds the driver of that name; it does nothing before it is opened.

    Raises:
        UnusableRuntime: Nothing is installed under the name, or what is cannot be used.
    """
    known = installed_runtimes()
    points = known.get(name, ())
    if not points:
        raise UnknownRuntime(f"no runtime named {name!r}; installed are: {', '.join(sorted(known))}")
    if len(points) > 1:
        places = " and ".join(map(_origin, points))
        raise AmbiguousRuntime(f"more than one runtime is named {name!r}: {places}; uninstall all but one")
    (point,) = points
    factory = _loaded(point)
    version = getattr(factory, "port_version", None)
    if version != PORT_VERSION:
        written_for = "does not say its port_version" if version is None else f"has port_version {version!r}"
        raise IncompatibleRuntime(f"the runtime {name!r} {written_for}; this agent speaks version {PORT_VERSION}")
    driver = _built(name, factory, settings)
    return driver if point.value == _BUILT_IN.get(name) else guarded(name, driver)


def _origin(point: EntryPoint) -> str:
    package = "Setpoint itself" if point.dist is None else f"{point.dist.name} {point.dist.version}"
    return f"that of {package} ({point.value})"


def _loaded(point: EntryPoint) -> RuntimeFactory:
    """What the entry point names. A module may do anything while it is imported, even leave the program."""
    try:
        return cast("RuntimeFactory", point.load())
    except (Exception, SystemExit) as problem:
        words = str(problem) if isinstance(problem, ImportError | AttributeError) else _words(problem)
        raise BrokenRuntime(f"the runtime {point.name!r} cannot be loaded: {words}") from problem


def _built(name: str, factory: RuntimeFactory, settings: RuntimeSettings) -> Runtime:
    try:
        driver = factory(settings)
    except Exception as problem:
        raise BrokenRuntime(f"the runtime {name!r} cannot be built: {_words(problem)}") from problem
    if missing := missing_verbs(driver):
        raise BrokenRuntime(f"the runtime {name!r} lacks verbs of the port: {', '.join(missing)}")
    return driver


def _words(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {problem}"
