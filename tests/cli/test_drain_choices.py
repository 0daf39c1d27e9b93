"""Which pods a drain ends, by kind of pod and by what the user allows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from setpoint.cli.draining.choosing import Item, PodName, Rules, choose

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
AGENTS = PodName("default", "agents")


def pod(name: str, owner: str = "ReplicaSet", *, phase: str = "Running", ends: str = "", **spec: Any) -> Item:
    metadata: Item = {"name": name, "namespace": "default", "uid": f"uid-{name}"}
    if owner:
        metadata["ownerReferences"] = [{"kind": owner, "name": "agents", "controller": True}]
    if ends:
        metadata["deletionTimestamp"] = ends
    return {"metadata": metadata, "spec": spec, "status": {"phase": phase}}


EMPTY_DIR = {"volumes": [{"name": "config", "configMap": {}}, {"name": "tmp", "emptyDir": {}}]}


@pytest.mark.parametrize(
    ("one", "rules", "leaves", "words"),
    [
        pytest.param(pod("p"), Rules(), True, "", id="who is made again may go"),
        pytest.param(pod("p", "Job"), Rules(), True, "", id="whoever makes it"),
        pytest.param(pod("p", ""), Rules(), False,
                     "cannot delete Pods that declare no controller (use --force to override): default/p",
                     id="who is not may not"),
        pytest.param(pod("p", ""), Rules(force=True), True, "deleting Pods that declare no controller: default/p",
                     id="unless forced"),
        pytest.param(pod("p", "", phase="Succeeded"), Rules(), True, "", id="who has finished may"),
        pytest.param(pod("p", "DaemonSet"), Rules(), False,
                     "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): default/p",
                     id="a daemon would come back"),
        pytest.param(pod("p", "DaemonSet"), Rules(force=True), False,
                     "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): default/p",
                     id="forced or not"),
        pytest.param(pod("p", "DaemonSet"), Rules(ignore_daemon_sets=True), False,
                     "ignoring DaemonSet-managed Pods: default/p", id="and may be left"),
        pytest.param(pod("p", "DaemonSet", phase="Failed"), Rules(), True, "", id="a finished daemon may go"),
        pytest.param(pod("p", **EMPTY_DIR), Rules(), False,
                     "cannot delete Pods with local storage (use --delete-emptydir-data to override): default/p",
                     id="local storage would be lost"),
        pytest.param(pod("p", **EMPTY_DIR), Rules(delete_local_storage=True), True,
                     "deleting Pods with local storage: default/p", id="and may be"),
        pytest.param(pod("p", "", **EMPTY_DIR), Rules(delete_local_storage=True), False,
                     "cannot delete Pods that declare no controller (use --force to override): default/p",
                     id="every rule must be kept"),
        pytest.param(pod("p", ends="2026-11-24T11:59:00Z"), Rules(), True, "", id="who is going is waited for"),
        pytest.param(pod("p", ends="2026-11-24T11:59:00Z"), Rules(skip_ending_s=30), False, "", id="unless too long"),
        pytest.param(pod("p", ends="2026-11-24T11:59:00Z"), Rules(skip_ending_s=90), True, "", id="which it is not"),
    ],
)  # fmt: skip
def test_one_pod(one: Item, rules: Rules, leaves: bool, words: str) -> None:
    choice = choose([one], rules, {AGENTS}, NOW)
    assert (bool(choice.pods), [*choice.problems, *choice.warnings]) == (leaves, [words] if words else [])


@pytest.mark.parametrize("force", [True, False])
def test_a_daemon_whose_set_is_gone(force: bool) -> None:
    choice = choose([pod("p", "DaemonSet")], Rules(force=force, ignore_daemon_sets=True), set(), NOW)
    assert (len(choice.pods), len(choice.problems)) == ((1, 0) if force else (0, 1))


def test_words_are_told_once_with_all_their_pods() -> None:
    choice = choose([pod("a", ""), pod("b"), pod("c", ""), pod("d", "DaemonSet")], Rules(), {AGENTS}, NOW)
    assert choice.problems == (
        "cannot delete Pods that declare no controller (use --force to override): default/a, default/c",
        "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): default/d",
    )
