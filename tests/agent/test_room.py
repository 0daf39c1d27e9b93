"""What the pods of a node leave of it, kept as they come, change, end and go."""

from __future__ import annotations

import pytest

from node_agent.plan.admission import lack_of_room
from node_agent.plan.environment import Host
from node_agent.plan.view import Eviction
from node_agent.pods.room import Room
from node_agent.pods.work import PodWork
from proto.node import Assignment
from proto.objects.meta import evolve
from proto.objects.pod_status import PodStatus
from tests.agent.pods import pod

GIB = 2**30
HOST = Host("n", "10.0.0.1", allocatable={"cpu": "4", "memory": "8Gi", "pods": "3"})
ALL = {"cpu": 4000, "memory": 8 * GIB, "pods": 3}


def work(name: str, **requests: str) -> PodWork:
    return PodWork(Assignment(pod=pod(name, {"resources": {"requests": requests}})), PodStatus())


def test_what_is_told_again_counts_once_and_what_is_gone_no_more() -> None:
    left, web = Room(HOST), work("web", cpu="1")
    for _ in range(2):
        left.note(web)
    assert left.for_new("u-other") == {**ALL, "cpu": 3000, "pods": 2}
    left.forget("u-web")
    left.forget("u-web")
    assert left.for_new("u-other") == left.for_growth("u-other") == ALL


def test_a_pod_does_not_stand_in_its_own_way() -> None:
    left = Room(HOST)
    left.note(work("web", cpu="4"))
    assert left.for_new("u-web") == left.for_growth("u-web") == ALL


def test_who_is_to_end_gives_room_to_a_new_one_and_to_one_that_grows_when_it_has_ended() -> None:
    left, web = Room(HOST), work("web", cpu="1")
    left.note(web)
    web.evict(Eviction("the node is short of memory"))
    left.note(web)
    assert (left.for_new("u-other")["cpu"], left.for_growth("u-other")["cpu"]) == (4000, 3000)
    web.reported = PodStatus(phase="Failed")
    left.note(web)
    assert left.for_growth("u-other") == ALL


def test_a_resize_is_counted() -> None:
    left, web = Room(HOST), work("web", cpu="1")
    left.note(web)
    web.assignment = Assignment(pod=evolve(work("web", cpu="2").pod, **{"metadata.generation": 2}))
    left.note(web)
    assert left.for_new("u-other")["cpu"] == 2000


@pytest.mark.parametrize(
    ("wanted", "beside", "words"),
    [
        ({"cpu": "4"}, [], ""),
        ({"cpu": "5"}, [], "cpu, requested: 5000, used: 0, capacity: 4000"),
        ({"cpu": "2"}, [{"cpu": "2"}], ""),
        ({"cpu": "2", "memory": "1Gi"}, [{"cpu": "2"}, {"memory": "8Gi"}],
         f"memory, requested: {GIB}, used: {8 * GIB}, capacity: {8 * GIB}"),
        ({}, [{}, {}, {}], "pods, requested: 1, used: 3, capacity: 3"),
        ({"a.b/gpu": "1"}, [], ""),
    ],
    ids=["all of it", "more than that", "what is left", "more than is left", "one pod too many", "what is not offered"],
)  # fmt: skip
def test_a_pod_that_was_bound_without_the_scheduler_may_find_no_room(
    wanted: dict[str, str], beside: list[dict[str, str]], words: str
) -> None:
    room = Room(HOST)
    for number, asked in enumerate(beside):
        room.note(work(f"beside-{number}", **asked))
    web = work("web", **wanted)
    lack = lack_of_room(web.pod, web.amounts, room.for_new("u-web"), HOST)
    assert (lack.message if lack else "") == (words and f"Pod was rejected: Node didn't have enough resource: {words}")
