"""What people run, one of each kind and way: a table.

A row says how an object is made, what people do to it while things break, and how they leave it in the end, when all of
it must become as it is declared. To add a kind, add a row here and say in `checks.wants` when it is as it should be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from proto.ids import Ids
from proto.objects.apps import Deployment, ReplicaSet
from proto.objects.batch import CronJob, Job
from proto.objects.daemon_set import DaemonSet
from proto.objects.meta import Object
from proto.objects.policy import PodDisruptionBudget
from proto.objects.quota import ResourceQuota
from proto.objects.scheduling import PriorityClass
from proto.objects.stateful_set import StatefulSet

Json = dict[str, Any]
Propagation = Literal["Background", "Foreground", "Orphan"]

NAMESPACE, TEAM = "default", "team"
POD_CPU_MILLIS = 100
TEAM_PODS_MAX = 4
TEAM_MOST_ASKED = 6
"""More than the quota of the namespace allows."""

WELL = ("fake", "--stop-after", "0.3")
CRASHING = ("fake", "--exit-after", "0.2", "--code", "1")

Act = Callable[[Ids], Json]
"""A merge patch of a spec, drawn by chance."""


@dataclass(frozen=True)
class Workload:
    """One object that people make. `settled` is the merge patch of its spec that undoes whatever `acts` may have done;
    `deletions` are the ways in which they take it away for a while."""

    kind: type[Object]
    name: str
    spec: Json
    acts: Mapping[str, Act]
    settled: Json
    namespace: str = NAMESPACE
    deletions: tuple[Propagation, ...] = ("Background", "Foreground", "Orphan")

    @property
    def key(self) -> tuple[str, str, str]:
        """Kind, namespace and name."""
        return (self.kind.KIND, self.namespace, self.name)

    def object(self) -> Object:
        """As it is created."""
        metadata = {"name": self.name, "namespace": self.namespace}
        return self.kind.model_validate({"metadata": metadata, "spec": self.spec})


def template(app: str, command: tuple[str, ...] = WELL, **spec: Any) -> Json:
    """Of a pod with one container and the label `app`."""
    requests = {"cpu": f"{POD_CPU_MILLIS}m", "memory": "16Mi"}
    container = {"name": "main", "command": list(command), "resources": {"requests": requests}}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 2, **spec}
    return {"metadata": {"labels": {"app": app}}, "spec": spec}


def labelled(app: str, replicas: int | None = None, **spec: Any) -> Json:
    """The spec of what keeps pods of the label `app`."""
    given = {"selector": {"matchLabels": {"app": app}}, "template": template(app), **spec}
    return given if replicas is None else {"replicas": replicas, **given}


def _version(number: int) -> Json:
    """A template of few, so that people often go back to a former one."""
    return {"template": {"metadata": {"annotations": {"version": f"{number}"}}}}


def _update(ids: Ids) -> Json:
    return _version(int(ids.uniform(1, 4)))


def _command(command: tuple[str, ...]) -> Json:
    containers = template("", command)["spec"]["containers"]
    return {"template": {"spec": {"containers": containers}}}


def _scale(most: int) -> Act:
    return lambda ids: {"replicas": int(ids.uniform(0, most + 1))}


def _always(patch: Json) -> Act:
    return lambda ids: patch


PAUSING = {"pause": _always({"paused": True}), "resume": _always({"paused": False})}
SUSPENDING = {"suspend": _always({"suspend": True}), "resume": _always({"suspend": False})}


def _deployment(name: str, most: int, strategy: Json | None = None, **more: Any) -> Workload:
    spec = labelled(name, most, strategy=strategy or {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}, **more)
    acts = {"scale": _scale(most), "update": _update, **PAUSING}
    if more.get("autoRollback"):
        acts |= {"break": _always(_command(CRASHING)), "correct": _always(_command(WELL))}
    settled = {"replicas": most, "paused": False, **_command(WELL)}
    return Workload(Deployment, name, spec, acts, settled)


def _stateful_set(name: str, policy: str, **strategy: Any) -> Workload:
    spec = labelled(name, 2, serviceName=name, podManagementPolicy=policy, updateStrategy=strategy)
    acts: dict[str, Act] = {"scale": _scale(3), "update": _update}
    settled: Json = {"replicas": 2}
    if strategy.get("type") == "RollingUpdate":
        acts["stage"] = lambda ids: {"updateStrategy": {"rollingUpdate": {"partition": int(ids.uniform(0, 3))}}}
        settled["updateStrategy"] = {"rollingUpdate": {"partition": 0}}
    return Workload(StatefulSet, name, spec, acts, settled)


def _daemon_set(name: str, strategy: str) -> Workload:
    spec = labelled(name, updateStrategy={"type": strategy})
    spec["template"] = template(name, priorityClassName="system-node-critical")
    return Workload(DaemonSet, name, spec, {"update": _update}, {})


def _job(name: str, command: tuple[str, ...], **spec: Any) -> Workload:
    spec["template"] = template(name, command, restartPolicy="Never")
    acts = dict(SUSPENDING)
    if spec.get("parallelism"):
        acts["widen"] = lambda ids: {"parallelism": int(ids.uniform(0, 4))}
    settled = {"suspend": False} | ({"parallelism": 2} if spec.get("parallelism") else {})
    return Workload(Job, name, spec, acts, settled, deletions=("Background", "Foreground"))


def _cron_job(name: str, policy: str) -> Workload:
    job = {"template": template(name, ("fake", "--exit-after", "1"), restartPolicy="Never")}
    limits = {"successfulJobsHistoryLimit": 1, "failedJobsHistoryLimit": 1}
    spec = {"schedule": "* * * * *", "concurrencyPolicy": policy, "jobTemplate": {"spec": job}, **limits}
    return Workload(CronJob, name, spec, dict(SUSPENDING), {"suspend": False}, deletions=("Background",))


def _budget(app: str, **spec: Any) -> Workload:
    selector = {"matchLabels": {"app": app}}
    kind = PodDisruptionBudget
    return Workload(kind, app, {"selector": selector, **spec}, {}, {}, deletions=())


def _team() -> tuple[Workload, ...]:
    """A namespace that asks for more than its quota allows."""
    spec = labelled("team", 3, strategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}})
    acts = {"scale": _scale(TEAM_MOST_ASKED), "update": _update}
    return (
        Workload(ResourceQuota, "team", {"hard": {"pods": str(TEAM_PODS_MAX)}}, {}, {}, TEAM, deletions=()),
        Workload(Deployment, "team", spec, acts, {"replicas": 3}, TEAM),
    )


UNTIRING = {"completionMode": "Indexed", "backoffLimitPerIndex": 1000}

ALL: tuple[Workload, ...] = (
    _deployment("rolling", 3),
    _deployment("recreate", 2, {"type": "Recreate"}),
    _deployment("canary", 3, {"type": "Canary", "canary": {"steps": [
        {"setWeight": 50}, {"pause": {"durationSeconds": 2}}, {"setReplicas": 3}]}}),
    _deployment("reverting", 2, autoRollback=True, progressDeadlineSeconds=15),
    _stateful_set("ordered", "OrderedReady", type="RollingUpdate"),
    _stateful_set("parallel", "Parallel", type="OnDelete"),
    Workload(ReplicaSet, "bare", labelled("bare", 2), {"scale": _scale(3)}, {"replicas": 2}),
    _daemon_set("daemon", "RollingUpdate"),
    _job("counted", ("fake", "--exit-after", "2"), completions=4, parallelism=2, backoffLimit=1000),
    _job("indexed", ("fake", "--exit-after", "1.5"), completions=3, **UNTIRING),
    _job("failing", ("fake", "--exit-after", "0.5", "--code", "3"), completions=1, backoffLimit=1),
    _cron_job("each-minute", "Forbid"),
    _deployment("urgent", 2, template=template("urgent", priorityClassName="urgent")),
    _budget("rolling", minAvailable=2),
    _budget("ordered", maxUnavailable=1),
    *_team(),
)  # fmt: skip

URGENT = PriorityClass.model_validate({"metadata": {"name": "urgent"}, "value": 1000})
"""What the pods of `urgent` are."""

ROOM = 24
"""So many pods the machines have room for beside those of the DaemonSet: few more than there are when all is settled.
Without one machine they do not fit, and what matters more has to take the place of what matters less."""
