"""Follows every change of the store as it happens, and holds the cluster to what must be true at every moment.

*Reads*: the store's own record, past all mirrors, so that no fault of a program can hide anything from it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable

from control_plane.scheduling.changes import counts
from control_plane.scheduling.needs import Needs, amount, taken_by
from control_plane.store.memory import MemoryStore, MemoryStoreServer
from control_plane.store.port import Change
from proto.objects.core import Node
from proto.objects.meta import Object, find_condition
from proto.objects.pod import Pod
from tests.sim.trace import Trace


class Audit:
    """What is stored, who was where, and every promise that was broken."""

    def __init__(self, server: MemoryStoreServer, trace: Trace):
        self.violations: list[str] = []
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.past_pods: dict[str, Pod] = {}
        """Last state of the pods that are gone, by uid."""
        self.epochs: dict[int, str] = {}
        self.listeners: list[Callable[[Object | None, Object, bool], None]] = []
        """Called with (before, after, gone) for each change; for what is gone `after` is its last state."""
        self._store = MemoryStore(server)
        self._trace = trace
        self._on_node: dict[str, dict[str, Needs]] = defaultdict(dict)
        """What the pods of each node take of it, by uid."""

    async def follow(self) -> None:
        """Watch until cancelled."""
        async for change in self._store.follow():
            if change.object is not None:
                self._take(change, change.object)

    def leads(self, control_plane: str, epoch: int) -> None:
        """A control plane has drawn an epoch."""
        holder = self.epochs.setdefault(epoch, control_plane)
        self._trace.note(control_plane, f"draws epoch {epoch}")
        if holder != control_plane:
            self.violate(f"epoch {epoch} was given to {holder} and to {control_plane}")

    def violate(self, what: str) -> None:
        """A promise was broken."""
        self._trace.note("AUDIT", what)
        self.violations.append(what)

    def pods(self) -> list[Pod]:
        """All pods there are."""
        return [found for found in self.objects.values() if isinstance(found, Pod)]

    def _take(self, change: Change, obj: Object) -> None:
        key = (obj.KIND, *obj.key)
        before = self.objects.pop(key, None)
        if change.type == "put":
            self.objects[key] = obj
        if obj.KIND not in ("Event", "Lease"):
            self._trace.note("store", f"{change.revision} {change.type} {obj.KIND} {'/'.join(obj.key)} {_summary(obj)}")
        if isinstance(obj, Pod):
            self._take_pod(before if isinstance(before, Pod) else None, obj, gone=change.type == "delete")
        for listener in self.listeners:
            listener(before, obj, change.type == "delete")

    def _take_pod(self, before: Pod | None, pod: Pod, *, gone: bool) -> None:
        node, there = pod.spec.node_name, self._on_node[pod.spec.node_name]
        if before is not None and before.metadata.uid == pod.metadata.uid and before.spec.node_name not in ("", node):
            self.violate(f"pod {pod.metadata.name} moved from {before.spec.node_name} to {node}")
        there.pop(pod.metadata.uid, None)
        if not gone and counts(pod):
            there[pod.metadata.uid] = taken_by(pod)
            self._check_node(node)
        if gone:
            self.past_pods[pod.metadata.uid] = pod

    def _check_node(self, name: str) -> None:
        """No node is ever over-committed, and no port of it given twice."""
        node = self.objects.get(("Node", "", name))
        if not isinstance(node, Node):
            return
        taken: Counter[str] = Counter()
        ports: Counter[tuple[str, int]] = Counter()
        for needs in self._on_node[name].values():
            for resource, count in needs.amounts:
                taken[resource] += count
            for port in needs.ports:
                ports[port] += 1
        for resource, count in taken.items():
            offered = amount(resource, node.status.allocatable.get(resource, "0"))
            if count > offered:
                self.violate(f"node {name} is over-committed: {count} of {offered} {resource}")
        for port, times in ports.items():
            if times > 1:
                self.violate(f"node {name} has {times} pods on port {port}")


def _summary(obj: Object) -> str:
    """What of an object is worth a line."""
    deleting = " deleting" if obj.deleting else ""
    if isinstance(obj, Pod):
        ready = find_condition(obj.status.conditions, "Ready")
        restarts = sum(status.restart_count for status in obj.status.container_statuses)
        is_ready = ready.status if ready else "-"
        return f"on={obj.spec.node_name} {obj.status.phase} ready={is_ready} restarts={restarts}{deleting}"
    if isinstance(obj, Node):
        ready = find_condition(obj.status.conditions, "Ready")
        taints = ",".join(f"{taint.key.rpartition('/')[2]}:{taint.effect}" for taint in obj.spec.taints)
        return f"ready={ready.status if ready else '-'} taints={taints}{deleting}"
    spec, status = getattr(obj, "spec", None), getattr(obj, "status", None)
    wanted, there = getattr(spec, "replicas", None), getattr(status, "ready_replicas", None)
    return f"{there}/{wanted}{deleting}" if wanted is not None else deleting.strip()
