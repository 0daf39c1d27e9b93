"""Preemption: which pods must go so that a more important one fits, at the lowest cost.

Asked for a pod that fits nowhere. Ending pods frees amounts and ports, and nothing else: only nodes that pass every
other filter are looked at, so nobody is ended for a pod that then cannot be placed there. Two steps:

- *All nodes at once*: where would the pod fit without the less important ones, and how important the most important
  of those is that must go. A few sums over arrays.
- *The most promising nodes one by one*: take all less important pods away, and give back as many as fit, the most
  important first and those first that a disruption budget protects. What cannot be given back are the victims.

The cheapest node wins: fewest budgets violated, then the least important most important victim, the lowest sum of
priorities, the fewest victims, the youngest. Pods that are going anyway are no victims, and are not given back.

*Reads*: the table, the residents, the disruption budgets. *Writes*: nothing. *Never*: ends anything.
Source: Kubernetes `pkg/scheduler/framework/preemption`, `plugins/defaultpreemption`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from control_plane.budgets import Allowance
from control_plane.scheduling import filters
from control_plane.scheduling.needs import Needs
from control_plane.scheduling.residents import Resident, Residents
from control_plane.scheduling.rows import Counts, Mask, Rows
from control_plane.scheduling.table import NodeTable
from proto.objects.pod import Pod

Allowances = Callable[[], Allowance]
"""Makes a fresh count of what the disruption budgets allow."""

SURE_MAX = 50
"""So many nodes are looked at one by one if one of them violates no budget (Kubernetes: at least 100)."""

TRIED_MAX = 500
"""So many nodes are looked at one by one at most."""

NEVER = "preemption: not eligible due to preemptionPolicy=Never."
WAITING = "preemption: not eligible due to a terminating pod on the nominated node."
NO_VICTIMS = "No preemption victims found for incoming pod"
NOT_HELPFUL = "Preemption is not helpful for scheduling"

_OFFSET = 2**31 + 1
"""Makes every priority positive, so that fewer victims have a lower sum (Kubernetes: the same)."""


@dataclass(frozen=True, slots=True)
class Victims:
    """Who must go from one row, and how many of them budgets protect."""

    row: int
    pods: tuple[Resident, ...]
    violations: int


def cheapest(needs: Needs, table: NodeTable, residents: Residents, allowances: Allowances) -> Victims | None:
    """Where room can be made for a pod of `needs` at the lowest cost; None if nowhere."""
    best: tuple[tuple[object, ...], Victims] | None = None
    rows, levels = _promising(needs, table, residents)
    for tried, (row, level) in enumerate(zip(rows.tolist(), levels.tolist(), strict=True)):
        if tried >= TRIED_MAX or (best is not None and _is_settled(best[1], tried, level)):
            break
        victims = _victims(row, needs, table, residents, allowances)
        if not victims.pods:
            return victims
        cost = _cost(victims, int(table.ranks[row]))
        if best is None or cost < best[0]:
            best = cost, victims
    return None if best is None else best[1]


def is_hopeful(needs: Needs, table: NodeTable, residents: Residents) -> bool:
    """Whether there is any node where it is worth to look."""
    return bool(needs.preempts and len(_promising(needs, table, residents)[0]))


def explain(needs: Needs, table: NodeTable) -> str:
    """Why no room can be made, in Kubernetes' words; "" where there is no node at all."""
    total = int(table.present.sum())
    if not total:
        return ""
    if not needs.preempts:
        return NEVER
    open_ = int(resolvable(needs, table).sum())
    counts = sorted(((open_, NO_VICTIMS), (total - open_, NOT_HELPFUL)), reverse=True)
    reasons = ", ".join(f"{count} {reason}" for count, reason in counts if count)
    return f"preemption: 0/{total} nodes are available: {reasons}."


def resolvable(needs: Needs, table: NodeTable) -> Mask:
    """The rows that only a lack of room keeps from taking a pod of `needs`."""
    mask = table.present.copy()
    for filter_ in filters.ALL:
        if not filter_.freed_by_pods:
            mask &= filter_.check(needs, table)
    return mask


