"""What is accepted and still does not mean here what it means in Kubernetes: told to the writer, never refused.

Pure. (Fields that are known to Kubernetes and not implemented here are warned of by `proto.schema`.)
"""

from __future__ import annotations

from collections.abc import Iterator

from proto.objects.apps import Deployment, ReplicaSet
from proto.objects.batch import CronJob, Job
from proto.objects.daemon_set import DaemonSet
from proto.objects.meta import Object
from proto.objects.pod import Pod, PodSpec
from proto.objects.stateful_set import StatefulSet
from proto.quantity import parse_quantity

_COUNTED_IN_BYTES = {"memory", "ephemeral-storage"}


def warnings_of(obj: Object) -> tuple[str, ...]:
    """One line for each thing that its writer should know."""
    match obj:
        case Pod():
            return tuple(_of_spec(obj.spec, "spec"))
        case CronJob():
            template = obj.spec.job_template.spec.template.spec
            return tuple(_of_spec(template, "spec.jobTemplate.spec.template.spec"))
        case Deployment() | ReplicaSet() | StatefulSet() | DaemonSet() | Job():
            return tuple(_of_spec(obj.spec.template.spec, "spec.template.spec"))
    return ()


def _of_spec(spec: PodSpec, path: str) -> Iterator[str]:
    yield from _unmapped_ports(spec, path)
    yield from _idle_stdin(spec, path)
    yield from _parts_of_bytes(spec, path)


def _parts_of_bytes(spec: PodSpec, path: str) -> Iterator[str]:
    """`100m` of memory is a tenth of a byte, and hardly what was meant (Kubernetes: the same words)."""
    for field, containers in (("containers", spec.containers), ("initContainers", spec.init_containers)):
        for index, container in enumerate(containers):
            resources = container.resources
            for kind, amounts in (("limits", resources.limits), ("requests", resources.requests)):
                for name in _COUNTED_IN_BYTES & amounts.keys():
                    if parse_quantity(amounts[name]) % 1:
                        yield (
                            f"{path}.{field}[{index}].resources.{kind}[{name}]: fractional byte value "
                            f'"{amounts[name]}" is invalid, must be an integer'
                        )


def _idle_stdin(spec: PodSpec, path: str) -> Iterator[str]:
    """Kubernetes accepts a stdin that ends once and was never open."""
    for field, containers in (("containers", spec.containers), ("initContainers", spec.init_containers)):
        for index, container in enumerate(containers):
            if container.stdin_once and not container.stdin:
                yield f"{path}.{field}[{index}].stdinOnce: has no effect without `stdin: true`"


def _unmapped_ports(spec: PodSpec, path: str) -> Iterator[str]:
    """Programs share their machine's ports, so nothing stands between a containerPort and the machine."""
    for container_index, container in enumerate(spec.containers):
        for index, port in enumerate(container.ports):
            if port.host_port and port.container_port not in (0, port.host_port):
                yield (
                    f"{path}.containers[{container_index}].ports[{index}].hostPort: {port.host_port} is not mapped to "
                    f"containerPort {port.container_port}: the program listens on the machine's own ports"
                )
