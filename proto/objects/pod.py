"""Pod: a group of processes that live on one machine together, and the template that others make pods from.

Source: Kubernetes API reference, core/v1 Pod. `container` is what it is made of, `pod_status` what is known of it.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from proto.no_entries import NO_ENTRIES
from proto.objects.affinity import Affinity
from proto.objects.container import Container, RestartPolicy
from proto.objects.core import TaintEffect
from proto.objects.health import PodReadinessGate
from proto.objects.meta import (
    Count,
    Many,
    Model,
    Number,
    Object,
    ObjectMeta,
    StringMap,
    Text,
)
from proto.objects.pod_status import PodStatus
from proto.objects.scheduling import PreemptionPolicy, Priority
from proto.objects.security import PodSecurityContext
from proto.objects.volumes import Volume

OnReconnect = Literal["keepOriginal", "keepReplacement", "keepBest"]


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
    node_selector: StringMap = NO_ENTRIES
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
