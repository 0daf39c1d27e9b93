"""Bad input for PriorityClasses, ResourceQuotas and LimitRanges, each with its exact message; none changes anything."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.cluster import Raw, pod
from tests.api.test_bad_input import QUANTITY, SUBDOMAIN, filled_cluster

RESERVED = (
    "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: "
)
EXIST = (
    "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
    "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)


def priority(name: str = "x", **fields: Any) -> Raw:
    return {"metadata": {"name": name}, **fields}


def quota(hard: Raw, **spec: Any) -> Raw:
    return {"metadata": {"name": "x"}, "spec": {"hard": hard, **spec}}


def limits(**item: Any) -> Raw:
    return {"metadata": {"name": "x"}, "spec": {"limits": [{"type": "Container", **item}]}}


CLASSES = [
    ("no-value", priority(), "value: Required value"),
    (
        "absurd",
        priority(value=1_000_000_001),
        "value: Forbidden: maximum allowed value of a user defined priority is 1000000000",
    ),
    ("over-32-bits", priority(value=2**31), "value: must be at most 2147483647, found 2147483648"),
    ("text", priority(value="high"), 'value: must be a whole number, found "high"'),
    (
        "policy",
        priority(value=1, preemptionPolicy="Always"),
        'preemptionPolicy: must be one of "PreemptLowerPriority", "Never", found "Always"',
    ),
    ("reserved", priority("system-mine", value=1), f"{RESERVED}system-mine is not a known system priority class"),
    (
        "misvalued",
        priority("system-node-critical", value=1),
        f"{RESERVED}value of system-node-critical PriorityClass must be 2000001000",
    ),
    (
        "system-default",
        priority("system-node-critical", value=2_000_001_000, globalDefault=True),
        f"{RESERVED}globalDefault of system-node-critical PriorityClass must be false",
    ),
    ("misspelt", priority(value=1, globalDefalt=True), 'unknown field "globalDefalt", did you mean "globalDefault"?'),
]

QUOTAS = [
    ("unknown", quota({"gpus": "1"}), 'spec.hard[gpus]: Invalid value: "gpus": must be a standard resource for quotas'),
    ("negative", quota({"pods": "-1"}), 'spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0'),
    ("fraction", quota({"pods": "1.5"}), 'spec.hard[pods]: Invalid value: "1.5": must be an integer'),
    (
        "counted-fraction",
        quota({"count/jobs.batch": "500m"}),
        'spec.hard[count/jobs.batch]: Invalid value: "500m": must be an integer',
    ),
    ("no-quantity", quota({"pods": "many"}), f"spec.hard.pods: 'many' {QUANTITY}"),
    ("scope", quota({"pods": "1"}, scopes=["Urgent"]), 'spec.scopes: Invalid value: ["Urgent"]: unsupported scope'),
    (
        "scope-of-what-is-no-pod",
        quota({"configmaps": "1"}, scopes=["NotTerminating"]),
        'spec.scopes: Invalid value: ["NotTerminating"]: unsupported scope applied to resource',
    ),
    (
        "best-effort-cpu",
        quota({"cpu": "1"}, scopes=["BestEffort"]),
        'spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource',
    ),
    (
        "conflicting",
        quota({"pods": "1"}, scopes=["BestEffort", "NotBestEffort"]),
        'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes',
    ),
    (
        "values-missing",
        quota({"pods": "1"}, scopeSelector={"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In"}]}),
        "spec.scopeSelector.matchExpressions[0].values: Required value: must be at least one value when `operator` is "
        "'In' or 'NotIn' for scope selector",
    ),
    (
        "values-given",
        quota(
            {"pods": "1"},
            scopeSelector={"matchExpressions": [{"scopeName": "PriorityClass", "operator": "Exists", "values": ["a"]}]},
        ),
        'spec.scopeSelector.matchExpressions[0].values: Invalid value: ["a"]: must be no value when `operator` is '
        "'Exist' or 'DoesNotExist' for scope selector",
    ),
    (
        "operator",
        quota(
            {"pods": "1"}, scopeSelector={"matchExpressions": [{"scopeName": "BestEffort", "operator": "DoesNotExist"}]}
        ),
        f'spec.scopeSelector.matchExpressions[0].operator: Invalid value: "DoesNotExist": {EXIST}',
    ),
]

LIMITS = [
    (
        "type",
        limits(type="Node"),
        'spec.limits[0].type: Invalid value: "Node": must be a standard limit type or fully qualified',
    ),
    (
        "twice",
        {"metadata": {"name": "x"}, "spec": {"limits": [{"type": "Pod"}, {"type": "Pod"}]}},
        'spec.limits[1].type: Duplicate value: "Pod"',
    ),
    (
        "resource",
        limits(max={"gpu": "1"}),
        '[spec.limits[0].max[gpu]: Invalid value: "gpu": must be a standard resource for containers, '
        'spec.limits[0].default[gpu]: Invalid value: "gpu": must be a standard resource for containers, '
        'spec.limits[0].defaultRequest[gpu]: Invalid value: "gpu": must be a standard resource for containers]',
    ),
    (
        "pod-default",
        limits(type="Pod", default={"cpu": "1"}),
        "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
    ),
    (
        "min-over-max",
        limits(type="Pod", min={"cpu": "2"}, max={"cpu": "1"}),
        'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
    ),
    (
        "default-over-max",
        limits(max={"memory": "1Gi"}, default={"memory": "2Gi"}, defaultRequest={"memory": "1Gi"}),
        'spec.limits[0].default[memory]: Invalid value: "2Gi": default value 2Gi is greater than max value 1Gi',
    ),
    (
        "request-over-limit",
        limits(default={"cpu": "1"}, defaultRequest={"cpu": "2"}),
        'spec.limits[0].defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than default limit '
        "value 1",
    ),
    (
        "request-under-min",
        limits(min={"cpu": "1"}, defaultRequest={"cpu": "500m"}),
        'spec.limits[0].defaultRequest[cpu]: Invalid value: "500m": min value 1 is greater than default request value '
        "500m",
    ),
    (
        "ratio",
        limits(maxLimitRequestRatio={"cpu": "0.5"}),
        'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "0.5": ratio 0.5 is less than 1',
    ),
    (
        "ratio-out-of-reach",
        limits(type="Pod", min={"cpu": "1"}, max={"cpu": "2"}, maxLimitRequestRatio={"cpu": "3"}),
        'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000',
    ),
]

BAD = [
    *(("scheduling.priorityclasses._", "PriorityClass.scheduling.k8s.io", *row) for row in CLASSES),
    *(("core.resourcequotas.default", "ResourceQuota", *row) for row in QUOTAS),
    *(("core.limitranges.default", "LimitRange", *row) for row in LIMITS),
]


@pytest.mark.parametrize(
    ("resource", "kind", "body", "message"),
    [(resource, kind, body, message) for resource, kind, _, body, message in BAD],
    ids=[f"{row[1].partition('.')[0]}-{row[2]}" for row in BAD],
)
async def test_refused(resource: str, kind: str, body: Raw, message: str) -> None:
    async with filled_cluster() as api:
        before = api.revision
        code, reason, told = await api.refused(f"create.{resource}", body)
        assert (code, reason) == (422, "Invalid")
        assert told == f'{kind} "{body["metadata"]["name"]}" is invalid: {message}'
        assert api.revision == before


UNCHANGEABLE = [
    ("value", "scheduling.priorityclasses._.low", {"value": 6}, "value: Forbidden: may not be changed in an update."),
    (
        "policy",
        "scheduling.priorityclasses._.low",
        {"preemptionPolicy": "Never"},
        'preemptionPolicy: Invalid value: "Never": field is immutable',
    ),
    (
        "scopes",
        "core.resourcequotas.default.x",
        {"spec": {"scopes": ["BestEffort"]}},
        'spec.scopes: Invalid value: ["BestEffort"]: field is immutable',
    ),
]


@pytest.mark.parametrize(
    ("path", "patch", "message"), [row[1:] for row in UNCHANGEABLE], ids=[row[0] for row in UNCHANGEABLE]
)
async def test_what_may_not_change(path: str, patch: Raw, message: str) -> None:
    async with filled_cluster() as api:
        await api.ok("create.scheduling.priorityclasses._", priority("low", value=5))
        await api.ok("create.core.resourcequotas.default", quota({"pods": "9"}))
        code, _, told = await api.refused(f"patch.{path}", patch)
        assert code == 422 and told.endswith(f"is invalid: {message}")
        described = {"metadata": {"labels": {"team": "a"}}}
        await api.ok(f"patch.{path}", described)


FORBIDDEN = [
    ("no-class", {"priorityClassName": "urgent"}, "no PriorityClass with name urgent was found"),
    (
        "own-number",
        {"priorityClassName": "low", "priority": 7},
        "the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 5 "
        "from the given PriorityClass name",
    ),
    (
        "own-policy",
        {"priorityClassName": "low", "preemptionPolicy": "Never"},
        "the string value of PreemptionPolicy (Never) must not be provided in pod spec; priority admission controller "
        "computed PreemptLowerPriority from the given PriorityClass name",
    ),
]


@pytest.mark.parametrize(("spec", "why"), [row[1:] for row in FORBIDDEN], ids=[row[0] for row in FORBIDDEN])
async def test_pods_are_of_a_class_that_exists_and_say_nothing_else(spec: Raw, why: str) -> None:
    async with filled_cluster() as api:
        await api.ok("create.scheduling.priorityclasses._", priority("low", value=5))
        before = api.revision
        refusal = await api.refused("create.core.pods.default", pod("mine", **spec))
        assert refusal == (403, "Forbidden", f'pods "mine" is forbidden: {why}')
        assert api.revision == before


async def test_the_name_of_a_class_is_a_name() -> None:
    async with filled_cluster() as api:
        await api.refused("create.core.pods.default", pod("mine", priorityClassName="No Name"))
        spec = {"priorityClassName": "No Name", "containers": [{"name": "c"}]}
        template = {"metadata": {"labels": {"app": "web"}}, "spec": spec}
        body = {"metadata": {"name": "rs"}, "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template}}
        _, _, told = await api.refused("create.apps.replicasets.default", body)
        assert told == (
            'ReplicaSet.apps "rs" is invalid: spec.template.spec.priorityClassName: Invalid value: "No Name": '
            + SUBDOMAIN
        )


async def test_one_class_is_the_default() -> None:
    async with filled_cluster() as api:
        await api.ok("create.scheduling.priorityclasses._", priority("usual", value=5, globalDefault=True))
        await api.ok("create.scheduling.priorityclasses._", priority("other", value=6))
        words = "is forbidden: PriorityClass usual is already marked as default. Only one default can exist"
        refusal = await api.refused(
            "create.scheduling.priorityclasses._", priority("second", value=7, globalDefault=True)
        )
        assert refusal == (403, "Forbidden", f'priorityclasses.scheduling.k8s.io "second" {words}')
        refusal = await api.refused("patch.scheduling.priorityclasses._.other", {"globalDefault": True})
        assert refusal == (403, "Forbidden", f'priorityclasses.scheduling.k8s.io "other" {words}')
        await api.ok("patch.scheduling.priorityclasses._.usual", {"description": "for most"})
