"""The values that planning goes by: everything known of a pod, the steps that can follow, and the plan.

Never: decides anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from node_agent.plan.config import Config
from node_agent.plan.container_ids import ContainerId
from node_agent.plan.environment import Host
from node_agent.plan.launch import Launch
from node_agent.plan.lives import Life
from node_agent.plan.probes import Health
from node_agent.plan.status import EVICTED, NOTHING_REPORTED
from node_agent.plan.surroundings import Surroundings
from node_agent.runtime.port import ContainerState, Limits
from proto.objects.container import Container, ContainerPort
from proto.objects.health import LifecycleHandler
from proto.objects.pod import Pod
from proto.objects.pod_status import PodStatus


@dataclass(frozen=True, slots=True)
class Ends:
    """Until when a pod's programs may take to end, and the grace in seconds that this came from."""

    kill_at: datetime
    grace_s: float


@dataclass(frozen=True, slots=True)
class Eviction:
    """The node is short of something, and this pod has to go: why, and how many seconds its programs have to end.

    `reason` becomes that of its status.
    """

    message: str
    grace_s: float = 0.0
    reason: str = EVICTED


@dataclass(frozen=True, slots=True)
class Unresized:
    """Limits that could not be put in force, why, and when that is tried again."""

    limits: Limits
    message: str
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class PodView:
    """All that is known of one pod on this machine.

    `assigned` is False once the hub has taken the pod away. `states` are the runtime's containers of this pod,
    `failed` the last start of each container that did not succeed, `reported` the status told last (it remembers what
    the runtime has forgotten). `busy` are the ids of containers that a step is at work on, `stopping` maps those that
    were told to stop to the time at which they are killed. `fenced`: this pod may have been replaced elsewhere, so
    nothing of it may be started before the hub has said that it has not. `health` is what probes say of a container,
    by its id. `greeted` are the ids of containers whose postStart hook is done, `ungreeted` of those for which it
    failed, and why. `eviction`: the node is short of something, and the pod has to go. `tidy`: the disk is full, so
    nothing is kept that is not needed. `room` is how much cpu (thousandths) and memory (bytes) no pod of the node asks
    for, `unresized` the containers whose last resize failed, by their ids. `ends` is when the pod's grace is over, if
    an earlier pass found that it should end. `unmounted` says which volume could not be made at the last try.
    `messages` is what programs said of their ends, as far as it was read, by the ids of those lives.
    """

    pod: Pod
    host: Host
    assigned: bool = True
    config: Config = field(default_factory=Config)
    ports: Mapping[str, int] = field(default_factory=dict)
    states: tuple[ContainerState, ...] = ()
    failed: Mapping[str, Life] = field(default_factory=dict)
    reported: PodStatus = NOTHING_REPORTED
    busy: frozenset[str] = frozenset()
    stopping: Mapping[str, datetime] = field(default_factory=dict)
    fenced: bool = False
    health: Mapping[str, Health] = field(default_factory=dict)
    greeted: frozenset[str] = frozenset()
    ungreeted: Mapping[str, str] = field(default_factory=dict)
    ends: Ends | None = None
    eviction: Eviction | None = None
    tidy: bool = False
    room: Mapping[str, int] = field(default_factory=dict)
    unresized: Mapping[str, Unresized] = field(default_factory=dict)
    unmounted: str = ""
    messages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Start:
    """Start a container's next life. `reason`: `first_start`, `restart` or `machine_restarted`.

    `oom_kills`: how many lives before it ended for their memory.
    """

    id: ContainerId
    launch: Launch
    series: int
    reason: str
    oom_kills: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """A running container, for those who look at it or do something in it.

    `ports` are those in force. `surroundings` are what a command in it is given; None where none of its probes and
    hooks is a command.
    """

    id: ContainerId
    pod: Pod
    container: Container
    ports: tuple[ContainerPort, ...]
    surroundings: Surroundings | None
    started_at: datetime | None
    health: Health


@dataclass(frozen=True, slots=True)
class PostStart:
    """Do what is to be done right after a container's start. `reason`: `started`."""

    id: ContainerId
    target: Target
    handler: LifecycleHandler
    reason: str = "started"


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask a container to end, after its preStop hook (if any), and kill it after `grace_s` whatever else happens.

    `reason`: `pod_deleted`, `pod_unassigned`, `pod_completed`, `evicted`, `deadline_exceeded`, `liveness_failed`,
    `startup_failed`, `resize_restart` or `post_start_failed`. `kill_at` is the end of the grace. `pre_stop` is None
    where the hook was begun before.
    """

    id: ContainerId
    grace_s: float
    reason: str
    kill_at: datetime
    pre_stop: tuple[Target, LifecycleHandler] | None = None


@dataclass(frozen=True, slots=True)
class Resize:
    """Put other limits in force for a container that runs. `reason`: `resized`."""

    id: ContainerId
    limits: Limits
    reason: str = "resized"


@dataclass(frozen=True, slots=True)
class Remove:
    """Forget an ended container and its output. `reason`: `superseded` or `pod_ended`."""

    id: ContainerId
    reason: str


Step = Start | PostStart | Stop | Resize | Remove


@dataclass(frozen=True, slots=True)
class PodPlan:
    """What follows from a view. `gone`: everything of the pod has ended and is removed.

    `targets` are the containers whose probes should look now. `ends`: when the grace of a pod that is ending is over.
    """

    status: PodStatus
    steps: tuple[Step, ...] = ()
    wake_at: datetime | None = None
    gone: bool = False
    targets: tuple[Target, ...] = ()
    ends: Ends | None = None
