"""What becomes of a pod whose node is cut off: the one place where `spec.disconnect` and the kind's default meet.

Agents, the hub, the controllers and the API all ask here, so that the side which stops a pod and the side which
replaces it count with the same numbers. A node counts from when it *sent* the last heartbeat that was granted, the hub
from when it *answered* it, which is later; on top of that the hub waits a margin.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from proto.objects.core import Node
from proto.objects.pod import DisconnectPolicy, OnReconnect, Pod

MARGIN_S = 1.0
"""What the hub waits longer than a node may take: for the kernel to end what was killed."""

MARGIN_SHARE = 0.002
"""And for clocks that do not run at the same rate: quartz strays by a tenth of this."""

STOP_AFTER_S_MIN = 3
"""Sooner than this the hub does not take a silent node for lost either."""

_NOTHING_SAID = DisconnectPolicy()


@dataclass(frozen=True, slots=True)
class Disconnection:
    """A pod's policy with its defaults. Seconds.

    `stops`: the node stops the pod by itself, `stop_after_s` after its last word from the hub (None: with its lease).
    """

    stops: bool = False
    stop_after_s: int | None = None
    replace_after_s: int = 0
    on_reconnect: OnReconnect = "keepReplacement"


def disconnection(pod: Pod) -> Disconnection:
    """The policy of a pod: what it says, and for the rest the default of the kind that controls it."""
    said = pod.spec.disconnect or _NOTHING_SAID
    return Disconnection(
        stops=must_be_one(pod) or said.stop_after_seconds is not None,
        stop_after_s=None if said.stop_after_seconds is None else max(said.stop_after_seconds, STOP_AFTER_S_MIN),
        replace_after_s=said.replace_after_seconds or 0,
        on_reconnect=said.on_reconnect,
    )


def must_be_one(pod: Pod) -> bool:
    """Whether two of this pod would be wrong even if nobody said so: it has a place in a StatefulSet."""
    controller = pod.metadata.controller
    return controller is not None and controller.kind == "StatefulSet"


def margin_s(window_s: float) -> float:
    """How much longer the hub waits than `window_s`, within which a node has stopped something."""
    return MARGIN_S + window_s * MARGIN_SHARE


def is_fenced(pod: Pod, node: Node) -> bool:
    """Whether it is certain that `node` has stopped `pod` by itself and will not start it before it is heard again.

    The hub writes `sinceGrantSeconds` only once the lease and its margin are over.
    """
    policy, since_grant_s = disconnection(pod), node.status.since_grant_seconds
    if not policy.stops or since_grant_s is None:
        return False
    return policy.stop_after_s is None or since_grant_s >= policy.stop_after_s + margin_s(policy.stop_after_s)
