"""`setpoint delete`: ask for the deletion of objects, and wait until they are gone."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from proto.catalog import Kind
from proto.client.raw import RawClient
from proto.client.watch import watch_raw
from proto.errors import ApiError, NotFound
from setpoint.cli.apply import add_manifest_arguments, identify, read_manifests
from setpoint.cli.dry_run import NOTES, add_dry_run_argument
from setpoint.cli.durations import duration_s
from setpoint.cli.errors import CliError
from setpoint.cli.resources import display
from setpoint.cli.selection import named_or_listed
from setpoint.cli.session import add_cluster_arguments, connect, warn

_CASCADE = {"background": "Background", "foreground": "Foreground", "orphan": "Orphan"}

Victim = tuple[Kind, str, str]
"""Kind, namespace, name."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    add_manifest_arguments(parser, required=False)
    parser.add_argument("resource", nargs="*", help="KIND NAME…, KIND/NAME…, or KIND with --selector or --all")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="in every namespace")
    parser.add_argument("-l", "--selector", default="", help="those with these labels")
    parser.add_argument("--all", action="store_true", help="all of the kind")
    parser.add_argument("--cascade", choices=tuple(_CASCADE), default="background", help="what becomes of dependents")
    parser.add_argument("--grace-period", type=int, default=-1, metavar="SECONDS", help="-1: as the object says")
    parser.add_argument("--now", action="store_true", help="the same as --grace-period=1")
    parser.add_argument("--force", action="store_true", help="forget pods at once, even if they may still run")
    parser.add_argument("--ignore-not-found", action="store_true", help="not there is as good as deleted")
    parser.add_argument("--wait", action=argparse.BooleanOptionalAction, default=True, help="wait until it is gone")
    parser.add_argument("--timeout", type=duration_s, default=0, metavar="DURATION", help="such as 30s; 0: for ever")
    parser.add_argument("-o", "--output", choices=("text", "name"), default="text", help=argparse.SUPPRESS)
    add_dry_run_argument(parser)


async def run(options: argparse.Namespace) -> int:
    """Delete, then wait; 1 if any was refused."""
    if bool(options.filename) == bool(options.resource):
        raise CliError("say what to delete: KIND NAME, KIND/NAME, or -f FILE")
    failed = 0
    deleted: list[tuple[Victim, str]] = []
    async with connect(options) as client:
        for victim in await _victims(client, options):
            kind, namespace, name = victim
            try:
                uid = await _delete(client, victim, options)
            except NotFound as missing:
                if not options.ignore_not_found:
                    failed += 1
                    print(f"setpoint delete: {missing.message}", file=sys.stderr)
                continue
            except ApiError as error:
                failed += 1
                print(f"setpoint delete: {error.message}", file=sys.stderr)
                continue
            _announce(kind, name, options)
            deleted.append(((kind, namespace, name), uid))
        if options.wait and options.dry_run == "none":
            await _wait_gone(client, deleted, options.timeout)
    return 1 if failed else 0


async def _victims(client: RawClient, options: argparse.Namespace) -> list[Victim]:
    if options.filename:
        manifests = read_manifests(options.filename, options.recursive)
        namespace = "" if options.namespace == "default" else options.namespace
        return [identify(raw, namespace) for raw in reversed(manifests)]
    found = await named_or_listed(client, options, purpose=" to delete")
    victims = [(each.kind, each.namespace, each.name) for each in found]
    if not victims:
        print("No resources found.", file=sys.stderr)
    return victims


async def _delete(client: RawClient, victim: Victim, options: argparse.Namespace) -> str:
    kind, namespace, name = victim
    body: dict[str, Any] = {"propagationPolicy": _CASCADE[options.cascade]}
    grace = 1 if options.now else 0 if options.force else options.grace_period
    if grace >= 0:
        body["gracePeriodSeconds"] = grace
    if options.dry_run == "server":
        body["dryRun"] = ["All"]
    reply = await client.call("delete", kind, namespace, name, body=body)
    warn(reply.warnings)
    details = reply.body.get("details", {}) if reply.body.get("kind") == "Status" else reply.body.get("metadata", {})
    return str(details.get("uid", ""))


def _announce(kind: Kind, name: str, options: argparse.Namespace) -> None:
    if options.output == "name":
        print(display(kind, name), flush=True)
        return
    resource = f"{kind.singular}.{kind.group}" if kind.group else kind.singular
    how = " force deleted" if options.force else " deleted"
    print(f'{resource} "{name}"{how}{NOTES[options.dry_run]}', flush=True)


async def _wait_gone(client: RawClient, deleted: list[tuple[Victim, str]], timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s or None):
            for victim, uid in deleted:
                await until_gone(client, victim, uid)
    except TimeoutError:
        raise CliError(
            f"timed out after {timeout_s:g} s waiting for {display(victim[0], victim[2])} to be gone"
        ) from None


async def until_gone(client: RawClient, victim: Victim, uid: str) -> None:
    """Wait until the object of that uid is gone; another of its name counts as gone."""
    kind, namespace, name = victim
    try:
        found = (await client.call("get", kind, namespace, name)).body
    except NotFound:
        return
    if uid and found["metadata"].get("uid") != uid:
        return
    revision = str(found["metadata"]["resourceVersion"])
    async for event in watch_raw(
        client.bus, kind, namespace, revision=revision, field_selector=f"metadata.name={name}"
    ):
        if event.type == "DELETED":
            return
