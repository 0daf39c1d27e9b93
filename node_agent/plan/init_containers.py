"""Init containers and sidecars: whose turn it is.

Init containers run one after the other, each until it has ended with exit code 0. One with `restartPolicy: Always` is a
sidecar: it goes on, and the next has its turn once it has started. The main containers come last. Once one of them has
lived, the pod is initialized for good: only a restart of the machine makes the init containers run again.

Reads: the pod, the lives of its containers. Returns: a `Progress`. Never: decides about restarts.
Source: Kubernetes, "Init Containers", "Sidecar Containers"; the kubelet's `computeInitContainerActions`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from node_agent.plan.lives import Life
from node_agent.plan.restarts import next_restart
from proto.objects.container import Container, RestartPolicy
from proto.objects.pod import Pod

Lives = Mapping[str, tuple[Life, ...]]
"""Every container's history, by its name."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pod has come. `turn`: the containers that may be started; `incomplete`: init containers still to come.

    `failed`: the init container that has failed for good, so that the pod has; "" if none.
    """

    turn: frozenset[str]
    incomplete: tuple[str, ...] = ()
    failed: str = ""


def is_sidecar(container: Container) -> bool:
    """Whether this init container runs beside the main ones."""
    return container.restart_policy == "Always"


def all_containers(pod: Pod) -> tuple[Container, ...]:
    """The init containers, then the main ones."""
    return (*pod.spec.init_containers, *pod.spec.containers)


def sidecars(pod: Pod) -> tuple[Container, ...]:
    """The pod's sidecars in the order of their start."""
    return tuple(container for container in pod.spec.init_containers if is_sidecar(container))


def policies(pod: Pod) -> dict[str, RestartPolicy]:
    """The restart policy of each container: its own, or else the pod's.

    An init container that fails runs again unless the pod's policy is `Never`; one that succeeds never does.
    """
    of_init: RestartPolicy = "Never" if pod.spec.restart_policy == "Never" else "OnFailure"
    found = {container.name: container.restart_policy or of_init for container in pod.spec.init_containers}
    own = {container.name: container.restart_policy or pod.spec.restart_policy for container in pod.spec.containers}
    return found | own


def progress(pod: Pod, lives: Lives, up: Collection[str]) -> Progress:
    """Whose turn it is; `up` are the containers that run and have started."""
    main = frozenset(container.name for container in pod.spec.containers)
    beside = frozenset(container.name for container in sidecars(pod))
    since = last_reboot(lives)
    if any(_since(lives[name], since) for name in main):
        return Progress(main | beside)
    turn: set[str] = set()
    for index, container in enumerate(pod.spec.init_containers):
        latest = _since(lives[container.name], since)
        if is_sidecar(container):
            turn.add(container.name)
            if container.name in up:
                continue
        elif _succeeded(latest):
            continue
        else:
            turn.add(container.name)
        names = tuple(later.name for later in pod.spec.init_containers[index:])
        failed = _failed(latest) and not is_sidecar(container) and not _runs_again(pod, container, latest[-1])
        return Progress(frozenset(turn), names, container.name if failed else "")
    return Progress(main | beside)


def _runs_again(pod: Pod, container: Container, life: Life) -> bool:
    return next_restart(policies(pod)[container.name], life, rules=container.restart_policy_rules) is not None


def last_reboot(lives: Lives) -> datetime | None:
    """When a restart of the machine last ended containers of the pod; what ended before must be done again."""
    ends = [life.ending.at for known in lives.values() for life in known if life.ending and life.ending.by_reboot]
    return max(ends, default=None)


def must_rerun(life: Life, since: datetime | None) -> bool:
    """Whether an ended life is of before the last restart of the machine."""
    return since is not None and life.ending is not None and life.ending.at <= since


def _since(lives: tuple[Life, ...], since: datetime | None) -> tuple[Life, ...]:
    """The lives after the last restart of the machine."""
    return tuple(life for life in lives if not must_rerun(life, since))


def _succeeded(lives: tuple[Life, ...]) -> bool:
    ending = lives[-1].ending if lives else None
    return ending is not None and ending.exit_code == 0


def _failed(lives: tuple[Life, ...]) -> bool:
    ending = lives[-1].ending if lives else None
    return ending is not None and ending.exit_code != 0
