"""What the hub writes on Nodes, their Leases and their pods' conditions. PURE.

Each function takes what is stored and what was observed and returns what to store, or None when that changes
nothing. Nobody else writes a Node's Ready condition; taints are the node lifecycle controller's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Literal

from control_plane.hub.session import Session
from proto.clock import Instant
from proto.leaving import LEAVING, STAY_CORDONED, UNCORDON_AT_RETURN
from proto.node import Registration
from proto.objects.coordination import Lease, LeaseSpec
from proto.objects.core import Node, NodeStatus, NodeUsage
from proto.objects.meta import Condition, ObjectMeta, evolve, find_condition, with_condition
from proto.objects.pod import Pod
from proto.quantity import parse_quantity

LEASE_NAMESPACE = "kube-node-lease"
NEVER_HEARD = "NodeStatusNeverUpdated"
"""The reason on a declared node's Ready condition (Kubernetes: the same)."""

FENCED = "Fenced"
"""The condition of a node that has stopped what it may not run without a lease; there only while that is so."""

NODE_LOST = "NodeLost"
"""The reason on pods' Ready condition while their node is silent."""

AGENT_OWNED_LABELS = frozenset({"kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch"})
"""Labels that tell a fact about the machine: the agent's word counts. Others it may add, never change."""

USAGE_CHANGE_BIG = Decimal("0.2")


def ready(alive: bool, now: Instant) -> Condition:
    """The Ready condition of a node that is heard, or not heard any more."""
    status: Literal["True", "Unknown"] = "True" if alive else "Unknown"
    return Condition(
        type="Ready",
        status=status,
        reason="AgentReady" if alive else "NodeStatusUnknown",
        message="the node agent sends heartbeats" if alive else "the node agent stopped sending heartbeats",
        last_heartbeat_time=now,
        last_transition_time=now,
    )


def never_heard(node: Node, now: Instant) -> Node | None:
    """A Node that was declared, and whose agent was never heard of; None if it says something already."""
    if find_condition(node.status.conditions, "Ready") is not None:
        return None
    never = Condition(
        type="Ready",
        status="Unknown",
        reason=NEVER_HEARD,
        message="no agent of this name was ever heard of",
        last_transition_time=now,
    )
    return evolve(node, **{"status.conditions": with_condition(node.status.conditions, never)})


def is_ready(node: Node) -> bool:
    """Whether the stored Node says that it is Ready."""
    condition = find_condition(node.status.conditions, "Ready")
    return condition is not None and condition.status == "True"


def registered(node: Node | None, registration: Registration, now: Instant) -> Node:
    """The Node of an agent that joins: new, or merged with the one that was declared or is there from before."""
    node = node or Node(metadata=ObjectMeta(name=registration.node))
    labels = {**registration.labels, **node.metadata.labels}
    labels |= {key: value for key, value in registration.labels.items() if key in AGENT_OWNED_LABELS}
    conditions = _unfenced(node.status.conditions)
    for condition in (*registration.conditions, ready(True, now)):
        conditions = with_condition(conditions, _since(condition, now))
    status = NodeStatus(
        capacity=registration.capacity,
        allocatable=registration.allocatable or registration.capacity,
        conditions=conditions,
        addresses=registration.addresses,
        node_info=registration.node_info,
        usage=node.status.usage,
    )
    return with_leaving(evolve(node, **{"metadata.labels": labels, "status": status}), registration.leaving)


def with_leaving(node: Node, leaving: bool) -> Node:
    """The Node as one that leaves, cordoned and marked; or as one that does not, and as it was before it left."""
    mark = node.metadata.labels.get(LEAVING)
    if (mark is not None) == leaving and (node.spec.unschedulable or not leaving):
        return node
    if leaving:
        mark = mark or (STAY_CORDONED if node.spec.unschedulable else UNCORDON_AT_RETURN)
        labels = {**node.metadata.labels, LEAVING: mark}
        return evolve(node, **{"metadata.labels": labels, "spec.unschedulable": True})
    labels = {key: value for key, value in node.metadata.labels.items() if key != LEAVING}
    cordoned = node.spec.unschedulable and mark != UNCORDON_AT_RETURN
    return evolve(node, **{"metadata.labels": labels, "spec.unschedulable": cordoned})


def agrees(node: Node, session: Session) -> bool:
    """Whether the stored Node says what matters of its agent: that it is heard, and that it leaves."""
    if is_ready(node) != session.alive:
        return False
    return not (session.alive and session.leaving) or node.spec.unschedulable


def with_news(node: Node, session: Session, now: Instant) -> Node | None:
    """The Node with what a session knows of its agent; None if it says so already. Who is not heard cannot return."""
    told = with_liveness(node, session.alive, session.conditions, now) or node
    told = with_leaving(told, session.leaving) if session.alive else told
    return None if told is node else told


def with_liveness(node: Node, alive: bool, conditions: Iterable[Condition], now: Instant) -> Node | None:
    """The Node with what is known of its agent now; None if it says so already. One that is heard is not fenced."""
    wanted = [_since(condition, now) for condition in conditions]
    if is_ready(node) != alive or find_condition(node.status.conditions, "Ready") is None:
        wanted.append(ready(alive, now))
    new, since_s = node.status.conditions, node.status.since_grant_seconds
    if alive:
        new, since_s = _unfenced(new), None
    for condition in wanted:
        if not _says(new, condition):
            new = with_condition(new, condition)
    if new == node.status.conditions and since_s == node.status.since_grant_seconds:
        return None
    return evolve(node, **{"status.conditions": new, "status.since_grant_seconds": since_s})


