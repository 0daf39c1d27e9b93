"""Everything needed to start a container, or the reason why it cannot be started.

The answer is a value either way: a `Launch` goes to the runtime, a `Hold` becomes the container's waiting state.
Kubernetes' `command` and `args` are the entry point and its arguments; without an image there is no default for either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from signal import SIGTERM

from node_agent.plan.config import Config, ConfigProblem
from node_agent.plan.environment import Host, environment
from node_agent.plan.expansion import expand, unknown_names
from node_agent.plan.levels import level_of, oom_score_adj
from node_agent.plan.messages import message_place
from node_agent.plan.ports import ports_in_force
from node_agent.plan.security import CannotKeep, security_of
from node_agent.plan.volumes import Volumes, volumes_of
from node_agent.runtime.port import HUGETLB, NO_LIMITS, PLAIN, Limits, Security
from proto.objects.container import Container, ResourceRequirements
from proto.objects.core import ResourceList
from proto.objects.pod import Pod
from proto.quantity import HUGE_PAGES, cpu_millis, whole
from proto.signals import signal_number

CONFIG_ERROR = "CreateContainerConfigError"
CREATING = "ContainerCreating"
CREATE_ERROR = "CreateContainerError"
NO_FREE_PORT = "NoFreePort"
PORT_RETRY_S = 10.0

_CPU_MILLIS_MAX, _PIDS_MAX = 10**9, 1 << 22
"""No machine has more, and the kernel refuses limits far beyond (`max_bw_runtime_us`, `PID_MAX_LIMIT`)."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What the runtime is told; `working_dir` is "" for the pod's own directory. See `levels` for those two.

    `message_path` is where the program finds the file for what it says of its end; "": it has none.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    working_dir: str = ""
    limits: Limits = NO_LIMITS
    level: str = ""
    oom_score_adj: int | None = None
    security: Security = PLAIN
    volumes: Volumes = field(default_factory=Volumes)
    message_path: str = ""
    stop_signal: int = SIGTERM
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a container waits: the reason and message of its waiting state.

    `retry_s`: look again after so many seconds; None where only a change of the pod can help, which wakes it anyway.
    """

    reason: str
    message: str = ""
    retry_s: float | None = None


def prepare(
    pod: Pod, container: Container, config: Config, chosen_ports: Mapping[str, int], host: Host
) -> Launch | Hold:
    """The container's launch, or why it has to wait."""
    if any(port.container_port == 0 for port in ports_in_force(container, chosen_ports)):
        return Hold(NO_FREE_PORT, "no free port is left in the range of this node", PORT_RETRY_S)
    try:
        security = security_of(pod, container, host.account)
        as_agent = security.uid in (None, host.account.uid)
        env = environment(pod, container, config, chosen_ports, host, as_agent=as_agent)
    except ConfigProblem as problem:
        return Hold(CONFIG_ERROR, str(problem))
    except CannotKeep as problem:
        return Hold(CREATE_ERROR, str(problem))
    try:
        volumes = volumes_of(pod, container, config, host, env)
    except ConfigProblem as problem:
        return Hold(CREATING, str(problem))
    argv = tuple(expand(word, env) for word in (*container.command, *container.args))
    fault = _argv_problem(container, argv) or _env_problem(env) or _limit_problem(container, host)
    fault = fault or _part_problem(container, env)
    if fault:
        return Hold(CONFIG_ERROR, fault)
    return Launch(
        argv=argv,
        env=env,
        working_dir=expand(container.working_dir, env),
        limits=limits_of(container.resources, host),
        level=level_of(pod),
        security=security,
        volumes=volumes,
        message_path=message_place(container),
        oom_score_adj=oom_score_adj(pod, container, host.memory_bytes),
        stop_signal=_stop_signal(container),
        stdin=bool(container.stdin),
        stdin_once=bool(container.stdin_once),
        tty=bool(container.tty),
    )


def _stop_signal(container: Container) -> int:
    named = container.lifecycle.stop_signal if container.lifecycle is not None else ""
    return signal_number(named) or SIGTERM


def _argv_problem(container: Container, argv: tuple[str, ...]) -> str:
    if not argv:
        return f'container "{container.name}" has no command: without an image there is none to fall back on'
    if not argv[0]:
        return f'the command of container "{container.name}" is empty'
    if any("\0" in word for word in argv):
        return f'the command of container "{container.name}" contains a NUL character'
    return ""


def _env_problem(env: Mapping[str, str]) -> str:
    for name, value in env.items():
        if "\0" in value:
            return f"the value of variable {name} contains a NUL character"
    return ""


def _part_problem(container: Container, env: Mapping[str, str]) -> str:
    """Why the part of a volume that an expression names cannot be told (Kubernetes: the same reason)."""
    for mount in container.volume_mounts:
        where = f"subPathExpr {mount.sub_path_expr!r} of container {container.name!r}"
        if unknown := unknown_names(mount.sub_path_expr, env):
            return f"{where} refers to {unknown[0]}, and there is no such variable"
        if expand(mount.sub_path_expr, env).startswith("/"):
            return f"{where} must become a relative path, found {expand(mount.sub_path_expr, env)!r}"
    return ""


def _limit_problem(container: Container, host: Host) -> str:
    """Why a limit of the container cannot be kept here, if that is a reason not to start it."""
    for resource in container.resources.limits:
        why = host.unkept.get(HUGETLB if resource.startswith(HUGE_PAGES) else resource)
        if why is not None:
            return f'this node cannot keep the {resource} limit of container "{container.name}": {why}'
    return ""


def limits_of(resources: ResourceRequirements, host: Host) -> Limits:
    """What the kernel is to enforce. A request that is not given is the limit (Kubernetes); 0 limits nothing."""
    limits, requests = resources.limits, resources.requests
    return Limits(
        memory_bytes=_amount(limits, "memory"),
        cpu_millis=min(cpu_millis(limits.get("cpu", "0")), _CPU_MILLIS_MAX) or None,
        cpu_request_millis=_cpu_request(requests, limits),
        pids=min(whole(limits.get("pids", "0")), _PIDS_MAX) or host.pids_limit,
        memory_request_bytes=_amount(requests, "memory") or _amount(limits, "memory") or 0,
        hugepages=_huge_pages(limits),
    )


def _huge_pages(limits: ResourceList) -> tuple[tuple[int, int], ...]:
    """Of each page size how many bytes, both as whole numbers: `hugepages-2Mi: 4Mi` is (2097152, 4194304)."""
    sizes = {
        whole(name.removeprefix(HUGE_PAGES)): whole(amount)
        for name, amount in limits.items()
        if name.startswith(HUGE_PAGES)
    }
    return tuple(sorted((size, amount) for size, amount in sizes.items() if amount))


def _amount(amounts: ResourceList, resource: str) -> int | None:
    return whole(amounts[resource]) or None if resource in amounts else None


def _cpu_request(requests: ResourceList, limits: ResourceList) -> int | None:
    text = requests.get("cpu", limits.get("cpu", ""))
    return cpu_millis(text) if text else None
