"""The core group (`v1`): Namespace, Node, ConfigMap, Event, Binding. Pods are in `pod.py`.

Source: Kubernetes API reference, core/v1.
"""

from __future__ import annotations

import operator
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from proto.no_entries import NO_ENTRIES
from proto.objects.meta import (
    Condition,
    Count,
    Many,
    Model,
    Object,
    ObjectMeta,
    StringMap,
    Text,
    Timestamp,
    check_quantity,
)

Quantity = Annotated[str, BeforeValidator(check_quantity)]
ResourceList = Annotated[dict[str, Quantity], Field(exclude_if=operator.not_)]
"""Resource name (cpu, memory, pods, …) to quantity."""

TaintEffect = Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]


class NamespaceSpec(Model):
    """`finalizers` hold the namespace until its content is gone."""

    finalizers: Many[str] = ()
    """Those that must do something before the namespace may be gone."""


class NamespaceStatus(Model):
    """Active, or Terminating while its content is being removed."""

    phase: Literal["Active", "Terminating"] = "Active"
    """Active, or Terminating while its content is removed."""
    conditions: Many[Condition] = ()
    """While it is removed: what is left, and why."""


class Namespace(Object):
    """A room for names."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Namespace"

    spec: NamespaceSpec = NamespaceSpec()
    status: NamespaceStatus = NamespaceStatus()


class Taint(Model):
    """Repels pods that do not tolerate it."""

    key: str
    """The taint's name, such as `node.kubernetes.io/unreachable`."""
    value: Text = ""
    """A value that a toleration can ask for."""
    effect: TaintEffect
    """NoSchedule keeps new pods away, PreferNoSchedule does if there is room elsewhere, NoExecute drives out
    those that run, too."""
    time_added: Timestamp | None = None
    """Since when it is there; from then on `tolerationSeconds` count."""


class NodeSpec(Model):
    """What people and controllers want of a node."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset({"configSource", "externalID", "podCIDR", "podCIDRs"})

    unschedulable: bool = False
    """Whether new pods are kept away: the node is cordoned."""
    taints: Many[Taint] = ()
    """What repels pods."""
    provider_id: Text = ""
    """The machine's name at the provider of the cloud."""


class NodeAddress(Model):
    """One way to reach the machine: type InternalIP, ExternalIP or Hostname."""

    type: str
    """InternalIP, ExternalIP or Hostname."""
    address: str
    """The address."""


class NodeSystemInfo(Model):
    """What the agent found on its machine."""

    machine_id: Text = ""
    """The machine's id (`/etc/machine-id`)."""
    system_uuid: Text = ""
    """The id in its firmware."""
    boot_id: Text = ""
    """The id of this boot."""
    kernel_version: Text = ""
    """Its kernel."""
    os_image: Text = ""
    """Its operating system, for people."""
    operating_system: Text = ""
    """Its operating system, for programs."""
    architecture: Text = ""
    """Its processor's architecture."""
    kubelet_version: Text = ""
    """The agent's version, under the name that Kubernetes' tools look for."""
    container_runtime_version: Text = ""
    """Name and version of the runtime driver."""


class NodeUsage(Model):
    """An extension: what the machine uses now, as the last written heartbeat told it."""

    cpu: Quantity = "0"
    """Processor in use, in cores."""
    memory: Quantity = "0"
    """Memory in use, in bytes."""
    pods: Count = 0
    """Pods that run."""


class NodeStatus(Model):
    """What is known of a node."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset(
        {"daemonEndpoints", "images", "volumesInUse", "volumesAttached", "config", "runtimeHandlers", "features",
         "phase", "declaredFeatures"}
    )  # fmt: skip

    capacity: ResourceList = NO_ENTRIES
    """All that the machine has."""
    allocatable: ResourceList = NO_ENTRIES
    """What of it is for pods."""
    conditions: Many[Condition] = ()
    """How the node is: Ready and others."""
    addresses: Many[NodeAddress] = ()
    """How it can be reached."""
    node_info: NodeSystemInfo | None = None
    """What the agent found on its machine."""
    usage: NodeUsage | None = None
    """What it uses now."""
    since_grant_seconds: Count | None = None
    """An extension: so long at least the hub has not renewed the node's lease, by its monotonic clock. Not there while
    the lease may still run. Pods that the node stops by itself within this time are known to have stopped."""


class Node(Object):
    """A machine: registered by its agent or declared by hand."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Node"

    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class ConfigMap(Object):
    """Settings for pods, as keys and texts (`binaryData`: base64)."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "ConfigMap"

    data: StringMap = NO_ENTRIES
    """Texts by key."""
    binary_data: StringMap = NO_ENTRIES
    """Bytes by key, in base64."""
    immutable: bool | None = None
    """Whether it may never be changed again."""


class ObjectReference(Model):
    """Points at an object or a part of it."""

    api_version: Text = ""
    """Group and version."""
    kind: Text = ""
    """Kind."""
    namespace: Text = ""
    """Namespace."""
    name: Text = ""
    """Name."""
    uid: Text = ""
    """The uid; another object of that name is not meant."""
    resource_version: Text = ""
    """The revision that is meant."""
    field_path: Text = ""
    """A part of the object."""


class EventSource(Model):
    """Who reported an event."""

    component: Text = ""
    """The program that reported it."""
    host: Text = ""
    """The node it was on."""


class Event(Object):
    """Something that happened to an object; repeated ones are counted, old ones are removed."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Event"
    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset({"series", "related"})

    involved_object: ObjectReference = ObjectReference()
    """What it happened to."""
    reason: Text = ""
    """What happened, in one word."""
    message: Text = ""
    """What happened, for people."""
    type: str = "Normal"
    """Normal, or Warning."""
    action: Text = ""
    """What was done about it."""
    count: Count = 1
    """How often it happened."""
    first_timestamp: Timestamp | None = None
    """When it happened first."""
    last_timestamp: Timestamp | None = None
    """When it happened last."""
    event_time: Timestamp | None = None
    """When it happened, for those that happen once."""
    reporting_component: Text = ""
    """The program that reported it."""
    reporting_instance: Text = ""
    """Which one of these programs."""
    source: EventSource = EventSource()
    """Who reported it, in the older form."""


class Binding(Object):
    """The request that places a pod: `metadata.name` is the pod, `target.name` the node. Never stored."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Binding"

    metadata: ObjectMeta = ObjectMeta()
    target: ObjectReference
    """The node."""
