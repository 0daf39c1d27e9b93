"""Bad input for the ways of a rollout, each with its exact message; none changes anything."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.cluster import Raw, deployment
from tests.api.test_bad_input import filled_cluster


def canary(*steps: Raw, **strategy: Any) -> Raw:
    return deployment(strategy={"type": "Canary", "canary": {"steps": list(steps)}, **strategy})


STEPS = "spec.strategy.canary.steps"
BAD = [
    ("no-canary", deployment(strategy={"type": "Canary"}), f"{STEPS}: Required value: a canary has at least one step"),
    ("no-steps", canary(), f"{STEPS}: Required value: a canary has at least one step"),
    (
        "canary-of-another-type",
        deployment(strategy={"canary": {"steps": [{"setWeight": 20}]}}),
        "spec.strategy.canary: Forbidden: may not be specified when strategy `type` is 'RollingUpdate'",
    ),
    (
        "canary-of-recreate",
        deployment(strategy={"type": "Recreate", "canary": {}}),
        "spec.strategy.canary: Forbidden: may not be specified when strategy `type` is 'Recreate'",
    ),
    (
        "empty-step",
        canary({"setWeight": 20}, {}),
        f"{STEPS}[1]: Required value: must specify one of: `setWeight`, `setReplicas`, `pause`",
    ),
    (
        "two-sizes",
        canary({"setWeight": 20, "setReplicas": 2}),
        f"{STEPS}[0]: Forbidden: may not specify more than one of: `setWeight`, `setReplicas`, `pause`",
    ),
    (
        "size-and-pause",
        canary({"setWeight": 20, "pause": {}}),
        f"{STEPS}[0]: Forbidden: may not specify more than one of: `setWeight`, `setReplicas`, `pause`",
    ),
    (
        "weight-over-all",
        canary({"setWeight": 101}),
        f"{STEPS}[0].setWeight: Invalid value: 101: must be between 0 and 100, inclusive",
    ),
    ("weight-negative", canary({"setWeight": -1}), f"{STEPS}[0].setWeight: must be a whole number ≥ 0, found -1"),
    ("weight-text", canary({"setWeight": "20%"}), f'{STEPS}[0].setWeight: must be a whole number ≥ 0, found "20%"'),
    ("count-fraction", canary({"setReplicas": 1.5}), f"{STEPS}[0].setReplicas: must be a whole number ≥ 0, found 1.5"),
    (
        "weight-falls",
        canary({"setWeight": 50}, {"pause": {}}, {"setWeight": 20}),
        f"{STEPS}[2].setWeight: Invalid value: 20: must not be less than an earlier step's 50",
    ),
    (
        "count-falls",
        canary({"setReplicas": 3}, {"setReplicas": 1}),
        f"{STEPS}[1].setReplicas: Invalid value: 1: must not be less than an earlier step's 3",
    ),
    (
        "pause-of-nothing",
        canary({"pause": {"durationSeconds": 0}}),
        f"{STEPS}[0].pause.durationSeconds: Invalid value: 0: must be greater than 0",
    ),
    (
        "pause-text",
        canary({"pause": {"durationSeconds": "1m"}}),
        f'{STEPS}[0].pause.durationSeconds: must be a whole number ≥ 0, found "1m"',
    ),
    (
        "pause-misspelt",
        canary({"pause": {"duration": 60}}),
        f'unknown field "{STEPS}[0].pause.duration", did you mean "durationSeconds"?',
    ),
    (
        "step-misspelt",
        canary({"setweight": 20}),
        f'unknown field "{STEPS}[0].setweight", did you mean "setWeight"?',
    ),
    ("steps-mapping", canary(canary={"steps": {"setWeight": 1}}), f"{STEPS}: must be a list, found a mapping"),
    ("canary-surge", canary({"setWeight": 1}, rollingUpdate={"maxSurge": 0, "maxUnavailable": 0}),
     "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"),
    ("auto-rollback-text", deployment(autoRollback="yes"), 'spec.autoRollback: must be true or false, found "yes"'),
]  # fmt: skip


@pytest.mark.parametrize(("body", "message"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
async def test_a_rollout_that_breaks_a_rule(body: Raw, message: str) -> None:
    async with filled_cluster() as api:
        before = api.revision
        code, reason, told = await api.refused("create.apps.deployments.default", body)
        assert (code, reason) == (422, "Invalid")
        assert told == f'Deployment.apps "web" is invalid: {message}'
        assert api.revision == before
