"""Objects for tests, with all that does not matter filled in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from control_plane.plan import Controller, Key, Plan
from control_plane.store.mirror import Mirror
from proto.objects.apps import (
    Deployment,
    DeploymentSpec,
    DeploymentStrategy,
    IntOrPercent,
    ReplicaSet,
    ReplicaSetSpec,
    ReplicaSetStatus,
    RollingUpdateDeployment,
)
from proto.objects.container import Container
from proto.objects.core import Namespace, Node, Taint
from proto.objects.meta import Condition, LabelSelector, Object, ObjectMeta, OwnerReference, evolve
from proto.objects.pod import (
    Pod,
    PodSpec,
    PodTemplateSpec,
    Toleration,
)
from proto.objects.pod_status import ContainerStatus
from proto.rollouts import COMPLETED, DESIRED_REPLICAS, HASH_LABEL, MAX_REPLICAS, REVISION

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
Obj = TypeVar("Obj", bound=Object)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def in_(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def plan_for(controller: Controller[Any], *objects: Object, key: Key | None = None, now: datetime = NOW) -> Plan:
    """What the controller plans for `key` (default: the first object's) when these objects are all there is."""
    view = controller.observe(Mirror.of(*objects), key or Key(*objects[0].key), now)
    return Plan() if view is None else controller.reconcile(view)


def acts(plan: Plan) -> list[tuple[str, str, str]]:
    """A plan in short: (action, object, reason), without events."""
    return [
        (type(action).__name__, action.object.metadata.name, action.reason)
        for action in plan.actions
        if type(action).__name__ != "Emit"
    ]


def template(version: str = "v1", app: str = "web") -> PodTemplateSpec:
    container = Container(name="main", command=("serve", version))
    return PodTemplateSpec(metadata=ObjectMeta(labels={"app": app}), spec=PodSpec(containers=(container,)))


def deployment(
    replicas: int = 3,
    *,
    version: str = "v1",
    surge: IntOrPercent = "25%",
    unavailable: IntOrPercent = "25%",
    **changes: Any,
) -> Deployment:
    made = Deployment(
        metadata=ObjectMeta(name="web", namespace="default", uid="uid-web", generation=1, creation_timestamp=ago(3600)),
        spec=DeploymentSpec(
            replicas=replicas,
            selector=LabelSelector(match_labels={"app": "web"}),
            template=template(version),
            strategy=DeploymentStrategy(
                rolling_update=RollingUpdateDeployment(max_surge=surge, max_unavailable=unavailable)
            ),
        ),
    )
    return evolve(made, **changes)


RECREATE = {"spec.strategy": DeploymentStrategy(type="Recreate")}


def replica_set(
    version: str = "v1",
    replicas: int = 3,
    *,
    pods: int | None = None,
    available: int | None = None,
    owner: Object | None = None,
    revision: int = 1,
    completed: int | None = None,
    of: int | None = None,
    room: int | None = None,
    age_s: float = 600.0,
    **changes: Any,
) -> ReplicaSet:
    """A settled ReplicaSet of that version: all its pods are there and available unless said otherwise.

    `completed`: the revision as which it was fully available last, 0 for never; by default its present one.
    `of` and `room`: for how many wanted and at most allowed pods of its Deployment it was sized.
    """
    pods = replicas if pods is None else pods
    available = pods if available is None else available
    labels = {"app": "web", HASH_LABEL: version}
    annotations = {REVISION: str(revision)}
    if completed != 0:
        annotations[COMPLETED] = str(completed or revision)
    if of is not None:
        annotations |= {DESIRED_REPLICAS: str(of), MAX_REPLICAS: str(of if room is None else room)}
    made = ReplicaSet(
        metadata=ObjectMeta(
            name=f"web-{version}", namespace="default", uid=f"uid-{version}", generation=1, labels=labels,
            annotations=annotations, creation_timestamp=ago(age_s),
            owner_references=() if owner is None else (owner.owner_reference(),),
        ),
        spec=ReplicaSetSpec(
            replicas=replicas,
            selector=LabelSelector(match_labels=labels),
            template=evolve(template(version), **{"metadata.labels": labels}),
        ),
        status=ReplicaSetStatus(
            observed_generation=1, replicas=pods, fully_labeled_replicas=pods, ready_replicas=available,
            available_replicas=available, terminating_replicas=0,
        ),
    )  # fmt: skip
    return evolve(made, **changes)


def ready(status: str = "True", since: datetime | None = None) -> Condition:
    return Condition(type="Ready", status=status, last_transition_time=since or ago(300))  # type: ignore[arg-type]


def pod(
    name: str,
    owner: Object | None = None,
    *,
    node: str = "n1",
    phase: str = "Running",
    is_ready: bool = True,
    ready_since: datetime | None = None,
    age_s: float = 300.0,
    restarts: int = 0,
    labels: dict[str, str] | None = None,
    tolerations: tuple[Toleration, ...] = (),
    **changes: Any,
) -> Pod:
    """A pod of `owner`, running and ready on n1 unless said otherwise."""
    if labels is None:
        labels = owner.spec.template.metadata.labels if isinstance(owner, ReplicaSet) else {"app": "web"}
    made = Pod(
        metadata=ObjectMeta(
            name=name, namespace="default", uid=f"uid-{name}", labels=labels, creation_timestamp=ago(age_s),
            owner_references=() if owner is None else (owner.owner_reference(),),
        ),
        spec=PodSpec(containers=(Container(name="main"),), node_name=node, tolerations=tolerations),
    )  # fmt: skip
    status: dict[str, Any] = {
        "status.phase": phase,
        "status.conditions": (ready("True" if is_ready else "False", ready_since),),
        "status.container_statuses": (ContainerStatus(name="main", restart_count=restarts),),
    }
    return evolve(evolve(made, **status), **changes)


def ending(obj: Obj, grace_s: int = 30) -> Obj:
    """The object with its deletion asked for."""
    marks = {"metadata.deletion_timestamp": in_(grace_s), "metadata.deletion_grace_period_seconds": grace_s}
    return evolve(obj, **marks)


def node(name: str = "n1", status: str = "True", *taints: Taint, since: datetime | None = None, **changes: Any) -> Node:
    """A node with that `Ready` status; "" for none at all, "Never" for one that was never heard of."""
    reason = {"True": "AgentReady", "Unknown": "NodeStatusUnknown", "Never": "NodeStatusNeverUpdated"}.get(status, "")
    conditions = (
        evolve(ready("Unknown" if status == "Never" else status, since), reason=reason),
    ) if status else ()  # fmt: skip
    made = Node(metadata=ObjectMeta(name=name, uid=f"uid-{name}", creation_timestamp=ago(3600)))
    return evolve(evolve(made, **{"status.conditions": conditions, "spec.taints": taints}), **changes)


def namespace(name: str = "default", **changes: Any) -> Namespace:
    made = Namespace(metadata=ObjectMeta(name=name, uid=f"uid-{name}"))
    return evolve(made, **{"spec.finalizers": ("kubernetes",), **changes})


def owned_by(obj: Obj, *refs: OwnerReference) -> Obj:
    return evolve(obj, **{"metadata.owner_references": refs})
