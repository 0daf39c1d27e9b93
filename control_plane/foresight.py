"""Foresight: what the loops would make of changed objects, on a copy where every program works at once.

PURE. The deciding is done by the controllers and the scheduler themselves, so a forecast never has another opinion than
the loops: they run on a scratch snapshot, their writes go there, a pod that is placed is ready the same instant and one
that is deleted is gone. What would take time (a program that starts slowly, a drain) is not foreseen; what waits for
people, such as the pause of a canary, ends the forecast.

*Reads*: objects. *Writes*: its own copy. *Never*: the cluster; follows up what was under way for other reasons.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from control_plane.budgets import Allowance
from control_plane.controllers.daemon_set import DaemonSetController
from control_plane.controllers.deployment import DeploymentController
from control_plane.controllers.job import JobController
from control_plane.controllers.pods import is_active
from control_plane.controllers.progress import CANARY_PAUSED
from control_plane.controllers.replicaset import ReplicaSetController
from control_plane.controllers.stateful_set import StatefulSetController
from control_plane.plan import Action, Controller, Create, Delete, Emit, HearsRefusals, Key, SetStatus
from control_plane.scheduling import Scheduling
from control_plane.store import lifecycle
from control_plane.store.history import MirrorEvent
from control_plane.store.lifecycle import DeleteOptions, Removal
from control_plane.store.mirror import Mirror
from control_plane.store.port import Change
from proto import catalog
from proto.forecast import Forecast, ForecastPod
from proto.objects.apps import Deployment, ReplicaSet
from proto.objects.core import Node
from proto.objects.meta import Condition, Object, evolve, find_condition
from proto.objects.pod import Pod
from proto.objects.pod_status import ContainerState, ContainerStateRunning, ContainerStatus

PODS_MAX = 2_000
"""So many new pods are looked at."""

PASSES_MAX = 20_000
AHEAD_MAX = timedelta(hours=1)
"""How far into the future waits are followed: longer than most `minReadySeconds`, shorter than most deadlines."""


class Foresight:
    """One forecast: `objects` are what there is around the changes, `bystanders` the other pods, which take room.

    Then `change` what would be, and `forecast`.
    """

    def __init__(self, objects: Iterable[Object], now: datetime, bystanders: Iterable[Pod] = ()):
        self._now = now
        self._until = now + AHEAD_MAX
        self._controllers: tuple[Controller[Any], ...] = (
            DeploymentController(),
            ReplicaSetController(),
            StatefulSetController(),
            DaemonSetController(),
            JobController(),
        )
        self._mirror = Mirror()
        self._scheduling = Scheduling()
        self._waiting: dict[tuple[int, Key], None] = {}
        self._due: dict[tuple[int, Key], datetime] = {}
        self._made: dict[str, Pod] = {}
        self._ended: dict[str, Pod] = {}
        self._unplaced: dict[str, str] = {}
        self._changed: set[tuple[str, str]] = set()
        for obj in objects:
            self._mirror.apply(Change("put", max(self._mirror.revision, obj.metadata.revision), obj))
        for node in self._mirror.list(Node):
            self._scheduling.on_node(None, node)
        for pod in (*self._mirror.list(Pod), *bystanders):
            self._scheduling.on_pod(None, pod)
        self._mirror.subscribe(self._told)

    def change(self, obj: Object) -> None:
        """Let an object be as given: a new one, or another state of one that there is."""
        self._changed.add(obj.key)
        there = self._mirror.get(type(obj), *obj.key)
        if there is None:
            self._put(lifecycle.for_create(obj, uid=f"new-{self._mirror.revision}", now=self._now))
        elif (wanted := lifecycle.for_update(there, obj)) is not there:
            self._put(wanted)

    def forecast(self) -> Forecast:
        """Follow it to its end."""
        for _ in range(PASSES_MAX):
            if len(self._made) >= PODS_MAX:
                break
            if not (self._decide() or self._place() or self._pass_time()):
                break
        return Forecast(
            created=tuple(self._described(pod, new=True) for pod in self._made.values()),
            deleted=tuple(self._described(pod, new=False) for pod in self._ended.values()),
            waits_for=tuple(self._waits()),
            more=self._missing() if len(self._made) >= PODS_MAX else 0,
        )

    def objects(self) -> tuple[Object, ...]:
        """All that there is on the copy now."""
        return tuple(obj for kind in catalog.KINDS for obj in self._mirror.list(kind.model))

    def _decide(self) -> bool:
        """One pass of one controller for one key, if one waits."""
        if not self._waiting:
            return False
        work = next(iter(self._waiting))
        del self._waiting[work]
        controller = self._controllers[work[0]]
        view = controller.observe(self._mirror, work[1], self._now)
        if view is None:
            return True
        plan = controller.reconcile(view)
        for action in plan.actions:
            problem = self._perform(action)
            if problem and isinstance(controller, HearsRefusals):
                for answer in controller.refused(view, action, problem).actions:
                    self._perform(answer)
                return True
        if plan.requeue_after_s is not None:
            self._due[work] = self._now + timedelta(seconds=plan.requeue_after_s)
        return True

    def _perform(self, action: Action) -> str:
        """One write on the copy; why it could not be done, or ""."""
        obj = action.object
        there = self._mirror.get(type(obj), *obj.key)
        match action:
            case Emit():
                pass
            case Create() if there is None:
                self._put(lifecycle.for_create(obj, uid=f"new-{self._mirror.revision}", now=self._now))
            case Create():
                ours = obj.metadata.controller
                theirs = None if there is None else there.metadata.controller
                if (ours and ours.uid) != (theirs and theirs.uid):
                    return f"{obj.KIND} {obj.metadata.name} already exists and belongs to another"
            case Delete():
                if there is not None:
                    self._delete(there, action)
            case SetStatus():
                if there is not None and (told := lifecycle.for_status(there, obj)) is not there:
                    self._put(told)
            case _:
                if there is not None and (wanted := lifecycle.for_update(there, obj)) is not there:
                    self._put(wanted)
        return ""

    def _delete(self, there: Object, action: Delete) -> None:
        """A pod is gone at once; what else is deleted waits for what holds it."""
        if isinstance(there, Pod):
            self._apply(Change("delete", self._mirror.revision + 1, there))
            return
        decided = lifecycle.for_delete(there, DeleteOptions(action.propagation), self._now)
        if isinstance(decided, Removal):
            self._apply(Change("delete", self._mirror.revision + 1, there))
        else:
            self._put(decided.object)

    def _place(self) -> bool:
        """Place what was made, all at once, and let it run; whether that changed anything."""
        placed = False
        waiting = [pod for pod in self._made.values() if not pod.spec.node_name and is_active(pod)]
        tried = [pod for pod in waiting if pod.metadata.uid not in self._unplaced]
        self._unplaced |= {pod.metadata.uid: lifecycle.GATED for pod in tried if pod.spec.scheduling_gates}
        for decision in self._scheduling.place([pod for pod in tried if not pod.spec.scheduling_gates]):
            if decision.node is None and not (decision.may_preempt and self._make_room(decision.pod)):
                self._unplaced[decision.pod.metadata.uid] = decision.explanation
            elif decision.node is None:
                placed = True
            else:
                self._put(_running(decision.pod, decision.node, self._now))
                placed = True
        return placed

    def _make_room(self, pod: Pod) -> bool:
        """End less important pods for one that fits nowhere, if that helps; it is placed the next time."""
        victims = self._scheduling.preempt(pod, lambda: Allowance(self._mirror)).victims
        for victim in victims:
            self._apply(Change("delete", self._mirror.revision + 1, victim))
        return bool(victims)

    def _pass_time(self) -> bool:
        """On to the next thing that is due, unless it is too far away, or pods that fit nowhere hold things up."""
        if not self._due or self._unplaced:
            return False
        next_ = min(self._due.values())
        if next_ > self._until:
            return False
        self._now = max(self._now, next_)
        for work in [work for work, at in self._due.items() if at <= self._now]:
            del self._due[work]
            self._waiting[work] = None
        return True

    def _put(self, obj: Object) -> None:
        revision = self._mirror.revision + 1
        self._apply(Change("put", revision, evolve(obj, **{"metadata.resource_version": str(revision)})))

    def _apply(self, change: Change) -> None:
        self._mirror.apply(change)

    def _told(self, event: MirrorEvent) -> None:
        """A change on the copy: controllers look at what it concerns, and pods are counted."""
        old, new = event.old, event.new
        for number, controller in enumerate(self._controllers):
            for watch in controller.watches:
                if event.kind.kind == watch.kind.KIND:
                    self._waiting |= {(number, key): None for key in watch.keys(old, new, self._mirror)}
        if isinstance(old or new, Pod):
            self._count(old if isinstance(old, Pod) else None, new if isinstance(new, Pod) else None)

    def _count(self, old: Pod | None, new: Pod | None) -> None:
        self._scheduling.on_pod(old, new)
        if new is not None and (old is None or new.metadata.uid in self._made):
            self._made[new.metadata.uid] = new
        elif new is None and old is not None:
            if self._made.pop(old.metadata.uid, None) is None:
                self._ended[old.metadata.uid] = old
            # There is room now for one that did not fit.
            self._unplaced.clear()

    def _described(self, pod: Pod, *, new: bool) -> ForecastPod:
        return ForecastPod(
            namespace=pod.metadata.namespace,
            name=pod.metadata.name,
            owner=self._top_owner(pod),
            node=pod.spec.node_name,
            problem=self._unplaced.get(pod.metadata.uid, "") if new else "",
        )

    def _top_owner(self, pod: Pod) -> str:
        """The object at the end of the chain of controllers."""
        found, owner = "", pod.metadata.controller
        while owner is not None:
            found = f"{owner.kind}/{owner.name}"
            there = self._mirror.by_uid(owner.uid)
            owner = there.metadata.controller if there is not None else None
        return found

    def _waits(self) -> Iterator[str]:
        """The canaries that wait: their steps are for people, or for time, to take."""
        for deployment in self._mirror.list(Deployment):
            told = find_condition(deployment.status.conditions, "Progressing")
            if told is not None and told.reason == CANARY_PAUSED and deployment.key in self._changed:
                yield f"Deployment/{deployment.metadata.name}: {told.message}"

    def _missing(self) -> int:
        """How many pods are wanted beyond those that were looked at."""
        waiting = {key for _, key in self._waiting}
        sets = (each for each in self._mirror.list(ReplicaSet) if Key(*each.key) in waiting)
        return sum(max(0, each.spec.replicas - each.status.replicas) for each in sets)


def _running(pod: Pod, node: str, now: datetime) -> Pod:
    """The pod on its node, running and ready."""
    ready = Condition(type="Ready", status="True", last_transition_time=now)
    running = ContainerState(running=ContainerStateRunning(started_at=now))
    statuses = tuple(
        ContainerStatus(name=container.name, state=running, ready=True, started=True)
        for container in pod.spec.containers
    )
    changes = {
        "spec.node_name": node,
        "status.phase": "Running",
        "status.conditions": (ready,),
        "status.container_statuses": statuses,
    }
    return evolve(pod, **changes)
