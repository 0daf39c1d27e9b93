"""Finds whose output a person wants to read: containers of a pod, of a controller's pods, or of a selector's."""

from __future__ import annotations

import argparse
import sys
from typing import NamedTuple

from proto.catalog import BY_KIND, by_alias
from proto.client.raw import RawClient
from setpoint.cli.errors import CliError
from setpoint.cli.talking.pods import Item, container_of, pods_of, target_of


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
    target = target_of(_whose(options))
    if target.kind.kind == "Pod":
        return [(await client.call("get", target.kind, options.namespace, target.name)).body]
    pods = await pods_of(client, target, options.namespace, options.pod_running_timeout)
    if options.all_pods:
        return pods
    if len(pods) > 1:
        print(f"Found {len(pods)} pods, using pod/{pods[0]['metadata']['name']}", file=sys.stderr)
    return pods[:1]


def _whose(options: argparse.Namespace) -> list[str]:
    """The words that name a pod or a controller. One behind them is a container's name, as if it came with -c.

    Raises:
        CliError: there are too many words.
    """
    words = list(options.resource)
    length = 2 if "/" not in words[0] and len(words) > 1 and by_alias(words[0]) else 1
    if len(words) > length + 1:
        raise CliError(f"one pod at a time, or those of a --selector; found {' '.join(words)}")
    if len(words) > length:
        if options.container or options.all_containers:
            raise CliError("only one of -c, --all-containers or a container's name behind the pod's is allowed")
        options.container = words.pop()
    return words


def _containers(pod: Item, options: argparse.Namespace) -> list[Source]:
    """The named container, all of them in the order of their start, or the default one."""
    metadata, spec = pod["metadata"], pod["spec"]
    if options.all_containers:
        names = [str(each["name"]) for part in ("initContainers", "containers") for each in spec.get(part, ())]
    else:
        names = [container_of(pod, options.container)]
    return [Source(metadata["name"], metadata["namespace"], spec.get("nodeName", ""), name) for name in names]
