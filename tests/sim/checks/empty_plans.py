"""Once all is as it should be, every controller's plan for every object is the empty plan."""

from __future__ import annotations

from collections.abc import Iterable

from control_plane import controllers
from control_plane.store.mirror import Mirror
from proto.clock import LoopClock
from tests.sim.checks.check import Check


class EmptyPlans(Check):
    """Asks the controllers themselves, on exactly what is stored."""

    def settled(self) -> Iterable[str]:
        mirror = Mirror.of(*self.cluster.audit.objects.values())
        now = LoopClock().now()
        for controller in controllers.ALL:
            keys = {
                key
                for watch in controller.watches
                for obj in mirror.list(watch.kind)
                for key in watch.keys(None, obj, mirror)
            }
            for key in sorted(keys):
                view = controller.observe(mirror, key, now)
                plan = controller.reconcile(view) if view is not None else None
                for action in plan.actions if plan is not None else ():
                    what, name = type(action).__name__, action.object.metadata.name
                    yield f"{controller.name} would still {what} {action.object.KIND} {name}: {action.reason}"
