"""The core group (`v1`): Namespace, Node, ConfigMap, Event, Binding. Pods are in `pod.py`.

Source: Kubernetes API reference, core/v1.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

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
ResourceList = Annotated[dict[str, Quantity], Field(exclude_if=lambda amounts: not amounts)]
"""Resource name (cpu, memory, pods, …) to quantity."""

TaintEffect = Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]


class NamespaceSpec(Model):
    """`finalizers` hold the namespace until its content is gone."""

    finalizers: Many[str] = ()


class NamespaceStatus(Model):
    """Active, or Terminating while its content is being removed."""

    phase: Literal["Active", "Terminating"] = "Active"
    conditions: Many[Condition] = ()


class Namespace(Object):
    """A room for names."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Namespace"

    spec: NamespaceSpec = NamespaceSpec()
    status: NamespaceStatus = NamespaceStatus()


class Taint(Model):
    """Repels pods that do not tolerate it."""

    key: str
    value: Text = ""
    effect: TaintEffect
    time_added: Timestamp | None = None


class NodeSpec(Model):
    """What people and controllers want of a node."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset({"configSource", "externalID", "podCIDR", "podCIDRs"})

    unschedulable: bool = False
    taints: Many[Taint] = ()
    provider_id: Text = ""


class NodeAddress(Model):
    """One way to reach the machine: type InternalIP, ExternalIP or Hostname."""

    type: str
    address: str


class NodeSystemInfo(Model):
    """What the agent found on its machine."""

    machine_id: Text = ""
    system_uuid: Text = ""
    boot_id: Text = ""
    kernel_version: Text = ""
    os_image: Text = ""
    operating_system: Text = ""
    architecture: Text = ""
    kubelet_version: Text = ""
    """The agent's version, under the name that Kubernetes' tools look for."""
    container_runtime_version: Text = ""
    """Name and version of the runtime driver."""


class NodeUsage(Model):
    """An extension: what the machine uses now, as the last written heartbeat told it."""

    cpu: Quantity = "0"
    memory: Quantity = "0"
    pods: Count = 0


class NodeStatus(Model):
    """What is known of a node."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset(
        {"daemonEndpoints", "images", "volumesInUse", "volumesAttached", "config", "runtimeHandlers", "features",
         "phase", "declaredFeatures"}
    )  # fmt: skip

    capacity: ResourceList = {}
    allocatable: ResourceList = {}
    conditions: Many[Condition] = ()
    addresses: Many[NodeAddress] = ()
    node_info: NodeSystemInfo | None = None
    usage: NodeUsage | None = None
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

    data: StringMap = {}
    binary_data: StringMap = {}
    immutable: bool | None = None


class ObjectReference(Model):
    """Points at an object or a part of it."""

    api_version: Text = ""
    kind: Text = ""
    namespace: Text = ""
    name: Text = ""
    uid: Text = ""
    resource_version: Text = ""
    field_path: Text = ""


class EventSource(Model):
    """Who reported an event."""

    component: Text = ""
    host: Text = ""


class Event(Object):
    """Something that happened to an object; repeated ones are counted, old ones are removed."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Event"
    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset({"series", "related"})

    involved_object: ObjectReference = ObjectReference()
    reason: Text = ""
    message: Text = ""
    type: str = "Normal"
    action: Text = ""
    count: Count = 1
    first_timestamp: Timestamp | None = None
    last_timestamp: Timestamp | None = None
    event_time: Timestamp | None = None
    reporting_component: Text = ""
    reporting_instance: Text = ""
    source: EventSource = EventSource()


class Binding(Object):
    """The request that places a pod: `metadata.name` is the pod, `target.name` the node. Never stored."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Binding"

    metadata: ObjectMeta = ObjectMeta()
    target: ObjectReference
