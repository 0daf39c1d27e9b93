"""Pod: a group of processes that live on one machine together, and the template that others make pods from.

Source: Kubernetes API reference, core/v1 Pod. Processes for containers: `containerPort: 0` asks for a free port, an
empty `image` (or `host`) runs a program of the machine.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from proto.objects.affinity import Affinity
from proto.objects.core import ResourceList, TaintEffect
from proto.objects.meta import (
    INT64_MAX,
    Condition,
    Count,
    Many,
    Model,
    Number,
    Object,
    ObjectMeta,
    StringMap,
    Text,
    Timestamp,
)
from proto.objects.scheduling import PreemptionPolicy, Priority

RestartPolicy = Literal["Always", "OnFailure", "Never"]
OnReconnect = Literal["keepOriginal", "keepReplacement", "keepBest"]
PodPhase = Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"]


class ContainerPort(Model):
    """A port that the program listens on; 0 asks the agent for a free one, passed as `PORT` and `PORT_<NAME>`."""

    name: Text = ""
    container_port: Annotated[int, Field(ge=0, le=65535)]
    host_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    host_ip: Text = ""
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"


class ConfigMapKeySelector(Model):
    """One key of a ConfigMap."""

    name: Text = ""
    key: str
    optional: bool | None = None


class ObjectFieldSelector(Model):
    """A field of the pod itself, such as `metadata.name` or `status.podIP`."""

    api_version: str = "v1"
    field_path: str


class ResourceFieldSelector(Model):
    """A container's own request or limit, such as `limits.memory`, divided by `divisor`."""

    container_name: Text = ""
    resource: str
    divisor: str = "0"


class EnvVarSource(Model):
    """Where the value of a variable comes from."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset({"secretKeyRef", "fileKeyRef"})

    config_map_key_ref: ConfigMapKeySelector | None = None
    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None


class EnvVar(Model):
    """A variable: `value` with `$(OTHER)` expanded, or `valueFrom`."""

    name: str
    value: str | None = None
    value_from: EnvVarSource | None = None


class ConfigMapEnvSource(Model):
    """All keys of a ConfigMap as variables."""

    name: Text = ""
    optional: bool | None = None


class EnvFromSource(Model):
    """A source of many variables, each name with `prefix` before it."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset({"secretRef"})

    prefix: Text = ""
    config_map_ref: ConfigMapEnvSource | None = None


class ResourceRequirements(Model):
    """`requests` are what the scheduler reserves, `limits` what the kernel enforces."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset({"claims"})

    requests: ResourceList = {}
    limits: ResourceList = {}


class Container(Model):
    """One program of a pod: a process group in a cgroup of its own."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset(
        {"imagePullPolicy", "lifecycle", "livenessProbe", "readinessProbe", "startupProbe", "resizePolicy",
         "restartPolicy", "restartPolicyRules", "securityContext", "stdin", "stdinOnce", "terminationMessagePath",
         "terminationMessagePolicy", "tty", "volumeDevices", "volumeMounts"}
    )  # fmt: skip

    name: str
    image: Text = ""
    command: Many[str] = ()
    args: Many[str] = ()
    working_dir: Text = ""
    env: Many[EnvVar] = ()
    env_from: Many[EnvFromSource] = ()
    ports: Many[ContainerPort] = ()
    resources: ResourceRequirements = ResourceRequirements()


class Toleration(Model):
    """Lets a pod stay with, or be placed on, tainted nodes."""

    key: Text = ""
    operator: Literal["Exists", "Equal"] = "Equal"
    value: Text = ""
    effect: TaintEffect | Literal[""] = ""
    toleration_seconds: Number | None = None


class DisconnectPolicy(Model):
    """An extension: what becomes of the pod while its node is cut off from the hub (Nomad: the `disconnect` block).

    Left out, pods of a StatefulSet stop when their node's lease runs out and are replaced only when that is certain;
    all others go on, and are replaced at once. What is left out of the block is as if the block was.
    """

    stop_after_seconds: Count | None = None
    """So many seconds after its last word from the hub the node stops the pod by itself, also when its agent hangs.
    Within them falls the grace that SIGTERM is given, at most a third of them. The pod is replaced only after that is
    certain to have happened, so it never runs twice. Left out: with the node's lease for pods of a StatefulSet, never
    for others."""
    replace_after_seconds: Count | None = None
    """For so many seconds after its node was found unreachable the pod is neither evicted nor replaced; a
    toleration of the taint that lasts longer counts instead. Left out: 0."""
    on_reconnect: OnReconnect = "keepReplacement"
    """Which one goes on when the node is back and the pod was replaced meanwhile: `keepReplacement` stops the original;
    `keepOriginal` stops the replacement once the original is ready; `keepBest` keeps the one that is ready, for longer,
    with fewer restarts. The last two are for pods of a ReplicaSet that are never stopped by their node."""


