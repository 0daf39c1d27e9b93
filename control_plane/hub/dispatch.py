"""Dispatch: tells each node which pods it should hold, and notices when a node holds something else.

A change of a pod, or of a ConfigMap or Secret that a pod refers to, marks the pod; what was marked in one turn of the
event loop goes out as one message a node. Every message carries the digest of what the node holds after it and every
heartbeat the digest of what it does hold, so whatever was lost is noticed and all is told again (`up.sync`).

*Reads*: pods, ConfigMaps and Secrets from the mirror. *Writes*: `down.assign`. *Never*: the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from itertools import count
from typing import cast

from control_plane.hub.assigned import ConfigKey, Wanted, fitting_full, fitting_groups, node_need_not_know, wanted
from control_plane.plan import Snapshot
from control_plane.store.mirror import MirrorEvent
from proto import codec, subjects
from proto.bus.port import Bus, Disconnected
from proto.clock import Clock
from proto.node import DIGEST_MODULUS, Assignments, pod_digest
from proto.objects.pod import Pod

log = logging.getLogger(__name__)

PAYLOAD_SHARE = 0.9
"""How much of the largest message is used: headers and the envelope need room, too."""

SUPERSEDED_S = 2.0
"""For so long after a change a node may still show the digest from before it."""

MISMATCHES_MAX = 2
"""So many heartbeats in a row with a wrong digest make the hub ask the node to sync."""


class NodeAssignments:
    """What one node was told to hold: versions by uid, and their digest. `fresh` until its first heartbeat was seen."""

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}
        self.config_keys: dict[str, tuple[ConfigKey, ...]] = {}
        self.digest = 0
        self.fresh = True
        self._superseded: deque[tuple[float, int]] = deque()

    def told(self, pod: Wanted, version: str) -> None:
        """The node was told of this pod."""
        uid = pod.assignment.pod.metadata.uid
        self.untold(uid)
        self.versions[uid] = version
        self.config_keys[uid] = pod.config_keys
        self.digest = (self.digest + pod_digest(uid, version)) % DIGEST_MODULUS

    def untold(self, uid: str) -> None:
        """The node was told to forget this pod."""
        version = self.versions.pop(uid, None)
        self.config_keys.pop(uid, None)
        if version is not None:
            self.digest = (self.digest - pod_digest(uid, version)) % DIGEST_MODULUS

    def supersede(self, now_s: float) -> None:
        """The digest is about to change; the node may show the present one a little longer."""
        self._superseded.append((now_s, self.digest))

    def agrees(self, digest: int, now_s: float) -> bool:
        """Whether a node with that digest holds what it was told, as far as can be expected by now."""
        while self._superseded and self._superseded[0][0] < now_s - SUPERSEDED_S:
            self._superseded.popleft()
        return digest == self.digest or any(digest == old for _, old in self._superseded)


class Dispatcher:
    """Assignments of all nodes, for one term of leadership."""

    def __init__(self, bus: Bus, mirror: Snapshot, clock: Clock, epoch: int):
        self._bus = bus
        self._mirror = mirror
        self._clock = clock
        self._epoch = epoch
        self._sequence = count(1)
        self._nodes: dict[str, NodeAssignments] = {}
        self._users: dict[ConfigKey, dict[str, str]] = {}
        self._marked: dict[str, dict[str, None]] = {}
        self._wake = asyncio.Event()

    def on_event(self, event: MirrorEvent) -> None:
        """Mark what a change concerns; O(pods concerned)."""
        if event.kind.kind == "Pod":
            self._on_pod(cast("Pod | None", event.old), cast("Pod | None", event.new))
        elif event.kind.kind in ("ConfigMap", "Secret") and (changed := event.new or event.old) is not None:
            for uid, node in self._users.get((changed.KIND, *changed.key), {}).items():
                self._mark(node, uid)

    async def run(self) -> None:
        """Send what was marked, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            marked, self._marked = self._marked, {}
            for node, uids in marked.items():
                await self._send_changes(node, uids)

    def needs_sync(self, node: str, digest: int, mismatches: int) -> tuple[bool, int]:
        """(whether the node should ask for everything, heartbeats in a row with a wrong digest by now)."""
        table = self._table(node)
        fresh, table.fresh = table.fresh, False
        if table.agrees(digest, self._clock.monotonic_s()):
            return False, 0
        return fresh or mismatches + 1 >= MISMATCHES_MAX, mismatches + 1

    def everything(self, node: str) -> bytes:
        """The full message for a node that asks; config that does not fit in follows in messages of its own."""
        pods = [wanted(cast("Pod", pod), self._mirror) for pod in self._mirror.by_node(node)]
        data, withheld = fitting_full(pods, self._epoch, self._bytes_max, next(self._sequence))
        self._forget_node(node)
        table = self._nodes[node] = NodeAssignments()
        table.fresh = False
        short = {pod.assignment.pod.metadata.uid for pod in withheld}
        for pod in pods:
            uid = pod.assignment.pod.metadata.uid
            self._remember(node, table, pod, pod.without_config().version if uid in short else pod.version)
        self._marked.pop(node, None)
        for uid in short:
            self._mark(node, uid)
        return data

    @property
    def _bytes_max(self) -> int:
        return int(self._bus.max_payload_bytes * PAYLOAD_SHARE)

    def _on_pod(self, old: Pod | None, new: Pod | None) -> None:
        if old is not None and new is not None and node_need_not_know(old, new):
            return
        for pod in (old, new):
            if pod is not None and pod.spec.node_name:
                self._mark(pod.spec.node_name, pod.metadata.uid)

    def _mark(self, node: str, uid: str) -> None:
        self._marked.setdefault(node, {})[uid] = None
        self._wake.set()

    def _table(self, node: str) -> NodeAssignments:
        """What the node was told; for one not dealt with yet: what it should have been told by now."""
        table = self._nodes.get(node)
        if table is None:
            table = self._nodes[node] = NodeAssignments()
            marked = self._marked.get(node, {})
            for pod in self._mirror.by_node(node):
                if pod.metadata.uid not in marked:
                    entry = wanted(cast("Pod", pod), self._mirror)
                    self._remember(node, table, entry, entry.version)
        return table

    def _remember(self, node: str, table: NodeAssignments, pod: Wanted, version: str) -> None:
        uid = pod.assignment.pod.metadata.uid
        self._forget_users(table, uid)
        table.told(pod, version)
        for key in pod.config_keys:
            self._users.setdefault(key, {})[uid] = node

    def _forget_node(self, node: str) -> None:
        table = self._nodes.pop(node, None)
        if table is not None:
            for uid in table.versions:
                self._forget_users(table, uid)

    def _forget_users(self, table: NodeAssignments, uid: str) -> None:
        for key in table.config_keys.get(uid, ()):
            users = self._users.get(key)
            if users is not None:
                users.pop(uid, None)
                if not users:
                    del self._users[key]

    async def _send_changes(self, node: str, uids: Iterable[str]) -> None:
        """Tell a node what has changed of these pods, in one message or as many as it takes."""
        table = self._table(node)
        changed: list[Wanted] = []
        removed: list[str] = []
        for uid in uids:
            pod = self._mirror.by_uid(uid)
            if isinstance(pod, Pod) and pod.spec.node_name == node:
                entry = wanted(pod, self._mirror)
                if table.versions.get(uid) != entry.version:
                    changed.append(entry)
            elif uid in table.versions:
                removed.append(uid)
        groups = fitting_groups(changed, self._bytes_max)
        for index, group in enumerate(groups or ([[]] if removed else [])):
            await self._send(node, table, group, removed if index == 0 else [])

    async def _send(self, node: str, table: NodeAssignments, changed: list[Wanted], removed: list[str]) -> None:
        """One message; what is lost on the way is noticed by the digest."""
        table.supersede(self._clock.monotonic_s())
        for uid in removed:
            self._forget_users(table, uid)
            table.untold(uid)
        for pod in changed:
            self._remember(node, table, pod, pod.version)
        message = Assignments(
            epoch=self._epoch,
            sequence=next(self._sequence),
            pods=tuple(pod.assignment for pod in changed),
            removed=tuple(removed),
            digest=table.digest,
        )
        try:
            await self._bus.publish(subjects.node_down(node, "assign"), codec.pack(message))
        except Disconnected as error:
            log.info("assignment not sent, the digest will tell node=%s error=%s", node, error)
