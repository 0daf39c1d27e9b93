"""What somebody risks who deletes by force: told with the answer, to every client, and never refused.

Pure. *Reads*: the objects concerned, and the pods of a node.

Source: kubectl's words for `delete --force`; Kubernetes "Force Delete StatefulSet Pods".
"""

from __future__ import annotations

from collections.abc import Iterable

from control_plane.plan import Snapshot
from proto.disconnection import is_fenced, must_be_one
from proto.objects.core import Node
from proto.objects.meta import Object
from proto.objects.pod import Pod
from proto.phases import ENDED

TOLD_MAX = 10
"""So many risks are told of one request; more help nobody."""

IMMEDIATE = (
    "Immediate deletion does not wait for confirmation that the running resource has been terminated. "
    "The resource may continue to run on the cluster indefinitely."
)


def risks_of_deleting(objects: Iterable[Object], grace_s: int | None, snapshot: Snapshot) -> tuple[str, ...]:
    """One line for each thing that may go wrong; `grace_s` is what was asked for, 0 means at once."""
    told: dict[str, None] = {}
    for obj in objects:
        if isinstance(obj, Node):
            told |= dict.fromkeys(_of_node(obj, snapshot))
        elif isinstance(obj, Pod) and grace_s == 0 and _may_run(obj):
            told |= dict.fromkeys((IMMEDIATE, *_of_member(obj, snapshot)))
        if len(told) >= TOLD_MAX:
            break
    return tuple(told)[:TOLD_MAX]


def _may_run(pod: Pod) -> bool:
    return bool(pod.spec.node_name) and pod.status.phase not in ENDED


def _of_member(pod: Pod, snapshot: Snapshot) -> Iterable[str]:
    """A pod that must be one gets a successor as soon as its object is gone."""
    node, owner = snapshot.get(Node, "", pod.spec.node_name), pod.metadata.controller
    if owner is None or not must_be_one(pod) or (node is not None and is_fenced(pod, node)):
        return ()
    return (
        f'pod "{pod.metadata.name}" may run twice until node "{pod.spec.node_name}" has stopped it: the node is not '
        f'known to be fenced, and StatefulSet "{owner.name}" replaces the pod at once',
    )


def _of_node(node: Node, snapshot: Snapshot) -> Iterable[str]:
    """The pods of a node that is deleted are removed without a word from it."""
    bound = (pod for pod in snapshot.by_node(node.metadata.name) if isinstance(pod, Pod))
    risky = [pod for pod in bound if must_be_one(pod) and _may_run(pod) and not is_fenced(pod, node)]
    if not risky:
        return ()
    names = ", ".join(f'"{"/".join(pod.key)}"' for pod in risky[:TOLD_MAX])
    more = f" and {len(risky) - TOLD_MAX} more" if len(risky) > TOLD_MAX else ""
    return (
        f"pods {names}{more} may run twice until the machine has stopped them: node "
        f'"{node.metadata.name}" is not known to be fenced, and its pods are replaced as soon as it is deleted',
    )
