"""`rollout promote` and `rollout abort`: what a person says to a canary.

Both write an annotation that names the revision, so what is said of one revision says nothing about the next, and
saying it twice is saying it once.
"""

from __future__ import annotations

import argparse

from proto.client.raw import RawClient
from proto.rollouts import ABORTED, PROMOTED, PROMOTED_FULLY
from setpoint.cli.errors import CliError
from setpoint.cli.resources import display
from setpoint.cli.rollouts.kinds import Item, Subject
from setpoint.cli.session import warn


async def promote(client: RawClient, subject: Subject, options: argparse.Namespace) -> None:
    """End the present pause, or with `--full` skip all steps; an aborted canary begins again at its first step.

    Raises:
        CliError: there is no canary, or it does not wait.
    """
    canary = _canary(subject)
    revision, index = canary["revision"], canary.get("currentStepIndex", 0)
    if canary.get("aborted"):
        said = {ABORTED: None, PROMOTED: f"{revision}/{PROMOTED_FULLY}" if options.full else None}
        await _say(client, subject, options, said, "promoted" if options.full else "retried")
        return
    if index >= _steps(subject):
        raise CliError(f'the canary of deployment "{subject.name}" is over: revision {revision} has all pods')
    if not options.full and not canary.get("pausedSince"):
        raise CliError(
            f'the canary of deployment "{subject.name}" is not paused: step {index + 1} of {_steps(subject)} is under '
            "way; --full skips the rest"
        )
    said = {PROMOTED: f"{revision}/{PROMOTED_FULLY}" if options.full else f"{revision}/{index}"}
    await _say(client, subject, options, said, "fully promoted" if options.full else "promoted")


async def abort(client: RawClient, subject: Subject, options: argparse.Namespace) -> None:
    """Give all pods back to the stable revision.

    Raises:
        CliError: there is no canary, or it is over or aborted already.
    """
    canary = _canary(subject)
    if canary.get("aborted"):
        raise CliError(f'the canary of deployment "{subject.name}" is already aborted')
    if canary.get("currentStepIndex", 0) >= _steps(subject) and _is_finished(subject.item):
        raise CliError(
            f'the canary of deployment "{subject.name}" is over; `setpoint rollout undo` goes back to the one before'
        )
    await _say(client, subject, options, {ABORTED: str(canary["revision"]), PROMOTED: None}, "aborted")


def _canary(subject: Subject) -> Item:
    """How far the canary is, of the spec as it is now."""
    spec, status = subject.item.get("spec", {}), subject.item.get("status", {})
    if spec.get("strategy", {}).get("type") != "Canary":
        raise CliError(f'{subject.kind.singular} "{subject.name}" has no canary: its strategy is another')
    observed = status.get("observedGeneration", 0) >= subject.item["metadata"].get("generation", 0)
    if not observed or "canary" not in status:
        raise CliError(f'the last change of {subject.kind.singular} "{subject.name}" is not observed yet, try again')
    return dict(status["canary"])


def _steps(subject: Subject) -> int:
    return len(subject.item["spec"]["strategy"].get("canary", {}).get("steps", ()))


def _is_finished(deployment: Item) -> bool:
    """Whether its last rollout is complete, so that there is nothing to abort."""
    conditions = deployment.get("status", {}).get("conditions", ())
    return any(one["type"] == "Progressing" and one.get("reason") == "NewReplicaSetAvailable" for one in conditions)


async def _say(
    client: RawClient, subject: Subject, options: argparse.Namespace, said: dict[str, str | None], done: str
) -> None:
    """Write the annotations."""
    body = {"metadata": {"annotations": said}}
    reply = await client.call("patch", subject.kind, options.namespace, subject.name, body=body)
    warn(reply.warnings)
    print(f"{display(subject.kind, subject.name)} {done}")
