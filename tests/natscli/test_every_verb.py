"""Every verb of the API by the NATS command line alone, with plain JSON in and out."""

from __future__ import annotations

import json

import pytest

from tests.natscli.conftest import BUILD_S_MAX, NatsCommand
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(BUILD_S_MAX + 120)

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web-1", "labels": {"app": "web"}},
    "spec": {
        "containers": [{"name": "main", "command": ["/bin/sh", "-c", "echo hello; exec sleep 1000"]}],
        "terminationGracePeriodSeconds": 1,
    },
}


def deployment(replicas: int) -> dict[str, object]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": POD["spec"]},
        },
    }


async def api_answers(nats: NatsCommand) -> None:
    async def up() -> bool:
        return (await nats.json("sp.api.get.core.namespaces._.default")).get("kind") == "Namespace"

    await eventually(up, within_s=20, what="the API answers")


async def test_a_pod_is_created_read_patched_watched_and_deleted(nats: NatsCommand) -> None:
    await api_answers(nats)

    created = await nats.json("sp.api.create.core.pods.default", POD)
    assert created["kind"] == "Pod"
    assert created["metadata"]["namespace"] == "default"
    uid = created["metadata"]["uid"]

    async def running() -> bool:
        return (await nats.json("sp.api.get.core.pods.default.web-1"))["status"]["phase"] == "Running"

    await eventually(running, within_s=20, what="the pod runs")

    wanted = {"namespace": "default", "pod": "web-1", "tail": 1}
    assert (await nats.request("sp.node.m1.down.logs", wanted)).strip() == "hello"

    listed = await nats.json("sp.api.list.core.pods.default", {"labelSelector": "app=web"})
    assert [item["metadata"]["name"] for item in listed["items"]] == ["web-1"]
    assert (await nats.json("sp.api.list.core.pods.default", {"labelSelector": "app=db"}))["items"] == []

    patched = await nats.json("sp.api.patch.core.pods.default.web-1", {"metadata": {"labels": {"tier": "front"}}})
    assert patched["metadata"]["labels"] == {"app": "web", "tier": "front"}
    operations = [{"op": "remove", "path": "/metadata/labels/tier"}]
    patched = await nats.json("sp.api.patch.core.pods.default.web-1", operations)
    assert patched["metadata"]["labels"] == {"app": "web"}

    events = await nats.request("sp.api.watch.core.pods.default", {"resourceVersion": "0"}, replies=1)
    event = json.loads(events.splitlines()[0])
    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "web-1")

    stale = {**created, "metadata": {**created["metadata"], "labels": {"app": "other"}}}
    refused = await nats.json("sp.api.update.core.pods.default.web-1", stale)
    assert (refused["kind"], refused["code"], refused["reason"]) == ("Status", 409, "Conflict")

    wrong = await nats.json("sp.api.delete.core.pods.default.web-1", {"preconditions": {"uid": "another"}})
    assert wrong["reason"] == "Conflict"
    await nats.json("sp.api.delete.core.pods.default.web-1", {"preconditions": {"uid": uid}})

    async def gone() -> bool:
        return (await nats.json("sp.api.get.core.pods.default.web-1")).get("reason") == "NotFound"

    await eventually(gone, within_s=20, what="the pod is gone")


async def test_a_deployment_is_dry_run_created_scaled_and_deleted_with_all_it_made(nats: NatsCommand) -> None:
    await api_answers(nats)

    dry = await nats.json("sp.api.create.apps.deployments.default", deployment(2), headers=["Sp-Options:dryRun=All"])
    assert dry["kind"] == "Deployment"
    assert (await nats.json("sp.api.get.apps.deployments.default.web"))["reason"] == "NotFound"

    await nats.json("sp.api.create.apps.deployments.default", deployment(2))
    again = await nats.json("sp.api.create.apps.deployments.default", deployment(2))
    assert (again["code"], again["reason"]) == (409, "AlreadyExists")

    scale = await nats.json("sp.api.get.apps.deployments/scale.default.web")
    assert (scale["kind"], scale["spec"]["replicas"]) == ("Scale", 2)
    await nats.json("sp.api.patch.apps.deployments/scale.default.web", {"spec": {"replicas": 3}})

    async def available() -> bool:
        found = await nats.json("sp.api.get.apps.deployments.default.web")
        return bool(found.get("status", {}).get("availableReplicas") == 3)

    await eventually(available, within_s=20, what="three replicas are available")

    await nats.json("sp.api.delete.apps.deployments.default.web", {"propagationPolicy": "Foreground"})

    async def nothing_left() -> bool:
        pods = await nats.json("sp.api.list.core.pods.default")
        sets = await nats.json("sp.api.list.apps.replicasets.default")
        return pods["items"] == [] and sets["items"] == []

    await eventually(nothing_left, within_s=30, what="everything it made is gone")


async def test_mistakes_come_back_as_status_objects(nats: NatsCommand) -> None:
    await api_answers(nats)
    for subject, body, code, reason in [
        ("sp.api.get.core.pods.default.nope", "", 404, "NotFound"),
        ("sp.api.get.core.gadgets.default.x", "", 404, "NotFound"),
        ("sp.api.fetch.core.pods.default.x", "", 405, "MethodNotAllowed"),
        ("sp.api.create.core.pods.default", "{not json", 400, "BadRequest"),
        ("sp.api.create.core.pods.default", {**POD, "spec": {"containers": []}}, 422, "Invalid"),
        ("sp.api.create.core.pods.nowhere", POD, 404, "NotFound"),
    ]:
        answer = await nats.json(subject, body)
        assert (answer["kind"], answer["status"], answer["code"], answer["reason"]) == (
            "Status",
            "Failure",
            code,
            reason,
        ), subject
