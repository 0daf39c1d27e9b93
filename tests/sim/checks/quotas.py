"""A namespace never has more than its quota, and the quota knows what there is."""

from __future__ import annotations

from collections.abc import Iterable

from proto.objects.meta import Object
from proto.objects.pod import Pod
from proto.objects.quota import ResourceQuota
from tests.sim.checks.check import Check
from tests.sim.workloads import TEAM, TEAM_PODS_MAX


class Quotas(Check):
    """Counted from the pods that are there."""

    def changed(self, before: Object | None, after: Object, gone: bool) -> Iterable[str]:
        if isinstance(after, Pod) and before is None and not gone and after.metadata.namespace == TEAM:
            used = sum(not pod.deleting for pod in self._counted())
            if used > TEAM_PODS_MAX:
                yield f"namespace {TEAM} has {used} pods, its quota allows {TEAM_PODS_MAX}"

    def settled(self) -> Iterable[str]:
        quota = self.cluster.audit.objects.get(("ResourceQuota", TEAM, TEAM))
        if isinstance(quota, ResourceQuota) and quota.status.used != {"pods": str(len(self._counted()))}:
            yield f"the quota of {TEAM} tells of {quota.status.used}, but there are {len(self._counted())} pods"

    def _counted(self) -> list[Pod]:
        ended = ("Succeeded", "Failed")
        return [p for p in self.cluster.audit.pods() if p.metadata.namespace == TEAM and p.status.phase not in ended]
