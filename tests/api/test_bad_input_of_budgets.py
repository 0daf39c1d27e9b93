"""Bad input for disruption budgets, each with its exact message; none changes anything."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.cluster import Raw
from tests.api.test_bad_input import PERCENT, QUALIFIED, filled_cluster


def budget(**spec: Any) -> Raw:
    return {"metadata": {"name": "pdb"}, "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec}}


BAD = [
    (
        "both",
        budget(minAvailable=1, maxUnavailable="50%"),
        'spec: Invalid value: {"minAvailable":1,"maxUnavailable":"50%","selector":{"matchLabels":{"app":"web"}}}: '
        "minAvailable and maxUnavailable cannot be both set",
    ),
    (
        "negative",
        budget(minAvailable=-1),
        "spec.minAvailable: Invalid value: -1: must be greater than or equal to 0",
    ),
    (
        "absurd",
        budget(maxUnavailable=2**31),
        "spec.maxUnavailable: Invalid value: 2147483648: must be less than 2147483648",
    ),
    ("no-percentage", budget(minAvailable="half"), f'spec.minAvailable: Invalid value: "half": {PERCENT}'),
    ("negative-percentage", budget(maxUnavailable="-5%"), f'spec.maxUnavailable: Invalid value: "-5%": {PERCENT}'),
    (
        "over-all",
        budget(minAvailable="101%"),
        'spec.minAvailable: Invalid value: "101%": must not be greater than 100%',
    ),
    (
        "fraction",
        budget(minAvailable=1.5),
        "spec.minAvailable: must be a whole number or a percentage such as 25%, found 1.5",
    ),
    (
        "policy",
        budget(minAvailable=1, unhealthyPodEvictionPolicy="Always"),
        'spec.unhealthyPodEvictionPolicy: must be one of "IfHealthyBudget", "AlwaysAllow", found "Always"',
    ),
    (
        "selector-key",
        budget(minAvailable=1, selector={"matchLabels": {"a b": "c"}}),
        f'spec.selector.matchLabels: Invalid value: "a b": {QUALIFIED}',
    ),
    (
        "selector-values",
        budget(minAvailable=1, selector={"matchExpressions": [{"key": "app", "operator": "In"}]}),
        "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or "
        "'NotIn'",
    ),
    ("misspelt", budget(minAvailabel=1), 'unknown field "spec.minAvailabel", did you mean "minAvailable"?'),
]


@pytest.mark.parametrize(("body", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
async def test_refused(body: Raw, message: str) -> None:
    async with filled_cluster() as api:
        before = api.revision
        code, reason, told = await api.refused("create.policy.poddisruptionbudgets.default", body)
        assert (code, reason) == (422, "Invalid")
        assert told == f'PodDisruptionBudget.policy "pdb" is invalid: {message}'
        assert api.revision == before


async def test_a_spec_may_change() -> None:
    async with filled_cluster() as api:
        await api.ok("create.policy.poddisruptionbudgets.default", budget(minAvailable=1))
        patch = {"spec": {"minAvailable": None, "maxUnavailable": "50%"}}
        changed = await api.ok("patch.policy.poddisruptionbudgets.default.pdb", patch)
        assert changed["metadata"]["generation"] == 2
        both = await api.refused("patch.policy.poddisruptionbudgets.default.pdb", {"spec": {"minAvailable": 1}})
        assert both[0] == 422
