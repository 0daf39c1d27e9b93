"""Rollout: how large each ReplicaSet of a Deployment should be next.

Three ways: *rolled* moves from the former ReplicaSets to the current one within the bounds of the strategy;
*recreated* ends the former ones first; *rescaled* answers a change of the wanted count, in proportion while a rollout
is under way. Each is one step: the next one is taken when its effect is seen.

The arithmetic stands on `settled` ReplicaSets: their controller has seen their size and no pod is above it. Then the
sizes bound the number of pods that there can be, and the counts of available pods are of pods that stay. While one is
not settled no size is changed; so neither a lagging count nor the order in which ReplicaSets act breaks the bounds.

Reads: ReplicaSets. Writes: nothing; returns sizes by uid.

Source: Kubernetes `pkg/controller/deployment` (rolling.go, recreate.go, sync.go); the settled rule is ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from control_plane.controllers.revisions import by_age, remembered
from control_plane.controllers.scaling import Bounds, bounds, rounded
from proto.objects.apps import Deployment, ReplicaSet
from proto.rollouts import DESIRED_REPLICAS, MAX_REPLICAS

Sizes = dict[str, int]
"""Wanted replicas by the ReplicaSet's uid."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """A Deployment's ReplicaSets: the `current` one has its template; the `former` ones are oldest first."""

    current: ReplicaSet | None
    former: tuple[ReplicaSet, ...]

    @property
    def all(self) -> tuple[ReplicaSet, ...]:
        """Former and current."""
        return self.former if self.current is None else (*self.former, self.current)

    @property
    def active(self) -> tuple[ReplicaSet, ...]:
        """Those that want pods."""
        return tuple(each for each in self.all if each.spec.replicas)

    @property
    def settled(self) -> bool:
        """Whether each one's controller has seen its size and has no pod above it."""
        return all(map(_settled, self.all))


def total(replica_sets: Iterable[ReplicaSet]) -> int:
    """The pods that some ReplicaSets want together."""
    return sum(each.spec.replicas for each in replica_sets)


def available(replica_set: ReplicaSet) -> int:
    """The pods of a ReplicaSet that are available and stay."""
    return min(replica_set.status.available_replicas, replica_set.spec.replicas)


def is_scaled(deployment: Deployment, fleet: Fleet) -> bool:
    """Whether the wanted count changed since the active ReplicaSets were sized (Kubernetes: isScalingEvent)."""
    wanted = deployment.spec.replicas
    return any(remembered(each, DESIRED_REPLICAS) not in (None, wanted) for each in fleet.active)


def first_size(deployment: Deployment, former: Iterable[ReplicaSet]) -> int:
    """The size at which a current ReplicaSet begins: what the former ones leave room for."""
    room = bounds(deployment.spec).ceiling - total(former)
    return max(0, min(deployment.spec.replicas, room))


def rolled(deployment: Deployment, fleet: Fleet, limits: Bounds) -> Sizes:
    """One step of a rolling update: everything moves to the current one."""
    current = fleet.current
    assert current is not None, "a rolling update has a current ReplicaSet"
    wanted = deployment.spec.replicas
    if current.spec.replicas > wanted:
        return {current.metadata.uid: wanted}
    return moved(fleet, {current.metadata.uid: wanted}, limits)


def moved(fleet: Fleet, goals: Sizes, limits: Bounds) -> Sizes:
    """One step towards `goals` (0 for those without one): grow if there is room, else shrink what can be spared."""
    room = limits.ceiling - total(fleet.all)
    sizes: Sizes = {}
    for each in fleet.all:
        missing = min(room, goals.get(each.metadata.uid, 0) - each.spec.replicas)
        if missing > 0:
            sizes[each.metadata.uid] = each.spec.replicas + missing
            room -= missing
    return sizes or _shrunk(fleet, goals, limits)


def recreated(deployment: Deployment, fleet: Fleet, *, former_pods_run: bool) -> Sizes:
    """One step of Recreate: end the former ones; when none of their pods runs any more, start the current one."""
    ended = {each.metadata.uid: 0 for each in fleet.former if each.spec.replicas}
    if ended or former_pods_run or fleet.current is None:
        return ended
    return {fleet.current.metadata.uid: deployment.spec.replicas}


