"""Lists: selectors, order, pages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.cluster import Cluster, cluster, pod


async def fill(api: Cluster, count: int, namespace: str = "default") -> None:
    for number in range(count):
        body = {"metadata": {"name": f"c{number:02}", "labels": {"parity": "even" if number % 2 == 0 else "odd"}}}
        await api.ok(f"create.core.configmaps.{namespace}", body)


def names(answer: dict[str, Any]) -> list[str]:
    return [item["metadata"]["name"] for item in answer["items"]]


async def test_a_list_is_in_the_order_of_names_and_has_the_newest_revision(api: Cluster) -> None:
    for name in ("b", "a.b", "a", "c"):
        await api.ok("create.core.configmaps.default", {"metadata": {"name": name}})
    answer = await api.ok("list.core.configmaps.default")
    assert (answer["apiVersion"], answer["kind"]) == ("v1", "ConfigMapList")
    assert names(answer) == ["a", "a.b", "b", "c"]
    assert answer["metadata"] == {"resourceVersion": str(api.revision)}


@pytest.mark.parametrize("subject", ["list.core.configmaps", "list.core.configmaps._"])
async def test_a_list_over_all_namespaces(api: Cluster, subject: str) -> None:
    await fill(api, 1)
    await fill(api, 1, "kube-system")
    answer = await api.ok(subject)
    assert [item["metadata"]["namespace"] for item in answer["items"]] == ["default", "kube-system"]


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        ({"labelSelector": "parity=odd"}, ["c01", "c03"]),
        ({"labelSelector": "parity notin (odd)"}, ["c00", "c02"]),
        ({"fieldSelector": "metadata.name=c02"}, ["c02"]),
        ({"fieldSelector": "metadata.name!=c02", "labelSelector": "parity=even"}, ["c00"]),
        ({"labelSelector": "nothing=here"}, []),
    ],
    ids=str,
)
async def test_selectors_choose(api: Cluster, options: dict[str, str], chosen: list[str]) -> None:
    await fill(api, 4)
    assert names(await api.ok("list.core.configmaps.default", options)) == chosen
    assert names(await api.ok("list.core.configmaps", options)) == chosen


async def test_pods_are_found_by_node_and_phase(api: Cluster) -> None:
    await api.ok("create.core.pods.default", pod("a", nodeName="n1"))
    await api.ok("create.core.pods.kube-system", pod("b", nodeName="n1"))
    await api.ok("create.core.pods.default", pod("c"))
    assert names(await api.ok("list.core.pods", {"fieldSelector": "spec.nodeName=n1"})) == ["a", "b"]
    assert names(await api.ok("list.core.pods.default", {"fieldSelector": "spec.nodeName=n1"})) == ["a"]
    assert names(await api.ok("list.core.pods.default", {"fieldSelector": "spec.nodeName="})) == ["c"]
    assert names(await api.ok("list.core.pods", {"fieldSelector": "status.phase=Pending"})) == ["a", "c", "b"]


async def pages(api: Cluster, **options: Any) -> list[dict[str, Any]]:
    found = [await api.ok("list.core.configmaps.default", options)]
    while token := found[-1]["metadata"].get("continue"):
        found.append(await api.ok("list.core.configmaps.default", {**options, "continue": token}))
    return found


async def test_pages_by_limit(api: Cluster) -> None:
    await fill(api, 7)
    found = await pages(api, limit=3)
    assert [len(page["items"]) for page in found] == [3, 3, 1]
    assert [page["metadata"].get("remainingItemCount") for page in found] == [4, 1, None]
    assert [name for page in found for name in names(page)] == [f"c{n:02}" for n in range(7)]


async def test_pages_are_of_one_revision_whatever_happens_between(api: Cluster) -> None:
    await fill(api, 5)
    first = await api.ok("list.core.configmaps.default", {"limit": 2})
    await api.ok("delete.core.configmaps.default.c03")
    await api.ok("create.core.configmaps.default", {"metadata": {"name": "c021"}})
    rest = await api.ok("list.core.configmaps.default", {"continue": first["metadata"]["continue"]})
    assert names(first) + names(rest) == [f"c{n:02}" for n in range(5)]
    assert rest["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


@pytest.mark.parametrize(
    ("subject", "options"),
    [
        pytest.param("list.core.pods.default", {}, id="of another kind"),
        pytest.param("list.core.configmaps.kube-system", {}, id="of another namespace"),
        pytest.param("list.core.configmaps", {}, id="of all namespaces"),
        pytest.param("list.core.configmaps.default", {"labelSelector": "parity=odd"}, id="with another selector"),
    ],
)
async def test_a_token_continues_no_other_list(api: Cluster, subject: str, options: dict[str, str]) -> None:
    await fill(api, 3)
    token = (await api.ok("list.core.configmaps.default", {"limit": 1}))["metadata"]["continue"]
    assert await api.refused(subject, {**options, "continue": token}) == (
        400,
        "BadRequest",
        "continue: the token is of another list, ask with the same kind, namespace and selectors",
    )


async def test_any_state_not_older_than_the_beginning_will_do(api: Cluster) -> None:
    await fill(api, 1)
    options = {"resourceVersion": "0", "resourceVersionMatch": "NotOlderThan"}
    assert names(await api.ok("list.core.configmaps.default", options)) == ["c00"]


async def test_another_replica_continues_a_list(two: Cluster) -> None:
    """Requests go to the replicas in turn, so each page is answered by the other one."""
    await fill(two, 7)
    await two.replicas[1].mirror.wait_for(two.revision, 2)
    await two.replicas[0].mirror.wait_for(two.revision, 2)
    found = await pages(two, limit=2)
    assert [name for page in found for name in names(page)] == [f"c{n:02}" for n in range(7)]
    assert len({page["metadata"]["resourceVersion"] for page in found}) == 1


async def test_a_list_that_does_not_fit_a_message_goes_on_by_itself() -> None:
    async with cluster(max_payload_bytes=64 * 1024) as api:
        for number in range(20):
            body = {"metadata": {"name": f"c{number:02}"}, "data": {"k": "x" * 10_000}}
            await api.ok("create.core.configmaps.default", body)
        found = await pages(api)
        assert [name for page in found for name in names(page)] == [f"c{n:02}" for n in range(20)]
        assert len(found) == 4


async def test_an_object_that_does_not_fit_a_message_is_told_so() -> None:
    async with cluster(max_payload_bytes=64 * 1024) as api:
        await api.ok("create.core.configmaps.default", {"metadata": {"name": "c"}, "data": {"k": "x" * 50_000}})
        api.network.max_payload_bytes = 32 * 1024
        code, reason, _ = await api.refused("get.core.configmaps.default.c")
        assert (code, reason) == (413, "RequestEntityTooLarge")


async def test_a_table_in_pages(api: Cluster) -> None:
    await fill(api, 3)
    table = "application/json;as=Table"
    first = await api.ok("list.core.configmaps.default", {"limit": 2}, Accept=table)
    rest = await api.ok("list.core.configmaps.default", {"continue": first["metadata"]["continue"]}, Accept=table)
    assert [row["cells"][0] for page in (first, rest) for row in page["rows"]] == ["c00", "c01", "c02"]
