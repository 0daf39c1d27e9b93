"""Preemption: who is ended for whom, at what cost, and that nobody is ended in vain."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.budgets import Allowance
from control_plane.scheduling import Preemption, Scheduling
from control_plane.store.mirror import Mirror
from proto.clock import EPOCH
from proto.objects.container import ContainerPort
from proto.objects.core import Node, Taint
from proto.objects.meta import LabelSelector, ObjectMeta, evolve
from proto.objects.pod import Pod
from proto.objects.policy import PodDisruptionBudget, PodDisruptionBudgetSpec, PodDisruptionBudgetStatus
from tests.scheduling.making import a_node, a_pod, knowing

CPU = {"cpu": "4", "memory": "8Gi", "pods": "110"}


def running(name: str, cpu: str, node: str = "n1", priority: int = 0, **how: object) -> Pod:
    return a_pod(name, requests={"cpu": cpu}, node=node, priority=priority, phase="Running", **how)  # type: ignore[arg-type]


def wanting(cpu: str, priority: int = 10, name: str = "new", **how: object) -> Pod:
    return a_pod(name, requests={"cpu": cpu}, priority=priority, **how)  # type: ignore[arg-type]


def budget(app: str, allowed: int) -> PodDisruptionBudget:
    return PodDisruptionBudget(
        metadata=ObjectMeta(name=app, namespace="default", uid=app),
        spec=PodDisruptionBudgetSpec(selector=LabelSelector(match_labels={"app": app})),
        status=PodDisruptionBudgetStatus(disruptions_allowed=allowed),
    )


def preempt(scheduling: Scheduling, pod: Pod, *budgets: PodDisruptionBudget) -> Preemption:
    """What is done for a pod that was found to fit nowhere."""
    mirror = Mirror.of(*budgets)
    (decision,) = scheduling.place([pod])
    assert decision.node is None
    if not decision.may_preempt:
        return Preemption(explanation=decision.explanation.partition(" preemption: ")[2])
    return scheduling.preempt(pod, lambda: Allowance(mirror))


def names(pods: Iterable[Pod]) -> list[str]:
    return sorted(pod.metadata.name for pod in pods)


NODES = [a_node("n1", CPU), a_node("n2", CPU)]
SAVED = {"labels": {"app": "saved"}}

CHOICES = [
    ("only-the-less-important", [running("a", "4", priority=10), running("b", "4", "n2", priority=9)], "4", [],
     ("n2", ["b"])),
    ("as-few-as-possible", [running("a", "1"), running("b", "2"), running("c", "1"), running("d", "4", "n2", 10)], "2",
     [], ("n1", ["b"])),
    ("the-least-important-first", [running("a", "2", priority=1), running("b", "2", priority=2),
                                   running("c", "4", "n2", 10)], "2", [], ("n1", ["a"])),
    ("the-longest-running-stays", [running("a", "2", started_s=5), running("b", "2", started_s=9),
                                   running("c", "4", "n2", 10)], "2", [], ("n1", ["b"])),
    ("lowest-highest-victim", [running("a", "4", priority=5), running("b", "2", "n2", priority=4),
                               running("c", "2", "n2", priority=4)], "4", [], ("n2", ["b", "c"])),
    ("lowest-sum", [running("a", "2", priority=5), running("b", "2", priority=5), running("c", "2", "n2", priority=5),
                    running("d", "2", "n2", priority=1)], "4", [], ("n2", ["c", "d"])),
    ("fewest", [running("a", "2"), running("b", "2"), running("c", "4", "n2")], "4", [], ("n2", ["c"])),
    ("youngest", [running("a", "4", started_s=5), running("b", "4", "n2", started_s=9)], "4", [], ("n2", ["b"])),
    ("name-at-last", [running("a", "4"), running("b", "4", "n2")], "4", [], ("n1", ["a"])),
    ("budgets-first", [running("a", "4", priority=1, **SAVED), running("b", "4", "n2", priority=9)], "4",
     [budget("saved", 0)], ("n2", ["b"])),
    ("within-the-budget", [running("a", "4", priority=1, **SAVED), running("b", "4", "n2", priority=9)], "4",
     [budget("saved", 1)], ("n1", ["a"])),
    ("against-a-budget-if-nothing-else-helps", [running("a", "4", **SAVED), running("b", "4", "n2", priority=10)], "4",
     [budget("saved", 0)], ("n1", ["a"])),
    ("the-protected-stay-if-others-can-go", [running("a", "2", **SAVED), running("b", "2", priority=3),
                                             running("c", "4", "n2", 10)], "2", [budget("saved", 0)], ("n1", ["b"])),
    ("the-budget-is-spent-once", [running("a", "2", priority=3, **SAVED), running("b", "2", priority=3, **SAVED),
                                  running("c", "4", "n2", priority=4)], "4", [budget("saved", 1)], ("n2", ["c"])),
]  # fmt: skip


@pytest.mark.parametrize(
    ("there", "cpu", "budgets", "chosen"), [row[1:] for row in CHOICES], ids=[row[0] for row in CHOICES]
)
def test_who_is_chosen(
    there: list[Pod], cpu: str, budgets: list[PodDisruptionBudget], chosen: tuple[str, list[str]]
) -> None:
    preemption = preempt(knowing(NODES, there), wanting(cpu), *budgets)
    assert (preemption.node, names(preemption.victims)) == chosen


NOT_HELPFUL = "Preemption is not helpful for scheduling."
NO_VICTIMS = "No preemption victims found for incoming pod."
FULL = [running("a", "4"), running("b", "4", "n2")]
PORT = ContainerPort(container_port=80)

REFUSALS = [
    ("equals", NODES, FULL, wanting("1", 0), f"0/2 nodes are available: 2 {NO_VICTIMS}"),
    ("too-large-for-any-node", NODES, FULL, wanting("5"), f"0/2 nodes are available: 2 {NO_VICTIMS}"),
    ("never", NODES, FULL, wanting("1", preempts=False), "not eligible due to preemptionPolicy=Never."),
    ("elsewhere-only", NODES, FULL, wanting("1", selector={"zone": "a"}), f"0/2 nodes are available: 2 {NOT_HELPFUL}"),
    (
        "tainted-and-full",
        [a_node("n1", CPU, taints=[Taint(key="k", effect="NoSchedule")]), a_node("n2", CPU)],
        [running("a", "4"), running("b", "4", "n2", 10)],
        wanting("1"),
        "0/2 nodes are available: 1 Preemption is not helpful for scheduling, "
        "1 No preemption victims found for incoming pod.",
    ),
    (
        "a-port-of-an-equal",
        NODES[:1],
        [a_pod("a", ports=[PORT], node="n1", priority=10), running("b", "3")],
        a_pod("new", ports=[PORT], priority=10),
        f"0/1 nodes are available: 1 {NO_VICTIMS}",
    ),
]


@pytest.mark.parametrize(("nodes", "there", "pod", "why"), [row[1:] for row in REFUSALS], ids=[r[0] for r in REFUSALS])
def test_nobody_is_ended_in_vain(nodes: list[Node], there: list[Pod], pod: Pod, why: str) -> None:
    preemption = preempt(knowing(nodes, there), pod)
    assert (preemption.node, preemption.victims) == ("", ())
    assert preemption.explanation.removeprefix("preemption: ") == why


def test_the_holder_of_a_port_goes_and_nobody_else() -> None:
    there = [a_pod("a", ports=[PORT], node="n1"), running("b", "3")]
    preemption = preempt(knowing(NODES[:1], there), a_pod("new", ports=[PORT], priority=10))
    assert names(preemption.victims) == ["a"]


def test_the_room_is_kept_for_the_pod_it_was_made_for() -> None:
    victim, new = running("a", "4"), wanting("4")
    scheduling = knowing(NODES[:1], [victim])
    assert preempt(scheduling, new).node == "n1"
    scheduling.on_pod(victim, None)
    (thief, equal) = scheduling.place([wanting("1", 9, "thief"), wanting("1", 10, "equal")])
    assert (thief.node, equal.node) == (None, None)
    (decision,) = scheduling.place([new])
    assert decision.node == "n1"


def test_who_matters_more_takes_the_room_and_the_other_looks_again() -> None:
    victim, new, king = running("a", "4"), wanting("4"), wanting("4", 99, "king")
    scheduling = knowing([*NODES], [victim, running("b", "4", "n2", priority=5)])
    assert preempt(scheduling, new).node == "n1"
    scheduling.on_pod(victim, None)
    (decision,) = scheduling.place([king])
    assert decision.node == "n1"
    again = preempt(scheduling, new)
    assert (again.node, names(again.victims)) == ("n2", ["b"])


def test_a_nominated_pod_waits_while_its_victim_is_going_and_ends_nobody_else() -> None:
    victim, new = running("a", "4"), wanting("4")
    scheduling = knowing(NODES, [victim, running("b", "4", "n2")])
    assert preempt(scheduling, new).node == "n1"
    again = preempt(scheduling, new)
    assert (again.keeps, again.victims) == (True, ())
    scheduling.on_node(NODES[0], a_node("n1", CPU, unschedulable=True))
    elsewhere = preempt(scheduling, new)
    assert (elsewhere.node, names(elsewhere.victims)) == ("n2", ["b"])


def test_two_pods_never_count_on_the_same_victim() -> None:
    scheduling = knowing(NODES[:1], [running("a", "2"), running("b", "2")])
    first, second, third = (preempt(scheduling, wanting("2", 10, name)) for name in ("x", "y", "z"))
    assert names([*first.victims, *second.victims]) == ["a", "b"]
    assert (third.node, third.victims) == ("", ())


def test_a_pod_that_is_ending_anyway_is_no_victim() -> None:
    ending = evolve(running("a", "4"), **{"metadata.deletion_timestamp": EPOCH + timedelta(seconds=30)})
    scheduling = knowing(NODES, [ending, running("b", "4", "n2")])
    preemption = preempt(scheduling, wanting("4"))
    assert (preemption.node, preemption.victims) == ("n1", ())


def test_a_spared_victim_counts_again() -> None:
    victim, new = running("a", "4"), wanting("4")
    scheduling = knowing(NODES[:1], [victim])
    preempt(scheduling, new)
    scheduling.withdraw(new)
    scheduling.spare(victim)
    assert names(preempt(scheduling, wanting("4", 11, "other")).victims) == ["a"]


def test_a_new_leader_keeps_the_room_that_its_predecessor_promised() -> None:
    victim, new = running("a", "4"), wanting("4")
    nominated = evolve(new, **{"status.nominated_node_name": "n1"})
    scheduling = knowing(NODES[:1], [victim])
    scheduling.on_pod(None, nominated)
    scheduling.on_pod(victim, None)
    (thief,) = scheduling.place([wanting("1", 0, "thief")])
    assert thief.node is None
    scheduling.on_pod(nominated, new)
    (decision,) = scheduling.place([wanting("1", 0, "thief")])
    assert decision.node == "n1", "it has given its nomination up"


def test_an_older_state_of_the_pod_does_not_take_its_nomination_away() -> None:
    victim, new = running("a", "4"), wanting("4")
    scheduling = knowing(NODES[:1], [victim])
    preempt(scheduling, new)
    scheduling.on_pod(new, evolve(new, **{"status.message": "told"}))
    scheduling.on_pod(victim, None)
    (thief,) = scheduling.place([wanting("1", 0, "thief")])
    assert thief.node is None


small = st.integers(min_value=1, max_value=4)


@settings(max_examples=150, deadline=None)
@given(
    there=st.lists(st.tuples(small, st.integers(0, 2), st.integers(0, 3)), max_size=12),
    wanted=st.lists(st.tuples(small, st.integers(0, 5)), min_size=1, max_size=4),
)
def test_when_the_victims_are_gone_the_pod_fits(
    there: list[tuple[int, int, int]], wanted: list[tuple[int, int]]
) -> None:
    """And no victim is one too many, nobody is ended who matters as much, nor twice."""
    nodes = [a_node(f"n{n}", {"cpu": "6", "pods": "110"}) for n in range(3)]
    pods = [running(f"r{i}", str(cpu), f"n{node}", priority) for i, (cpu, node, priority) in enumerate(there)]
    scheduling = knowing(nodes, pods)
    waiting = sorted(
        (wanting(str(cpu), priority, f"w{i}") for i, (cpu, priority) in enumerate(wanted)),
        key=lambda pod: -(pod.spec.priority or 0),
    )
    gone: list[Pod] = []
    for pod in waiting:
        (decision,) = scheduling.place([pod])
        if decision.node is not None or not decision.may_preempt:
            continue
        preemption = scheduling.preempt(pod, lambda: Allowance(Mirror.of()))
        assert all((victim.spec.priority or 0) < (pod.spec.priority or 0) for victim in preemption.victims)
        assert not {victim.key for victim in preemption.victims} & {victim.key for victim in gone}
        if not preemption.node:
            continue
        for victim in preemption.victims[1:]:
            scheduling.on_pod(victim, None)
        gone += preemption.victims
        if preemption.victims:
            assert scheduling.place([pod])[0].node is None, "the first victim would have gone in vain"
            scheduling.on_pod(preemption.victims[0], None)
        assert scheduling.place([pod])[0].node == preemption.node
