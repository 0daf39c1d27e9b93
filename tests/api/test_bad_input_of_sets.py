"""Bad input for StatefulSets, DaemonSets and their revisions, each with its exact message; none changes anything."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.cluster import Raw
from tests.api.test_bad_input import filled_cluster

TEMPLATE = {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "main", "command": ["true"]}]}}


def workload(kind: str, name: str = "db", **spec: Any) -> Raw:
    wanted = {"selector": {"matchLabels": {"app": "db"}}, "template": TEMPLATE, **spec}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": wanted}


def stateful(name: str = "db", **spec: Any) -> Raw:
    return workload("StatefulSet", name, **spec)


def daemon(**spec: Any) -> Raw:
    return workload("DaemonSet", **spec)


def updating(**rolling: Any) -> Raw:
    return {"updateStrategy": {"rollingUpdate": rolling}}


ROLLING = "spec.updateStrategy.rollingUpdate"
NOT_THE_TEMPLATE = (
    'spec.template.metadata.labels: Invalid value: {"app":"db"}: `selector` does not match template `labels`'
)
BAD = [
    (
        "no-selector",
        stateful(selector=None),
        "spec.selector: Required value: an empty selector is invalid for a statefulset: it would choose every pod",
    ),
    ("another-selector", stateful(selector={"matchLabels": {"app": "web"}}), NOT_THE_TEMPLATE),
    ("replicas-negative", stateful(replicas=-1), "spec.replicas: must be a whole number ≥ 0, found -1"),
    ("replicas-absurd", stateful(replicas=2**31), "spec.replicas: must be at most 2147483647, found 2147483648"),
    (
        "policy",
        stateful(podManagementPolicy="Ordered"),
        'spec.podManagementPolicy: must be one of "OrderedReady", "Parallel", found "Ordered"',
    ),
    (
        "partition-negative",
        stateful(**updating(partition=-1)),
        f"{ROLLING}.partition: must be a whole number ≥ 0, found -1",
    ),
    (
        "unavailable-none",
        stateful(**updating(maxUnavailable=0)),
        f"{ROLLING}.maxUnavailable: Invalid value: 0: cannot be 0",
    ),
    (
        "unavailable-more-than-all",
        stateful(**updating(maxUnavailable="101%")),
        f'{ROLLING}.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
    ),
    (
        "rolling-on-delete",
        stateful(updateStrategy={"type": "OnDelete", "rollingUpdate": {"partition": 1}}),
        f"{ROLLING}: Invalid value: {{\"partition\":1}}: only allowed for updateStrategy 'RollingUpdate'",
    ),
    (
        "start-absurd",
        stateful(replicas=2, ordinals={"start": 2**31 - 1}),
        "spec.ordinals.start: Invalid value: 2147483647: the last ordinal would be 2147483648, more than 2147483647",
    ),
    (
        "long-name",
        stateful("d" * 61, replicas=11),
        f'metadata.name: Invalid value: "{"d" * 61}": must be no more than 60 characters: '
        "with the ordinal it is the name of a pod",
    ),
    (
        "restart-policy",
        stateful(template={**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}),  # type: ignore[dict-item]
        'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ),
    (
        "daemon-no-selector",
        daemon(selector={}),
        "spec.selector: Required value: an empty selector is invalid for a daemon set: it would choose every pod",
    ),
    ("daemon-another-selector", daemon(selector={"matchLabels": {"app": "web"}}), NOT_THE_TEMPLATE),
    ("daemon-replicas", daemon(replicas=3), 'unknown field "spec.replicas"'),
    (
        "daemon-neither",
        daemon(**updating(maxUnavailable=0)),
        f"{ROLLING}.maxUnavailable: Required value: cannot be 0 when maxSurge is 0",
    ),
    (
        "daemon-both",
        daemon(**updating(maxUnavailable=1, maxSurge=1)),
        f"{ROLLING}.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero",
    ),
    (
        "daemon-surge-more-than-all",
        daemon(**updating(maxUnavailable=0, maxSurge="200%")),
        f'{ROLLING}.maxSurge: Invalid value: "200%": must not be greater than 100%',
    ),
    (
        "daemon-type",
        daemon(updateStrategy={"type": "Recreate"}),
        'spec.updateStrategy.type: must be one of "RollingUpdate", "OnDelete", found "Recreate"',
    ),
    (
        "revision-of-nothing",
        {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": {"name": "r"}, "revision": 1},
        "data: Required value: data is mandatory",
    ),
    (
        "revision-negative",
        {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {"name": "r"},
            "revision": -1,
            "data": {"a": 1},
        },
        "revision: Invalid value: -1: must be greater than or equal to 0",
    ),
]
CHANGES = [
    (
        "selector",
        stateful(),
        {"selector": {"matchLabels": {"app": "db"}, "matchExpressions": [{"key": "app", "operator": "Exists"}]}},
        "updates to statefulset spec for fields other than",
    ),
    ("service-name", stateful(), {"serviceName": "other"}, "updates to statefulset spec for fields other than"),
    ("policy", stateful(), {"podManagementPolicy": "Parallel"}, "updates to statefulset spec for fields other than"),
    (
        "daemon-selector",
        daemon(),
        {"selector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}},
        "field is immutable",
    ),
]


RESOURCES = {"StatefulSet": "statefulsets", "DaemonSet": "daemonsets", "ControllerRevision": "controllerrevisions"}


@pytest.mark.parametrize(("manifest", "message"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
async def test_what_is_wrong_is_named(manifest: Raw, message: str) -> None:
    async with filled_cluster() as api:
        before = api.revision
        code, reason, told = await api.refused(f"create.apps.{RESOURCES[manifest['kind']]}.default", manifest)
        assert (code, reason) == (422, "Invalid")
        assert told == f'{manifest["kind"]}.apps "{manifest["metadata"]["name"]}" is invalid: {message}'
        assert api.revision == before


@pytest.mark.parametrize(
    ("manifest", "change", "message"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES]
)
async def test_what_is_for_life_cannot_be_changed(manifest: Raw, change: Raw, message: str) -> None:
    async with filled_cluster() as api:
        resource = RESOURCES[manifest["kind"]]
        await api.ok(f"create.apps.{resource}.default", manifest)
        before = api.revision
        code, reason, told = await api.refused(f"patch.apps.{resource}.default.db", {"spec": change})
        assert (code, reason) == (422, "Invalid")
        assert message in told
        assert api.revision == before


async def test_a_daemon_set_has_no_scale() -> None:
    async with filled_cluster() as api:
        await api.ok("create.apps.daemonsets.default", daemon())
        code, _, told = await api.refused("patch.apps.daemonsets/scale.default.db", {"spec": {"replicas": 3}})
        assert code == 404
        assert "scale" in told


async def test_a_stateful_set_has_a_scale() -> None:
    async with filled_cluster() as api:
        await api.ok("create.apps.statefulsets.default", stateful())
        await api.ok("patch.apps.statefulsets/scale.default.db", {"spec": {"replicas": 3}})
        assert (await api.ok("get.apps.statefulsets.default.db"))["spec"]["replicas"] == 3
