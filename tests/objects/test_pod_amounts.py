"""What a pod needs at once: its containers in the order of their lives."""

from __future__ import annotations

import pytest

from proto.objects.container import Container
from proto.objects.pod import PodSpec
from proto.pod_amounts import most_at_once


def some(name: str, cpu: int, *, beside: bool = False) -> Container:
    return Container.model_validate(
        {"name": name, "resources": {"requests": {"cpu": str(cpu)}}, "restartPolicy": "Always" if beside else None}
    )


@pytest.mark.parametrize(
    ("init", "main", "most"),
    [
        ([], [1, 2], 3),
        ([5], [1, 2], 5),
        ([1, 2], [4], 4),
        ([-1], [2], 3),
        ([-1, 5], [2], 6),
        ([5, -1], [2], 5),
        ([-2, -3], [1], 6),
    ],
    ids=["no init", "large init", "small init", "sidecar", "init after a sidecar", "init before a sidecar", "sidecars"],
)
def test_what_runs_together_counts_together(init: list[int], main: list[int], most: int) -> None:
    """A negative number is a sidecar."""
    spec = PodSpec(
        init_containers=tuple(some(f"i{n}", abs(cpu), beside=cpu < 0) for n, cpu in enumerate(init)),
        containers=tuple(some(f"c{n}", cpu) for n, cpu in enumerate(main)),
    )
    assert most_at_once(spec, lambda each: {"cpu": int(each.resources.requests["cpu"])}) == {"cpu": most}
