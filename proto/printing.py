"""Objects as tables: the columns and cells that `get` prints, computed on the server as a `meta.k8s.io/v1` Table.

Every kind has its columns here, in Kubernetes' order and words; those of priority 1 are for `-o wide`. Source:
Kubernetes `pkg/printers/internalversion/printers.go`.

Reads: objects and *now*. Writes nothing. Never here: alignment and headers (the command line's).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from proto.catalog import Kind
from proto.durations import age
from proto.objects.apps import Deployment, DeploymentStatus, ReplicaSet
from proto.objects.batch import CronJob, Job
from proto.objects.coordination import Lease
from proto.objects.core import ConfigMap, Event, Namespace, Node
from proto.objects.meta import LabelSelector, Object, find_condition
from proto.objects.pod import ContainerStatus, Pod, PodSpec
from proto.selectors import format_label_selector

Cell = str | int
NONE = "<none>"
_ROLE_LABEL = "node-role.kubernetes.io/"


class Column(NamedTuple):
    """One column: its title, the JSON type of its cells, and 1 if it is for the wide form only."""

    name: str
    type: str = "string"
    priority: int = 0


class Printer(NamedTuple):
    """How a kind is printed: its columns, and the cells of one object at a time."""

    columns: tuple[Column, ...]
    cells: Callable[[Any, datetime], Sequence[Cell]]


def table(kind: Kind, objects: Iterable[Object], now: datetime, wide: bool) -> dict[str, Any]:
    """The Table of `objects`; with `wide` it also has the columns of priority 1 (each says so in its definition)."""
    columns = _PRINTERS.get(kind.kind, _ANY).columns
    return {
        "apiVersion": "meta.k8s.io/v1",
        "kind": "Table",
        "metadata": {},
        "columnDefinitions": [_definition(column) for column in columns if wide or not column.priority],
        "rows": [row(kind, obj, now, wide) for obj in objects],
    }


def row(kind: Kind, obj: Object, now: datetime, wide: bool) -> dict[str, Any]:
    """One row of the Table."""
    printer = _PRINTERS.get(kind.kind, _ANY)
    cells = zip(printer.columns, printer.cells(obj, now), strict=True)
    return {"cells": [cell for column, cell in cells if wide or not column.priority], "object": _partial(obj)}


def _definition(column: Column) -> dict[str, Any]:
    form = "name" if column.name == "Name" else ""
    return {"name": column.name, "type": column.type, "format": form, "description": "", "priority": column.priority}


def _partial(obj: Object) -> dict[str, Any]:
    """Who the row is about: enough for `-A`, `--show-labels` and a watch from here."""
    metadata = obj.metadata
    known = {
        "name": metadata.name,
        "namespace": metadata.namespace,
        "uid": metadata.uid,
        "resourceVersion": metadata.resource_version,
        "labels": metadata.labels,
    }
    return {
        "apiVersion": "meta.k8s.io/v1",
        "kind": "PartialObjectMetadata",
        "metadata": {name: value for name, value in known.items() if value},
    }


def _age(obj: Object, now: datetime) -> str:
    return age(obj.metadata.creation_timestamp, now)


def pod_cells(pod: Pod, now: datetime) -> Sequence[Cell]:
    """NAME READY STATUS RESTARTS AGE, IP NODE."""
    statuses = pod.status.container_statuses
    ready = sum(status.ready and status.state.running is not None for status in statuses)
    return (
        pod.metadata.name,
        f"{ready}/{len(pod.spec.containers)}",
        pod_status(pod),
        _restarts(statuses, now),
        _age(pod, now),
        pod.status.pod_ip or NONE,
        pod.spec.node_name or NONE,
    )


def pod_status(pod: Pod) -> str:
    """The one word that tells how a pod is: its phase, unless a container or a deletion has more to say."""
    if pod.deleting and pod.status.reason == "NodeLost":
        return "Unknown"
    if pod.deleting and pod.status.phase not in ("Succeeded", "Failed"):
        return "Terminating"
    reason = pod.status.reason or pod.status.phase
    running = False
    for status in reversed(pod.status.container_statuses):
        reason = _container_reason(status) or reason
        running = running or (status.ready and status.state.running is not None)
    if reason == "Completed" and running:
        condition = find_condition(pod.status.conditions, "Ready")
        return "Running" if condition is not None and condition.status == "True" else "NotReady"
    return reason


def _container_reason(status: ContainerStatus) -> str:
    """Why a container does not run, or ""."""
    waiting, terminated = status.state.waiting, status.state.terminated
    if waiting is not None:
        return waiting.reason
    if terminated is None:
        return ""
    if terminated.reason:
        return terminated.reason
    return f"Signal:{terminated.signal}" if terminated.signal else f"ExitCode:{terminated.exit_code}"


def _restarts(statuses: Sequence[ContainerStatus], now: datetime) -> str:
    """`3 (5m ago)`: how often, and when the last time was."""
    count = sum(status.restart_count for status in statuses)
    ends = [
        status.last_state.terminated.finished_at
        for status in statuses
        if status.last_state.terminated is not None and status.last_state.terminated.finished_at is not None
    ]
    return f"{count} ({age(max(ends), now)} ago)" if count and ends else str(count)


def node_cells(node: Node, now: datetime) -> Sequence[Cell]:
    """NAME STATUS ROLES AGE VERSION, INTERNAL-IP EXTERNAL-IP OS-IMAGE KERNEL-VERSION CONTAINER-RUNTIME."""
    found = node.status.node_info
    addresses = {address.type: address.address for address in reversed(node.status.addresses)}
    return (
        node.metadata.name,
        node_status(node),
        _roles(node),
        _age(node, now),
        (found.kubelet_version if found else "") or "<unknown>",
        addresses.get("InternalIP", NONE),
        addresses.get("ExternalIP", NONE),
        (found.os_image if found else "") or "<unknown>",
        (found.kernel_version if found else "") or "<unknown>",
        (found.container_runtime_version if found else "") or "<unknown>",
    )


def node_status(node: Node) -> str:
    """`Ready`, `NotReady` or `Unknown` (nothing was ever said), and whether it is cordoned."""
    condition = find_condition(node.status.conditions, "Ready")
    status = "Unknown" if condition is None else "Ready" if condition.status == "True" else "NotReady"
    return f"{status},SchedulingDisabled" if node.spec.unschedulable else status


def _roles(node: Node) -> str:
    labels = node.metadata.labels
    roles = {label.removeprefix(_ROLE_LABEL) for label in labels if label.startswith(_ROLE_LABEL)}
    roles.add(labels.get("kubernetes.io/role", ""))
    return ",".join(sorted(roles - {""})) or NONE


def deployment_cells(deployment: Deployment, now: datetime) -> Sequence[Cell]:
    """NAME READY UP-TO-DATE AVAILABLE AGE, CONTAINERS IMAGES SELECTOR."""
    status: DeploymentStatus = deployment.status
    return (
        deployment.metadata.name,
        f"{status.ready_replicas}/{deployment.spec.replicas}",
        status.updated_replicas,
        status.available_replicas,
        _age(deployment, now),
        *_template_cells(deployment.spec.template.spec, deployment.spec.selector),
    )


def replica_set_cells(replica_set: ReplicaSet, now: datetime) -> Sequence[Cell]:
    """NAME DESIRED CURRENT READY AGE, CONTAINERS IMAGES SELECTOR."""
    return (
        replica_set.metadata.name,
        replica_set.spec.replicas,
        replica_set.status.replicas,
        replica_set.status.ready_replicas,
        _age(replica_set, now),
        *_template_cells(replica_set.spec.template.spec, replica_set.spec.selector),
    )


def _template_cells(spec: PodSpec, selector: LabelSelector) -> Sequence[Cell]:
    names = ",".join(container.name for container in spec.containers)
    images = ",".join(container.image or "host" for container in spec.containers)
    return names, images, format_label_selector(selector) or NONE


def event_cells(event: Event, now: datetime) -> Sequence[Cell]:
    """LAST SEEN, TYPE, REASON, OBJECT, SUBOBJECT, SOURCE, MESSAGE, FIRST SEEN, COUNT, NAME."""
    about = event.involved_object
    first = event.first_timestamp or event.event_time
    source = event.source.component or event.reporting_component
    return (
        age(event.last_timestamp or first, now),
        event.type,
        event.reason,
        f"{about.kind.lower()}/{about.name}",
        about.field_path,
        ", ".join(filter(None, (source, event.source.host))),
        event.message.strip(),
        age(first, now),
        event.count,
        event.metadata.name,
    )


def job_cells(job: Job, now: datetime) -> Sequence[Cell]:
    """NAME STATUS COMPLETIONS DURATION AGE."""
    spec, status = job.spec, job.status
    words = {"Complete": "Complete", "Failed": "Failed", "FailureTarget": "FailureTarget", "Suspended": "Suspended"}
    state = next((word for kind, word in words.items() if _holds(job, kind)), "Running")
    wanted = f"1 of {spec.parallelism or 1}" if spec.completions is None else str(spec.completions)
    ended = status.completion_time or now
    duration = "" if status.start_time is None else age(status.start_time, ended)
    name = "Terminating" if job.deleting else state
    return job.metadata.name, name, f"{status.succeeded}/{wanted}", duration, _age(job, now)


def _holds(job: Job, kind: str) -> bool:
    condition = find_condition(job.status.conditions, kind)
    return condition is not None and condition.status == "True"


def cron_job_cells(cron_job: CronJob, now: datetime) -> Sequence[Cell]:
    """NAME SCHEDULE TIMEZONE SUSPEND ACTIVE LAST SCHEDULE AGE."""
    spec, status = cron_job.spec, cron_job.status
    last = NONE if status.last_schedule_time is None else age(status.last_schedule_time, now)
    return (
        cron_job.metadata.name,
        spec.schedule,
        spec.time_zone or NONE,
        spec.suspend,
        len(status.active),
        last,
        _age(cron_job, now),
    )


def _namespace_cells(namespace: Namespace, now: datetime) -> Sequence[Cell]:
    return namespace.metadata.name, namespace.status.phase, _age(namespace, now)


def _config_map_cells(config: ConfigMap, now: datetime) -> Sequence[Cell]:
    return config.metadata.name, len(config.data) + len(config.binary_data), _age(config, now)


def _lease_cells(lease: Lease, now: datetime) -> Sequence[Cell]:
    return lease.metadata.name, lease.spec.holder_identity, _age(lease, now)


def _any_cells(obj: Object, now: datetime) -> Sequence[Cell]:
    return obj.metadata.name, _age(obj, now)


_NAME, _AGE = Column("Name"), Column("Age")
_TEMPLATE = (Column("Containers", priority=1), Column("Images", priority=1), Column("Selector", priority=1))


def _wide(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, priority=1) for name in names)


_ANY = Printer((_NAME, _AGE), _any_cells)
_PRINTERS: dict[str, Printer] = {
    "Pod": Printer(
        (_NAME, Column("Ready"), Column("Status"), Column("Restarts"), _AGE, *_wide("IP", "Node")),
        pod_cells,
    ),
    "Node": Printer(
        (_NAME, Column("Status"), Column("Roles"), _AGE, Column("Version"),
         *_wide("Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime")),
        node_cells,
    ),
    "Deployment": Printer(
        (_NAME, Column("Ready"), Column("Up-to-date", "integer"), Column("Available", "integer"), _AGE, *_TEMPLATE),
        deployment_cells,
    ),
    "ReplicaSet": Printer(
        (_NAME, Column("Desired", "integer"), Column("Current", "integer"), Column("Ready", "integer"), _AGE,
         *_TEMPLATE),
        replica_set_cells,
    ),
    "Job": Printer((_NAME, Column("Status"), Column("Completions"), Column("Duration"), _AGE), job_cells),
    "CronJob": Printer(
        (_NAME, Column("Schedule"), Column("Timezone"), Column("Suspend", "boolean"), Column("Active", "integer"),
         Column("Last Schedule"), _AGE),
        cron_job_cells,
    ),
    "Namespace": Printer((_NAME, Column("Status"), _AGE), _namespace_cells),
    "ConfigMap": Printer((_NAME, Column("Data", "integer"), _AGE), _config_map_cells),
    "Lease": Printer((_NAME, Column("Holder"), _AGE), _lease_cells),
    "Event": Printer(
        (Column("Last Seen"), Column("Type"), Column("Reason"), Column("Object"), *_wide("Subobject", "Source"),
         Column("Message"), Column("First Seen", priority=1), Column("Count", "integer", 1),
         Column("Name", priority=1)),
        event_cells,
    ),
}  # fmt: skip
