"""Disruption budgets: may this pod be ended now, though nothing is wrong with it? PURE.

The one place that knows. Who wants to end a pod for a reason outside of it asks here:

- evictions, by the API and from a node that leaves: `budgets_of`, then `judge`. Where that spends some of a budget, the
  budget is written first, by compare-and-swap, and the pod is deleted after that: of two who want the last disruption
  that is allowed, one is refused, however old the knowledge is that either stands on.
- preemption, which may do what a budget forbids if nothing else helps: an `Allowance` counts how many of some victims
  are more than their budgets allow.

*Reads*: PodDisruptionBudgets and pods. *Writes*: nothing; the status of a budget that was spent is returned.

Source: Kubernetes `pkg/registry/core/pod/storage/eviction.go`, `pkg/scheduler/framework/preemption`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from control_plane.plan import Snapshot
from proto.conditions import DISRUPTION_TARGET
from proto.objects.meta import Condition, evolve, find_condition, with_condition
from proto.objects.pod import Pod
from proto.objects.policy import PodDisruptionBudget
from proto.phases import ENDED

DISRUPTION_ALLOWED = "DisruptionAllowed"
SUFFICIENT_PODS, INSUFFICIENT_PODS, SYNC_FAILED = "SufficientPods", "InsufficientPods", "SyncFailed"

DELETION_EXPECTED_WITHIN = timedelta(minutes=2)
"""A pod whose eviction was allowed and that is not deleted after this time counts again."""

DISRUPTED_MAX = 2_000
"""So many allowed evictions may wait for their pods' deletion to be seen."""

RETRY_UNSEEN_S = 10
"""When to ask again after a budget that was not looked at yet (Kubernetes: the same)."""

RETRY_SPENT_S = 5
"""When to ask again after a budget that is spent (kubectl drain: the same)."""

