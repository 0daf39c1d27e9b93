"""Processes in the order of their tree. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

Item = dict[str, Any]


def in_tree_order(processes: Sequence[Item]) -> Iterator[tuple[Item, int]]:
    """Each process (with `pid` and `parentPid`) with its depth, behind its parent and its older brothers.

    One whose parent is not among them is a root: the first of a container, and what was orphaned.
    """
    pids = {process["pid"] for process in processes}
    children: dict[int, list[Item]] = {}
    for process in sorted(processes, key=lambda each: (each["startedAt"], each["pid"]), reverse=True):
        parent = process["parentPid"]
        children.setdefault(parent if parent in pids and parent != process["pid"] else 0, []).append(process)
    waiting = [(root, 0) for root in children.pop(0, [])]
    while waiting:
        process, depth = waiting.pop()
        yield process, depth
        waiting += [(child, depth + 1) for child in children.get(process["pid"], ())]
