"""`rollout status`: tell how far a rollout is, line by line, until it is complete or has failed."""

from __future__ import annotations

import argparse
import asyncio

from proto.client.raw import RawClient
from proto.client.watch import watch_raw
from proto.errors import NotFound
from proto.rollouts import REVISION
from setpoint.cli.errors import CliError
from setpoint.cli.rollouts.kinds import Item, Subject


async def status(client: RawClient, subject: Subject, options: argparse.Namespace) -> None:
    """Print the state, and with `--watch` every further one.

    Raises:
        CliError: it failed, another revision than the one that is meant is being rolled out, or the time is over.
    """
    try:
        async with asyncio.timeout(options.timeout or None):
            await _follow(client, subject, options)
    except TimeoutError:
        raise CliError(f"the rollout was not complete within {options.timeout:g} s") from None


async def _follow(client: RawClient, subject: Subject, options: argparse.Namespace) -> None:
    told = ""

    def tell(item: Item) -> bool:
        nonlocal told
        _check_revision(item, options.revision)
        done, now = subject.rules.state(item)
        if now != told:
            print(now, flush=True)
        told = now
        return done

    if tell(subject.item) or not options.watch:
        return
    events = watch_raw(
        client.bus,
        subject.kind,
        options.namespace,
        revision=str(subject.item["metadata"]["resourceVersion"]),
        field_selector=f"metadata.name={subject.name}",
    )
    async for event in events:
        if event.type == "DELETED":
            raise NotFound(f'{subject.kind.singular} "{subject.name}" was deleted while its rollout was followed')
        if tell(event.object):
            return


def _check_revision(item: Item, wanted: int) -> None:
    found = item["metadata"].get("annotations", {}).get(REVISION, "")
    if wanted and found.isdecimal() and int(found) != wanted:
        raise CliError(f"desired revision ({wanted}) is different from the running revision ({found})")
