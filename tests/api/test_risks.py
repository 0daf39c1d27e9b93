"""What a deletion by force risks is told to whoever asks for it, by whatever client."""

from __future__ import annotations

import json
from typing import Any

import pytest

from control_plane.api.risks import IMMEDIATE, risks_of_deleting
from control_plane.store.mirror import Mirror
from proto.objects.core import Node, NodeStatus
from proto.objects.meta import ObjectMeta
from proto.objects.pod import Pod
from tests.api.cluster import Cluster, Raw, cluster, pod

SET = [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "u-db", "controller": True}]
TWICE = (
    'pod "db-0" may run twice until node "n1" has stopped it: the node is not known to be fenced, '
    'and StatefulSet "db" replaces the pod at once'
)
FORCE = {"gracePeriodSeconds": 0}


def member(name: str = "db-0", owners: list[Raw] = SET, **spec: Any) -> Raw:
    made = pod(name, **{"nodeName": "n1", **spec})
    made["metadata"]["ownerReferences"] = owners
    return made


async def told(api: Cluster, subject: str, body: Raw) -> list[str]:
    """The warnings of an answer that is no refusal."""
    answer = await api.send(f"sp.api.{subject}", json.dumps(body).encode())
    assert json.loads(answer.data).get("status") != "Failure", answer.data
    return [line for line in answer.headers.get("Sp-Warning", "").split("\n") if line]


@pytest.mark.parametrize(
    ("made", "body", "warnings"),
    [
        pytest.param(member(), FORCE, [IMMEDIATE, TWICE], id="one that must be one"),
        pytest.param(member(owners=[]), FORCE, [IMMEDIATE], id="another"),
        pytest.param(member(), {}, [], id="not by force"),
        pytest.param(member(nodeName=""), FORCE, [], id="without a node"),
    ],
)
async def test_a_pod_deleted_by_force(made: Raw, body: Raw, warnings: list[str]) -> None:
    async with cluster() as api:
        await api.ok("create.core.nodes", {"metadata": {"name": "n1"}})
        await api.ok("create.core.pods.default", made)
        assert await told(api, "delete.core.pods.default.db-0", {**body, "dryRun": ["All"]}) == warnings
        assert await told(api, "delete.core.pods.default.db-0", body) == warnings


def test_one_on_a_fenced_node_risks_no_double() -> None:
    node = Node(metadata=ObjectMeta(name="n1"), status=NodeStatus(since_grant_seconds=17))
    one = Pod.model_validate(member())
    assert risks_of_deleting([one], 0, Mirror.of(node, one)) == (IMMEDIATE,)


async def test_all_of_a_collection() -> None:
    async with cluster() as api:
        for name in ("db-0", "db-1"):
            await api.ok("create.core.pods.default", member(name))
        warnings = await told(api, "deletecollection.core.pods.default", FORCE)
        assert warnings == [IMMEDIATE, TWICE, TWICE.replace("db-0", "db-1")]


async def test_a_node_with_pods_that_must_be_one() -> None:
    async with cluster() as api:
        await api.ok("create.core.nodes", {"metadata": {"name": "n1"}})
        assert await told(api, "delete.core.nodes.n1", {"dryRun": ["All"]}) == []
        for number in range(12):
            await api.ok("create.core.pods.default", member(f"db-{number:02}"))
        (warning,) = await told(api, "delete.core.nodes.n1", {})
        assert warning.startswith('pods "default/db-00", "default/db-01", ')
        assert warning.endswith(
            '"default/db-09" and 2 more may run twice until the machine has stopped them: node "n1" is not known to be '
            "fenced, and its pods are replaced as soon as it is deleted"
        )
