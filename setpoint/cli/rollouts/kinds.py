"""Which kinds have rollouts, and what is particular about each.

A new kind joins with one entry: how far it is, and where its former templates are.
"""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from proto.catalog import Kind
from proto.client.raw import RawClient
from setpoint.cli.errors import CliError
from setpoint.cli.resources import parse_targets
from setpoint.cli.rollouts import revisions, states
from setpoint.cli.rollouts.revisions import Revision

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rollable:
    """A kind with rollouts.

    `state` tells whether a rollout is complete, and the line about it; it raises CliError for one that failed.
    `revisions` finds the former templates, oldest first. `pausable`: whether it has `spec.paused`.
    """

    state: Callable[[Item], tuple[bool, str]]
    revisions: Callable[[RawClient, Item], Awaitable[list[Revision]]]
    pausable: bool = False


ROLLABLE: dict[str, Rollable] = {
    "Deployment": Rollable(states.of_deployment, revisions.of_deployment, pausable=True),
    "StatefulSet": Rollable(states.of_stateful_set, revisions.of_controller_revisions),
    "DaemonSet": Rollable(states.of_daemon_set, revisions.of_controller_revisions),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """One object whose rollout is meant."""

    kind: Kind
    item: Item

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.item["metadata"]["name"])

    @property
    def rules(self) -> Rollable:
        """What is particular about its kind."""
        return ROLLABLE[self.kind.kind]


async def subjects(client: RawClient, options: argparse.Namespace) -> list[Subject]:
    """The objects that the call names or chooses.

    Raises:
        CliError: their kind has no rollouts, or there are none.
    """
    found = []
    for kind, name in parse_targets(options.resource):
        if kind.kind not in ROLLABLE:
            raise CliError(f"{kind.resource} have no rollouts: name a deployment, such as deployment/web")
        if name:
            if options.selector:
                raise CliError("name the objects or choose them with --selector, not both")
            found.append(Subject(kind, (await client.call("get", kind, options.namespace, name)).body))
            continue
        chosen = {"labelSelector": options.selector} if options.selector else {}
        listed = (await client.list_all(kind, options.namespace, **chosen)).body
        found += [Subject(kind, item) for item in listed.get("items", ())]
    if not found:
        raise CliError(f"no resources found in {options.namespace} namespace")
    return found
