"""Nodes that leave politely: the mark on them, and which of their pods are handed over before they go.

An agent that is stopped for good tells the hub that its node leaves. The hub cordons the node and marks it; the control
plane evicts its pods; the agent waits until they are gone. At its return the node is as it was before.

Pure. Never imports pydantic at run time: the command line reads the marks, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proto.phases import ENDED

if TYPE_CHECKING:
    from proto.objects.pod import Pod

LEAVING = "setpoint.dev/leaving"
"""The label of a node that leaves or has left; its value says what becomes of it at its return."""

UNCORDON_AT_RETURN, STAY_CORDONED = "uncordon-at-return", "stay-cordoned"
"""It is cordoned only because it leaves; or somebody wants it so."""


def leaves(pod: Pod) -> bool:
    """Whether a pod is handed over when its node leaves.

    One of a DaemonSet belongs to the node and stays with it; one that has finished has nothing to hand over.
    """
    controller = pod.metadata.controller
    return pod.status.phase not in ENDED and (controller is None or controller.kind != "DaemonSet")
