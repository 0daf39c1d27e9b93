"""What was seen of pods and nodes, and when. Pure: observations in, the same lives with more known out.

Times are seconds on the witness's monotonic clock; None is "not seen yet".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from proto.objects.core import Node
from proto.objects.meta import find_condition
from proto.objects.pod import Pod


@dataclass(frozen=True, slots=True)
class PodLife:
    """The last state seen of a pod, and when each step of its life was first seen."""

    pod: Pod
    created_s: float
    bound_s: float | None = None
    running_s: float | None = None
    ready_s: float | None = None
    ending_s: float | None = None
    gone_s: float | None = None

    @property
    def name(self) -> str:
        """The pod's name."""
        return self.pod.metadata.name

    @property
    def node(self) -> str:
        """The node it is bound to, "" before."""
        return self.pod.spec.node_name

    @property
    def is_serving(self) -> bool:
        """Ready, and not asked to end."""
        return self.gone_s is None and self.ending_s is None and pod_is_ready(self.pod)

    @property
    def restarts(self) -> int:
        """How often its containers were started again."""
        return sum(status.restart_count for status in self.pod.status.container_statuses)


@dataclass(frozen=True, slots=True)
class NodeLife:
    """The last state seen of a node, and when its readiness changed last."""

    node: Node
    ready: bool
    since_s: float


def saw_pod(life: PodLife | None, pod: Pod, at_s: float) -> PodLife:
    """The life of a pod after it was seen in this state."""
    life = PodLife(pod, at_s) if life is None else replace(life, pod=pod)

    def first(known_s: float | None, now_true: bool) -> float | None:
        return at_s if known_s is None and now_true else known_s

    return replace(
        life,
        bound_s=first(life.bound_s, bool(pod.spec.node_name)),
        running_s=first(life.running_s, pod.status.phase == "Running"),
        ready_s=first(life.ready_s, pod_is_ready(pod)),
        ending_s=first(life.ending_s, pod.metadata.deletion_timestamp is not None),
    )


def saw_node(life: NodeLife | None, node: Node, at_s: float) -> NodeLife:
    """The life of a node after it was seen in this state."""
    condition = find_condition(node.status.conditions, "Ready")
    ready = condition is not None and condition.status == "True"
    if life is not None and life.ready == ready:
        return replace(life, node=node)
    return NodeLife(node, ready, at_s)


def pod_is_ready(pod: Pod) -> bool:
    """Whether its condition Ready is True."""
    condition = find_condition(pod.status.conditions, "Ready")
    return condition is not None and condition.status == "True"
