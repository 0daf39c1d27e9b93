"""What the agent keeps in hand for one pod while it works on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from node_agent.plan.admission import amounts
from node_agent.plan.config import Config
from node_agent.plan.environment import Host
from node_agent.plan.lives import Life
from node_agent.plan.probes import Health
from node_agent.plan.view import Ends, Eviction, PodView, Unresized
from node_agent.runtime.port import ContainerState
from node_agent.storage.port import PodRecord
from proto.node import Assignment, PodReport
from proto.objects.pod import Pod
from proto.objects.pod_status import PodStatus
from proto.phases import ENDED

HOLD_FIRST_S = 0.1
HOLD_MAX_S = 5.0


@dataclass(slots=True)
class PodWork:
    """One pod of this node: what was asked for, what was reported, which steps are under way.

    `greeted` are containers whose postStart hook is done, `ungreeted` those for which it failed (see `PodView`).
    `unmounted` says which volume could not be made at the last try, `messages` what programs said of their ends, as far
    as it was read (see `plan.messages`). `cleared` is True once everything of it has ended
    and is removed; then only the hub's word is awaited. `held_until_s` (monotonic) keeps steps back while the runtime
    or the disk fails; `trouble` is what was told of that.
    """

    assignment: Assignment
    reported: PodStatus
    assigned: bool = True
    ports: dict[str, int] = field(default_factory=dict)
    failed: dict[str, Life] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)
    stopping: dict[str, datetime] = field(default_factory=dict)
    greeted: set[str] = field(default_factory=set)
    ungreeted: dict[str, str] = field(default_factory=dict)
    ends: Ends | None = None
    eviction: Eviction | None = None
    tidy: bool = False
    unresized: dict[str, Unresized] = field(default_factory=dict)
    unmounted: str = ""
    messages: dict[str, str] = field(default_factory=dict)
    cleared: bool = False
    clearing: bool = False
    unsaved: bool = True
    unreported: bool = True
    hold_s: float = 0.0
    held_until_s: float = 0.0
    trouble: str = ""
    asked: Mapping[str, int] | None = None

    @property
    def pod(self) -> Pod:
        """The pod as it was assigned last."""
        return self.assignment.pod

    @property
    def config(self) -> Config:
        """What its ConfigMaps and Secrets say."""
        return Config(self.assignment.config, self.assignment.secrets, self.assignment.binaries)

    @property
    def uid(self) -> str:
        """The pod's uid."""
        return self.assignment.pod.metadata.uid

    @property
    def amounts(self) -> Mapping[str, int]:
        """What the pod asks for. That is looked at for every other pod that comes, and changes with a resize only."""
        if (self.pod.metadata.generation or 1) > 1:
            return amounts(self.pod, self.reported)
        if self.asked is None:
            self.asked = amounts(self.pod)
        return self.asked

    @property
    def stays(self) -> bool:
        """Whether it has neither ended nor is to end."""
        goes = not self.assigned or self.pod.deleting or self.eviction is not None
        return not goes and self.reported.phase not in ENDED

    def view(
        self,
        host: Host,
        states: tuple[ContainerState, ...],
        health: Mapping[str, Health],
        *,
        fenced: bool = False,
        room: Mapping[str, int] | None = None,
    ) -> PodView:
        """Everything that a plan is made from."""
        return PodView(
            pod=self.pod,
            host=host,
            assigned=self.assigned,
            config=self.config,
            ports=self.ports,
            states=states,
            failed=self.failed,
            reported=self.reported,
            busy=frozenset(self.busy),
            stopping=self.stopping,
            fenced=fenced,
            unmounted=self.unmounted,
            health=health,
            greeted=frozenset(self.greeted),
            ungreeted=self.ungreeted,
            ends=self.ends,
            eviction=self.eviction,
            tidy=self.tidy,
            room=room or {},
            unresized=self.unresized,
            messages=self.messages,
        )

    def record(self) -> PodRecord:
        """What must survive the agent."""
        return PodRecord(
            assignment=self.assignment, assigned=self.assigned, ports=self.ports, reported=self.reported,
            kill_at=self.ends and self.ends.kill_at, grace_s=self.ends and self.ends.grace_s,
        )  # fmt: skip

    def report(self) -> PodReport:
        """What the hub is told."""
        meta = self.pod.metadata
        gone = self.cleared and self.pod.deleting
        return PodReport(namespace=meta.namespace, name=meta.name, uid=meta.uid, status=self.reported, gone=gone)

    def evict(self, eviction: Eviction) -> None:
        """The node is short of something, and the pod has to go. Its status remembers that."""
        if self.eviction is None and self.reported.phase not in ENDED:
            self.eviction = eviction

    def note_end(self, ends: Ends | None) -> None:
        """When the pod's grace is over; a restarted agent must not begin it anew."""
        if ends != self.ends:
            self.ends, self.unsaved = ends, True

    def forget(self, container_id: str) -> None:
        """A container was removed."""
        self.stopping.pop(container_id, None)
        self.greeted.discard(container_id)
        self.ungreeted.pop(container_id, None)
        self.unresized.pop(container_id, None)
        self.messages.pop(container_id, None)

    def hold(self, now_s: float) -> float:
        """Keep steps back for a while, longer each time; how long, in seconds."""
        self.hold_s = min(max(self.hold_s * 2, HOLD_FIRST_S), HOLD_MAX_S)
        self.held_until_s = now_s + self.hold_s
        return self.hold_s

    def release(self) -> None:
        """The runtime and the disk work again."""
        self.hold_s = self.held_until_s = 0.0
        self.trouble = ""
