"""Numbers of a rolling update: counts and percentages, and how far it may go above and below what is wanted.

Reads and writes nothing: arithmetic.

Source: Kubernetes `pkg/controller/deployment/util`, ResolveFenceposts; `apimachinery/pkg/util/intstr`.
"""

from __future__ import annotations

from dataclasses import dataclass

from proto.objects.apps import DeploymentSpec, IntOrPercent, RollingUpdateDeployment


def int_or_percent(value: IntOrPercent, total: int, *, round_up: bool) -> int:
    """The count that `value` stands for: itself, or its share of `total`.

    Raises:
        ValueError: it is neither a count nor a percentage (admission refuses such objects).
    """
    if isinstance(value, int):
        return value
    if not value.endswith("%"):
        raise ValueError(f"{value!r} is neither a number nor a percentage")
    hundredths = int(value[:-1]) * total
    return -(-hundredths // 100) if round_up else hundredths // 100


@dataclass(frozen=True, slots=True)
class Bounds:
    """At most `ceiling` pods in all, of which at least `floor` are available."""

    ceiling: int
    floor: int


def bounds(spec: DeploymentSpec) -> Bounds:
    """The limits of a Deployment, by its strategy.

    `maxSurge` is rounded up and `maxUnavailable` down; if both come to nothing, one pod may be unavailable, or no
    update would ever move. Recreate has no room to either side: what is below its floor is merely not "available".
    """
    wanted = spec.replicas
    if spec.strategy.type == "Recreate":
        return Bounds(wanted, wanted)
    rolling = spec.strategy.rolling_update or RollingUpdateDeployment()
    surge = int_or_percent(rolling.max_surge, wanted, round_up=True)
    unavailable = int_or_percent(rolling.max_unavailable, wanted, round_up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Bounds(wanted + surge, wanted - min(unavailable, wanted))


TRUSTED_AFTER_S = 5
"""With autoRollback a pod counts as available no earlier than this, or every crash would look like a success first."""


def min_ready_s(spec: DeploymentSpec) -> int:
    """How long a pod must have been ready to be available.

    With autoRollback it is `TRUSTED_AFTER_S` at least, where half of the progress deadline has room for it.
    """
    if not spec.auto_rollback:
        return spec.min_ready_seconds
    return max(spec.min_ready_seconds, min(TRUSTED_AFTER_S, spec.progress_deadline_seconds // 2))


def rounded(numerator: int, denominator: int) -> int:
    """The nearest whole number of a fraction of whole numbers that are not negative, halves up."""
    return (2 * numerator + denominator) // (2 * denominator)