class PodSpec(Model):
    """What should run, and where it may."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset(
        {"activeDeadlineSeconds", "automountServiceAccountToken", "dnsConfig", "dnsPolicy",
         "enableServiceLinks", "ephemeralContainers", "hostAliases", "hostIPC", "hostNetwork", "hostPID", "hostUsers",
         "hostname", "hostnameOverride", "imagePullSecrets", "initContainers", "os", "overhead", "readinessGates",
         "resourceClaims", "resources", "runtimeClassName",
         "schedulerName", "schedulingGates", "securityContext", "serviceAccount", "serviceAccountName",
         "setHostnameAsFQDN", "shareProcessNamespace", "subdomain", "topologySpreadConstraints", "volumes",
         "workloadRef"}
    )  # fmt: skip

    containers: Many[Container] = ()
    restart_policy: RestartPolicy = "Always"
    termination_grace_period_seconds: Annotated[int, Field(ge=0, le=INT64_MAX)] = 30
    node_name: Text = ""
    node_selector: StringMap = {}
    affinity: Affinity | None = None
    tolerations: Many[Toleration] = ()
    priority_class_name: Text = ""
    """The PriorityClass that says how important the pod is; left out, the default class if there is one."""
    priority: Priority | None = None
    """How important the pod is, from its class; the higher, the earlier it is placed. Not to be given by hand."""
    preemption_policy: PreemptionPolicy | None = None
    """Whether the pod may end others of lower priority to get room, from its class."""
    disconnect: DisconnectPolicy | None = None
    """An extension: what becomes of the pod while its node is cut off."""


class ContainerStateWaiting(Model):
    """Not running yet, or not running again yet, and why."""

    reason: Text = ""
    message: Text = ""


class ContainerStateRunning(Model):
    """Runs since `startedAt`."""

    started_at: Timestamp | None = None


class ContainerStateTerminated(Model):
    """Ended; `exitCode` is 128+signal for a process that a signal ended."""

    exit_code: Number
    signal: Number | None = None
    reason: Text = ""
    message: Text = ""
    started_at: Timestamp | None = None
    finished_at: Timestamp | None = None
    container_id: Text = Field(default="", alias="containerID")


class ContainerState(Model):
    """Exactly one of the three is set."""

    waiting: ContainerStateWaiting | None = None
    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None


class ContainerUsage(Model):
    """An extension: what the container used when its node last wrote a report."""

    cpu: str = "0"
    memory: str = "0"


class ContainerStatus(Model):
    """What is known of one container. `ports` is an extension: the ports in force, with those the agent chose."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset(
        {"allocatedResources", "allocatedResourcesStatus", "resources", "stopSignal", "user", "volumeMounts"}
    )

    name: str
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()
    ready: bool = False
    started: bool = False
    restart_count: Count = 0
    image: Text = ""
    image_id: Text = ""
    container_id: Text = ""
    ports: Many[ContainerPort] = ()


class HostAddress(Model):
    """One of `podIPs` or `hostIPs`."""

    ip: str = Field(default="", alias="ip")


class PodStatus(Model):
    """What is known of a pod; written by its node's reports, by the scheduler and by pod garbage collection."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset(
        {"ephemeralContainerStatuses", "initContainerStatuses", "resize",
         "resourceClaimStatuses", "allocatedResources", "extendedResourceClaimStatus"}
    )  # fmt: skip

    phase: PodPhase = "Pending"
    conditions: Many[Condition] = ()
    message: Text = ""
    reason: Text = ""
    host_ip: Text = ""
    host_ips: Many[HostAddress] = ()
    nominated_node_name: Text = ""
    """The node where room is being made for the pod by ending others of lower priority."""
    pod_ip: Text = ""
    pod_ips: Many[HostAddress] = ()
    start_time: Timestamp | None = None
    container_statuses: Many[ContainerStatus] = ()
    qos_class: Text = ""
    observed_generation: Number | None = None


class Pod(Object):
    """A group of processes on one machine."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Pod"

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class PodTemplateSpec(Model):
    """The pods that a controller makes."""

    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec()
