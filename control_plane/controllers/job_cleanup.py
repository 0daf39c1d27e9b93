"""What is left of Jobs: finished ones whose time is over, and pods that wait to be counted by a Job that is gone.

Reads: Jobs and their pods. Writes: deletes Jobs; takes the tracking finalizer off pods.

Source: Kubernetes `pkg/controller/ttlafterfinished` and `pkg/controller/job` (syncOrphanPod).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from control_plane.controllers.job_pods import is_tracked, released
from control_plane.controllers.job_policies import finished_condition
from control_plane.plan import Delete, Key, Plan, Snapshot, Update, Watch, own_key
from proto.objects.batch import Job
from proto.objects.meta import Object, find_condition
from proto.objects.pod import Pod


@dataclass(frozen=True, slots=True)
class ExpiryView:
    """A finished Job, and when it is to go."""

    job: Job
    expires: datetime
    now: datetime


class FinishedJobsGarbage:
    """Deletes Jobs `ttlSecondsAfterFinished` after they finished, their pods before them."""

    name = "job-ttl"
    watches: tuple[Watch, ...] = (Watch(Job, own_key),)

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> ExpiryView | None:
        """The Job, if it has finished and is not to be kept for ever."""
        job = snapshot.get(Job, *key)
        if job is None or job.deleting or job.spec.ttl_seconds_after_finished is None:
            return None
        finished = find_condition(job.status.conditions, finished_condition(job.status))
        if finished is None or finished.last_transition_time is None:
            return None
        lifetime = timedelta(seconds=job.spec.ttl_seconds_after_finished)
        return ExpiryView(job, finished.last_transition_time + lifetime, now)

    def reconcile(self, view: ExpiryView) -> Plan:
        """Delete it when its time is over; at the revision that was seen, for the time may be changed."""
        if view.expires > view.now:
            return Plan(requeue_after_s=(view.expires - view.now).total_seconds())
        return Plan((Delete(view.job, "ttl_after_finished", propagation="Foreground", at_revision=True),))


def _tracked_keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """A tracked pod without its Job."""
    return (Key(*new.key),) if isinstance(new, Pod) and is_tracked(new) and not _job_exists(snapshot, new) else ()


def _left_behind_keys(old: Object | None, new: Object | None, snapshot: Snapshot) -> Iterable[Key]:
    """The pods of a Job that is gone."""
    if new is not None or old is None:
        return ()
    return [Key(*pod.key) for pod in snapshot.by_owner(Pod, old.metadata.uid) if is_tracked(pod)]


def _job_exists(snapshot: Snapshot, pod: Pod) -> bool:
    owner = pod.metadata.controller
    return owner is not None and isinstance(snapshot.by_uid(owner.uid), Job)


class LeftBehindPods:
    """Lets pods go that no Job will count any more."""

    name = "job-pods-left-behind"
    watches: tuple[Watch, ...] = (Watch(Pod, _tracked_keys), Watch(Job, _left_behind_keys))

    def observe(self, snapshot: Snapshot, key: Key, now: datetime) -> Pod | None:
        """The pod, if it is such a one."""
        pod = snapshot.get(Pod, *key)
        return pod if pod is not None and is_tracked(pod) and not _job_exists(snapshot, pod) else None

    def reconcile(self, view: Pod) -> Plan:
        """Take the finalizer off."""
        return Plan((Update(released(view), "job_gone"),))
