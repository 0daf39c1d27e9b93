"""The messages between the hub (the leading control plane) and a node's agent.

    up.register   agent -> hub    Registration   => RegistrationReply
    up.heartbeat  agent -> hub    Heartbeat      => HeartbeatReply     every 0.75 s; the reply is the lease's grant
    up.status     agent -> hub    StatusReport   => StatusReply        after the hub wrote it
    up.sync       agent -> hub    SyncRequest    => Assignments (full)
    up.goodbye    agent -> hub    Goodbye        => GoodbyeReply       a polite leave: the name is free at once
    down.assign   hub -> agent    Assignments (a change, or everything)
    down.clean    api -> agent    CleanRequest => CleanReply           what was left over, and away with it
    down.logs     client -> agent LogRequest     => chunks, see `proto.streams`
    down.exec     client -> agent ExecRequest   <=> frames, see `proto.frames` and `proto.duplex`
    down.copy     client -> agent CopyRequest   <=> frames, see `proto.copying`
    down.usage    client -> agent (nothing)     => UsageReply          what each container here uses now
    down.portforward  client -> agent ForwardRequest <=> bytes of one connection, see `proto.duplex`

All are msgpack; requests of clients may be JSON as well. Loss is noticed and healed: every assignment message carries
the digest of what the node should hold after it, every heartbeat the digest of what it does hold. The digest is a sum,
so order does not matter and one change costs one addition: sum over the pods of hash64(uid, resourceVersion) modulo
2**64.

An agent's life is its `incarnation` (drawn at its start). The hub serves one incarnation of a name at a time: another
is refused while the first one's lease runs. A restarted agent on the same machine (same `machine_id` and state
directory, shown by `previous_incarnation`) takes its predecessor's place at once.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from proto.garbage import Garbage
from proto.ids import hash64
from proto.no_entries import NO_ENTRIES
from proto.objects.core import NodeAddress, NodeSystemInfo, NodeUsage, ResourceList
from proto.objects.meta import Condition, Many, Model, StringMap
from proto.objects.pod import Pod
from proto.objects.pod_status import ContainerUsage, PodStatus

DIGEST_MODULUS = 2**64

CONFIG_WITHHELD = "0"
"""The version of a pod that was sent without its config, because message space was short: the whole follows."""


def pod_digest(uid: str, resource_version: str) -> int:
    """One pod's summand."""
    return hash64(uid, resource_version)


class Registration(Model):
    """What an agent says of its machine when it joins."""

    node: str
    incarnation: str
    previous_incarnation: str = ""
    labels: StringMap = NO_ENTRIES
    capacity: ResourceList = NO_ENTRIES
    allocatable: ResourceList = NO_ENTRIES
    addresses: Many[NodeAddress] = ()
    node_info: NodeSystemInfo = NodeSystemInfo()
    conditions: Many[Condition] = ()
    leaving: bool = False
    """The node leaves; see `proto.leaving`."""


class RegistrationReply(Model):
    """`refused` says why the name is not given (another agent holds it, the name is invalid); "" is a welcome."""

    refused: str = ""
    heartbeat_s: float = 0.75
    lease_s: float = 15.0
    epoch: int = 0


class Heartbeat(Model):
    """I am alive, this is what I hold and use; `pod_usage` (by uid) comes once for each new sample."""

    incarnation: str
    sequence: int
    digest: int = 0
    pods: int = 0
    usage: NodeUsage | None = None
    pod_usage: dict[str, ContainerUsage] = NO_ENTRIES
    conditions: Many[Condition] = ()
    leaving: bool = False
    """The node leaves: no new pods, and those that are here elsewhere; see `proto.leaving`."""


class HeartbeatReply(Model):
    """`granted` until sent time + lease_s; `register`: the hub does not know you; `refused`: another holds the name."""

    verdict: Literal["granted", "register", "refused"]
    lease_s: float = 15.0
    epoch: int = 0
    resync: bool = False
    """The digests differ for a while already: ask for everything with `up.sync`."""


class Assignment(Model):
    """A pod that this node should hold, with the ConfigMaps and Secrets that it refers to, as far as they exist.

    All are (name -> data); `binaries` is what ConfigMaps have in `binaryData`. Its values and those of Secrets are in
    base64.
    """

    pod: Pod
    config: dict[str, dict[str, str]] = NO_ENTRIES
    secrets: dict[str, dict[str, str]] = NO_ENTRIES
    binaries: dict[str, dict[str, str]] = NO_ENTRIES


