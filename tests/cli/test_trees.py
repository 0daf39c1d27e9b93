"""The order in which `setpoint ps` shows processes."""

from __future__ import annotations

from setpoint.cli.trees import in_tree_order


def process(pid: int, parent: int, started: float = 0.0) -> dict[str, object]:
    return {"pid": pid, "parentPid": parent, "startedAt": started}


def test_children_follow_their_parent_the_oldest_first() -> None:
    found = [process(9, 1), process(3, 9, 2), process(4, 9, 1), process(5, 4, 3), process(7, 1, 9)]
    assert [(each["pid"], depth) for each, depth in in_tree_order(found)] == [(9, 0), (4, 1), (5, 2), (3, 1), (7, 0)]


def test_a_process_that_is_its_own_parent_is_a_root() -> None:
    assert [depth for _, depth in in_tree_order([process(0, 0)])] == [0]
