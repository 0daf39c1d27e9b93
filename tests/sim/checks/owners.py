"""Nothing is left whose owner is gone, and nothing is on its way out for ever."""

from __future__ import annotations

from collections.abc import Iterable

from tests.sim.checks.check import Check


class Owners(Check):
    """Looks at every object."""

    def settled(self) -> Iterable[str]:
        objects = self.cluster.audit.objects
        uids = {obj.metadata.uid for obj in objects.values()}
        for key, obj in objects.items():
            missing = [owner.name for owner in obj.metadata.owner_references if owner.uid not in uids]
            if missing:
                yield f"{'/'.join(key)} is left, but its owner {missing[0]} is gone"
            if obj.deleting:
                yield f"{'/'.join(key)} is still being deleted, held by {obj.metadata.finalizers}"
