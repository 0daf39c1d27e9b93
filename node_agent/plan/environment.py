"""The environment of a container: what the machine gives, `HOSTNAME`, its ports, `envFrom`, then `env`; later ones win.

Values come from the manifest (with `$(VAR)` expanded from what stands before), from ConfigMaps and Secrets, from the
pod's own fields and from the container's own requests and limits. What cannot be resolved is a `ConfigProblem`, whose
message is Kubernetes' own and is shown as the container's waiting message.

Source: Kubernetes, "Define environment variables", "Downward API"; the kubelet's `makeEnvironmentVariables`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING

from node_agent.plan.config import Config, ConfigProblem, Texts, key_of
from node_agent.plan.expansion import expand
from node_agent.plan.ports import port_variables
from node_agent.plan.restarts import MAX_BACK_OFF_S
from node_agent.plan.security import Account
from proto.objects.container import Container
from proto.objects.env import EnvFromSource, EnvVar, EnvVarSource, ResourceFieldSelector
from proto.objects.pod import Pod
from proto.quantity import parse_quantity

_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']*)'\]")
HOME = "HOME"
"""The agent's own is of no use to programs of other users: they are given theirs when they start."""

HOSTNAME_LENGTH_MAX = 63
"""Longer names of pods are cut short, as the kubelet does."""

_RESOURCE = re.compile(r"(limits|requests)\.(cpu|memory|ephemeral-storage|pids|hugepages-.+)")


@dataclass(frozen=True, slots=True)
class Host:
    """What a pod can learn about its machine, and what the machine keeps of its limits.

    `base_env` is what every program here starts with (`PATH`, …). `enforced_memory_bytes` and `enforced_pids` are what
    all pods together may use, None where that is not enforced. `unkept` names the limits (`cpu`, `memory`, `pids`,
    `hugetlb`) that stop a container from starting here because they cannot be kept, each with the reason. `account` is
    who the agent is, and so its programs where nothing else is said.
    """

    node: str
    address: str
    allocatable: Mapping[str, str] = field(default_factory=dict)
    base_env: Mapping[str, str] = field(default_factory=dict)
    pids_limit: int | None = None
    memory_bytes: int = 0
    enforced_memory_bytes: int | None = None
    enforced_pids: int | None = None
    unkept: Mapping[str, str] = field(default_factory=dict)
    account: Account = field(default_factory=Account)
    crash_loop_max_s: int = MAX_BACK_OFF_S
    """How long a container that keeps ending waits at most for its next life."""
    resizes: bool = False
    """Whether limits can be changed while a container runs."""


def environment(
    pod: Pod,
    container: Container,
    config: Config,
    chosen_ports: Mapping[str, int],
    host: Host,
    *,
    as_agent: bool = True,
    strict: bool = True,
) -> dict[str, str]:
    """All variables that the container's program starts with; one that does not run `as_agent` has another home.

    Raises:
        ConfigProblem: a ConfigMap, a Secret or a key is missing and not optional, or a reference names nothing. Where
            nobody is `strict`, what would need it is left out instead.
    """
    faults: tuple[type[ConfigProblem], ...] = () if strict else (ConfigProblem,)
    base = {name: value for name, value in host.base_env.items() if as_agent or name != HOME}
    variables = {**base, "HOSTNAME": _hostname(pod)} | port_variables(container, chosen_ports)
    for source in container.env_from:
        with contextlib.suppress(*faults):
            variables.update(_all_of(source, config))
    for variable in container.env:
        if variable.value_from is None:
            variables[variable.name] = expand(variable.value or "", variables)
            continue
        with contextlib.suppress(*faults):
            value = _resolve(variable, variable.value_from, pod, container, config, host)
            if value is not None:
                variables[variable.name] = value
    return variables


