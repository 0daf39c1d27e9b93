"""Whether a node fits a pod's node selector and node affinity.

Reads: nodes' names and labels, pods' wishes. Writes: nothing.

Source: Kubernetes `component-helpers/scheduling/corev1/nodeaffinity`.
"""

from __future__ import annotations

from collections.abc import Mapping

from proto.objects.affinity import NodeSelectorRequirement, NodeSelectorTerm
from proto.objects.core import Node
from proto.objects.pod import PodSpec

NAME_FIELD = "metadata.name"
"""The only field of a node that `matchFields` can ask for."""


def required_terms(spec: PodSpec) -> tuple[NodeSelectorTerm, ...] | None:
    """The terms of which a node must fit one; None if the pod has no such wish."""
    affinity = spec.affinity.node_affinity if spec.affinity is not None else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity is not None else None
    return None if required is None else required.node_selector_terms


def fits(spec: PodSpec, node: Node) -> bool:
    """Whether the node has the labels of `nodeSelector` and fits a term of the required affinity."""
    labels = node.metadata.labels
    if any(labels.get(name) != value for name, value in spec.node_selector.items()):
        return False
    terms = required_terms(spec)
    return terms is None or any(term_fits(term, node) for term in terms)


def term_fits(term: NodeSelectorTerm, node: Node) -> bool:
    """Whether all requirements of a term hold; those of an empty term never do."""
    if not term.match_expressions and not term.match_fields:
        return False
    fields = {NAME_FIELD: node.metadata.name}
    return all(_holds(each, node.metadata.labels) for each in term.match_expressions) and all(
        _holds(each, fields) for each in term.match_fields
    )


def named_nodes(term: NodeSelectorTerm) -> frozenset[str] | None:
    """The nodes that a term names, outside of which it fits none; None if it names none."""
    for each in term.match_fields:
        if each.key == NAME_FIELD and each.operator == "In":
            return frozenset(each.values)
    return None


def _holds(requirement: NodeSelectorRequirement, texts: Mapping[str, str]) -> bool:
    found, values = texts.get(requirement.key), requirement.values
    match requirement.operator:
        case "In":
            return found in values
        case "NotIn":
            return found not in values
        case "Exists":
            return found is not None
        case "DoesNotExist":
            return found is None
        case "Gt" | "Lt" as operator:
            return _compares(found, operator, values)


def _compares(found: str | None, operator: str, values: tuple[str, ...]) -> bool:
    """A label that is no number is neither greater nor less than one."""
    try:
        number, limit = int(found or ""), int(values[0])
    except (ValueError, IndexError):
        return False
    return number > limit if operator == "Gt" else number < limit
