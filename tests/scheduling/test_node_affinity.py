"""Required node affinity: which nodes fit, from the rule to the placement."""

from __future__ import annotations

import pytest

from control_plane.scheduling import Scheduling
from proto.node_affinity import term_fits
from proto.objects.affinity import (
    Affinity,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
)
from proto.objects.container import Container
from proto.objects.core import Node, NodeStatus
from proto.objects.meta import Condition, ObjectMeta
from proto.objects.pod import Pod, PodSpec


def node(name: str, **labels: str) -> Node:
    ready = Condition(type="Ready", status="True")
    return Node(
        metadata=ObjectMeta(name=name, uid=name, labels=labels),
        status=NodeStatus(allocatable={"pods": "10", "cpu": "4"}, conditions=(ready,)),
    )


def requirement(text: str) -> NodeSelectorRequirement:
    key, operator, *values = text.split()
    return NodeSelectorRequirement(key=key, operator=operator, values=tuple(values))  # type: ignore[arg-type]


def term(*expressions: str, fields: tuple[str, ...] = ()) -> NodeSelectorTerm:
    return NodeSelectorTerm(
        match_expressions=tuple(map(requirement, expressions)), match_fields=tuple(map(requirement, fields))
    )


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ("disk In ssd nvme", True),
        ("disk In hdd", False),
        ("disk NotIn hdd", True),
        ("disk NotIn ssd", False),
        ("other NotIn ssd", True),
        ("disk Exists", True),
        ("other Exists", False),
        ("other DoesNotExist", True),
        ("disk DoesNotExist", False),
        ("cores Gt 7", True),
        ("cores Gt 8", False),
        ("cores Lt 9", True),
        ("cores Lt 8", False),
        ("disk Gt 1", False),
        ("other Lt 1", False),
    ],
)
def test_a_requirement_of_a_label(asked: str, fits: bool) -> None:
    assert term_fits(term(asked), node("n1", disk="ssd", cores="8")) is fits


def test_all_requirements_of_a_term_must_hold_and_an_empty_one_never_does() -> None:
    machine = node("n1", disk="ssd")
    assert term_fits(term("disk Exists", "disk In ssd", fields=("metadata.name In n1",)), machine)
    assert not term_fits(term("disk Exists", "disk In hdd"), machine)
    assert not term_fits(term("disk Exists", fields=("metadata.name In n2",)), machine)
    assert not term_fits(term("disk Exists", fields=("metadata.name NotIn n1",)), machine)
    assert not term_fits(term(), machine)


def placed(*terms: NodeSelectorTerm) -> tuple[str | None, str]:
    scheduling = Scheduling()
    for each in (node("n1", disk="hdd"), node("n2", disk="ssd"), node("n3")):
        scheduling.on_node(None, each)
    required = NodeSelector(node_selector_terms=terms)
    affinity = Affinity(node_affinity=NodeAffinity(required_during_scheduling_ignored_during_execution=required))
    pod = Pod(
        metadata=ObjectMeta(name="p", uid="p"), spec=PodSpec(containers=(Container(name="c"),), affinity=affinity)
    )
    (decision,) = scheduling.place([pod])
    return decision.node, decision.explanation


@pytest.mark.parametrize(
    ("terms", "where"),
    [
        pytest.param((term("disk In ssd"),), "n2", id="label"),
        pytest.param((term(fields=("metadata.name In n3",)),), "n3", id="name"),
        pytest.param((term("disk In nothing"), term("disk In hdd")), "n1", id="one-of-two"),
        pytest.param((term("disk In ssd", fields=("metadata.name In n2",)),), "n2", id="both"),
    ],
)
def test_a_pod_goes_where_it_fits(terms: tuple[NodeSelectorTerm, ...], where: str) -> None:
    assert placed(*terms)[0] == where


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(term(fields=("metadata.name In n9",)), id="no-such-node"),
        pytest.param(term("disk In ssd", fields=("metadata.name In n1",)), id="the-named-one-does-not-fit"),
        pytest.param(term(), id="empty-term"),
    ],
)
def test_a_pod_that_fits_nowhere_says_why(asked: NodeSelectorTerm) -> None:
    assert placed(asked) == (
        None,
        "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. "
        "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
    )
