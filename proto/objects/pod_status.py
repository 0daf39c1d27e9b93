"""What is known of a pod and its containers: phases, conditions, states, addresses.

Source: Kubernetes API reference, core/v1 PodStatus and ContainerStatus.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from proto.no_entries import NO_ENTRIES
from proto.objects.container import ContainerPort, ResourceRequirements
from proto.objects.core import ResourceList
from proto.objects.meta import (
    Condition,
    Count,
    Many,
    Model,
    Number,
    Text,
    Timestamp,
)

PodPhase = Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"]


class ContainerStateWaiting(Model):
    """Not running yet, or not running again yet, and why."""

    reason: Text = ""
    """Why, in one word, such as CrashLoopBackOff."""
    message: Text = ""
    """Why, for people."""


class ContainerStateRunning(Model):
    """Runs since `startedAt`."""

    started_at: Timestamp | None = None
    """Since when."""


class ContainerStateTerminated(Model):
    """Ended; `exitCode` is 128+signal for a process that a signal ended."""

    exit_code: Number
    """Its exit code; 128 + signal for one that a signal ended."""
    signal: Number | None = None
    """The signal that ended it."""
    reason: Text = ""
    """Why, in one word, such as Completed, Error or OOMKilled."""
    message: Text = ""
    """Why, for people: in the words of the node, of the program (see its `terminationMessagePath`), or of both."""
    started_at: Timestamp | None = None
    """When it began."""
    finished_at: Timestamp | None = None
    """When it ended."""
    container_id: Text = Field(default="", alias="containerID")
    """Which life of it."""


class ContainerState(Model):
    """Exactly one of the three is set."""

    waiting: ContainerStateWaiting | None = None
    """Not running yet, or not running again yet."""
    running: ContainerStateRunning | None = None
    """Running."""
    terminated: ContainerStateTerminated | None = None
    """Ended."""


class ContainerUsage(Model):
    """An extension: what the container used when its node last wrote a report."""

    cpu: str = "0"
    """Processor, in cores."""
    memory: str = "0"
    """Memory, in bytes."""


class ContainerStatus(Model):
    """What is known of one container. `ports` is an extension: the ports in force, with those the agent chose."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset({"allocatedResourcesStatus", "user", "volumeMounts"})

    name: str
    """The container."""
    state: ContainerState = ContainerState()
    """How it is."""
    last_state: ContainerState = ContainerState()
    """How its life before this one ended."""
    ready: bool = False
    """Whether it is ready to work."""
    started: bool = False
    """Whether it has started."""
    restart_count: Count = 0
    """How often it was started again."""
    image: Text = ""
    """What it runs."""
    image_id: Text = ""
    """Which version of that."""
    container_id: Text = ""
    """Which life of it."""
    ports: Many[ContainerPort] = ()
    """An extension: the ports in force, with those the agent chose."""
    stop_signal: Text = ""
    """What asks it to end, where that is not SIGTERM."""
    resources: ResourceRequirements | None = None
    """What is in force for it now; another amount than in the spec while it is being resized."""
    allocated_resources: ResourceList = NO_ENTRIES
    """What the node keeps free for it."""


class HostAddress(Model):
    """One of `podIPs` or `hostIPs`."""

    ip: str = Field(default="", alias="ip")
    """The address."""


class PodStatus(Model):
    """What is known of a pod; written by its node's reports, by the scheduler and by pod garbage collection."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset(
        {"ephemeralContainerStatuses", "resize",
         "resourceClaimStatuses", "allocatedResources", "extendedResourceClaimStatus"}
    )  # fmt: skip

    phase: PodPhase = "Pending"
    """Pending, Running, Succeeded, Failed or Unknown."""
    conditions: Many[Condition] = ()
    """PodScheduled, Initialized, ContainersReady, Ready and others."""
    message: Text = ""
    """Why it is so, for people."""
    reason: Text = ""
    """Why it is so, in one word."""
    host_ip: Text = ""
    """Its node's address."""
    host_ips: Many[HostAddress] = ()
    """All of its node's addresses."""
    nominated_node_name: Text = ""
    """The node where room is being made for the pod by ending others of lower priority."""
    pod_ip: Text = ""
    """Its own address; processes share their node's."""
    pod_ips: Many[HostAddress] = ()
    """All of its addresses."""
    start_time: Timestamp | None = None
    """When its node took it up."""
    init_container_statuses: Many[ContainerStatus] = ()
    """The init containers, in the order of the spec."""
    container_statuses: Many[ContainerStatus] = ()
    """How its containers are."""
    qos_class: Text = ""
    """Guaranteed, Burstable or BestEffort: who gives way first when memory is short."""
    observed_generation: Number | None = None
    """The generation of the spec that this is about."""
