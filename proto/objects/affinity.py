"""Affinity: which nodes a pod asks for, beyond plain labels.

Source: Kubernetes API reference, core/v1 NodeAffinity.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from proto.objects.meta import Many, Model


class NodeSelectorRequirement(Model):
    """`key operator values` about one label (or field) of a node."""

    key: str
    """The label, or in `matchFields` the field, which can only be `metadata.name`."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    """How it is compared; Gt and Lt compare whole numbers."""
    values: Many[str] = ()
    """With what; nothing for Exists and DoesNotExist, one number for Gt and Lt."""


class NodeSelectorTerm(Model):
    """All of its requirements must hold; a term without any chooses no node."""

    match_expressions: Many[NodeSelectorRequirement] = ()
    """Requirements of the node's labels."""
    match_fields: Many[NodeSelectorRequirement] = ()
    """Requirements of the node's fields: its name."""


class NodeSelector(Model):
    """Chooses the nodes that fit at least one of its terms."""

    node_selector_terms: Many[NodeSelectorTerm] = ()
    """Of which one must fit."""


class NodeAffinity(Model):
    """Which nodes a pod may be placed on."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset({"preferredDuringSchedulingIgnoredDuringExecution"})

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    """Nodes that fit; a pod that was placed stays when its node changes."""


class Affinity(Model):
    """What draws a pod to a node."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset({"podAffinity", "podAntiAffinity"})

    node_affinity: NodeAffinity | None = None
    """Which nodes it may be placed on."""
