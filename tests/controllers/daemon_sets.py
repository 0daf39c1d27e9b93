"""DaemonSets for tests: with their revisions and pods."""

from __future__ import annotations

from typing import Any

from control_plane.controllers import controller_revisions
from control_plane.controllers.controller_revisions import revision_hash
from proto.objects.controller_revision import ControllerRevision
from proto.objects.daemon_set import DaemonSet, DaemonSetSpec, DaemonSetUpdateStrategy, RollingUpdateDaemonSet
from proto.objects.meta import LabelSelector, ObjectMeta, evolve
from proto.objects.pod import Pod
from proto.rollouts import CONTROLLER_REVISION_HASH
from tests.controllers.builders import ago, pod, template


def daemon_set(version: str = "v1", *, unavailable: int | str = 1, surge: int | str = 0, **changes: Any) -> DaemonSet:
    rolling = RollingUpdateDaemonSet(max_unavailable=unavailable, max_surge=surge)
    made = DaemonSet(
        metadata=ObjectMeta(name="log", namespace="default", uid="uid-log", generation=1, creation_timestamp=ago(3600)),
        spec=DaemonSetSpec(
            selector=LabelSelector(match_labels={"app": "web"}),
            template=template(version),
            update_strategy=DaemonSetUpdateStrategy(rolling_update=rolling),
        ),
    )
    return evolve(made, **changes)


def revision(owner: DaemonSet, version: str, number: int = 1) -> ControllerRevision:
    """The stored revision of a version."""
    containers = template(version).spec.containers
    made = controller_revisions.present(evolve(owner, **{"spec.template.spec.containers": containers}), ()).revision
    return evolve(made, revision=number, **{"metadata.uid": f"uid-{version}"})


def daemon_pod(owner: DaemonSet, node: str, version: str = "v1", name: str = "", **changes: Any) -> Pod:
    """A pod on that node, running and available unless said otherwise."""
    labels = {**template(version).metadata.labels, CONTROLLER_REVISION_HASH: revision_hash(revision(owner, version))}
    return pod(name or f"{node}-{version}", owner, node=node, labels=labels, **changes)
