"""What is asked of a new object by the cluster and its namespace, in order: priority, limits, quotas.

*Reads*: the mirror. *Writes*: the status of quotas, see `charging`.
Source: Kubernetes, admission controllers Priority, LimitRanger and ResourceQuota.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar, cast

from control_plane.admission.charging import Charging
from control_plane.admission.limit_ranges import check_limits, with_limit_defaults
from control_plane.admission.priorities import check_default, with_former_priority, with_priority
from control_plane.amend import LiveSnapshot
from control_plane.store.port import Store
from proto.clock import Clock
from proto.objects.meta import Object
from proto.objects.pod import Pod
from proto.objects.quota import LimitRange
from proto.objects.scheduling import PriorityClass

Obj = TypeVar("Obj", bound=Object)


class Policies:
    """The policies as one replica sees them."""

    def __init__(self, store: Store, mirror: LiveSnapshot, clock: Clock):
        self._mirror = mirror
        self._charging = Charging(store, mirror, clock)

    def completed(self, obj: Obj) -> Obj:
        """The object with what the policies add: a pod's priority, and what its containers ask for.

        Raises:
            Forbidden
        """
        if isinstance(obj, PriorityClass):
            check_default(obj, self._mirror)
        if isinstance(obj, Pod):
            return cast("Obj", with_limit_defaults(with_priority(obj, self._mirror), self._ranges(obj)))
        return obj

    def completed_update(self, old: Object, new: Obj) -> Obj:
        """A new state of an object, with what it keeps of the policies' additions.

        Raises:
            Forbidden
        """
        if isinstance(new, PriorityClass):
            check_default(new, self._mirror)
        if isinstance(old, Pod) and isinstance(new, Pod):
            return cast("Obj", with_former_priority(old, new))
        return new

    def check(self, obj: Object) -> None:
        """Hold a completed object to the limits of its namespace.

        Raises:
            Forbidden
        """
        if isinstance(obj, Pod):
            check_limits(obj, self._ranges(obj))

    def check_quotas(self, obj: Object) -> None:
        """Whether the quotas would allow it, without charging them: for a dry run.

        Raises:
            Forbidden
        """
        self._charging.check(obj)

    def check_growth(self, old: Pod, new: Pod) -> None:
        """Whether the quotas allow what a pod uses more than before.

        Raises:
            Forbidden
        """
        self._charging.check_growth(old, new)

    def charged(self, obj: Object) -> AbstractAsyncContextManager[None]:
        """Charge the quotas for an object, which has its uid, while it is being stored.

        Raises:
            Forbidden | StoreUnavailable | OutcomeUnknown
        """
        return self._charging.charged(obj)

    def _ranges(self, obj: Object) -> Iterable[LimitRange]:
        """The LimitRanges of the namespace, in the order of their names."""
        found = self._mirror.list(LimitRange, obj.metadata.namespace)
        return sorted(found, key=lambda each: each.metadata.name)