def _is_settled(best: Victims, tried: int, level: int) -> bool:
    """Whether looking on, at nodes of that level, is not worth it."""
    return not best.violations and (tried >= SURE_MAX or level > _highest(best.pods))


def _promising(needs: Needs, table: NodeTable, residents: Residents) -> tuple[Rows, Counts]:
    """The rows where the less important pods take enough room, the cheapest first, each with its level.

    The level of a row is the lowest priority such that the pods up to it take enough.
    """
    none = np.zeros(0, dtype=np.int64)
    lower = residents.priorities_below(needs.priority)
    if not lower:
        return none, none
    size = len(table.nodes)
    open_ = resolvable(needs, table)
    for port in needs.ports:
        open_ &= table.ports.dense(port, size) <= sum(residents.holding(each, port, size) for each in lower)
    if not open_.any():
        return none, none
    missing = {resource: wanted - table.resources.free(resource, size) for resource, wanted in needs.amounts}
    found, level = np.zeros(size, dtype=np.bool_), np.zeros(size, dtype=np.int64)
    for priority in lower:
        fits = open_ & ~found
        for resource in missing:
            missing[resource] = missing[resource] - residents.taken(priority, resource, size)
            fits &= missing[resource] <= 0
        level[fits] = priority
        found |= fits
    rows = np.flatnonzero(found)
    order = np.lexsort((table.ranks[rows], level[rows]))
    return rows[order], level[rows][order]


def _victims(row: int, needs: Needs, table: NodeTable, residents: Residents, allowances: Allowances) -> Victims:
    """Who must go from `row`, where the pod fits without all that matter less."""
    lower = residents.below(row, needs.priority)
    free = {resource: table.resources.free_at(resource, row) for resource, _ in needs.amounts}
    for each in lower:
        _give(free, each.needs, 1)
    staying = [each for each in lower if not residents.is_going(each)]
    safe, protected = _split(sorted(staying, key=_importance), allowances())
    victims: list[Resident] = []
    violations = 0
    for group in (protected, safe):
        for each in group:
            if _fits_beside(free, needs, each.needs):
                _give(free, each.needs, -1)
            else:
                victims.append(each)
                violations += group is protected
    return Victims(row, tuple(victims), violations)


def _split(residents: Iterable[Resident], allowance: Allowance) -> tuple[list[Resident], list[Resident]]:
    """Those whose end the budgets allow, and those whose end they do not, each in the order of `residents`."""
    safe: list[Resident] = []
    protected: list[Resident] = []
    for each in residents:
        (safe if allowance.take(each.pod) else protected).append(each)
    return safe, protected


def _give(free: dict[str, int], needs: Needs, times: int) -> None:
    for resource, count in needs.amounts:
        if resource in free:
            free[resource] += count * times


def _fits_beside(free: dict[str, int], needs: Needs, other: Needs) -> bool:
    """Whether the pod still fits if the other one stays."""
    if needs.ports & other.ports:
        return False
    taken = dict(other.amounts)
    return all(free[resource] - taken.get(resource, 0) >= wanted for resource, wanted in needs.amounts)


def _importance(resident: Resident) -> tuple[object, ...]:
    """The more important first: by priority, then the longer it runs (Kubernetes: MoreImportantPod)."""
    return -resident.priority, _started(resident.pod), resident.pod.key


def _started(pod: Pod) -> float:
    began = pod.status.start_time or pod.metadata.creation_timestamp
    return 0.0 if began is None else began.timestamp()


def _highest(victims: tuple[Resident, ...]) -> int:
    return max(each.priority for each in victims)


def _cost(victims: Victims, rank: int) -> tuple[object, ...]:
    """The lower, the better (Kubernetes: pickOneNodeForPreemption); at last the node's name decides."""
    highest = _highest(victims.pods)
    eldest = min(_started(each.pod) for each in victims.pods if each.priority == highest)
    weight = sum(each.priority + _OFFSET for each in victims.pods)
    return victims.violations, highest, weight, len(victims.pods), -eldest, rank
