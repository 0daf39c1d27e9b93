"""Whatever the API takes of a pod, its node can plan with: no value that was let through ends an agent.

Every value of a pod that uses all fields is replaced by odd ones. Most are refused; what is accepted is planned through
a whole life.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from control_plane.api.defaults import with_defaults
from control_plane.api.validation import check_new
from node_agent.plan.config import Config
from node_agent.plan.environment import Host
from node_agent.plan.events import events_between
from node_agent.plan.local_storage import excess
from node_agent.plan.pod import plan_pod
from node_agent.plan.probes import Health
from node_agent.plan.status import NOTHING_REPORTED
from node_agent.plan.view import PodView, Stop
from node_agent.plan.volumes import changing_files
from node_agent.runtime.port import ContainerPhase, ContainerState
from node_agent.storage.port import PodSpace
from proto import codec
from proto.objects.meta import evolve
from proto.objects.pod import Pod
from proto.schema import read_model

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOST = Host("n", "10.0.0.1", allocatable={"cpu": "4", "memory": "8Gi"}, memory_bytes=2**33)
CONFIG = Config({"c": {"k": "1"}}, {"s": {"k": "AP8="}})
ODD: tuple[Any, ...] = (
    "", "0", "-1", "1e-99", "9" * 19, "\0", "x" * 300, "..", "/", "$(X", "metadata.annotations['z']", "SIGRTMIN+1",
    -1, 0, 2**31 - 1, 2**63 - 1, True, None,
)  # fmt: skip

GRACE_S_MAX = 1e9
"""A supervisor takes no longer one."""

TIMES = {"initialDelaySeconds": 1, "timeoutSeconds": 1, "periodSeconds": 1, "successThreshold": 1,
         "failureThreshold": 1}  # fmt: skip
FINAL = {**TIMES, "terminationGracePeriodSeconds": 3}
MOUNTS = [{"name": name, "mountPath": f"/m/{name}", "subPathExpr": "$(X)", "readOnly": True} for name in "cehdp"]
CONTAINER = {
    "name": "app", "image": "host", "command": ["a", "$(X)"], "args": ["b"], "workingDir": "/x",
    "env": [
        {"name": "X", "value": "$(Y)"},
        {"name": "Y", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "Z", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
        {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}},
    ],
    "envFrom": [{"prefix": "P_", "configMapRef": {"name": "c", "optional": True}}],
    "ports": [{"name": "http", "containerPort": 0, "hostPort": 0, "hostIP": "", "protocol": "TCP"}],
    "resources": {"limits": {"cpu": "1", "memory": "1Gi", "pids": "5", "ephemeral-storage": "1Gi"},
                  "requests": {"cpu": "1", "memory": "1Gi"}},
    "livenessProbe": {**FINAL, "httpGet": {"path": "/", "port": "http", "host": "h", "scheme": "HTTP",
                                           "httpHeaders": [{"name": "A", "value": "b"}]}},
    "readinessProbe": {**TIMES, "grpc": {"port": 1, "service": "x"}},
    "lifecycle": {"preStop": {"sleep": {"seconds": 1}}, "postStart": {"exec": {"command": ["y"]}},
                  "stopSignal": "SIGINT"},
    "volumeMounts": MOUNTS,
    "securityContext": {"runAsUser": 5, "capabilities": {"add": ["CHOWN"], "drop": ["ALL"]},
                        "rlimits": [{"name": "nofile", "soft": 1, "hard": 2}],
                        "seccompProfile": {"type": "Unconfined"}},
}  # fmt: skip
WHOLE: dict[str, Any] = {
    "metadata": {"name": "web", "namespace": "default", "labels": {"a": "b"}, "annotations": {"c": "d"}},
    "spec": {
        "restartPolicy": "Always", "terminationGracePeriodSeconds": 5, "activeDeadlineSeconds": 10, "hostPID": True,
        "readinessGates": [{"conditionType": "a/b"}], "disconnect": {"stopAfterSeconds": 10},
        "securityContext": {"runAsUser": 1, "runAsGroup": 2, "fsGroup": 3, "supplementalGroups": [4]},
        "volumes": [
            {"name": "c", "configMap": {"name": "c", "defaultMode": 420, "optional": True,
                                        "items": [{"key": "k", "path": "p", "mode": 384}]}},
            {"name": "e", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
            {"name": "h", "hostPath": {"path": "/tmp", "type": "Directory"}},
            {"name": "d", "downwardAPI": {"items": [
                {"path": "x", "fieldRef": {"fieldPath": "metadata.labels['a']"}},
                {"path": "y", "resourceFieldRef": {"containerName": "app", "resource": "limits.cpu",
                                                   "divisor": "1m"}}]}},
            {"name": "p", "projected": {"sources": [{"secret": {"name": "s",
                                                                "items": [{"key": "k", "path": "q"}]}}]}},
        ],
        "initContainers": [{"name": "i", "command": ["x"], "restartPolicy": "Always",
                            "startupProbe": {**FINAL, "exec": {"command": ["x"]}}}],
        "containers": [CONTAINER],
    },
}  # fmt: skip


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values that hold no others."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = False
    for key, each in inner:
        found = True
        yield from leaves(each, (*path, key))
    if not found:
        yield path


def with_value(path: tuple[Any, ...], odd: Any) -> dict[str, Any]:
    changed = copy.deepcopy(WHOLE)
    place: Any = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = odd
    return changed


def accepted(raw: dict[str, Any]) -> Pod | None:
    """The pod as it would be stored, if the API takes it."""
    read = read_model(raw, Pod).object
    if not isinstance(read, Pod):
        return None
    pod = with_defaults(read)
    assert isinstance(pod, Pod)
    return None if check_new(pod) else evolve(pod, **{"metadata.uid": "u1"})


def live(pod: Pod) -> None:
    """Everything that an agent works out for a pod: it is new, it runs, it is ill, it has crashed, it is deleted."""
    first = plan_pod(PodView(pod, HOST, config=CONFIG, ports={"http": 20000}), NOW)
    events_between(pod, NOTHING_REPORTED, first.status)
    changing_files(pod, CONFIG, HOST)
    excess(pod, PodSpace())
    names = [container.name for container in (*pod.spec.init_containers, *pod.spec.containers)]
    running = tuple(ContainerState(f"u1.{name}.0", ContainerPhase.RUNNING, 5, 1.0) for name in names)
    ended = tuple(ContainerState(f"u1.{name}.0", ContainerPhase.EXITED, 5, 1.0, 2.0, exit_code=1) for name in names)
    greeted = frozenset(state.id for state in running)
    for failed in (None, "liveness", "startup"):
        health = {state.id: Health(failed=failed) for state in running}  # type: ignore[arg-type]
        view = PodView(pod, HOST, config=CONFIG, states=running, reported=first.status, health=health,
                       greeted=greeted)  # fmt: skip
        plan = plan_pod(view, NOW + timedelta(seconds=5))
        codec.pack(plan.status)
        assert all(step.grace_s < GRACE_S_MAX for step in plan.steps if isinstance(step, Stop))
    plan_pod(PodView(pod, HOST, config=CONFIG, states=ended, reported=first.status), NOW)
    going = evolve(pod, **{"metadata.deletion_timestamp": NOW})
    plan_pod(PodView(going, HOST, config=CONFIG, states=running, reported=first.status), NOW)


def test_the_whole_pod_is_good() -> None:
    pod = accepted(WHOLE)
    assert pod is not None
    live(pod)


@pytest.mark.parametrize("field", sorted({str(path[1]) for path in leaves(WHOLE)}))
def test_what_is_accepted_can_be_planned(field: str) -> None:
    tried = 0
    for path in leaves(WHOLE):
        if path[1] != field:
            continue
        for odd in ODD:
            pod = accepted(with_value(path, odd))
            if pod is not None:
                tried += 1
                live(pod)
    assert tried
