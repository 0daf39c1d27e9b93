"""What counts where, as nodes and pods come, change and go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from control_plane.scheduling import Scheduling
from proto.objects.container import ResourceRequirements
from proto.objects.core import Taint
from proto.objects.meta import Condition, evolve
from proto.objects.pod import Pod
from proto.objects.pod_status import ContainerStatus
from tests.scheduling.making import ROOMY, a_node, a_pod

ONE_POD = {**ROOMY, "pods": "1"}
NODE = a_node("n", ONE_POD)
PENDING = a_pod("first")
BOUND = evolve(PENDING, **{"spec.node_name": "n"})
TERMINATING = evolve(BOUND, **{"metadata.deletion_timestamp": datetime(2026, 1, 1, tzinfo=UTC)})
FAILED = evolve(BOUND, **{"status.phase": "Failed"})
SUCCESSOR = evolve(PENDING, **{"metadata.uid": "another"})


def placed() -> Scheduling:
    scheduling = Scheduling()
    scheduling.on_node(None, NODE)
    scheduling.on_pod(None, PENDING)
    assert scheduling.place([PENDING])[0].node == "n"
    return scheduling


def is_full(scheduling: Scheduling) -> bool:
    return scheduling.place([a_pod("probe")])[0].node is None


UPKEEP: dict[str, tuple[Callable[[Scheduling], object], bool]] = {
    "a placed pod counts at once": (lambda s: None, True),
    "it counts once when its binding is seen": (lambda s: s.on_pod(PENDING, BOUND), True),
    "it counts while its status changes before the binding": (lambda s: s.on_pod(PENDING, PENDING), True),
    "a failed bind gives it back": (lambda s: s.forget(PENDING), False),
    "a removal before the binding gives it back": (lambda s: s.on_pod(PENDING, None), False),
    "a terminating pod counts": (lambda s: s.on_pod(BOUND, TERMINATING), True),
    "a pod that is gone does not": (lambda s: s.on_pod(TERMINATING, None), False),
    "a pod that has failed does not": (lambda s: s.on_pod(BOUND, FAILED), False),
    "one that was bound elsewhere by another does not": (
        lambda s: s.on_pod(PENDING, evolve(BOUND, **{"spec.node_name": "m"})), False,
    ),
    "its successor of the same name does not": (lambda s: s.on_pod(PENDING, SUCCESSOR), False),
    "its node returns": (lambda s: (s.on_node(NODE, None), s.on_node(None, NODE)), True),
    "placed again, counted once": (lambda s: (s.place([PENDING]), s.forget(PENDING)), False),
    "forgetting a stranger changes nothing": (lambda s: s.forget(a_pod("stranger")), True),
}  # fmt: skip


@pytest.mark.parametrize(("change", "full"), UPKEEP.values(), ids=UPKEEP.keys())
def test_upkeep(change: Callable[[Scheduling], object], full: bool) -> None:
    scheduling = placed()
    change(scheduling)
    assert is_full(scheduling) is full


def test_pods_may_be_heard_of_before_their_node() -> None:
    scheduling = Scheduling()
    scheduling.on_pod(None, BOUND)
    assert scheduling.place([a_pod("p")])[0].explanation == "no nodes available to schedule pods"
    scheduling.on_node(None, NODE)
    assert is_full(scheduling)
    scheduling.on_pod(BOUND, None)
    assert not is_full(scheduling)


def test_a_change_of_labels_or_taints_is_seen_after_the_question_was_asked_before() -> None:
    scheduling = Scheduling()
    plain, labelled = a_node("n"), a_node("n", labels={"disk": "ssd"})
    tainted = a_node("n", labels={"disk": "ssd"}, taints=[Taint(key="k", effect="NoSchedule")])
    answers = []
    for old, new in [(None, plain), (plain, labelled), (labelled, tainted), (tainted, labelled)]:
        scheduling.on_node(old, new)
        answers.append(scheduling.place([a_pod("p", selector={"disk": "ssd"})])[0].node)
    assert answers == [None, "n", None, "n"]


def test_a_node_that_is_being_deleted_is_not_there() -> None:
    scheduling = Scheduling()
    scheduling.on_node(None, evolve(NODE, **{"metadata.deletion_timestamp": datetime(2026, 1, 1, tzinfo=UTC)}))
    assert is_full(scheduling)


def test_rows_of_nodes_that_are_gone_are_used_again() -> None:
    scheduling = Scheduling()
    for i in range(1000):
        node = a_node(f"n{i}", labels={"number": str(i)})
        scheduling.on_node(None, node)
        assert scheduling.place([a_pod("p", selector={"number": str(i)})])[0].node == f"n{i}"
        scheduling.forget(a_pod("p"))
        scheduling.on_node(node, None)
    assert len(scheduling._table.nodes) == 16


def test_a_pod_that_was_resized_counts_as_what_it_asks_for_now() -> None:
    def sized(cpu: str, generation: int) -> Pod:
        changes = {"spec.node_name": "n", "metadata.generation": generation}
        pod = evolve(a_pod("sized"), **changes)
        (container,) = pod.spec.containers
        return evolve(pod, **{"spec.containers": (evolve(container, **{"resources.requests": {"cpu": cpu}}),)})

    probe = a_pod("probe")
    (container,) = probe.spec.containers
    probe = evolve(probe, **{"spec.containers": (evolve(container, **{"resources.requests": {"cpu": "2"}}),)})
    scheduling = Scheduling()
    scheduling.on_node(None, a_node("n", {"cpu": "4", "memory": "1Gi", "pods": "9"}))
    answers = []
    for old, new in ((None, sized("1", 1)), (sized("1", 1), sized("3", 2)), (sized("3", 2), sized("2", 3))):
        scheduling.on_pod(old, new)
        answers.append(scheduling.place([probe])[0].node)
        scheduling.forget(probe)
    assert answers == ["n", None, "n"]


HAD = ContainerStatus(
    name="main", resources=ResourceRequirements(requests={"cpu": "2"}), allocated_resources={"cpu": "2"}
)


@pytest.mark.parametrize(
    ("wanted", "reason", "left"),
    [
        ("9", "Infeasible", "2"),
        ("3", "Deferred", "1"),
        ("1", "Error", "2"),
        ("1", None, "3"),
    ],
    ids=["what never comes does not count", "what waits counts", "what is not given back yet counts", "done"],
)
def test_while_a_resize_is_under_way_the_pod_counts_as_what_it_may_have(
    wanted: str, reason: str | None, left: str
) -> None:
    kind = "PodResizeInProgress" if reason == "Error" else "PodResizePending"
    conditions = () if reason is None else (Condition(type=kind, status="True", reason=reason),)
    before = evolve(a_pod("sized", node="n", requests={"cpu": wanted}), **{"status.container_statuses": (HAD,)})
    now = evolve(before, **{"status.conditions": conditions})
    scheduling = Scheduling()
    scheduling.on_node(None, a_node("n", {"cpu": "4", "memory": "1Gi", "pods": "9"}))
    scheduling.on_pod(None, before)
    scheduling.on_pod(before, now)
    fits = scheduling.place([a_pod("probe", requests={"cpu": left})])[0].node
    no_more = scheduling.place([a_pod("another", requests={"cpu": "1m"})])[0].node
    assert (fits, no_more) == ("n", None)
