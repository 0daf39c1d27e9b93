"""What `describe node` tells of the pods there."""

from __future__ import annotations

from typing import Any

from setpoint.cli.pages_of_nodes import pods_on

NODE = {"status": {"allocatable": {"cpu": "2", "memory": "4Gi", "ephemeral-storage": "8Gi", "a.b/gpu": "4"}}}


def pod(name: str, *resources: dict[str, Any], phase: str = "Running", **spec: Any) -> dict[str, Any]:
    containers = [{"name": f"c{number}", "resources": each} for number, each in enumerate(resources)]
    return {
        "metadata": {"namespace": "default", "name": name},
        "spec": {"containers": containers, **spec},
        "status": {"phase": phase},
    }


def test_what_pods_ask_for_and_what_it_adds_up_to() -> None:
    sidecar = {"name": "s", "restartPolicy": "Always", "resources": {"requests": {"memory": "1Gi"}}}
    pods = [
        pod("web", {"requests": {"cpu": "250m"}}, {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}),
        pod("side", {"requests": {"memory": "512Mi", "a.b/gpu": "2"}}, initContainers=[sidecar]),
        pod("done", {"requests": {"cpu": "2"}}, phase="Succeeded"),
        pod("new", {}, newerField={"a": 1}),
    ]
    told = [line.split("  ") for line in pods_on(NODE, pods)]
    rows = [[cell.strip() for cell in line if cell] for line in told]
    assert rows == [
        ["Non-terminated Pods:", "(3 in total)"],
        ["Namespace", "Name", "CPU Requests", "CPU Limits", "Memory Requests", "Memory Limits", "Age"],
        ["default", "web", "1250m (62%)", "1 (50%)", "0 (0%)", "0 (0%)", "<unknown>"],
        ["default", "side", "0 (0%)", "0 (0%)", "1536Mi (37%)", "0 (0%)", "<unknown>"],
        ["default", "new", "0 (0%)", "0 (0%)", "0 (0%)", "0 (0%)", "<unknown>"],
        ["Allocated resources:"],
        ["(Total limits may be over 100 percent, i.e., overcommitted.)"],
        ["Resource", "Requests", "Limits"],
        ["cpu", "1250m (62%)", "1 (50%)"],
        ["memory", "1536Mi (37%)", "0 (0%)"],
        ["ephemeral-storage", "0 (0%)", "0 (0%)"],
        ["a.b/gpu", "2 (50%)", "0 (0%)"],
    ]


def test_a_node_that_offers_nothing_yet() -> None:
    assert pods_on({}, [])[-1].split() == ["ephemeral-storage", "0", "0"]