def _hostname(pod: Pod) -> str:
    """What `HOSTNAME` says in a container of Kubernetes; programs of a StatefulSet read their number from it.

    The machine's own name is what it was: `gethostname` tells that of the machine.
    """
    return pod.metadata.name[:HOSTNAME_LENGTH_MAX].rstrip("-.")


def _all_of(source: EnvFromSource, config: Config) -> dict[str, str]:
    """All keys of a ConfigMap or Secret that can be names of variables."""
    data: Texts
    if (reference := source.config_map_ref) is not None:
        data = config.config_map(reference.name, optional=bool(reference.optional))
    elif (secret := source.secret_ref) is not None:
        data = config.secret(secret.name, optional=bool(secret.optional))
    else:
        raise ConfigProblem("an entry of envFrom has no source that this version knows: configMapRef, secretRef")
    names = {source.prefix + key: value for key, value in data.items()}
    return {name: value for name, value in names.items() if name and "=" not in name and "\0" not in name + value}


def _resolve(
    variable: EnvVar, source: EnvVarSource, pod: Pod, container: Container, config: Config, host: Host
) -> str | None:
    """The value of a `valueFrom`; None leaves the variable out."""
    namespace = pod.metadata.namespace
    if (ref := source.config_map_key_ref) is not None:
        optional = bool(ref.optional)
        data = config.config_map(ref.name, optional=optional)
        return key_of(data, ref.key, f"ConfigMap {namespace}/{ref.name}", optional=optional)
    if (secret := source.secret_key_ref) is not None:
        optional = bool(secret.optional)
        data = config.secret(secret.name, optional=optional)
        return key_of(data, secret.key, f"Secret {namespace}/{secret.name}", optional=optional)
    if source.field_ref is not None:
        return pod_field(source.field_ref.field_path, pod, host)
    if source.resource_field_ref is not None:
        return resource_amount(source.resource_field_ref, pod, container, host)
    raise ConfigProblem(f"valueFrom of variable {variable.name} has no source that this version knows")


def pod_field(path: str, pod: Pod, host: Host) -> str:
    """A field of the pod for the downward API; a label or annotation that is not there is "".

    Raises:
        ConfigProblem: the path is not one of those offered.
    """
    subscript = _SUBSCRIPT.fullmatch(path)
    if subscript is not None:
        values = pod.metadata.labels if subscript.group(1) == "labels" else pod.metadata.annotations
        return values.get(subscript.group(2), "")
    fields = {
        "metadata.name": pod.metadata.name,
        "metadata.namespace": pod.metadata.namespace,
        "metadata.uid": pod.metadata.uid,
        "spec.nodeName": host.node,
        "status.hostIP": host.address,
        "status.hostIPs": host.address,
        "status.podIP": host.address,
        "status.podIPs": host.address,
    }
    if path not in fields:
        raise ConfigProblem(f"unsupported fieldPath: {path}")
    return fields[path]


def resource_amount(selector: ResourceFieldSelector, pod: Pod, container: Container | None, host: Host) -> str:
    """A request or limit in units of the divisor, rounded up; a missing limit is what the node can give."""
    match = _RESOURCE.fullmatch(selector.resource)
    if match is None:
        raise ConfigProblem(f"unsupported container resource: {selector.resource}")
    owner = container
    if selector.container_name or owner is None:
        owner = _named_container(pod, selector.container_name)
    side, resource = match.groups()
    amounts = owner.resources.limits if side == "limits" else owner.resources.requests
    fallback = host.allocatable.get(resource, "0") if side == "limits" else "0"
    try:
        divisor = parse_quantity(selector.divisor) or parse_quantity("1")
    except ValueError as problem:
        raise ConfigProblem(f"divisor of {selector.resource}: {problem}") from None
    amount = parse_quantity(amounts.get(resource, fallback)) / divisor
    return str(amount.to_integral_value(ROUND_CEILING))


def _named_container(pod: Pod, name: str) -> Container:
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        if container.name == name:
            return container
    raise ConfigProblem(f"container {name} not found")
