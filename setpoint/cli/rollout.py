"""`setpoint rollout status`: follow a Deployment until its rollout is complete.

The rules and words are kubectl's (`polymorphichelpers/rollout_status.go`): a rollout is complete when the controller
has seen the newest spec, all replicas are of the newest revision, none of an older one is left, and all are available.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from proto.client.raw import RawClient
from proto.client.watch import watch_raw
from proto.errors import NotFound
from setpoint.cli.durations import duration_s
from setpoint.cli.errors import CliError
from setpoint.cli.resources import Target, parse_targets
from setpoint.cli.session import add_cluster_arguments, connect


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    subverbs = parser.add_subparsers(dest="subverb", required=True, metavar="status")
    status = subverbs.add_parser("status", help="follow a rollout until it is complete", allow_abbrev=False)
    add_cluster_arguments(status)
    status.add_argument("resource", nargs="+", help="deployment NAME or deployment/NAME")
    status.add_argument("-w", "--watch", action=argparse.BooleanOptionalAction, default=True, help="wait for the end")
    status.add_argument("--timeout", type=duration_s, default=0, metavar="DURATION", help="such as 30s; 0: for ever")


async def run(options: argparse.Namespace) -> int:
    """Print the state, and follow it."""
    async with connect(options) as client:
        for target in parse_targets(options.resource):
            if target.kind.kind != "Deployment" or not target.name:
                raise CliError("a rollout has a deployment: name one, such as deployment/web")
            try:
                async with asyncio.timeout(options.timeout or None):
                    await _follow(client, target, options)
            except TimeoutError:
                raise CliError(f"the rollout was not complete within {options.timeout:g} s") from None
    return 0


async def _follow(client: RawClient, target: Target, options: argparse.Namespace) -> None:
    deployment = (await client.call("get", target.kind, options.namespace, target.name)).body
    done, told = state(deployment)
    print(told, flush=True)
    if done or not options.watch:
        return
    events = watch_raw(
        client.bus,
        target.kind,
        options.namespace,
        revision=str(deployment["metadata"]["resourceVersion"]),
        field_selector=f"metadata.name={target.name}",
    )
    async for event in events:
        if event.type == "DELETED":
            raise NotFound(f'deployment "{target.name}" was deleted while its rollout was followed')
        done, now = state(event.object)
        if now != told:
            print(now, flush=True)
            told = now
        if done:
            return


def state(deployment: dict[str, Any]) -> tuple[bool, str]:
    """Whether the rollout is complete, and the line that tells how far it is.

    Raises:
        CliError: it passed its progress deadline.
    """
    name = deployment["metadata"]["name"]
    spec, status = deployment.get("spec", {}), deployment.get("status", {})
    if deployment["metadata"].get("generation", 0) > status.get("observedGeneration", 0):
        return False, "Waiting for deployment spec update to be observed..."
    for condition in status.get("conditions", ()):
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            raise CliError(f'deployment "{name}" exceeded its progress deadline')
    wanted = spec.get("replicas", 1)
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    available = status.get("availableReplicas", 0)
    waiting = f'Waiting for deployment "{name}" rollout to finish: '
    if updated < wanted:
        return False, f"{waiting}{updated} out of {wanted} new replicas have been updated..."
    if total > updated:
        return False, f"{waiting}{total - updated} old replicas are pending termination..."
    if available < updated:
        return False, f"{waiting}{available} of {updated} updated replicas are available..."
    return True, f'deployment "{name}" successfully rolled out'
