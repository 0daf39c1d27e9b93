"""What ends a pod that is ready keeps to the floor that it promises: rollouts theirs, evictions that of the budget.

Pods may be lost by faults in the same moment, which no controller can know of in time. So what was lost otherwise
within `RECENT_S` is counted as if it were there; only what a controller itself took away may break its floor. To a
rollout, evictions are such a loss too.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable

from control_plane.controllers.scaling import int_or_percent
from proto.conditions import DISRUPTION_TARGET
from proto.objects.apps import Deployment
from proto.objects.core import Node
from proto.objects.meta import Object, find_condition
from proto.objects.pod import Pod
from proto.objects.policy import PodDisruptionBudget
from tests.sim.checks.check import Check
from tests.sim.cluster import Cluster
from tests.sim.invariants import is_ready
from tests.sim.people import People

RECENT_S = 15.0
"""Longer than any mirror here is behind, and than it takes to notice that a node is lost."""

Group = tuple[str, str]
"""Namespace, and the label `app` that all pods of one workload share."""


class Availability(Check):
    """By group: the pods that are ready, and when others were lost by what is nobody's decision."""

    def __init__(self, cluster: Cluster, people: People):
        super().__init__(cluster, people)
        self._ready: dict[Group, set[str]] = defaultdict(set)
        self._evicted_s: dict[Group, list[float]] = defaultdict(list)
        self._lost_s: dict[Group, list[float]] = defaultdict(list)
        self._wanted: dict[Group, list[tuple[float, int]]] = defaultdict(list)

    def changed(self, before: Object | None, after: Object, gone: bool) -> Iterable[str]:
        if isinstance(after, Deployment):
            wanted = 0 if gone or after.deleting else after.spec.replicas
            self._wanted[after.key].append((self._now_s(), wanted))
        if isinstance(after, Pod):
            yield from self._take_pod(before if isinstance(before, Pod) else None, after, gone)

    def _take_pod(self, before: Pod | None, pod: Pod, gone: bool) -> Iterable[str]:
        group, name = (pod.metadata.namespace, pod.metadata.labels.get("app", "")), pod.metadata.name
        was_ready, ready = name in self._ready[group], is_ready(pod) and not gone
        if ready:
            self._ready[group].add(name)
        elif was_ready:
            self._ready[group].discard(name)
            yield from self._judge(group, pod, asked=pod.deleting and before is not None and is_ready(before))

    def _judge(self, group: Group, pod: Pod, *, asked: bool) -> Iterable[str]:
        """A pod that was ready is not any more; `asked`: because somebody asked for its end, not because it failed."""
        target = find_condition(pod.status.conditions, DISRUPTION_TARGET)
        there = len(self._ready[group])
        spared = there + self._lately(self._lost_s[group])
        if asked and target is not None and target.reason == "EvictionByEvictionAPI":
            self._evicted_s[group].append(self._now_s())
            if spared < self._budget(group):
                yield f"{pod.metadata.name} was evicted, which leaves {there} ready of {self._budget(group)}"
        elif asked and target is None and not self._must_leave(pod) and pod.key not in self.people.disturbed:
            if spared + self._lately(self._evicted_s[group]) < self._floor(group):
                yield f"{pod.metadata.name} was taken away, which leaves {there} ready of {self._floor(group)}"
        else:
            self._lost_s[group].append(self._now_s())

    def _lately(self, at_s: list[float]) -> int:
        return sum(self._now_s() - then_s < RECENT_S for then_s in at_s)

    def _must_leave(self, pod: Pod) -> bool:
        """Whether its node is not there, or sends pods away: then its end is nobody's decision."""
        node = self.cluster.audit.objects.get(("Node", "", pod.spec.node_name))
        return not isinstance(node, Node) or any(taint.effect == "NoExecute" for taint in node.spec.taints)

    def _floor(self, group: Group) -> int:
        """How many pods a rolling Deployment keeps ready: of the fewest that were wanted lately."""
        found = self.cluster.audit.objects.get(("Deployment", *group))
        if not isinstance(found, Deployment) or found.deleting or found.spec.strategy.type == "Recreate":
            return 0
        rolling = found.spec.strategy.rolling_update
        changes = self._wanted[group]
        lately = [count for at_s, count in changes if self._now_s() - at_s < RECENT_S]
        earlier = [count for at_s, count in changes if self._now_s() - at_s >= RECENT_S][-1:] or [0]
        fewest = min(lately + earlier)
        if rolling is None:
            return 0
        return fewest - int_or_percent(rolling.max_unavailable, fewest, round_up=False)

    def _budget(self, group: Group) -> int:
        """How many the budget of a group wants."""
        budget = self.cluster.audit.objects.get(("PodDisruptionBudget", *group))
        return budget.status.desired_healthy if isinstance(budget, PodDisruptionBudget) else 0

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()
