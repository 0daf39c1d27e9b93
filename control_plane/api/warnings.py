"""What is accepted and still does not mean here what it means in Kubernetes: told to the writer, never refused.

Pure. (Fields that are known to Kubernetes and not implemented here are warned of by `proto.schema`.)
"""

from __future__ import annotations

from collections.abc import Iterator

from proto.disconnection import disconnection
from proto.objects.apps import Deployment, ReplicaSet
from proto.objects.batch import CronJob, Job
from proto.objects.container import Container
from proto.objects.daemon_set import DaemonSet
from proto.objects.health import Lifecycle
from proto.objects.meta import Object
from proto.objects.pod import Pod, PodSpec
from proto.objects.stateful_set import StatefulSet
from proto.paths import place_of
from proto.quantity import parse_quantity

_COUNTED_IN_BYTES = {"memory", "ephemeral-storage"}


def warnings_of(obj: Object) -> tuple[str, ...]:
    """One line for each thing that its writer should know."""
    match obj:
        case Pod():
            return (*_of_disconnect(obj), *_of_spec(obj.spec, "spec"))
        case CronJob():
            template = obj.spec.job_template.spec.template.spec
            return tuple(_of_spec(template, "spec.jobTemplate.spec.template.spec"))
        case Deployment() | ReplicaSet() | StatefulSet() | DaemonSet() | Job():
            return tuple(_of_spec(obj.spec.template.spec, "spec.template.spec"))
    return ()


def _of_disconnect(pod: Pod) -> Iterator[str]:
    """Nobody replaces a pod that stands alone, so there is nothing to choose from when its node is back."""
    choice = disconnection(pod).on_reconnect
    if choice != "keepReplacement" and pod.metadata.controller is None:
        yield (
            f"spec.disconnect.onReconnect: {choice} has no effect for a pod that no ReplicaSet replaces; "
            "`replaceAfterSeconds` keeps it while its node is cut off"
        )


def _of_spec(spec: PodSpec, path: str) -> Iterator[str]:
    yield from _unmapped_ports(spec, path)
    for field, containers in (("containers", spec.containers), ("initContainers", spec.init_containers)):
        for index, container in enumerate(containers):
            yield from _of_container(container, f"{path}.{field}[{index}]")


def _of_container(container: Container, path: str) -> Iterator[str]:
    if container.stdin_once and not container.stdin:  # Kubernetes accepts a stdin that ends once and was never open.
        yield f"{path}.stdinOnce: has no effect without `stdin: true`"
    yield from _messages_elsewhere(container, path)
    yield from _parts_of_bytes(container, path)
    yield from _hidden_variables(container, path)
    yield from _ports_without_a_number(container, path)


def _messages_elsewhere(container: Container, path: str) -> Iterator[str]:
    """Kubernetes mounts a file at /dev/termination-log for everyone, and puts a `/` before what has none."""
    given = container.termination_message_path
    if given and not given.startswith("/"):
        yield f"{path}.terminationMessagePath: is not absolute, the file is at {place_of(given)}"
    if container.termination_message_policy == "File" and not given:
        yield (
            f"{path}.terminationMessagePolicy: File has no effect without `terminationMessagePath`: "
            "nothing is mounted at /dev/termination-log unless that is said"
        )


def _hidden_variables(container: Container, path: str) -> Iterator[str]:
    """Of variables of one name the last counts."""
    seen: set[str] = set()
    for index, variable in enumerate(container.env):
        if variable.name in seen:
            yield f'{path}.env[{index}]: hides previous definition of "{variable.name}"'
        seen.add(variable.name)


def _ports_without_a_number(container: Container, path: str) -> Iterator[str]:
    """A probe or a hook that names a port which the container does not have can never be done."""
    known = {port.name for port in container.ports if port.name}
    for field, port in _ports_asked_for(container):
        if isinstance(port, str) and port not in known:
            names = ", ".join(sorted(known)) or "none with a name"
            yield f'{path}.{field}.port: can never succeed, the container has no port "{port}" (it has {names})'


def _ports_asked_for(container: Container) -> Iterator[tuple[str, int | str]]:
    probes = {"startupProbe": container.startup_probe, "livenessProbe": container.liveness_probe,
              "readinessProbe": container.readiness_probe}  # fmt: skip
    for name, probe in probes.items():
        if probe is not None:
            actions = (("httpGet", probe.http_get), ("tcpSocket", probe.tcp_socket), ("grpc", probe.grpc))
            yield from ((f"{name}.{field}", action.port) for field, action in actions if action is not None)
    lifecycle = container.lifecycle or Lifecycle()
    for name, hook in (("postStart", lifecycle.post_start), ("preStop", lifecycle.pre_stop)):
        if hook is not None and hook.http_get is not None:
            yield f"lifecycle.{name}.httpGet", hook.http_get.port


def _parts_of_bytes(container: Container, path: str) -> Iterator[str]:
    """`100m` of memory is a tenth of a byte, and hardly what was meant (Kubernetes: the same words)."""
    resources = container.resources
    for field, amounts in (("limits", resources.limits), ("requests", resources.requests)):
        for name in _COUNTED_IN_BYTES & amounts.keys():
            if parse_quantity(amounts[name]) % 1:
                value = f'fractional byte value "{amounts[name]}"'
                yield f"{path}.resources.{field}[{name}]: {value} is invalid, must be an integer"


def _unmapped_ports(spec: PodSpec, path: str) -> Iterator[str]:
    """Programs share their machine's ports, so nothing stands between a containerPort and the machine."""
    for container_index, container in enumerate(spec.containers):
        for index, port in enumerate(container.ports):
            if port.host_port and port.container_port not in (0, port.host_port):
                yield (
                    f"{path}.containers[{container_index}].ports[{index}].hostPort: {port.host_port} is not mapped to "
                    f"containerPort {port.container_port}: the program listens on the machine's own ports"
                )
