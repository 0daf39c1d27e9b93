"""Finds the pod that a person names, by itself or by the controller it belongs to."""

from __future__ import annotations

import sys
from typing import Any

from proto.catalog import BY_KIND
from proto.client.raw import RawClient
from proto.errors import NotFound
from setpoint.cli.errors import CliError
from setpoint.cli.resources import Target, parse_targets

Item = dict[str, Any]


async def pod_of(client: RawClient, words: list[str], namespace: str) -> Item:
    """The pod `NAME`, `pod/NAME`, or one of those of `KIND/NAME`: a running one if there is one.

    Raises:
        CliError | ApiError: there is none.
    """
    target = target_of(words)
    if target.kind.kind == "Pod":
        return (await client.call("get", target.kind, namespace, target.name)).body
    return (await pods_of(client, target, namespace))[0]


def target_of(words: list[str]) -> Target:
    """What the words name; a single one without a slash is a pod.

    Raises:
        CliError: nothing that has a name.
    """
    if len(words) == 1 and "/" not in words[0]:
        return Target(BY_KIND["Pod"], words[0])
    target = parse_targets(words)[0]
    if not target.name:
        raise CliError(f"name the {target.kind.singular}")
    return target


async def pods_of(client: RawClient, target: Target, namespace: str) -> list[Item]:
    """All pods that a controller selects, the running ones first.

    Raises:
        CliError | ApiError: there are none.
    """
    owner = (await client.call("get", target.kind, namespace, target.name)).body
    labels = (owner.get("spec", {}).get("selector") or {}).get("matchLabels", {})
    if not labels:
        raise CliError(f"{target.kind.resource} have no pods of their own")
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    pods = (await client.list_all(BY_KIND["Pod"], namespace, labelSelector=selector)).body.get("items", [])
    if not pods:
        raise NotFound(f"{target.kind.singular}/{target.name} has no pods")
    return sorted(pods, key=lambda pod: (pod["status"].get("phase") != "Running", pod["metadata"]["name"]))


def node_of(pod: Item) -> str:
    """The node that the pod is on.

    Raises:
        CliError: it is on none.
    """
    node = pod["spec"].get("nodeName", "")
    if not node:
        raise CliError(f"pod {pod['metadata']['name']} is not on a node yet")
    return str(node)


def container_of(pod: Item, name: str, *, quiet: bool = False) -> str:
    """The container of that name, or the first; says so where there are several.

    Raises:
        CliError: there is none of that name.
    """
    names = [str(each["name"]) for part in ("containers", "initContainers") for each in pod["spec"].get(part, ())]
    if name and name not in names:
        raise CliError(f"container {name} is not in pod {pod['metadata']['name']}; it has {', '.join(names)}")
    if not name and len(names) > 1 and not quiet:
        print(f'Defaulted container "{names[0]}" out of: {", ".join(names)}', file=sys.stderr)
    return name or names[0]
