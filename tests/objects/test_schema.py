"""The strict reading: what is taken, what is dropped with a warning, what is refused and how that is said."""

from __future__ import annotations

from typing import Any

import pytest

from proto import catalog, codec
from proto.schema import read_strict

CONTAINER = {"name": "c"}


def pod(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [CONTAINER], **spec}}


def deployment(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}


@pytest.mark.parametrize(
    ("raw", "cause"),
    [
        ({**pod(), "apiversion": "v1"}, 'unknown field "apiversion", did you mean "apiVersion"?'),
        (pod(contaners=[]), 'unknown field "spec.contaners", did you mean "containers"?'),
        (pod(xyzzy=[]), 'unknown field "spec.xyzzy"'),
        (pod(node_name="n"), 'unknown field "spec.node_name", did you mean "nodeName"?'),
        (
            pod(containers=[{**CONTAINER, "Image": "x"}]),
            'unknown field "spec.containers[0].Image", did you mean "image"?',
        ),
        (deployment(replicas=-1), "spec.replicas: must be a whole number ≥ 0, found -1"),
        (deployment(replicas="3"), 'spec.replicas: must be a whole number ≥ 0, found "3"'),
        (deployment(replicas=True), "spec.replicas: must be a whole number ≥ 0, found true"),
        (deployment(replicas=1.5), "spec.replicas: must be a whole number ≥ 0, found 1.5"),
        (deployment(replicas=2**31), "spec.replicas: must be at most 2147483647, found 2147483648"),
        (deployment(paused="yes"), 'spec.paused: must be true or false, found "yes"'),
        (deployment(template=[]), "spec.template: must be a mapping, found a list"),
        (
            deployment(strategy={"type": "rolling"}),
            'spec.strategy.type: must be one of "RollingUpdate", "Recreate", "Canary", found "rolling"',
        ),
        (
            deployment(strategy={"rollingUpdate": {"maxSurge": 1.5}}),
            "spec.strategy.rollingUpdate.maxSurge: must be a whole number or a percentage such as 25%, found 1.5",
        ),
        (deployment(selector={"matchLabels": {"a": 1}}), "spec.selector.matchLabels.a: must be a string, found 1"),
        (
            deployment(selector={"matchLabels": {"a.b/c": None}}),
            "spec.selector.matchLabels[a.b/c]: must be a string, found null",
        ),
        (pod(containers={}), "spec.containers: must be a list, found a mapping"),
        (pod(containers=[None]), "spec.containers[0]: must be a mapping, found null"),
        (pod(containers=[{"image": "x"}]), "spec.containers[0].name: Required value"),
        (
            pod(containers=[{**CONTAINER, "ports": [{"containerPort": 1}, {"containerPort": 70000}]}]),
            "spec.containers[0].ports[1].containerPort: must be at most 65535, found 70000",
        ),
        (
            pod(containers=[{**CONTAINER, "ports": [{"containerPort": "http"}]}]),
            'spec.containers[0].ports[0].containerPort: must be a whole number from 0 to 65535, found "http"',
        ),
        (
            pod(containers=[{**CONTAINER, "env": [{"name": "A", "value": 1}]}]),
            "spec.containers[0].env[0].value: must be a string, found 1",
        ),
        (
            pod(containers=[{**CONTAINER, "resources": {"limits": {"cpu": "lots"}}}]),
            "spec.containers[0].resources.limits.cpu: 'lots' is not a quantity: write a number with an optional "
            "suffix, such as 500m, 2, 64Mi or 1G",
        ),
        (
            pod(tolerations=[{"effect": "NoSched"}]),
            'spec.tolerations[0].effect: must be one of "NoSchedule", "PreferNoSchedule", "NoExecute", found "NoSched"',
        ),
        (
            {**pod(), "metadata": {"name": "p", "creationTimestamp": "yesterday"}},
            "metadata.creationTimestamp: must be a time with its zone, such as 2026-11-24T03:10:40Z, "
            'found "yesterday"',
        ),
        (
            {**pod(), "metadata": {"name": "p", "creationTimestamp": "2024-01-01T00:00:00"}},
            "metadata.creationTimestamp: must be a time with its zone, such as 2026-11-24T03:10:40Z, "
            'found "2024-01-01T00:00:00"',
        ),
        ({**pod(), "metadata": {"name": "p", "generation": 2**70}},
         f"metadata.generation: must be at most {2**63 - 1}, found {2**70}"),
        ({**pod(), "metadata": {"name": "p", "labels": {3: "x"}}}, "metadata.labels: keys must be strings, found 3"),
        ({**pod(), "metadata": "p"}, 'metadata: must be a mapping, found "p"'),
    ],
)  # fmt: skip
def test_one_mistake_is_one_cause(raw: dict[str, Any], cause: str) -> None:
    reading = read_strict(raw, catalog.BY_KIND[raw["kind"]])
    assert [str(found) for found in reading.causes] == [cause]
    assert reading.object is None


def test_all_mistakes_are_told_at_once() -> None:
    raw = deployment(replicas=-1, paused=3, strateg={}, template={"spec": {"containers": [{}]}})
    reading = read_strict(raw, catalog.BY_KIND["Deployment"])
    assert {cause.field for cause in reading.causes} == {
        "spec.replicas", "spec.paused", "spec.strateg", "spec.template.spec.containers[0].name",
    }  # fmt: skip


def test_what_kubernetes_knows_and_we_do_not_is_dropped_with_a_warning() -> None:
    raw = pod(dnsConfig={}, containers=[{**CONTAINER, "volumeDevices": []}])
    reading = read_strict(raw, catalog.BY_KIND["Pod"])
    assert not reading.causes
    assert reading.warnings == (
        "spec.containers[0].volumeDevices: known to Kubernetes, not implemented here, ignored",
        "spec.dnsConfig: known to Kubernetes, not implemented here, ignored",
    )
    assert "dnsConfig" not in reading.clean["spec"]


def test_null_means_not_set() -> None:
    reading = read_strict({**pod(nodeName=None), "status": None}, catalog.BY_KIND["Pod"])
    assert not reading.causes
    assert "nodeName" not in reading.clean["spec"]
    assert "status" not in reading.clean


def test_what_is_read_is_the_object_itself() -> None:
    raw = pod(containers=[{**CONTAINER, "resources": {"limits": {"cpu": 2, "memory": "64Mi"}}}])
    reading = read_strict(raw, catalog.BY_KIND["Pod"])
    assert reading.object == codec.from_dict(raw)
