"""LimitRanges: which amounts they fill in, and what each limit says of what breaks it."""

from __future__ import annotations

from typing import Any

import pytest

from control_plane.admission.limit_ranges import check_limits, with_item_defaults, with_limit_defaults
from proto.errors import Forbidden
from proto.objects.container import Container, ResourceRequirements
from proto.objects.meta import ObjectMeta
from proto.objects.pod import Pod, PodSpec
from proto.objects.quota import LimitRange, LimitRangeItem, LimitRangeSpec

Resources = tuple[dict[str, str], dict[str, str]]


def pod(*containers: Resources) -> Pod:
    """A pod whose containers ask for these requests and limits."""
    made = tuple(
        Container(name=f"c{n}", resources=ResourceRequirements(requests=requests, limits=limits))
        for n, (requests, limits) in enumerate(containers)
    )
    return Pod(metadata=ObjectMeta(name="p", namespace="default"), spec=PodSpec(containers=made))


def limits(kind: str = "Container", **item: Any) -> LimitRange:
    one = with_item_defaults(LimitRangeItem(type=kind, **item))
    return LimitRange(metadata=ObjectMeta(name="l", namespace="default"), spec=LimitRangeSpec(limits=(one,)))


CPU = {"cpu": "1"}

DEFAULTS = [
    ("none", {}, ({}, {}), ({}, {})),
    ("limit", {"default": CPU}, ({}, {}), (CPU, CPU)),
    ("limit-and-request", {"default": CPU, "default_request": {"cpu": "100m"}}, ({}, {}), ({"cpu": "100m"}, CPU)),
    ("max-is-the-limit", {"max": CPU}, ({}, {}), (CPU, CPU)),
    ("min-is-the-request", {"min": CPU}, ({}, {}), (CPU, {})),
    ("what-is-said-stays", {"default": CPU, "min": {"cpu": "1m"}}, ({"cpu": "2m"}, {"cpu": "3m"}),
     ({"cpu": "2m"}, {"cpu": "3m"})),
    ("another-resource", {"default": {"memory": "1Gi"}}, (CPU, {}), (CPU | {"memory": "1Gi"}, {"memory": "1Gi"})),
]  # fmt: skip


@pytest.mark.parametrize(("item", "before", "after"), [row[1:] for row in DEFAULTS], ids=[row[0] for row in DEFAULTS])
def test_defaults(item: dict[str, Any], before: Resources, after: Resources) -> None:
    filled = with_limit_defaults(pod(before), [limits(**item)])
    resources = filled.spec.containers[0].resources
    assert (resources.requests, resources.limits) == after
    assert ("kubernetes.io/limit-ranger" in filled.metadata.annotations) == (before != after)


BROKEN = [
    ("min-unsaid", limits(min=CPU), pod(({}, {})), "minimum cpu usage per Container is 1.  No request is specified"),
    ("min", limits(min=CPU), pod(({"cpu": "500m"}, {})), "minimum cpu usage per Container is 1, but request is 500m"),
    (
        "min-of-a-limit",
        limits("Pod", min={"memory": "1Gi"}),
        pod(({"memory": "1Gi"}, {}), ({}, {"memory": "1Mi"})),
        "minimum memory usage per Pod is 1Gi, but limit is 1Mi",
    ),
    ("max-unsaid", limits(max=CPU), pod(({}, {})), "maximum cpu usage per Container is 1.  No limit is specified"),
    ("max", limits(max=CPU), pod(({}, {"cpu": "2"})), "maximum cpu usage per Container is 1, but limit is 2"),
    (
        "max-of-a-pod",
        limits("Pod", max={"cpu": "1"}),
        pod(({}, {"cpu": "700m"}), ({}, {"cpu": "700m"})),
        "maximum cpu usage per Pod is 1, but limit is 1400m",
    ),
    (
        "ratio",
        limits(max_limit_request_ratio={"cpu": "2"}),
        pod(({"cpu": "100m"}, {"cpu": "500m"})),
        "cpu max limit to request ratio per Container is 2, but provided ratio is 5.000000",
    ),
    (
        "ratio-without-request",
        limits(max_limit_request_ratio={"cpu": "2"}),
        pod(({}, CPU)),
        "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0",
    ),
    (
        "ratio-without-limit",
        limits(max_limit_request_ratio={"cpu": "2"}),
        pod((CPU, {})),
        "cpu max limit to request ratio per Container is 2, but no limit is specified or limit is 0",
    ),
    (
        "several",
        limits(min={"cpu": "1", "memory": "1Gi"}),
        pod(({"cpu": "500m"}, {})),
        "[minimum cpu usage per Container is 1, but request is 500m, minimum memory usage per Container is 1Gi.  No "
        "request is specified]",
    ),
]


@pytest.mark.parametrize(("ranges", "asking", "why"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_limits(ranges: LimitRange, asking: Pod, why: str) -> None:
    with pytest.raises(Forbidden) as refusal:
        check_limits(asking, [ranges])
    assert refusal.value.message == f'pods "p" is forbidden: {why}'


def test_the_edges_are_within() -> None:
    ranges = limits(min=CPU, max={"cpu": "2"}, max_limit_request_ratio={"cpu": "2"})
    check_limits(pod((CPU, {"cpu": "2"})), [ranges])
    check_limits(pod(({"cpu": "2"}, {"cpu": "2000m"})), [ranges])
