"""A change of a strategy's type takes along what belonged to the former type.

Admission fills in how a rolling update goes, so a manifest that says `type: Recreate` later would leave a block behind
that its writer never wrote, and be refused for it. A block that the same update sets or changes is its writer's, and is
left for the rules of the kind to judge.

Pure. Source: kubectl's apply does this for Deployments (`patchStrategy: retainKeys`), and leaves people of other kinds
with the refusal; here it holds for all of them, and for whoever patches.
"""

from __future__ import annotations

from proto.objects.apps import Deployment, DeploymentStrategy
from proto.objects.daemon_set import DaemonSet, DaemonSetUpdateStrategy
from proto.objects.meta import Object, evolve
from proto.objects.stateful_set import StatefulSet, StatefulSetUpdateStrategy

Strategy = DeploymentStrategy | StatefulSetUpdateStrategy | DaemonSetUpdateStrategy

_BLOCKS = {"RollingUpdate": ("rolling_update",), "Canary": ("rolling_update", "canary"), "Recreate": (), "OnDelete": ()}
"""What belongs to each type of a strategy."""


def retyped(old: Object, new: Object) -> Object:
    """`new`, the next state of `old`, without the blocks that are left from a former type."""
    if isinstance(old, Deployment) and isinstance(new, Deployment):
        return _without(new, "spec.strategy", _left_behind(old.spec.strategy, new.spec.strategy))
    if isinstance(old, StatefulSet | DaemonSet) and isinstance(new, StatefulSet | DaemonSet):
        return _without(new, "spec.update_strategy", _left_behind(old.spec.update_strategy, new.spec.update_strategy))
    return new


def _without(obj: Object, path: str, blocks: list[str]) -> Object:
    return evolve(obj, **{f"{path}.{block}": None for block in blocks}) if blocks else obj


def _left_behind(old: Strategy, new: Strategy) -> list[str]:
    if old.type == new.type:
        return []
    foreign = [block for block in _BLOCKS[old.type] if block not in _BLOCKS[new.type]]
    return [
        block for block in foreign if getattr(new, block) is not None and getattr(new, block) == getattr(old, block)
    ]
