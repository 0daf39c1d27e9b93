"""Pod: a group of processes that live on one machine together, and the template that others make pods from.

Source: Kubernetes API reference, core/v1 Pod. Processes for containers: `containerPort: 0` asks for a free port, an
empty `image` (or `host`) runs a program of the machine.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from proto.objects.affinity import Affinity
from proto.objects.core import ResourceList, TaintEffect
from proto.objects.env import EnvFromSource, EnvVar
from proto.objects.health import Lifecycle, PodReadinessGate, Probe
from proto.objects.meta import (
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
from proto.objects.security import PodSecurityContext, SecurityContext
from proto.objects.volumes import Volume, VolumeMount

RestartPolicy = Literal["Always", "OnFailure", "Never"]
OnReconnect = Literal["keepOriginal", "keepReplacement", "keepBest"]
PodPhase = Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"]


class ContainerPort(Model):
    """A port that the program listens on; 0 asks the agent for a free one, passed as `PORT` and `PORT_<NAME>`."""

    name: Text = ""
    """Its name; the program finds the port in `PORT_<NAME>`, too."""
    container_port: Annotated[int, Field(ge=0, le=65535)]
    """The port; 0: any free one, which the program finds in `PORT`."""
    host_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """The same port, in the words of containers."""
    host_ip: Text = ""
    """The address it is bound to."""
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    """The protocol."""


class ResourceRequirements(Model):
    """`requests` are what the scheduler reserves, `limits` what the kernel enforces."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset({"claims"})

    requests: ResourceList = {}
    """What the scheduler reserves on the node."""
    limits: ResourceList = {}
    """What the kernel lets the program have at most."""


class ContainerResizePolicy(Model):
    """Whether a container is started anew when an amount of its resources changes."""

    resource_name: Literal["cpu", "memory"]
    """Which resource: cpu or memory."""
    restart_policy: Literal["NotRequired", "RestartContainer"] = "NotRequired"
    """NotRequired: it goes on with the new amount; RestartContainer: it is started anew with it."""


class ContainerRestartRuleOnExitCodes(Model):
    """Matches the exit code of a container."""

    operator: Literal["In", "NotIn"]
    """In: it is one of them; NotIn: it is none of them."""
    values: Many[Annotated[int, Field(ge=0, le=255)]] = ()
    """The exit codes."""


class ContainerRestartRule(Model):
    """What is done about a container that has ended; the first rule that matches counts."""

    action: Literal["Restart"]
    """Restart: it is started again."""
    exit_codes: ContainerRestartRuleOnExitCodes | None = None
    """Which exit codes it is for."""


