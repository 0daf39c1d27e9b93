"""The class of a pod, as Kubernetes computes it."""

from __future__ import annotations

from typing import Any

import pytest

from proto.objects.pod import PodSpec
from proto.qos import qos_class

BOTH = {"cpu": "500m", "memory": "64Mi"}


def resources(requests: dict[str, str] | None = None, limits: dict[str, str] | None = None) -> dict[str, Any]:
    return {"requests": requests or {}, "limits": limits or {}}


@pytest.mark.parametrize(
    ("containers", "wanted"),
    [
        pytest.param([], "BestEffort", id="no containers"),
        pytest.param([resources()], "BestEffort", id="nothing"),
        pytest.param([resources({"cpu": "0"}, {"memory": "0"})], "BestEffort", id="zeros"),
        pytest.param([resources({"ephemeral-storage": "1Gi"})], "BestEffort", id="other resources do not count"),
        pytest.param([resources({"cpu": "1m"})], "Burstable", id="a request"),
        pytest.param([resources({}, {"cpu": "1"})], "Burstable", id="a limit of one"),
        pytest.param([resources(BOTH, BOTH)], "Guaranteed", id="both, and as much asked for"),
        pytest.param([resources({}, BOTH)], "Guaranteed", id="a limit is also the request"),
        pytest.param(
            [resources({"cpu": "0.5", "memory": "65536Ki"}, BOTH)], "Guaranteed", id="the same, put otherwise"
        ),
        pytest.param([resources({"cpu": "250m"}, BOTH)], "Burstable", id="less asked for than the limit"),
        pytest.param([resources(BOTH)], "Burstable", id="no limits"),
        pytest.param([resources(BOTH, BOTH), resources()], "Burstable", id="one container has none"),
        pytest.param([resources(BOTH, BOTH), resources({}, BOTH)], "Guaranteed", id="all containers"),
    ],
)
def test_qos_class(containers: list[dict[str, Any]], wanted: str) -> None:
    described = [{"name": f"c{number}", "resources": each} for number, each in enumerate(containers)]
    assert qos_class(PodSpec.model_validate({"containers": described})) == wanted


def test_init_containers_count() -> None:
    limited = {"name": "c", "resources": resources(BOTH, BOTH)}
    bare = {"name": "i", "resources": resources()}
    assert qos_class(PodSpec.model_validate({"containers": [limited], "initContainers": [bare]})) == "Burstable"
