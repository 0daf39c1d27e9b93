"""Tables: the columns and words that kubectl's users know."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from proto import catalog, codec
from proto.clock import EPOCH
from proto.durations import age, short_duration
from proto.printing import table

BORN = {"creationTimestamp": "2026-01-01T00:00:00Z"}
NOW = EPOCH + timedelta(minutes=5)


def row(raw: dict[str, Any], *, wide: bool = False) -> list[Any]:
    obj = codec.from_dict(raw)
    return list(table(catalog.of(obj), [obj], NOW, wide)["rows"][0]["cells"])


def pod(phase: str = "Running", *states: dict[str, Any], deleting: bool = False, **status: Any) -> dict[str, Any]:
    statuses = [{"name": f"c{n}", **({"ready": "running" in s} | {"state": s})} for n, s in enumerate(states)]
    metadata = {"name": "p", **BORN, **({"deletionTimestamp": "2026-01-01T00:01:00Z"} if deleting else {})}
    spec = {"containers": [{"name": f"c{n}"} for n in range(max(1, len(states)))]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec,
            "status": {"phase": phase, "containerStatuses": statuses, **status}}  # fmt: skip


GATED = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
RUNNING = {"running": {"startedAt": "2026-01-01T00:00:01Z"}}


@pytest.mark.parametrize(
    ("raw", "ready", "status"),
    [
        (pod("Pending"), "0/1", "Pending"),
        (pod("Pending", conditions=[GATED]), "0/1", "SchedulingGated"),
        (pod("Running", RUNNING), "1/1", "Running"),
        (pod("Running", RUNNING, deleting=True), "1/1", "Terminating"),
        (pod("Succeeded", {"terminated": {"exitCode": 0, "reason": "Completed"}}, deleting=True), "0/1", "Completed"),
        (pod("Running", RUNNING, deleting=True, reason="NodeLost"), "1/1", "Unknown"),
        (pod("Running", RUNNING, conditions=[{"type": "Disconnected", "status": "True"}]), "1/1", "Disconnected"),
        (pod("Running", RUNNING, conditions=[{"type": "Disconnected", "status": "False"}]), "1/1", "Running"),
        (pod("Running", {"waiting": {"reason": "CrashLoopBackOff"}}, RUNNING), "1/2", "CrashLoopBackOff"),
        (pod("Pending", {"waiting": {"reason": "ContainerCreating"}}), "0/1", "ContainerCreating"),
        (pod("Failed", {"terminated": {"exitCode": 3}}), "0/1", "ExitCode:3"),
        (pod("Failed", {"terminated": {"exitCode": 137, "signal": 9}}), "0/1", "Signal:9"),
        (pod("Failed", {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}), "0/1", "OOMKilled"),
        (pod("Failed", reason="Evicted"), "0/1", "Evicted"),
        (
            pod("Failed", {"waiting": {"reason": "ContainerCreating"}}, reason="DeadlineExceeded"),
            "0/1",
            "DeadlineExceeded",
        ),
        (pod("Running", {"terminated": {"exitCode": 0, "reason": "Completed"}}, RUNNING), "1/2", "NotReady"),
    ],
)
def test_the_status_of_a_pod(raw: dict[str, Any], ready: str, status: str) -> None:
    assert row(raw)[:3] == ["p", ready, status]


def starting(*states: dict[str, Any], main: dict[str, Any] | None = None, done: bool = False) -> dict[str, Any]:
    """A pod with two init containers, the second of them a sidecar."""
    raw = pod("Running" if done else "Pending", main or {"waiting": {"reason": "PodInitializing"}})
    raw["spec"]["initContainers"] = [{"name": "i0"}, {"name": "i1", "restartPolicy": "Always"}]
    raw["status"]["initContainerStatuses"] = [
        {"name": f"i{n}", "state": state, "started": "running" in state, "ready": "running" in state, "restartCount": 3}
        for n, state in enumerate(states)
    ]
    raw["status"]["conditions"] = [{"type": "Initialized", "status": "True" if done else "False"}]
    return raw


def ended_early() -> dict[str, Any]:
    """One whose time was over before its first init container had begun."""
    raw = starting({"waiting": {"reason": "ContainerCreating"}}, NOT_YET)
    raw["status"] |= {"phase": "Failed", "reason": "DeadlineExceeded"}
    return raw


DONE = {"terminated": {"exitCode": 0, "reason": "Completed"}}
NOT_YET = {"waiting": {"reason": "PodInitializing"}}


@pytest.mark.parametrize(
    ("raw", "ready", "status", "restarts"),
    [
        (starting(RUNNING, NOT_YET), "0/2", "Init:0/2", "6"),
        (starting(DONE, NOT_YET), "0/2", "Init:1/2", "6"),
        (starting({"terminated": {"exitCode": 1, "reason": "Error"}}, NOT_YET), "0/2", "Init:Error", "6"),
        (starting({"waiting": {"reason": "CrashLoopBackOff"}}, NOT_YET), "0/2", "Init:CrashLoopBackOff", "6"),
        (ended_early(), "0/2", "DeadlineExceeded", "6"),
        (starting(DONE, RUNNING, main=RUNNING, done=True), "2/2", "Running", "3"),
        (
            starting(DONE, {"waiting": {"reason": "CrashLoopBackOff"}}, main=RUNNING, done=True),
            "1/2",
            "CrashLoopBackOff",
            "3",
        ),
    ],
    ids=["first", "second", "failed", "in back-off", "ended", "done", "sidecar in back-off"],
)
def test_a_pod_with_init_containers(raw: dict[str, Any], ready: str, status: str, restarts: str) -> None:
    assert row(raw)[1:4] == [ready, status, restarts]


def test_a_pod_in_full() -> None:
    raw = pod("Running", RUNNING, podIP="10.0.0.7")
    raw["spec"]["nodeName"] = "n1"
    last = {"terminated": {"exitCode": 1, "finishedAt": "2026-01-01T00:03:00Z"}}
    raw["status"]["containerStatuses"][0] |= {"restartCount": 3, "lastState": last}
    assert row(raw, wide=True) == ["p", "1/1", "Running", "3 (2m ago)", "5m", "10.0.0.7", "n1"]


@pytest.mark.parametrize(
    ("raw", "cells"),
    [
        (
            {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", **BORN}},
            ["n", "Unknown", "<none>", "5m", "<unknown>", "<none>", "<none>", "<unknown>", "<unknown>", "<unknown>"],
        ),
        (
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": "n", "labels": {"node-role.kubernetes.io/edge": ""}, **BORN},
                "spec": {"unschedulable": True},
                "status": {
                    "conditions": [{"type": "Ready", "status": "True"}],
                    "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
                    "nodeInfo": {"kubeletVersion": "v1", "osImage": "Debian", "kernelVersion": "6.1",
                                 "containerRuntimeVersion": "process://1"},
                },
            },
            ["n", "Ready,SchedulingDisabled", "edge", "5m", "v1", "10.0.0.1", "<none>", "Debian", "6.1", "process://1"],
        ),
        (
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "d", **BORN},
                "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}},
                         "template": {"spec": {"containers": [{"name": "web"}, {"name": "log", "image": "host"}]}}},
                "status": {"readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 1},
            },
            ["d", "2/3", 3, 1, "5m", "web,log", "host,host", "app=web"],
        ),
        (
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "r", **BORN},
             "spec": {"replicas": 2}, "status": {"replicas": 2, "readyReplicas": 1}},
            ["r", 2, 2, 1, "5m", "", "", "<none>"],
        ),
        ({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x", **BORN}}, ["x", "Active", "5m"]),
        (
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", **BORN}, "data": {"a": "1", "b": "2"}},
            ["c", 2, "5m"],
        ),
        (
            {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l", **BORN},
             "spec": {"holderIdentity": "me"}},
            ["l", "me", "5m"],
        ),
        (
            {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "reason": "Started", "message": " go\n",
             "involvedObject": {"kind": "Pod", "name": "p"}, "source": {"component": "agent", "host": "n1"},
             "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:04:30Z", "count": 4},
            ["30s", "Normal", "Started", "pod/p", "", "agent, n1", "go", "5m", 4, "e"],
        ),
    ],
    ids=["declared-node", "node", "deployment", "replicaset", "namespace", "configmap", "lease", "event"],
)  # fmt: skip
def test_every_kind_in_its_wide_form(raw: dict[str, Any], cells: list[Any]) -> None:
    assert row(raw, wide=True) == cells


def test_columns_of_the_wide_form_say_so() -> None:
    whole = table(catalog.BY_KIND["Pod"], [], NOW, True)
    assert [(c["name"], c["priority"]) for c in whole["columnDefinitions"]] == [
        ("Name", 0), ("Ready", 0), ("Status", 0), ("Restarts", 0), ("Age", 0), ("IP", 1), ("Node", 1),
    ]  # fmt: skip
    narrow = table(catalog.BY_KIND["Pod"], [], NOW, False)
    assert [c["name"] for c in narrow["columnDefinitions"]] == ["Name", "Ready", "Status", "Restarts", "Age"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (119, "119s"), (120, "2m"), (150, "2m30s"), (600, "10m"), (10_799, "179m"), (10_800, "3h"),
     (20_000, "5h33m"), (100_000, "27h"), (200_000, "2d7h"), (1_000_000, "11d"), (100_000_000, "3y62d")],
)  # fmt: skip
def test_durations(seconds: int, text: str) -> None:
    assert short_duration(seconds) == text


def test_ages() -> None:
    assert age(None, NOW) == "<unknown>"
    assert age(NOW + timedelta(seconds=3), NOW) == "0s"
