"""Container: one program of a pod, with what it is given, what it may use and how it is looked after.

Source: Kubernetes API reference, core/v1 Container. Processes for containers: `containerPort: 0` asks for a free port,
an empty `image` (or `host`) runs a program of the machine.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from proto.no_entries import NO_ENTRIES
from proto.objects.core import ResourceList
from proto.objects.env import EnvFromSource, EnvVar
from proto.objects.health import Lifecycle, Probe
from proto.objects.meta import (
    Many,
    Model,
    Text,
)
from proto.objects.security import SecurityContext
from proto.objects.volumes import VolumeMount

RestartPolicy = Literal["Always", "OnFailure", "Never"]
TerminationMessagePolicy = Literal["File", "FallbackToLogsOnError"]


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

    requests: ResourceList = NO_ENTRIES
    """What the scheduler reserves on the node."""
    limits: ResourceList = NO_ENTRIES
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

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset({"imagePullPolicy", "volumeDevices"})

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
    termination_message_path: Text = ""
    """Where it finds a file of its own; what it wrote there when it ends, at most 4096 bytes (all containers of a pod
    12 KiB), is the message of its end. Left out, it has none: nothing is mounted at /dev/termination-log."""
    termination_message_policy: TerminationMessagePolicy | None = None
    """File (the default): the message is what is in that file. FallbackToLogsOnError: if that is empty, and it ended
    with an error, the message is the end of its log, at most 2048 bytes or 80 lines."""
    security_context: SecurityContext | None = None
    """As whom it runs, and what it may."""
    stdin: bool | None = None
    """Whether its stdin stays open for clients that attach to it; without, reads end at once."""
    stdin_once: bool | None = None
    """With stdin: it ends when the first client that could write has gone, until the container is started anew."""
    tty: bool | None = None
    """Whether it has a terminal of its own: it prints there and, with stdin, reads there. The log is what shows."""
