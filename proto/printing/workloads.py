"""How workloads are printed: the kinds of `apps/v1` and `batch/v1`.

Source: Kubernetes `pkg/printers/internalversion/printers.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from proto.durations import age
from proto.objects.apps import Deployment, DeploymentStatus, ReplicaSet
from proto.objects.batch import CronJob, Job
from proto.objects.controller_revision import ControllerRevision
from proto.objects.daemon_set import DaemonSet
from proto.objects.meta import find_condition
from proto.objects.stateful_set import StatefulSet
from proto.printing.form import (
    AGE,
    NAME,
    NONE,
    TEMPLATE,
    Cell,
    Column,
    Printer,
    age_of,
    integer,
    template_cells,
    wide,
)


def deployment_cells(deployment: Deployment, now: datetime) -> Sequence[Cell]:
    """NAME READY UP-TO-DATE AVAILABLE AGE, CONTAINERS IMAGES SELECTOR."""
    status: DeploymentStatus = deployment.status
    return (
        deployment.metadata.name,
        f"{status.ready_replicas}/{deployment.spec.replicas}",
        status.updated_replicas,
        status.available_replicas,
        age_of(deployment, now),
        *template_cells(deployment.spec.template.spec, deployment.spec.selector),
    )


def replica_set_cells(replica_set: ReplicaSet, now: datetime) -> Sequence[Cell]:
    """NAME DESIRED CURRENT READY AGE, CONTAINERS IMAGES SELECTOR."""
    return (
        replica_set.metadata.name,
        replica_set.spec.replicas,
        replica_set.status.replicas,
        replica_set.status.ready_replicas,
        age_of(replica_set, now),
        *template_cells(replica_set.spec.template.spec, replica_set.spec.selector),
    )


def stateful_set_cells(stateful_set: StatefulSet, now: datetime) -> Sequence[Cell]:
    """NAME READY AGE, CONTAINERS IMAGES."""
    spec = stateful_set.spec
    return (
        stateful_set.metadata.name,
        f"{stateful_set.status.ready_replicas}/{spec.replicas}",
        age_of(stateful_set, now),
        *template_cells(spec.template.spec, spec.selector)[:2],
    )


def daemon_set_cells(daemon_set: DaemonSet, now: datetime) -> Sequence[Cell]:
    """NAME DESIRED CURRENT READY UP-TO-DATE AVAILABLE NODE SELECTOR AGE, CONTAINERS IMAGES SELECTOR."""
    spec, status = daemon_set.spec, daemon_set.status
    wanted = ",".join(f"{key}={value}" for key, value in sorted(spec.template.spec.node_selector.items()))
    return (
        daemon_set.metadata.name,
        status.desired_number_scheduled,
        status.current_number_scheduled,
        status.number_ready,
        status.updated_number_scheduled,
        status.number_available,
        wanted or NONE,
        age_of(daemon_set, now),
        *template_cells(spec.template.spec, spec.selector),
    )


def controller_revision_cells(revision: ControllerRevision, now: datetime) -> Sequence[Cell]:
    """NAME CONTROLLER REVISION AGE."""
    owner = revision.metadata.controller
    controller = NONE if owner is None else f"{owner.kind.lower()}.{owner.api_version.partition('/')[0]}/{owner.name}"
    return revision.metadata.name, controller, revision.revision, age_of(revision, now)


def job_cells(job: Job, now: datetime) -> Sequence[Cell]:
    """NAME STATUS COMPLETIONS DURATION AGE."""
    spec, status = job.spec, job.status
    words = {"Complete": "Complete", "Failed": "Failed", "FailureTarget": "FailureTarget", "Suspended": "Suspended"}
    state = next((word for kind, word in words.items() if _holds(job, kind)), "Running")
    wanted = f"1 of {spec.parallelism or 1}" if spec.completions is None else str(spec.completions)
    ended = status.completion_time or now
    duration = "" if status.start_time is None else age(status.start_time, ended)
    name = "Terminating" if job.deleting else state
    return job.metadata.name, name, f"{status.succeeded}/{wanted}", duration, age_of(job, now)


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
        age_of(cron_job, now),
    )


PRINTERS = {
    "Deployment": Printer(
        (NAME, Column("Ready"), integer("Up-to-date"), integer("Available"), AGE, *TEMPLATE), deployment_cells
    ),
    "ReplicaSet": Printer(
        (NAME, integer("Desired"), integer("Current"), integer("Ready"), AGE, *TEMPLATE), replica_set_cells
    ),
    "StatefulSet": Printer((NAME, Column("Ready"), AGE, *wide("Containers", "Images")), stateful_set_cells),
    "DaemonSet": Printer(
        (NAME, integer("Desired"), integer("Current"), integer("Ready"), integer("Up-to-date"), integer("Available"),
         Column("Node Selector"), AGE, *TEMPLATE),
        daemon_set_cells,
    ),
    "ControllerRevision": Printer((NAME, Column("Controller"), integer("Revision"), AGE), controller_revision_cells),
    "Job": Printer((NAME, Column("Status"), Column("Completions"), Column("Duration"), AGE), job_cells),
    "CronJob": Printer(
        (NAME, Column("Schedule"), Column("Timezone"), Column("Suspend", "boolean"), integer("Active"),
         Column("Last Schedule"), AGE),
        cron_job_cells,
    ),
}  # fmt: skip
