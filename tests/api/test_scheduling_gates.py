"""Scheduling gates: they only go, the choice of nodes only narrows while they stand, and nobody binds a gated pod."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.api.cluster import Cluster, Raw, cluster, pod

JSON_PATCH = {"Content_Type": "application/json-patch+json"}
GATES = [{"name": "example.com/budget"}, {"name": "example.com/review"}]


def zones(*expressions: Raw, terms: int = 1) -> Raw:
    """An affinity of `terms` equal terms."""
    required = {"nodeSelectorTerms": [{"matchExpressions": list(expressions)}] * terms}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


ZONE: Raw = {"key": "zone", "operator": "In", "values": ["a", "b"]}
DISK: Raw = {"key": "disk", "operator": "Exists"}


@pytest.fixture
async def api() -> AsyncIterator[Cluster]:
    async with cluster() as made:
        await made.ok(
            "create.core.pods.default",
            pod("p", schedulingGates=GATES, nodeSelector={"zone": "a"}, affinity=zones(ZONE)),
        )
        yield made


def change(path: str, value: Any, op: str = "replace") -> list[Raw]:
    return [{"op": op, "path": f"/spec/{path}", "value": value}]


async def test_a_gated_pod_says_so_from_its_birth(api: Cluster) -> None:
    status = (await api.ok("get.core.pods.default.p"))["status"]
    (condition,) = status["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == ("PodScheduled", "False", "SchedulingGated")
    assert condition["message"] == "Scheduling is blocked due to non-empty scheduling gates"


async def test_nobody_binds_a_gated_pod(api: Cluster) -> None:
    target = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": {"name": "n1"}}
    code, reason, message = await api.refused("create.core.pods/binding.default.p", target)
    assert (code, reason) == (409, "Conflict")
    assert message.endswith("pod p has non-empty .spec.schedulingGates")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (change("schedulingGates", [*GATES, {"name": "third"}]),
         "spec.schedulingGates: Forbidden: only deletion is allowed, but found new scheduling gate 'third'"),
        (change("nodeSelector", {}), "spec: Forbidden: pod updates may not change fields other than"),
        (change("affinity", zones({**ZONE, "values": ["c"]})), "spec: Forbidden: pod updates may not change"),
        (change("affinity", zones(ZONE, terms=2)), "spec: Forbidden: pod updates may not change fields"),
        (change("affinity", {}), "spec: Forbidden: pod updates may not change fields other than"),
    ],
    ids=["a new gate", "a wider selector", "another zone", "another way to fit", "no affinity"],
)  # fmt: skip
async def test_what_may_not_change(api: Cluster, body: list[Raw], words: str) -> None:
    code, reason, message = await api.refused("patch.core.pods.default.p", body, **JSON_PATCH)
    assert (code, reason) == (422, "Invalid")
    assert words in message


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (change("schedulingGates/0", None, op="remove"), "schedulingGates"),
        (change("nodeSelector", {"zone": "a", "disk": "ssd"}), "nodeSelector"),
        (change("affinity", zones(ZONE, DISK)), "affinity"),
    ],
    ids=["a gate goes", "a narrower selector", "one more condition"],
)
async def test_what_may_change(api: Cluster, body: list[Raw], field: str) -> None:
    before = await api.ok("get.core.pods.default.p")
    after = await api.ok("patch.core.pods.default.p", body, **JSON_PATCH)
    assert after["spec"][field] != before["spec"][field]
    assert after["metadata"]["generation"] == 2


async def test_without_gates_the_choice_of_nodes_stands(api: Cluster) -> None:
    await api.ok("patch.core.pods.default.p", change("schedulingGates", []), **JSON_PATCH)
    body = change("nodeSelector", {"zone": "a", "disk": "ssd"})
    assert (await api.refused("patch.core.pods.default.p", body, **JSON_PATCH))[0] == 422


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"nodeName": "n1", "schedulingGates": GATES},
         "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"),
        ({"schedulingGates": [GATES[0], GATES[0]]},
         'spec.schedulingGates[1]: Duplicate value: "example.com/budget"'),
        ({"schedulingGates": [{"name": "a b"}]}, 'spec.schedulingGates[0].name: Invalid value: "a b"'),
        ({"schedulingGates": [{}]}, "spec.schedulingGates[0].name: Required value"),
    ],
    ids=["a node", "twice", "not a name", "no name"],
)  # fmt: skip
async def test_bad_gates(api: Cluster, spec: Raw, words: str) -> None:
    code, reason, message = await api.refused("create.core.pods.default", pod("q", **spec))
    assert (code, reason) == (422, "Invalid")
    assert words in message
