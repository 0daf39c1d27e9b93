"""The revisions that an object still remembers, whoever keeps them.

Reads: ReplicaSets of a Deployment, ControllerRevisions of a StatefulSet or DaemonSet. Writes: nothing.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from proto.catalog import BY_KIND
from proto.client.raw import RawClient
from proto.rollouts import CHANGE_CAUSE, FAILED, HASH_LABEL, REVISION

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Revision:
    """A template under its number.

    `annotations`: those of the object at that time, None where nobody kept them. `failed`: its last rollout did, and
    autoRollback took it back.
    """

    number: int
    template: Item
    cause: str = ""
    annotations: dict[str, str] | None = None
    failed: bool = False


async def of_deployment(client: RawClient, deployment: Item) -> list[Revision]:
    """Oldest first. Source: kubectl `polymorphichelpers/history.go`, DeploymentHistoryViewer."""
    revisions, failed = [], _failed(deployment)
    for item in await _owned(client, "ReplicaSet", deployment):
        annotations = item["metadata"].get("annotations", {})
        number = annotations.get(REVISION, "")
        if number.isdecimal():
            cause = annotations.get(CHANGE_CAUSE, "")
            template, fell = _without_hash(item["spec"]["template"]), item["metadata"]["name"] in failed
            revisions.append(Revision(int(number), template, cause, annotations, fell))
    return sorted(revisions, key=lambda revision: revision.number)


async def of_controller_revisions(client: RawClient, owner: Item) -> list[Revision]:
    """Oldest first. Source: kubectl `polymorphichelpers/history.go`, StatefulSetHistoryViewer."""
    revisions = []
    for item in await _owned(client, "ControllerRevision", owner):
        template = dict(item.get("data", {}).get("spec", {}).get("template", {}))
        template.pop("$patch", None)
        cause = item["metadata"].get("annotations", {}).get(CHANGE_CAUSE, "")
        revisions.append(Revision(int(item.get("revision", 0)), template, cause))
    return sorted(revisions, key=lambda revision: revision.number)


def _failed(deployment: Item) -> frozenset[str]:
    """The names of the ReplicaSets whose last rollout failed, as autoRollback remembers them."""
    with suppress(ValueError, TypeError):
        return frozenset(json.loads(deployment["metadata"].get("annotations", {}).get(FAILED, "{}")))
    return frozenset()


async def _owned(client: RawClient, kind: str, owner: Item) -> list[Item]:
    """The objects of `kind` that `owner` controls."""
    metadata = owner["metadata"]
    labels = owner["spec"].get("selector", {}).get("matchLabels", {})
    selector = {"labelSelector": ",".join(f"{key}={value}" for key, value in labels.items())} if labels else {}
    listed = (await client.list_all(BY_KIND[kind], metadata["namespace"], **selector)).body
    return [item for item in listed.get("items", ()) if _controller_uid(item) == metadata["uid"]]


def _controller_uid(item: Item) -> str:
    owners = item["metadata"].get("ownerReferences", ())
    return next((str(owner["uid"]) for owner in owners if owner.get("controller")), "")


def _without_hash(template: Item) -> Item:
    """The template as the Deployment had it: the hash label is the controller's."""
    metadata = template.get("metadata", {})
    labels = {key: value for key, value in metadata.get("labels", {}).items() if key != HASH_LABEL}
    return {**template, "metadata": {**metadata, "labels": labels}}
