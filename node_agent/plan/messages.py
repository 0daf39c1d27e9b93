"""What a program says of its own end: which ended lives it is to be read of, and how much of it counts. PURE.

It is what the program wrote to the file at `terminationMessagePath` or, where that is empty, the policy says so and it
ended with an error, the end of its log. Each is read once: the status that tells of an end remembers its message.

Reads: a pod, what the runtime tells of its containers, what was reported. Returns: where to look, texts. Never: reads.
Source: Kubernetes `pkg/kubelet/kuberuntime` (getTerminationMessage), `pkg/kubelet/status` (normalizeStatus).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from node_agent.plan.container_ids import ContainerId, parse_container_id
from node_agent.plan.init_containers import all_containers
from node_agent.plan.lives import by_container, observed_life, told_message
from node_agent.runtime.port import ContainerState
from proto.objects.container import Container
from proto.objects.pod import Pod
from proto.objects.pod_status import ContainerStatus, PodStatus
from proto.paths import place_of

FILE_BYTES_MAX = 4096
"""How much of the end of the file counts."""

LOG_BYTES_MAX, LOG_LINES_MAX = 2048, 80
"""How much of the end of the log counts: whichever is less."""

POD_BYTES_MAX = 12 * 1024
"""What all containers of a pod may say together; each has an equal share."""

_LIVES_TOLD = 2
"""A status tells of the latest life and of the one before."""

_CONTINUED, _CONTINUED_MAX = bytes(range(0x80, 0xC0)), 3
"""The bytes of a character in UTF-8 behind its first, and how many it has at most."""


@dataclass(frozen=True, slots=True)
class MessageSource:
    """Where an ended life's message may be: the file that its program knew as `path` ("": none), and then its `log`."""

    id: ContainerId
    path: str = ""
    log: Path | None = None


def message_place(container: Container) -> str:
    """Where the container finds its file; "" if it is not to have one. As in the kubelet, a path begins at `/`."""
    path = container.termination_message_path
    return place_of(path) if path else ""


def unread_messages(
    pod: Pod, states: Iterable[ContainerState], reported: PodStatus, known: Collection[str] = ()
) -> tuple[MessageSource, ...]:
    """Where to look for the messages of ended lives that are not `known` by their ids, nor from the report."""
    asking = [container for container in all_containers(pod) if _asks(container)]
    if not asking:
        return ()
    by_name = by_container(states)
    told = {status.name: status for status in (*reported.init_container_statuses, *reported.container_statuses)}
    return tuple(
        source
        for container in asking
        for state in by_name.get(container.name, ())[-_LIVES_TOLD:]
        if state.id not in known and (source := _source(container, state, told.get(container.name))) is not None
    )


def _asks(container: Container) -> bool:
    return bool(container.termination_message_path) or _falls_back(container)


def _falls_back(container: Container) -> bool:
    return container.termination_message_policy == "FallbackToLogsOnError"


def _source(container: Container, state: ContainerState, told: ContainerStatus | None) -> MessageSource | None:
    """Where the message of a life may be that has ended and was not told of yet, if it can have one."""
    life, key = observed_life(state), parse_container_id(state.id)
    if life is None or key is None or life.ending is None:
        return None
    if told is not None and told_message(told, life) is not None:
        return None
    log = state.log_path if _falls_back(container) and life.ending.exit_code != 0 else None
    path = message_place(container)
    return MessageSource(key, path, log) if path or log is not None else None


def share_bytes(pod: Pod) -> int:
    """How long the message of each container may be."""
    return POD_BYTES_MAX // len(all_containers(pod))


def last_text(data: bytes, bytes_max: int) -> str:
    """The end of what a program wrote, `bytes_max` as UTF-8 at most.

    Bytes that are none are replaced, a character that is cut in two is left out.
    """
    kept = data[-bytes_max:]
    if len(data) > bytes_max:
        kept = kept[:_CONTINUED_MAX].lstrip(_CONTINUED) + kept[_CONTINUED_MAX:]
    # A replacement is longer than what it stands for.
    return kept.decode(errors="replace").encode()[-bytes_max:].decode(errors="ignore")


def last_lines(text: bytes) -> bytes:
    """The last lines of a log, as many as count; what follows the last newline is one, too."""
    end = len(text) - text.endswith(b"\n")
    for _ in range(LOG_LINES_MAX):
        end = text.rfind(b"\n", 0, end)
        if end < 0:
            return text
    return text[end + 1 :]
