"""What is told of a Deployment's rollout, and which revision `undo` goes to."""

from __future__ import annotations

from typing import Any

import pytest

from proto.catalog import BY_KIND
from setpoint.cli.errors import CliError
from setpoint.cli.rollouts.kinds import Subject
from setpoint.cli.rollouts.looking_back import chosen
from setpoint.cli.rollouts.revisions import Revision
from setpoint.cli.rollouts.states import of_deployment

STEPS = [{"setWeight": 20}, {"pause": {}}, {"setReplicas": 3}, {"pause": {"durationSeconds": 60}}]
WAITING = 'Waiting for deployment "web" rollout to finish: '
ONE_OF_FOUR = "1 out of 4 new replicas have been updated..."


def web(
    updated: int = 4, total: int = 4, available: int = 4, *, step: int | None = None, **conditions: tuple[str, str]
) -> dict[str, Any]:
    """A Deployment of four; `conditions`: (status, reason) by type, their message is `why`."""
    told = [
        {"type": kind, "status": status, "reason": reason, "message": "why"}
        for kind, (status, reason) in conditions.items()
    ]
    status: dict[str, Any] = {
        "observedGeneration": 2, "updatedReplicas": updated, "replicas": total, "availableReplicas": available,
        "conditions": told,
    }  # fmt: skip
    strategy: dict[str, Any] = {"type": "RollingUpdate"}
    if step is not None:
        strategy = {"type": "Canary", "canary": {"steps": STEPS}}
        status["canary"] = {"revision": 2, "currentStepIndex": step}
    spec = {"replicas": 4, "strategy": strategy}
    return {"metadata": {"name": "web", "generation": 2}, "spec": spec, "status": status}


UNSEEN = {**web(), "metadata": {"name": "web", "generation": 3}}
DONE = (True, 'deployment "web" successfully rolled out')


@pytest.mark.parametrize(
    ("deployment", "state"),
    [
        pytest.param(UNSEEN, (False, "Waiting for deployment spec update to be observed..."), id="not observed"),
        pytest.param(web(1), (False, f"{WAITING}{ONE_OF_FOUR}"), id="not all updated"),
        pytest.param(web(4, 6), (False, f"{WAITING}2 old replicas are pending termination..."), id="old ones left"),
        pytest.param(web(4, 4, 3), (False, f"{WAITING}3 of 4 updated replicas are available..."), id="not available"),
        pytest.param(web(), DONE, id="complete"),
        pytest.param(web(step=4), DONE, id="all steps done"),
        pytest.param(web(1, step=0), (False, f"{WAITING}canary step 1 of 4 (setWeight 20), {ONE_OF_FOUR}"),
                     id="a step"),
        pytest.param(web(1, step=1), (False, f"{WAITING}canary step 2 of 4 (paused until it is promoted), "
                                             f"{ONE_OF_FOUR}"), id="a pause"),
        pytest.param(web(4, step=3), (False, f"{WAITING}canary step 4 of 4 (paused for 60 s), 4 of 4 updated replicas "
                                             "are available..."), id="a pause with everything there"),
        pytest.param(web(1, RolledBack=("True", "PodsFailed")),
                     (False, f"{WAITING}{ONE_OF_FOUR}"), id="on its way back"),
    ],
)  # fmt: skip
def test_how_far_it_is(deployment: dict[str, Any], state: tuple[bool, str]) -> None:
    assert of_deployment(deployment) == state


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        pytest.param({"Progressing": ("False", "ProgressDeadlineExceeded")},
                     'deployment "web" exceeded its progress deadline', id="too late"),
        pytest.param({"Progressing": ("False", "CanaryAborted")}, 'the rollout of deployment "web" failed: why',
                     id="aborted"),
        pytest.param({"RolledBack": ("True", "CrashLoopBackOff")}, 'the rollout of deployment "web" failed: why',
                     id="rolled back"),
        pytest.param({"RolledBack": ("False", "RollbackFailed")}, 'the rollout of deployment "web" failed: why',
                     id="with nowhere to go"),
    ],
)  # fmt: skip
def test_what_will_not_come_is_not_waited_for(conditions: dict[str, tuple[str, str]], words: str) -> None:
    with pytest.raises(CliError) as refused:
        of_deployment(web(**conditions))
    assert str(refused.value) == words


SUBJECT = Subject(BY_KIND["Deployment"], web())
ONE, TWO, THREE = (Revision(number, {}) for number in (1, 2, 3))
FELL = Revision(2, {}, failed=True)


@pytest.mark.parametrize(
    ("revisions", "number", "to"),
    [
        pytest.param([ONE, TWO, THREE], 0, TWO, id="the one before"),
        pytest.param([ONE, FELL, THREE], 0, ONE, id="but not one that was rolled back"),
        pytest.param([ONE, FELL, THREE], 2, FELL, id="unless it is named"),
    ],
)
def test_undo_goes_to(revisions: list[Revision], number: int, to: Revision) -> None:
    assert chosen(revisions, SUBJECT, number) is to


@pytest.mark.parametrize(
    ("revisions", "number", "words"),
    [
        pytest.param([ONE], 0, 'no rollout history found for deployment "web"', id="nothing before"),
        pytest.param([FELL, THREE], 0, 'no rollout history found for deployment "web"', id="nothing good before"),
        pytest.param([ONE, TWO], 7, "unable to find specified revision 7 in history", id="no such revision"),
    ],
)
def test_undo_has_nowhere_to_go(revisions: list[Revision], number: int, words: str) -> None:
    with pytest.raises(CliError, match=words):
        chosen(revisions, SUBJECT, number)
