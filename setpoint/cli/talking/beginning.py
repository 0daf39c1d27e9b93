"""Waits until a container that somebody wants to talk with has begun."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable

from proto.catalog import BY_KIND
from proto.client.raw import RawClient
from proto.client.watch import watch_raw
from proto.errors import NotFound
from proto.phases import ENDED
from setpoint.cli.durations import duration_s
from setpoint.cli.errors import CliError
from setpoint.cli.talking.pods import Item


def add_timeout_argument(parser: argparse.ArgumentParser) -> None:
    """How long to wait for the first pod of a controller, and for a program that should run to begin."""
    parser.add_argument(
        "--pod-running-timeout", type=duration_s, default=60.0, metavar="DURATION",
        help="how long to wait for a pod to begin (default: 60s)",
    )  # fmt: skip


async def begun(client: RawClient, pod: Item, container: str, within_s: float) -> Item:
    """The pod, once the container runs or has ended.

    Raises:
        CliError: it has not begun in time.
        ApiError: the pod is gone.
    """
    return await _awaited(client, pod, lambda latest: has_begun(latest, container), container, within_s)


async def running(client: RawClient, pod: Item, within_s: float) -> Item:
    """The pod, once it runs or has ended as a whole.

    Raises:
        CliError: it has not begun in time.
        ApiError: the pod is gone.
    """
    first = pod["spec"]["containers"][0]["name"]
    phases = ("Running", *ENDED)
    return await _awaited(client, pod, lambda latest: latest.get("status", {}).get("phase") in phases, first, within_s)


async def _awaited(
    client: RawClient, pod: Item, is_so: Callable[[Item], bool], container: str, within_s: float
) -> Item:
    latest = pod
    metadata = pod["metadata"]
    try:
        async with asyncio.timeout(within_s):
            if is_so(latest):
                return latest
            field = f"metadata.name={metadata['name']}"
            async for event in watch_raw(client.bus, BY_KIND["Pod"], metadata["namespace"], field_selector=field):
                if event.type == "DELETED":
                    break
                latest = event.object
                if is_so(latest):
                    return latest
    except TimeoutError:
        why = waiting(latest, container) or "its node has not taken it up"
        raise CliError(f"timed out waiting for container {container} of pod {metadata['name']}: {why}") from None
    raise NotFound(f'pods "{metadata["name"]}" not found')


def has_begun(pod: Item, container: str) -> bool:
    """Whether the container runs or has ended, or the whole pod has."""
    state = _state(pod, container)
    return "running" in state or "terminated" in state or pod.get("status", {}).get("phase") in ENDED


def exit_code(pod: Item, container: str) -> int | None:
    """How the container ended; None while it has not."""
    ended = _state(pod, container).get("terminated")
    return None if ended is None else int(ended.get("exitCode", 0))


def waiting(pod: Item, container: str) -> str:
    """Why it waits, in its status' words; "" if nothing says so."""
    state = _state(pod, container).get("waiting", {})
    return ": ".join(filter(None, (state.get("reason", ""), state.get("message", ""))))


def _state(pod: Item, container: str) -> Item:
    status = pod.get("status", {})
    for each in (*status.get("containerStatuses", ()), *status.get("initContainerStatuses", ())):
        if each["name"] == container:
            return dict(each.get("state", {}))
    return {}
