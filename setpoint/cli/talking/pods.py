"""Finds the pod that a person names, by itself or by the controller it belongs to."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from proto.catalog import BY_KIND
from proto.client.raw import RawClient
from proto.client.watch import watch_raw
from proto.default_container import DEFAULT_CONTAINER, default_container
from proto.errors import NotFound
from setpoint.cli.errors import CliError
from setpoint.cli.resources import Target, parse_targets

Item = dict[str, Any]


async def pod_of(client: RawClient, words: list[str], namespace: str, within_s: float = 0.0) -> Item:
    """The pod `NAME`, `pod/NAME`, or one of those of `KIND/NAME`: a running one if there is one.

    Raises:
        CliError | ApiError: there is none, or for `KIND/NAME` none within that time.
    """
    target = target_of(words)
    if target.kind.kind == "Pod":
        return (await client.call("get", target.kind, namespace, target.name)).body
    return (await pods_of(client, target, namespace, within_s))[0]


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


async def pods_of(client: RawClient, target: Target, namespace: str, within_s: float = 0.0) -> list[Item]:
    """All pods that a controller selects, those first that run and are to go on. The first one is waited for.

    Raises:
        CliError | ApiError: there are none, or none within that time.
    """
    if not target.kind.namespaced:
        raise CliError(f"{target.kind.resource} have no pods of their own")
    owner = (await client.call("get", target.kind, namespace, target.name)).body
    selector = _selector(owner)
    if not selector:
        raise CliError(f"{target.kind.resource} have no pods of their own")
    pods = (await client.list_all(BY_KIND["Pod"], namespace, labelSelector=selector)).body.get("items", [])
    if not pods and owner["spec"].get("replicas") != 0:
        pods = await _first_pod(client, namespace, selector, within_s)
    if not pods:
        raise NotFound(f"{target.kind.singular}/{target.name} has no pods")
    return sorted(pods, key=_desirability)


async def _first_pod(client: RawClient, namespace: str, selector: str, within_s: float) -> list[Item]:
    """The first pod that comes within that time, if one does."""
    try:
        async with asyncio.timeout(within_s):
            async for event in watch_raw(client.bus, BY_KIND["Pod"], namespace, label_selector=selector):
                if event.type != "DELETED":
                    return [event.object]
    except TimeoutError:
        pass
    return []


def _desirability(pod: Item) -> tuple[bool, bool, str]:
    leaves = "deletionTimestamp" in pod["metadata"]
    return leaves, pod.get("status", {}).get("phase") != "Running", pod["metadata"]["name"]


def _selector(owner: Item) -> str:
    """What a controller's pods are selected by, as a list is asked; "" if it selects none."""
    selector = owner.get("spec", {}).get("selector") or {}
    if not isinstance(selector, dict):
        return ""
    if selector.get("matchExpressions"):
        from proto.objects.meta import LabelSelector
        from proto.selectors import format_label_selector

        return format_label_selector(LabelSelector.model_validate(selector))
    return ",".join(f"{key}={value}" for key, value in selector.get("matchLabels", {}).items())


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
    """The container of that name, or the one that the pod means by default; says so where it was not chosen.

    Raises:
        CliError: there is none of that name.
    """
    metadata, names = pod["metadata"], container_names(pod)
    if name and name not in names:
        raise CliError(f"container {name} is not in pod {metadata['name']}; it has {', '.join(names)}")
    if name:
        return name
    annotations = metadata.get("annotations", {})
    container, wished = default_container(annotations, names), annotations.get(DEFAULT_CONTAINER)
    if wished and wished != container and not quiet:
        print(f'Default container name "{wished}" not found in pod {metadata["name"]}', file=sys.stderr)
    if len(names) > 1 and wished != container and not quiet:
        print(f'Defaulted container "{container}" out of: {", ".join(names)}', file=sys.stderr)
    return container


def container_names(pod: Item) -> list[str]:
    """All containers of a pod, the ordinary ones first."""
    return [str(each["name"]) for part in ("containers", "initContainers") for each in pod["spec"].get(part, ())]
