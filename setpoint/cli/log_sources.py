"""Finds whose output a person wants to read: containers of a pod, of a controller's pods, or of a selector's."""

from __future__ import annotations

import argparse
import sys
from typing import NamedTuple

from proto.catalog import BY_KIND
from proto.client.raw import RawClient
from setpoint.cli.errors import CliError
from setpoint.cli.talking.pods import Item, pods_of, target_of


class Source(NamedTuple):
    """One container of one pod; `node` is "" while the pod is on none."""

    pod: str
    namespace: str
    node: str
    container: str


async def chosen_sources(client: RawClient, options: argparse.Namespace) -> list[Source]:
    """Every container whose output is wanted; none if a selector selects no pod.

    Raises:
        CliError | ApiError: what is named is not there.
    """
    return [source for pod in await _pods(client, options) for source in _containers(pod, options)]


async def _pods(client: RawClient, options: argparse.Namespace) -> list[Item]:
    if bool(options.resource) == bool(options.selector):
        raise CliError("say whose output: a pod, deployment/NAME, or a --selector")
    if options.selector:
        listed = await client.list_all(BY_KIND["Pod"], options.namespace, labelSelector=options.selector)
        pods: list[Item] = listed.body.get("items", [])
        return pods
    target = target_of(options.resource)
    if target.kind.kind == "Pod":
        return [(await client.call("get", target.kind, options.namespace, target.name)).body]
    pods = await pods_of(client, target, options.namespace)
    if options.all_pods:
        return pods
    if len(pods) > 1:
        print(f"Found {len(pods)} pods, using pod/{pods[0]['metadata']['name']}", file=sys.stderr)
    return pods[:1]


def _containers(pod: Item, options: argparse.Namespace) -> list[Source]:
    """The named container, all of them in the order of their start, or the first of the ordinary ones."""
    metadata, spec = pod["metadata"], pod["spec"]
    ordinary = [str(each["name"]) for each in spec.get("containers", ())]
    first = [str(each["name"]) for each in spec.get("initContainers", ())]
    if options.container and options.container not in (*ordinary, *first):
        there = ", ".join((*ordinary, *first))
        raise CliError(f"container {options.container} is not in pod {metadata['name']}; it has {there}")
    if options.all_containers:
        names = [*first, *ordinary]
    elif options.container:
        names = [options.container]
    else:
        names = ordinary[:1]
        if len(ordinary) + len(first) > 1:
            print(f'Defaulted container "{names[0]}" out of: {", ".join((*ordinary, *first))}', file=sys.stderr)
    return [Source(metadata["name"], metadata["namespace"], spec.get("nodeName", ""), name) for name in names]
