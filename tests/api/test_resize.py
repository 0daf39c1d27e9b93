"""The resize subresource: cpu and memory of a pod change, and nothing else, within its class and what is granted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.api.cluster import Cluster, Raw, cluster, pod

JSON_PATCH = {"Content_Type": "application/json-patch+json"}
HALF = {"cpu": "500m", "memory": "64Mi"}


@pytest.fixture
async def api() -> AsyncIterator[Cluster]:
    async with cluster() as made:
        sized = pod("p")
        sized["spec"]["containers"][0]["resources"] = {"requests": HALF, "limits": {"cpu": "1", "memory": "128Mi"}}
        await made.ok("create.core.pods.default", sized)
        yield made


def replace(path: str, value: Any) -> list[Raw]:
    return [{"op": "replace", "path": f"/spec/containers/0/{path}", "value": value}]


async def test_cpu_and_memory_change_and_the_generation_grows(api: Cluster) -> None:
    patched = await api.ok(
        "patch.core.pods/resize.default.p",
        replace("resources/requests", {"cpu": "750m", "memory": "96Mi"}),
        **JSON_PATCH,
    )
    assert patched["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "750m", "memory": "96Mi"}
    assert patched["metadata"]["generation"] == 2
    assert (await api.ok("get.core.pods/resize.default.p"))["metadata"]["generation"] == 2


async def test_a_limit_that_is_added_is_the_request_too(api: Cluster) -> None:
    burstable = pod("b", containers=[{"name": "c", "resources": {"requests": {"memory": "64Mi"}}}])
    await api.ok("create.core.pods.default", burstable)
    added = [{"op": "add", "path": "/spec/containers/0/resources/limits", "value": {"cpu": "1"}}]
    patched = await api.ok("patch.core.pods/resize.default.b", added, **JSON_PATCH)
    assert patched["spec"]["containers"][0]["resources"]["requests"] == {"memory": "64Mi", "cpu": "1"}


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("command", ["sleep", "2"], "spec: Forbidden: only cpu and memory resources are mutable"),
        ("resources/limits", {"cpu": "1"},
         "spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed"),
        ("resources", {"requests": {"cpu": "500m"}, "limits": {"cpu": "1"}},
         "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed"),
        ("resources/limits", {"cpu": "1", "memory": "128Mi", "pids": "9"},
         "spec.containers[0].resources.limits: Forbidden: only cpu and memory resources are mutable"),
        ("resources/requests", {"cpu": "1", "memory": "128Mi"},
         'spec: Invalid value: "Guaranteed": Pod QOS Class may not change as a result of resizing'),
        ("resources/requests", {"cpu": "2", "memory": "64Mi"}, "must be less than or equal to cpu limit"),
    ],
    ids=["another field", "a limit is taken away", "a request is taken away", "another resource",
         "another class", "more than the limit"],
)  # fmt: skip
async def test_what_may_not_change(api: Cluster, path: str, value: Any, words: str) -> None:
    code, reason, message = await api.refused("patch.core.pods/resize.default.p", replace(path, value), **JSON_PATCH)
    assert (code, reason) == (422, "Invalid")
    assert words in message


async def test_resources_do_not_change_by_a_plain_update(api: Cluster) -> None:
    code, _, _ = await api.refused("patch.core.pods.default.p", replace("resources/requests/cpu", "750m"), **JSON_PATCH)
    assert code == 422


async def test_a_quota_counts_what_is_asked_for_more(api: Cluster) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"},
             "spec": {"hard": {"requests.cpu": "700m"}}}  # fmt: skip
    await api.ok("create.core.resourcequotas.default", quota)
    code, _, message = await api.refused(
        "patch.core.pods/resize.default.p", replace("resources/requests/cpu", "750m"), **JSON_PATCH
    )
    assert code == 403
    assert (
        "exceeded quota: q, requested: requests.cpu=250m, used: requests.cpu=500m, limited: requests.cpu=700m"
        in message
    )
    await api.ok("patch.core.pods/resize.default.p", replace("resources/requests/cpu", "700m"), **JSON_PATCH)


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        ([{"resourceName": "cpu"}, {"resourceName": "cpu"}],
         'spec.containers[0].resizePolicy[1]: Duplicate value: "cpu"'),
        ([{"resourceName": "pids"}], 'resourceName: must be one of "cpu", "memory", found "pids"'),
        ([{"resourceName": "cpu", "restartPolicy": "Maybe"}],
         'restartPolicy: must be one of "NotRequired", "RestartContainer", found "Maybe"'),
    ],
    ids=["twice", "another resource", "another policy"],
)  # fmt: skip
async def test_bad_policies(api: Cluster, policies: list[Raw], words: str) -> None:
    wrong = pod("wrong")
    wrong["spec"]["containers"][0]["resizePolicy"] = policies
    code, reason, message = await api.refused("create.core.pods.default", wrong)
    assert (code, reason) == (422, "Invalid")
    assert words in message
