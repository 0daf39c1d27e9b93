"""Bad input for node affinity, each with its exact message."""

from __future__ import annotations

import pytest

from tests.api.cluster import Raw
from tests.api.test_bad_input import filled_cluster

WHERE = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"


def pod(*terms: Raw) -> Raw:
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
    spec = {"containers": [{"name": "c", "command": ["true"]}], "affinity": {"nodeAffinity": required}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}


def expression(key: str, operator: str, *values: str) -> Raw:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


def field(key: str, operator: str, *values: str) -> Raw:
    return {"matchFields": [{"key": key, "operator": operator, "values": list(values)}]}


FIRST, NAMED = f"{WHERE}[0].matchExpressions[0]", f"{WHERE}[0].matchFields[0]"
BAD = [
    ("no-terms", pod(), f"{WHERE}: Required value: must have at least one node selector term"),
    (
        "no-values",
        pod(expression("a", "In")),
        f"{FIRST}.values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    ),
    (
        "values-of-exists",
        pod(expression("a", "Exists", "b")),
        f"{FIRST}.values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
    ),
    (
        "two-limits",
        pod(expression("a", "Gt", "1", "2")),
        f"{FIRST}.values: Required value: must be specified single value when `operator` is 'Lt' or 'Gt'",
    ),
    ("limit-text", pod(expression("a", "Lt", "x")), f'{FIRST}.values[0]: Invalid value: "x": must be a whole number'),
    (
        "operator",
        pod(expression("a", "Equals", "b")),
        f'{FIRST}.operator: must be one of "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", found "Equals"',
    ),
    (
        "field",
        pod(field("spec.x", "In", "a")),
        f'{NAMED}.key: Invalid value: "spec.x": not a valid field selector key, only metadata.name is',
    ),
    (
        "two-names",
        pod(field("metadata.name", "In", "a", "b")),
        f"{NAMED}.values: Required value: must be only one value when `operator` is 'In' or 'NotIn' "
        "for node field selector",
    ),
    (
        "field-operator",
        pod(field("metadata.name", "Exists")),
        f'{NAMED}.operator: Invalid value: "Exists": not a valid selector operator',
    ),
]


@pytest.mark.parametrize(("body", "message"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
async def test_an_affinity_that_breaks_a_rule(body: Raw, message: str) -> None:
    async with filled_cluster() as api:
        before = api.revision
        code, reason, told = await api.refused("create.core.pods.default", body)
        assert (code, reason, told) == (422, "Invalid", f'Pod "p" is invalid: {message}')
        assert api.revision == before