class Container(Model):
    """One program of a pod: a process group in a cgroup of its own."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset(
        {"imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy", "volumeDevices"}
    )  # fmt: skip

    name: str
    """Its name, unique in the pod."""
    image: Text = ""
    """What to run; empty or `host`: a program of the machine."""
    command: Many[str] = ()
    """The program and its first arguments."""
    args: Many[str] = ()
    """Further arguments."""
    working_dir: Text = ""
    """The folder it starts in; without it, one of its own."""
    env: Many[EnvVar] = ()
    """Variables of its environment."""
    env_from: Many[EnvFromSource] = ()
    """Sources of many variables; those of `env` count more."""
    ports: Many[ContainerPort] = ()
    """The ports it listens on."""
    resources: ResourceRequirements = ResourceRequirements()
    """What it needs, and what it may have."""
    resize_policy: Many[ContainerResizePolicy] = ()
    """What a change of its cpu or memory means for it; without, it goes on."""
    startup_probe: Probe | None = None
    """Says when the program has started. Until it succeeds the other probes wait; if it fails, the container is killed
    and restarted by its policy."""
    liveness_probe: Probe | None = None
    """Says whether the program still works; if it fails, the container is killed and restarted by its policy."""
    readiness_probe: Probe | None = None
    """Says whether the program can do its work now; the pod is Ready only while it succeeds."""
    lifecycle: Lifecycle | None = None
    """What is done right after the start and right before the stop."""
    restart_policy: RestartPolicy | None = None
    """Counts instead of the pod's. `Always` makes a sidecar of an init container, which runs beside those that come
    after it."""
    restart_policy_rules: Many[ContainerRestartRule] = ()
    """Which exit codes it is started again for, whatever `restartPolicy` says, which must be given, too."""
    volume_mounts: Many[VolumeMount] = ()
    """Where it finds which volumes of the pod."""
    security_context: SecurityContext | None = None
    """As whom it runs, and what it may."""
    stdin: bool | None = None
    """Whether its stdin stays open for clients that attach to it; without, reads end at once."""
    stdin_once: bool | None = None
    """With stdin: it ends when the first client that could write has gone, until the container is started anew."""
    tty: bool | None = None
    """Whether it has a terminal of its own: it prints there and, with stdin, reads there. The log is what shows."""


class Toleration(Model):
    """Lets a pod stay with, or be placed on, tainted nodes."""

    key: Text = ""
    """Which taint is tolerated; empty: every one."""
    operator: Literal["Exists", "Equal"] = "Equal"
    """Exists: whatever its value; Equal: of this value only."""
    value: Text = ""
    """The value, with Equal."""
    effect: TaintEffect | Literal[""] = ""
    """Which effect is tolerated; empty: every one."""
    toleration_seconds: Number | None = None
    """For how long NoExecute is tolerated; without it, for ever."""


class PodSchedulingGate(Model):
    """Somebody who has to agree before a node is looked for; they do so by taking their gate away."""

    name: str
    """Who, such as `example.com/budget`."""


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


class PodOS(Model):
    """The system that a pod is made for."""

    name: Literal["linux", "windows"]
    """Which one; nodes run Linux, so a pod for another one does not start."""


class PodSpec(Model):
    """What should run, and where it may."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset(
        {"automountServiceAccountToken", "dnsConfig", "dnsPolicy",
         "enableServiceLinks", "ephemeralContainers", "hostAliases",
         "hostname", "hostnameOverride", "imagePullSecrets", "overhead",
         "resourceClaims", "resources",
         "schedulerName", "serviceAccount", "serviceAccountName",
         "setHostnameAsFQDN", "subdomain", "topologySpreadConstraints",
         "workloadRef"}
    )  # fmt: skip

    init_containers: Many[Container] = ()
    """Run in order before the others, each until it has ended with exit code 0. One with `restartPolicy: Always` is a
    sidecar: the next may start once it has started, and it is stopped after all others have ended."""
    containers: Many[Container] = ()
    """The programs that the pod is for; they run side by side."""
    restart_policy: RestartPolicy = "Always"
    """Whether a container that has ended runs again: `Always`, `OnFailure` (exit code other than 0) or `Never`."""
    termination_grace_period_seconds: Count = 30
    """How long the programs may take to end once the pod is to go, preStop hooks included; then they are killed."""
    active_deadline_seconds: Number | None = None
    """So long after its start on a node the pod may run; then it is stopped and Failed, reason `DeadlineExceeded`."""
    readiness_gates: Many[PodReadinessGate] = ()
    """Conditions in the pod's status that others set, and that must be `True` too for the pod to be Ready."""
    node_name: Text = ""
    """The node it is on; set by the scheduler."""
    scheduling_gates: Many[PodSchedulingGate] = ()
    """While there are any, no node is looked for. They are given at creation and can only be taken away."""
    node_selector: StringMap = {}
    """Labels that its node must have."""
    affinity: Affinity | None = None
    """Which nodes it may be placed on, beyond plain labels."""
    tolerations: Many[Toleration] = ()
    """Taints that do not keep it away."""
    priority_class_name: Text = ""
    """The PriorityClass that says how important the pod is; left out, the default class if there is one."""
    priority: Priority | None = None
    """How important the pod is, from its class; the higher, the earlier it is placed. Not to be given by hand."""
    preemption_policy: PreemptionPolicy | None = None
    """Whether the pod may end others of lower priority to get room, from its class."""
    disconnect: DisconnectPolicy | None = None
    """An extension: what becomes of the pod while its node is cut off."""
    volumes: Many[Volume] = ()
    """Files and folders that its containers mount."""
    security_context: PodSecurityContext | None = None
    """As whom its programs run."""
    os: PodOS | None = None
    """The system that it is made for."""
    runtime_class_name: Text = ""
    """How its programs are kept apart from the machine; there are no classes, so with any name they do not start."""
    host_network: bool | None = None
    """Whether its programs use the machine's network; they do, either way."""
    host_pid: bool | None = Field(default=None, alias="hostPID")
    """Whether its programs see the machine's processes; they do, either way."""
    host_ipc: bool | None = Field(default=None, alias="hostIPC")
    """Whether its programs share memory and queues with the machine's; they may, either way."""
    share_process_namespace: bool | None = None
    """Whether its programs see each other's processes; they do, either way."""
    host_users: bool | None = None
    """false: its users are others than the machine's, which no driver here can do: its programs do not start."""


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
    """Why, for people."""
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
    allocated_resources: ResourceList = {}
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


class Pod(Object):
    """A group of processes on one machine."""

    API_VERSION: ClassVar[str] = "v1"
    KIND: ClassVar[str] = "Pod"

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class PodTemplateSpec(Model):
    """The pods that a controller makes."""

    metadata: ObjectMeta = ObjectMeta()
    """Labels and annotations of the pods."""
    spec: PodSpec = PodSpec()
    """What they run."""
