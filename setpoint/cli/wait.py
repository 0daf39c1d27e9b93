"""`setpoint wait`: wait until objects have a condition or a value, are there, or are gone.

Follows a watch; asks nothing twice. Source: kubectl `pkg/cmd/wait`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from typing import Any

from proto.client.raw import RawClient
from proto.client.watch import watch_raw
from proto.errors import ApiError, NotFound
from setpoint.cli.durations import duration_s
from setpoint.cli.errors import CliError
from setpoint.cli.selection import Chosen, add_selection_arguments, chosen
from setpoint.cli.session import add_cluster_arguments, connect

Item = dict[str, Any]
LOOK_S = 5.0
"""How long one look may take, with a timeout of 0."""

Met = Callable[[Item | None], bool]
"""Whether what is waited for holds; None stands for an object that is not there."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    add_cluster_arguments(parser)
    add_selection_arguments(parser)
    parser.add_argument(
        "--for",
        dest="wanted",
        required=True,
        metavar="WHAT",
        help="condition=TYPE[=STATUS], jsonpath=PATH[=VALUE], create, or delete",
    )
    parser.add_argument("--timeout", type=duration_s, default=30, metavar="DURATION", help="default: 30s; 0: look once")


async def run(options: argparse.Namespace) -> int:
    """Wait for every object that is meant."""
    met, verb = parse_wanted(options.wanted)
    async with connect(options) as client:
        objects = await chosen(client, options)
        if not objects:
            if options.wanted == "delete":
                return 0
            raise CliError("no matching resources found")
        deadline_s = asyncio.get_running_loop().time() + (options.timeout or LOOK_S)
        outcomes = [await _outcome(client, each, met, deadline_s, options) for each in objects]
    for each, problem in zip(objects, outcomes, strict=True):
        if problem:
            print(f"setpoint wait: {problem}", file=sys.stderr)
        else:
            print(f"{each} {verb}")
    return 1 if any(outcomes) else 0


async def _outcome(client: RawClient, each: Chosen, met: Met, deadline_s: float, options: argparse.Namespace) -> str:
    """Wait for one object; what went wrong, or "". The time is for all of them together."""
    try:
        async with asyncio.timeout_at(deadline_s):
            await _until(client, each, met, options)
    except TimeoutError:
        return f"timed out waiting for the condition on {each.kind.qualified_resource}/{each.name}"
    except (ApiError, CliError) as error:
        return str(error)
    return ""


def parse_wanted(text: str) -> tuple[Met, str]:
    """What `--for` asks, and the word for it when it is so.

    Raises:
        CliError: it asks nothing that can be waited for.
    """
    what, equals, rest = text.partition("=")
    match what:
        case "delete" if not equals:
            return (lambda item: item is None), "deleted"
        case "create" if not equals:
            return (lambda item: item is not None), "created"
        case "condition" if rest:
            kind, _, status = rest.partition("=")
            return (lambda item: item is not None and _has_condition(item, kind, status or "True")), "condition met"
        case "jsonpath" if rest:
            return _path_met(rest), "condition met"
    raise CliError(f'--for: must be condition=TYPE[=STATUS], jsonpath=PATH[=VALUE], create or delete, found "{text}"')


def _has_condition(item: Item, kind: str, status: str) -> bool:
    """Whether it has it, told of its present spec (kubectl: the same, in any case)."""
    for condition in item.get("status", {}).get("conditions", ()):
        if condition.get("type", "").lower() == kind.lower():
            observed = condition.get("observedGeneration", item.get("status", {}).get("observedGeneration"))
            if observed is not None and observed < item["metadata"].get("generation", 0):
                return False
            return str(condition.get("status", "")).lower() == status.lower()
    return False


def _path_met(text: str) -> Met:
    """`{.status.phase}=Running`, or a path alone: any value will do."""
    from setpoint.cli.jsonpath import find

    if text.startswith("{"):
        path, closed, rest = text[1:].partition("}")
        if not closed or (rest and not rest.startswith("=")):
            raise CliError(f'--for: must be jsonpath={{PATH}}=VALUE, found "jsonpath={text}"')
        value = rest.removeprefix("=") if rest else None
    else:
        path, equals, rest = text.partition("=")
        value = rest if equals else None
    if value == "":
        raise CliError(f'--for: the value behind "=" is missing in "jsonpath={text}"')
    find(path, {})
    wanted = None if value is None else value.strip("'\"")

    def met(item: Item | None) -> bool:
        found = [] if item is None else find(path, item)
        if wanted is None:
            return bool(found)
        return len(found) == 1 and _plain(found[0]) == wanted

    return met


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


async def _until(client: RawClient, each: Chosen, met: Met, options: argparse.Namespace) -> None:
    """Return when it is met.

    Raises:
        CliError | NotFound: it is not there, and what is waited for is neither its coming nor its going; with a timeout
            of 0 also: it is not met now.
    """
    comes = options.wanted == "create"
    field = f"metadata.name={each.name}"
    listed = (await client.list_all(each.kind, each.namespace, fieldSelector=field)).body
    items = listed.get("items", ())
    if not items and not comes and options.wanted != "delete":
        raise NotFound(f'{each.kind.qualified_resource} "{each.name}" not found')
    if met(items[0] if items else None):
        return
    if not options.timeout:
        raise TimeoutError
    uid = items[0]["metadata"].get("uid") if items else None
    revision = str(listed["metadata"]["resourceVersion"])
    async for event in watch_raw(client.bus, each.kind, each.namespace, revision=revision, field_selector=field):
        gone = event.type == "DELETED" or (options.wanted == "delete" and event.object["metadata"].get("uid") != uid)
        if met(None if gone else event.object):
            return
        if gone and not comes:
            raise CliError(f"{each} was deleted while it was waited for")
