"""StatefulSets for tests: with their revisions and pods, all settled unless said otherwise."""

from __future__ import annotations

from typing import Any

from control_plane.controllers import controller_revisions
from control_plane.controllers.ordered_pods import POD_INDEX, POD_NAME
from proto.objects.controller_revision import ControllerRevision
from proto.objects.meta import LabelSelector, ObjectMeta, evolve
from proto.objects.pod import Pod
from proto.objects.stateful_set import (
    RollingUpdateStatefulSetStrategy,
    StatefulSet,
    StatefulSetSpec,
    StatefulSetStatus,
    StatefulSetUpdateStrategy,
)
from proto.rollouts import CONTROLLER_REVISION_HASH
from tests.controllers.builders import ago, pod, template


def stateful_set(replicas: int = 3, version: str = "v1", *, partition: int = 0, **changes: Any) -> StatefulSet:
    """One that has settled on `v1`, whatever it wants now."""
    rolling = RollingUpdateStatefulSetStrategy(partition=partition)
    made = StatefulSet(
        metadata=ObjectMeta(name="db", namespace="default", uid="uid-db", generation=1, creation_timestamp=ago(3600)),
        spec=StatefulSetSpec(
            replicas=replicas,
            selector=LabelSelector(match_labels={"app": "web"}),
            template=template(version),
            update_strategy=StatefulSetUpdateStrategy(rolling_update=rolling),
        ),
    )
    settled_on = revision(made, "v1").metadata.name
    status = StatefulSetStatus(current_revision=settled_on, update_revision=settled_on)
    return evolve(evolve(made, status=status), **changes)


def revision(owner: StatefulSet, version: str, number: int = 1) -> ControllerRevision:
    """The stored revision of a version."""
    made = controller_revisions.present(evolve(owner, **{"spec.template": template(version)}), ()).revision
    return evolve(made, revision=number, **{"metadata.uid": f"uid-{version}"})


def member(owner: StatefulSet, number: int, version: str = "v1", **changes: Any) -> Pod:
    """A pod of that ordinal, running and available unless said otherwise."""
    name = f"{owner.metadata.name}-{number}"
    labels = {
        **template(version).metadata.labels,
        CONTROLLER_REVISION_HASH: revision(owner, version).metadata.name,
        POD_NAME: name,
        POD_INDEX: str(number),
    }
    return pod(name, owner, labels=labels, **changes)