Why = Literal["several", "unseen", "spent", "overdrawn", "crowded"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A pod may not be disrupted now: by which budget and, in a sentence, why."""

    why: Why
    budget: str
    message: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a pod may be disrupted now.

    `spent` is the budget with this disruption counted: it must be written, in place of the revision that it carries,
    before the pod is deleted. `trusted` is the budget that lets the pod go for what the two are now: make sure that it
    is the newest, and delete that revision of the pod only.
    """

    refusal: Refusal | None = None
    spent: PodDisruptionBudget | None = None
    trusted: PodDisruptionBudget | None = None

    @property
    def allowed(self) -> bool:
        """Whether it may."""
        return self.refusal is None


FREE = Judgement()
"""No budget has a say."""


def budgets_of(snapshot: Snapshot, pod: Pod) -> tuple[PodDisruptionBudget, ...]:
    """The budgets that protect a pod."""
    return tuple(snapshot.selecting(PodDisruptionBudget, pod.metadata.namespace, pod.metadata.labels))


def judge(pod: Pod, budgets: Sequence[PodDisruptionBudget], now: datetime) -> Judgement:
    """Whether `pod`, which `budgets` protect, may be disrupted now."""
    if pod.deleting or pod.status.phase in (*ENDED, "Pending") or not budgets:
        return FREE
    if len(budgets) > 1:
        names = ", ".join(sorted(budget.metadata.name for budget in budgets))
        return Judgement(Refusal("several", names, "This pod has more than one PodDisruptionBudget, which the eviction "
                                 "subresource does not support."))  # fmt: skip
    budget = budgets[0]
    if not _is_ready(pod) and _unhealthy_may_go(budget):
        return Judgement(trusted=budget)
    if is_expected_to_go(pod, budget, now):
        return Judgement(trusted=budget)
    refusal = _refusal(budget)
    return Judgement(refusal) if refusal is not None else Judgement(spent=_spend(budget, pod, now))


def is_expected_to_go(pod: Pod, budget: PodDisruptionBudget, now: datetime) -> bool:
    """Whether `budget` has counted the pod's disruption already and its deletion is to be seen any moment.

    A younger pod of the same name is another one.
    """
    since = budget.status.disrupted_pods.get(pod.metadata.name)
    if since is None or since + DELETION_EXPECTED_WITHIN <= now:
        return False
    created = pod.metadata.creation_timestamp
    return created is None or created <= since


def allowed_condition(allowed: int, generation: int | None, now: datetime) -> Condition:
    """The condition of a budget that allows so many disruptions."""
    return Condition(
        type=DISRUPTION_ALLOWED,
        status="True" if allowed > 0 else "False",
        reason=SUFFICIENT_PODS if allowed > 0 else INSUFFICIENT_PODS,
        observed_generation=generation,
        last_transition_time=now,
    )


def disruption_target(reason: str, message: str, now: datetime) -> Condition:
    """The condition of a pod that is ended for a reason outside of it."""
    return Condition(type=DISRUPTION_TARGET, status="True", reason=reason, message=message, last_transition_time=now)


def as_target(pod: Pod, condition: Condition) -> Pod:
    """The pod with that condition."""
    return evolve(pod, **{"status.conditions": with_condition(pod.status.conditions, condition)})


class Allowance:
    """How many pods may be disrupted together, as the budgets stand; for judging a set of victims.

    `take(pod)` counts one off its budgets, and says whether all of them still allowed it.
    """

    def __init__(self, snapshot: Snapshot):
        self._snapshot = snapshot
        self._taken: Counter[str] = Counter()

    def take(self, pod: Pod) -> bool:
        """Whether the pod's disruption is within its budgets, after those that were taken before."""
        within = True
        for budget in budgets_of(self._snapshot, pod):
            if pod.metadata.name in budget.status.disrupted_pods:
                continue
            self._taken[budget.metadata.uid] += 1
            within = within and self._taken[budget.metadata.uid] <= budget.status.disruptions_allowed
        return within


def _is_ready(pod: Pod) -> bool:
    condition = find_condition(pod.status.conditions, "Ready")
    return condition is not None and condition.status == "True"


def _unhealthy_may_go(budget: PodDisruptionBudget) -> bool:
    """Whether a pod that is not ready, and so counts for nothing, may go (Kubernetes: unhealthyPodEvictionPolicy)."""
    if budget.spec.unhealthy_pod_eviction_policy == "AlwaysAllow":
        return True
    status = budget.status
    return _is_seen(budget) and 0 < status.desired_healthy <= status.current_healthy


def _is_seen(budget: PodDisruptionBudget) -> bool:
    """Whether the status is about the newest spec."""
    return (budget.status.observed_generation or 0) >= (budget.metadata.generation or 0)


def _refusal(budget: PodDisruptionBudget) -> Refusal | None:
    """Why one more disruption is not allowed."""
    name, status = budget.metadata.name, budget.status
    if not _is_seen(budget) or status.observed_generation is None:
        return Refusal("unseen", name, f"The disruption budget {name} is still being processed by the server.")
    if status.disruptions_allowed < 0:
        return Refusal("overdrawn", name, "pdb disruptions allowed is negative")
    if len(status.disrupted_pods) > DISRUPTED_MAX:
        return Refusal(
            "crowded", name, "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        )
    if status.disruptions_allowed > 0:
        return None
    condition = find_condition(status.conditions, DISRUPTION_ALLOWED)
    if condition is not None and condition.reason == SYNC_FAILED:
        words = f"does not allow evicting pods currently because it failed sync: {condition.message}"
    else:
        words = f"needs {status.desired_healthy} healthy pods and has {status.current_healthy} currently"
    return Refusal("spent", name, f"The disruption budget {name} {words}")


def _spend(budget: PodDisruptionBudget, pod: Pod, now: datetime) -> PodDisruptionBudget:
    """The budget with one disruption less, and the pod as its reason."""
    left = budget.status.disruptions_allowed - 1
    changes: dict[str, object] = {
        "status.disruptions_allowed": left,
        "status.disrupted_pods": {**budget.status.disrupted_pods, pod.metadata.name: now},
    }
    if left == 0:
        spent = allowed_condition(0, budget.metadata.generation, now)
        changes["status.conditions"] = with_condition(budget.status.conditions, spent)
    return evolve(budget, **changes)
