"""How a container's health is looked at, and what is done when it starts and before it stops: probes and hooks.

Source: Kubernetes API reference, core/v1 Probe, Lifecycle, PodReadinessGate; concepts/workloads/pods/probes.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from proto.objects.meta import INT32_MAX, Many, Model, Text

Whole = Annotated[int, Field(ge=-INT32_MAX - 1, le=INT32_MAX)]
"""A 32-bit number; whether it may be negative is a rule of validation, in Kubernetes' words."""

PortRef = Annotated[int | str, Field(union_mode="left_to_right")]
"""A port's number, or the name of one of the container's ports."""


class ExecAction(Model):
    """Runs a command in the container's control group, with its variables and working directory."""

    command: Many[str] = ()
    """The program and its arguments; no shell is involved. Exit code 0 is success."""


class HTTPHeader(Model):
    """A header of a request."""

    name: str
    """The header's name, such as `Authorization`."""
    value: Text = ""
    """Its value."""


class HTTPGetAction(Model):
    """Sends a GET request; a status from 200 to 399 is success."""

    path: str = ""
    """The path with its query; `/` if left out."""
    port: PortRef
    """A number from 1 to 65535, or the name of one of the container's ports (also one that the agent chose)."""
    host: Text = ""
    """The host to connect to; left out: 127.0.0.1, since pods share their machine's network."""
    scheme: str = "HTTP"
    """`HTTP` or `HTTPS`. A certificate is not verified."""
    http_headers: Many[HTTPHeader] = ()
    """More headers; they replace those that are sent anyway (`Host`, `User-Agent`, `Accept`)."""


class TCPSocketAction(Model):
    """Opens a TCP connection and closes it; that it opens is success."""

    port: PortRef
    """A number from 1 to 65535, or the name of one of the container's ports (also one that the agent chose)."""
    host: Text = ""
    """The host to connect to; left out: 127.0.0.1, since pods share their machine's network."""


class GRPCAction(Model):
    """Calls `Check` of the gRPC health checking protocol, in plain text; the answer `SERVING` is success."""

    port: PortRef
    """A number from 1 to 65535; as an extension also the name of one of the container's ports."""
    service: Text = ""
    """Which service to ask about; left out: the program as a whole."""


class SleepAction(Model):
    """Waits."""

    seconds: Annotated[int, Field(ge=-INT32_MAX - 1, le=INT32_MAX)]
    """How long, at most the pod's `terminationGracePeriodSeconds`."""


class Probe(Model):
    """Looks at a container again and again: exactly one of `exec`, `httpGet`, `tcpSocket` and `grpc`, and when."""

    exec_: ExecAction | None = Field(default=None, alias="exec")
    """Success is exit code 0."""
    http_get: HTTPGetAction | None = None
    """Success is a status from 200 to 399."""
    tcp_socket: TCPSocketAction | None = None
    """Success is a connection."""
    grpc: GRPCAction | None = None
    """Success is the answer `SERVING`."""
    initial_delay_seconds: Whole = 0
    """So many seconds after the container has started the first look is taken."""
    timeout_seconds: Whole = 1
    """A look that takes longer has failed. Default 1."""
    period_seconds: Whole = 10
    """How often to look. Default 10."""
    success_threshold: Whole = 1
    """So many successes in a row count as success after a failure; must be 1 for liveness and startup. Default 1."""
    failure_threshold: Whole = 3
    """So many failures in a row count as failure. Default 3."""
    termination_grace_period_seconds: Whole | None = None
    """The grace for the container when this probe kills it; left out: the pod's. Not for readiness."""


class LifecycleHandler(Model):
    """What is done at a point of a container's life: exactly one of `exec`, `httpGet` and `sleep`."""

    UNIMPLEMENTED: ClassVar[frozenset[str]] = frozenset({"tcpSocket"})

    exec_: ExecAction | None = Field(default=None, alias="exec")
    """Runs a command; an exit code other than 0 is a failure."""
    http_get: HTTPGetAction | None = None
    """Sends a request; anything but a status from 200 to 399 is a failure."""
    sleep: SleepAction | None = None
    """Waits."""


class Lifecycle(Model):
    """What is done right after a container has started and right before it is stopped."""

    stop_signal: Text = ""
    """What asks the program to end, such as `SIGINT` or `SIGRTMIN+3`; left out, `SIGTERM`."""
    post_start: LifecycleHandler | None = None
    """Done right after the program has started; until it is done the container counts as not running. If it fails, the
    container is killed, and restarted by its policy."""
    pre_stop: LifecycleHandler | None = None
    """Done before SIGTERM when the container is stopped (not when it ends by itself). Its time counts in the grace
    period; when that is over, everything is killed."""


class PodReadinessGate(Model):
    """A condition that somebody else sets in the pod's status; the pod is Ready only while it is `True`."""

    condition_type: str
    """The condition's type, such as `example.com/load-balancer`."""


ProbeKind = Literal["startup", "liveness", "readiness"]