def fenced(node: Node, since_grant_s: int, now: Instant) -> Node | None:
    """The Node with the mark that it has had no grant for so long; None if it says so, or more, already."""
    if (node.status.since_grant_seconds or 0) >= since_grant_s:
        return None
    told = Condition(
        type=FENCED, status="True", reason="LeaseExpired", message=fence_message(since_grant_s),
        last_transition_time=now,
    )  # fmt: skip
    conditions = with_condition(node.status.conditions, told)
    return evolve(node, **{"status.conditions": conditions, "status.since_grant_seconds": since_grant_s})


def fence_message(since_grant_s: int) -> str:
    """What the mark means."""
    return (
        f"the lease was not renewed for {since_grant_s} s: pods that may not outlive it by now have been stopped "
        "on the node, and may be replaced"
    )


def with_usage(node: Node, usage: NodeUsage) -> Node | None:
    """The Node with what its machine uses; None if it says so already."""
    return None if node.status.usage == usage else evolve(node, **{"status.usage": usage})


def usage_changed_much(old: NodeUsage | None, new: NodeUsage, allocatable: Mapping[str, str]) -> bool:
    """Whether the usage differs so much of what the machine has that people should see it before the usual time."""
    if old is None or old.pods != new.pods:
        return True
    cpu_change = abs(parse_quantity(new.cpu) - parse_quantity(old.cpu))
    memory_change = abs(parse_quantity(new.memory) - parse_quantity(old.memory))
    return (
        cpu_change > parse_quantity(allocatable.get("cpu", "0")) * USAGE_CHANGE_BIG
        or memory_change > parse_quantity(allocatable.get("memory", "0")) * USAGE_CHANGE_BIG
    )


def holder_identity(node: str, incarnation: str) -> str:
    """How a Lease names an agent's life."""
    return f"{node}_{incarnation}" if incarnation else ""


def incarnation_of(lease: Lease | None) -> str:
    """Which incarnation holds a node's name by its Lease; "" for none."""
    return lease.spec.holder_identity.rpartition("_")[2] if lease is not None else ""


def new_lease(node: Node, incarnation: str, lease_s: float, now: Instant) -> Lease:
    """The Lease of a node that joins; it goes when the Node goes."""
    return Lease(
        metadata=ObjectMeta(
            name=node.metadata.name,
            namespace=LEASE_NAMESPACE,
            owner_references=(node.owner_reference(controller=False),),
        ),
        spec=LeaseSpec(
            holder_identity=holder_identity(node.metadata.name, incarnation),
            lease_duration_seconds=round(lease_s),
            acquire_time=now,
            renew_time=now,
            lease_transitions=0,
        ),
    )


def renewed_lease(lease: Lease, node: Node, incarnation: str, now: Instant) -> Lease:
    """The Lease renewed; with another holder it changes hands."""
    holder = holder_identity(node.metadata.name, incarnation)
    changes: dict[str, object] = {
        "metadata.owner_references": (node.owner_reference(controller=False),),
        "spec.holder_identity": holder,
        "spec.renew_time": now,
    }
    if holder != lease.spec.holder_identity:
        changes["spec.acquire_time"] = now
        changes["spec.lease_transitions"] = (lease.spec.lease_transitions or 0) + 1
    return evolve(lease, **changes)


def released_lease(lease: Lease, now: Instant) -> Lease:
    """The Lease of a node whose agent said goodbye: nobody holds it."""
    return evolve(lease, **{"spec.holder_identity": "", "spec.renew_time": now})


def pod_lost(pod: Pod, now: Instant) -> Pod | None:
    """A pod on a silent node does not count as Ready; None if it did not anyway."""
    old = find_condition(pod.status.conditions, "Ready")
    if old is None or old.status != "True":
        return None
    lost = Condition(
        type="Ready", status="False", reason=NODE_LOST, message="the node is not heard of", last_transition_time=now
    )
    return evolve(pod, **{"status.conditions": with_condition(pod.status.conditions, lost)})


def is_lost(pod: Pod) -> bool:
    """Whether a pod is marked as being on a silent node."""
    condition = find_condition(pod.status.conditions, "Ready")
    return condition is not None and condition.reason == NODE_LOST


def pod_found(pod: Pod, now: Instant) -> Pod | None:
    """A pod whose node is back counts again, unless its node has reported something else since; None then.

    It was ready all the time, as long as its containers were.
    """
    if not is_lost(pod):
        return None
    containers = find_condition(pod.status.conditions, "ContainersReady")
    since = containers.last_transition_time if containers is not None and containers.status == "True" else None
    found = Condition(type="Ready", status="True", last_transition_time=since or now)
    return evolve(pod, **{"status.conditions": with_condition(pod.status.conditions, found)})


def _unfenced(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    return tuple(condition for condition in conditions if condition.type != FENCED)


def _says(conditions: Iterable[Condition], wanted: Condition) -> bool:
    """Whether the same was said before; when it was said is no news."""
    old = find_condition(conditions, wanted.type)
    return old is not None and (old.status, old.reason, old.message) == (wanted.status, wanted.reason, wanted.message)


def _since(condition: Condition, now: Instant) -> Condition:
    if condition.last_transition_time is not None:
        return condition
    return condition.model_copy(update={"last_transition_time": now})