def rescaled(deployment: Deployment, fleet: Fleet) -> Sizes:
    """The sizes for a changed wanted count; an entry for every ReplicaSet that takes part, changed or not.

    One active ReplicaSet takes it all (with none, the current or the newest). A current one that is complete lets
    the former ones end. Otherwise all active ones grow or shrink in proportion.
    """
    wanted, active = deployment.spec.replicas, fleet.active
    if len(active) < 2:
        only = active or ((fleet.current,) if fleet.current is not None else fleet.former[-1:])
        return {each.metadata.uid: wanted for each in only}
    if fleet.current is not None and _saturated(deployment, fleet.current):
        return {each.metadata.uid: 0 for each in active if each is not fleet.current}
    if deployment.spec.strategy.type == "Recreate":
        return {each.metadata.uid: each.spec.replicas for each in active}
    limits = bounds(deployment.spec)
    return _keep_available(active, _in_proportion(deployment, active, limits), limits)


def _settled(replica_set: ReplicaSet) -> bool:
    if replica_set.deleting:
        return True
    seen = (replica_set.status.observed_generation or 0) >= (replica_set.metadata.generation or 0)
    return seen and replica_set.status.replicas <= replica_set.spec.replicas


def _shrunk(fleet: Fleet, goals: Sizes, limits: Bounds) -> Sizes:
    """ReplicaSets above their goal with fewer pods: first those that are of no use anyway, then what can be spared.

    Pods of the others that are not available yet count as if they never will be: so a broken revision stops here.
    """
    surplus = {each.metadata.uid: each.spec.replicas - goals.get(each.metadata.uid, 0) for each in fleet.all}
    shrinking = [each for each in fleet.all if surplus[each.metadata.uid] > 0]
    unproven = sum(each.spec.replicas - available(each) for each in fleet.all if surplus[each.metadata.uid] <= 0)
    room = total(fleet.all) - limits.floor - unproven
    if room <= 0:
        return {}
    spare = sum(map(available, fleet.all)) - limits.floor
    taken: Sizes = {}
    for each in shrinking:
        broken = min(each.spec.replicas - available(each), surplus[each.metadata.uid], room)
        room -= broken
        taken[each.metadata.uid] = broken
    for each in shrinking:
        more = max(0, min(surplus[each.metadata.uid] - taken[each.metadata.uid], spare))
        spare -= more
        taken[each.metadata.uid] += more
    return {
        each.metadata.uid: each.spec.replicas - taken[each.metadata.uid]
        for each in shrinking
        if taken[each.metadata.uid]
    }


def _saturated(deployment: Deployment, current: ReplicaSet) -> bool:
    """Whether the current one alone is all that is wanted (Kubernetes: IsSaturated)."""
    wanted = deployment.spec.replicas
    return current.spec.replicas == remembered(current, DESIRED_REPLICAS) == available(current) == wanted


def _in_proportion(deployment: Deployment, active: tuple[ReplicaSet, ...], limits: Bounds) -> Sizes:
    """Spread the change over the active ones by their share; what rounding leaves goes to the largest.

    Of equally large ones the newer grows first, the older shrinks first.
    """
    allowed = limits.ceiling if deployment.spec.replicas else 0
    change = allowed - total(active)
    sizes = {each.metadata.uid: each.spec.replicas for each in active}
    if change == 0:
        return sizes
    aged = by_age(active)
    order = sorted(reversed(aged) if change > 0 else aged, key=lambda each: -each.spec.replicas)
    left = change
    for each in order:
        share = _fraction(deployment, each, allowed)
        # A remembered size that is not true may ask for the opposite of what is to be done.
        part = max(0, min(share, left)) if change > 0 else min(0, max(share, left))
        sizes[each.metadata.uid] += part
        left -= part
    largest = order[0].metadata.uid
    sizes[largest] = max(0, sizes[largest] + left)
    return sizes


def _fraction(deployment: Deployment, replica_set: ReplicaSet, allowed: int) -> int:
    """By how much a ReplicaSet should change to keep its share (Kubernetes: getReplicaSetFraction)."""
    size = replica_set.spec.replicas
    before = remembered(replica_set, MAX_REPLICAS) or deployment.status.replicas
    if allowed == 0:
        return -size
    return 0 if before == 0 else rounded(size * allowed, before) - size


def _keep_available(active: tuple[ReplicaSet, ...], sizes: Sizes, limits: Bounds) -> Sizes:
    """Shift places from ReplicaSets with unavailable pods to those that would lose available ones below the floor.

    Kubernetes shrinks in proportion even so; the sum of the sizes stays the same.
    """
    kept = sum(min(available(each), sizes[each.metadata.uid]) for each in active)
    short = min(limits.floor, sum(map(available, active))) - kept
    for giver in active:
        for taker in active:
            idle = sizes[giver.metadata.uid] - available(giver)
            lost = available(taker) - sizes[taker.metadata.uid]
            moved = min(short, idle, lost)
            if moved > 0:
                sizes[giver.metadata.uid] -= moved
                sizes[taker.metadata.uid] += moved
                short -= moved
    return sizes
