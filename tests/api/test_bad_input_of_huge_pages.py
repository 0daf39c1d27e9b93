"""Bad input: huge pages, and what is had or not had like them, each with the exact message; and what is good."""

from __future__ import annotations

import pytest

from tests.api.cluster import Cluster, Raw, pod

POD = "core.pods.default"
OWN = "spec.containers[0].resources"
NO_SIZE = 'Invalid value: "hugepages-big": must name a page size, such as hugepages-2Mi'
BESIDE = {"memory": "64Mi"}


def asking(limits: dict[str, str], requests: dict[str, str] | None = None) -> Raw:
    return pod(containers=[{"name": "c", "resources": {"limits": limits, "requests": requests or {}}}])


INVALID: list[tuple[str, Raw, str]] = [
    ("half-a-page", asking({**BESIDE, "hugepages-2Mi": "3Mi"}),
     f'{OWN}.limits.hugepages-2Mi: Invalid value: "3Mi": must be a multiple of the page size, 2097152 bytes'),
    ("alone", asking({"hugepages-2Mi": "4Mi"}), f"{OWN}: Forbidden: HugePages require cpu or memory"),
    ("less-than-the-limit", asking({**BESIDE, "hugepages-2Mi": "4Mi"}, {"hugepages-2Mi": "2Mi"}),
     f'{OWN}.requests: Invalid value: "2Mi": must be equal to hugepages-2Mi limit of 4Mi'),
    ("without-a-limit", asking(BESIDE, {"hugepages-2Mi": "2Mi"}),
     f"{OWN}.limits.hugepages-2Mi: Required value: Limit must be set for non overcommitable resources"),
    ("less-of-a-device", asking({"a.b/gpu": "2"}, {"a.b/gpu": "1"}),
     f'{OWN}.requests: Invalid value: "1": must be equal to a.b/gpu limit of 2'),
    ("a-device-without-a-limit", asking({}, {"a.b/gpu": "1"}),
     f"{OWN}.limits[a.b/gpu]: Required value: Limit must be set for non overcommitable resources"),
    ("half-a-device", asking({"a.b/gpu": "500m"}),
     f'[{OWN}.limits[a.b/gpu]: Invalid value: "500m": must be an integer, '
     f'{OWN}.requests[a.b/gpu]: Invalid value: "500m": must be an integer]'),
    ("half-a-process", asking({"pids": "9.5"}, {"pids": "1"}),
     f'{OWN}.limits.pids: Invalid value: "9.5": must be an integer'),
    ("no-size", asking({**BESIDE, "hugepages-big": "2Mi"}),
     f'[{OWN}.limits.hugepages-big: {NO_SIZE}, {OWN}.requests.hugepages-big: {NO_SIZE}]'),
]  # fmt: skip


@pytest.mark.parametrize(("body", "message"), [row[1:] for row in INVALID], ids=[row[0] for row in INVALID])
async def test_huge_pages_that_cannot_be_had(api: Cluster, body: Raw, message: str) -> None:
    assert await api.refused(f"create.{POD}", body) == (422, "Invalid", f'Pod "p" is invalid: {message}')


async def test_a_limit_in_whole_pages_is_the_request(api: Cluster) -> None:
    made = await api.ok(f"create.{POD}", asking({**BESIDE, "hugepages-2Mi": "4Mi", "hugepages-1Gi": "1Gi"}))
    assert made["spec"]["containers"][0]["resources"]["limits"]["hugepages-2Mi"] == "4Mi"
