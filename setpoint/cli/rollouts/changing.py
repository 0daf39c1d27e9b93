"""`rollout pause`, `resume` and `restart`: small changes of the spec that steer a rollout.

Source: kubectl `polymorphichelpers/objectpauser.go`, objectresumer.go and objectrestarter.go.
"""

from __future__ import annotations

import argparse

from proto.client.raw import RawClient
from proto.clock import SystemClock
from proto.rollouts import RESTARTED_AT
from setpoint.cli.errors import CliError
from setpoint.cli.resources import display
from setpoint.cli.rollouts.kinds import Item, Subject
from setpoint.cli.session import warn


async def pause(client: RawClient, subject: Subject, options: argparse.Namespace) -> None:
    """Hold the rollout where it is."""
    _check_pausable(subject, "pausing")
    if subject.item["spec"].get("paused"):
        raise CliError(f'{subject.kind.qualified_resource} "{subject.name}" is already paused')
    await _patch(client, subject, options, {"spec": {"paused": True}}, "paused")


async def resume(client: RawClient, subject: Subject, options: argparse.Namespace) -> None:
    """Let it go on."""
    _check_pausable(subject, "resuming")
    if not subject.item["spec"].get("paused"):
        raise CliError(f'{subject.kind.qualified_resource} "{subject.name}" is not paused')
    await _patch(client, subject, options, {"spec": {"paused": False}}, "resumed")


async def restart(client: RawClient, subject: Subject, options: argparse.Namespace) -> None:
    """Replace all pods, as the strategy says: the template gets a mark of now."""
    if subject.item["spec"].get("paused"):
        raise CliError(f"can't restart paused {subject.kind.singular} (run rollout resume first)")
    now = SystemClock().now().replace(microsecond=0).isoformat().replace("+00:00", "Z")
    template = subject.item["spec"].get("template", {})
    if template.get("metadata", {}).get("annotations", {}).get(RESTARTED_AT) == now:
        raise CliError(
            "if restart has already been triggered within the past second, please wait before attempting to trigger "
            "another"
        )
    marked = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: now}}}}}
    await _patch(client, subject, options, marked, "restarted")


def _check_pausable(subject: Subject, what: str) -> None:
    if not subject.rules.pausable:
        raise CliError(f'{subject.kind.qualified_resource} "{subject.name}" {what} is not supported')


async def _patch(client: RawClient, subject: Subject, options: argparse.Namespace, patch: Item, done: str) -> None:
    reply = await client.call("patch", subject.kind, options.namespace, subject.name, body=patch)
    warn(reply.warnings)
    print(f"{display(subject.kind, subject.name)} {done}")