class AssignmentsHead(Model):
    """What a message with assignments says beside the pods."""

    epoch: int = 0
    sequence: int = 0
    """Grows within an epoch from message to message, in the order of composing; 0: not numbered."""
    full: bool = False
    removed: Many[str] = ()
    digest: int = 0


class Assignments(AssignmentsHead):
    """`full`: hold exactly `pods`. Otherwise: add or replace `pods`, and forget the uids of `removed`."""

    pods: Many[Assignment] = ()


class PodReport(Model):
    """What a node knows of one pod. `gone`: it was to be deleted, everything of it has ended and is removed."""

    namespace: str
    name: str
    uid: str
    status: PodStatus = PodStatus()
    gone: bool = False


class PodEvent(Model):
    """Something that a node wants told to people about a pod (`BackOff`, `Started`, `FailedMount`, …)."""

    namespace: str
    name: str
    uid: str
    reason: str
    message: str
    type: Literal["Normal", "Warning"] = "Normal"


class StatusReport(Model):
    """Changed pods since the last acknowledged report."""

    incarnation: str
    pods: Many[PodReport] = ()
    events: Many[PodEvent] = ()


class StatusReply(Model):
    """`accepted`: uids whose status is written (or whose pod is gone); the rest is to be sent again."""

    accepted: Many[str] = ()
    verdict: Literal["granted", "register", "refused"] = "granted"


class SyncRequest(Model):
    """Tell me everything that I should hold."""

    incarnation: str


class Goodbye(Model):
    """I leave politely; my name is free."""

    incarnation: str


class GoodbyeReply(Model):
    """Noted."""


class CleanRequest(Model):
    """Remove what belongs to no pod; with `dry_run` only tell."""

    dry_run: bool = False


class CleanReply(Model):
    """What was left over. `refused` says why this node cannot tell now."""

    leftovers: Many[Garbage] = ()
    refused: str = ""


class LogMark(Model):
    """A place in a log from which a reader may go on; see `node_agent.logs.reader.LogPlace`. `life`: of which life."""

    life: str
    file: str = ""
    offset: Annotated[int, Field(ge=0)] = 0
    stamp: str = ""
    inside_line: bool = False


class LogRequest(Model):
    """Lines of a container's output. `since_s`: age limit in seconds; `tail`: the last n lines; -1 means all.

    `limit_bytes` ends the text after so many bytes. With `marks` the chunks are those of `proto.log_chunks`; the mark
    of the last one, as `after`, goes on behind it, in the same life of the container.
    """

    namespace: str
    pod: str
    container: str = ""
    follow: bool = False
    previous: bool = False
    tail: Annotated[int, Field(ge=-1)] = -1
    since_s: float | None = None
    timestamps: bool = False
    limit_bytes: Annotated[int, Field(ge=1)] | None = None
    marks: bool = False
    after: LogMark | None = None


class TerminalSize(Model):
    """How large a person's terminal is, in characters."""

    columns: int = 80
    rows: int = 24


class ExecRequest(Model):
    """A command to run in a container, beside its program. With a `terminal` its output is one stream, not two.

    `term` is the type of that terminal, as in the variable TERM.
    """

    namespace: str
    pod: str
    container: str = ""
    command: Many[str] = ()
    stdin: bool = False
    terminal: TerminalSize | None = None
    term: str = ""


class ForwardRequest(Model):
    """A connection to a port on which the pod's programs listen."""

    namespace: str
    pod: str
    port: Annotated[int, Field(ge=1, le=65535)]


class UsageOfContainer(Model):
    """What one container uses: processor in thousandths of a core, memory in bytes (its working set).

    Of its quota periods `throttled_periods` were used up before they were over. The pressures are the percentage of the
    last ten seconds in which some process waited for the resource. `oom_kills` counts earlier lives as well, each of
    which such a kill has ended. None: the node cannot tell.
    """

    namespace: str
    pod: str
    container: str
    cpu_millis: int = 0
    memory_bytes: int = 0
    pids: int | None = None
    periods: int | None = None
    throttled_periods: int | None = None
    cpu_pressure: float | None = None
    memory_pressure: float | None = None
    io_pressure: float | None = None
    oom_kills: int = 0


class UsageReply(Model):
    """Of the machine, and of all containers that run there. `refused` says why these cannot be told now."""

    node: NodeUsage = NodeUsage()
    containers: Many[UsageOfContainer] = ()
    refused: str = ""


class CopyRequest(Model):
    """A file or folder of a container to send, or to `receive`; the path is relative to its working directory."""

    namespace: str
    pod: str
    container: str = ""
    path: str
    receive: bool = False
