"""Scheduling gates: what holds a pod back from being placed, and what may change while it is held back.

Source: Kubernetes `pkg/apis/core/validation/validation.go` (validateSchedulingGates, ValidatePodUpdate,
validateNodeAffinityMutation) and concepts/scheduling-eviction/pod-scheduling-readiness.
"""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.api.validation.problems import Problems
from proto import names
from proto.objects.affinity import Affinity, NodeAffinity, NodeSelectorTerm
from proto.objects.meta import evolve
from proto.objects.pod import PodSpec


def check_scheduling_gates(spec: PodSpec, path: str, problems: Problems) -> None:
    """Names, each once, and no node as long as there are any."""
    if spec.scheduling_gates and spec.node_name:
        problems.forbidden(f"{path}.nodeName", "cannot be set until all schedulingGates have been cleared")
    seen: set[str] = set()
    for index, gate in enumerate(spec.scheduling_gates):
        own = f"{path}.schedulingGates[{index}]"
        problems.name(f"{own}.name", gate.name, names.label_key_problem(gate.name))
        if gate.name in seen:
            problems.duplicate(own, gate.name)
        seen.add(gate.name)


def check_fewer_gates(old: PodSpec, new: PodSpec, problems: Problems) -> bool:
    """Gates only go; False if one was added."""
    added = {gate.name for gate in new.scheduling_gates} - {gate.name for gate in old.scheduling_gates}
    for name in sorted(added):
        problems.forbidden("spec.schedulingGates", f"only deletion is allowed, but found new scheduling gate '{name}'")
    return not added


def with_narrowed(old: PodSpec, new: PodSpec) -> PodSpec:
    """The old spec with the new one's choice of nodes where that may be made: it was gated, and fewer nodes fit."""
    if not old.scheduling_gates:
        return old
    changes: dict[str, object] = {}
    if old.node_selector.items() <= new.node_selector.items():
        changes["node_selector"] = new.node_selector
    if _is_narrower(_terms(old.affinity), _terms(new.affinity)):
        changes["affinity"] = new.affinity
    return evolve(old, **changes)


def _terms(affinity: Affinity | None) -> Sequence[NodeSelectorTerm] | None:
    """Of which terms a node must fit one; None: it need not."""
    node = (affinity or Affinity()).node_affinity or NodeAffinity()
    required = node.required_during_scheduling_ignored_during_execution
    return None if required is None else required.node_selector_terms


def _is_narrower(old: Sequence[NodeSelectorTerm] | None, new: Sequence[NodeSelectorTerm] | None) -> bool:
    """Whether every node that fits `new` fits `old`, by its form: the same terms, each with all that it had."""
    if old is None:
        return True
    return (
        new is not None
        and len(old) == len(new)
        and all(_asks_more(before, after) for before, after in zip(old, new, strict=True))
    )


def _asks_more(old: NodeSelectorTerm, new: NodeSelectorTerm) -> bool:
    """Whether a term asks all that it asked before; one that asks nothing fits no node, and may not begin to."""
    if not old.match_expressions and not old.match_fields:
        return new == old
    return all(each in new.match_expressions for each in old.match_expressions) and all(
        each in new.match_fields for each in old.match_fields
    )
