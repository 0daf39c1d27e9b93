"""What a rollout leaves on its objects: the names of annotations, and which of them go back with a revision.

The controllers write most of them, a client writes some, both read them: so they stand here. Reads and writes nothing.
Never imports pydantic: the command line starts through here.

Source: Kubernetes `pkg/controller/deployment/util`, kubectl `polymorphichelpers/rollback.go`; `setpoint.dev/` is ours.
"""

from __future__ import annotations

from collections.abc import Mapping

HASH_LABEL = "pod-template-hash"
"""The label that tells the pods of one template from those of another."""

CONTROLLER_REVISION_HASH = "controller-revision-hash"
"""The label that names the revision of a pod of a StatefulSet (the ControllerRevision) or a DaemonSet (its hash)."""

REVISION = "deployment.kubernetes.io/revision"
"""The number of a ReplicaSet's template, and of a Deployment's present one."""

REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
"""The numbers that a ReplicaSet had before, with commas."""

DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"
"""For which size of its Deployment a ReplicaSet was sized."""

CHANGE_CAUSE = "kubernetes.io/change-cause"
"""Why the template was changed, in its author's words."""

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
"""In a template: when its pods were last asked to be replaced."""

COMPLETED = "setpoint.dev/completed-revision"
"""Of a ReplicaSet: the revision as which it last was all that was wanted, and available."""

FAILED = "setpoint.dev/failed-revisions"
ROLLED_BACK = "setpoint.dev/rolled-back"
"""Of a Deployment: the rollouts that failed, and the way back that was taken by itself; see `auto_rollback`."""

ABORTED = "setpoint.dev/canary-aborted"
"""Of a Deployment, written by a person: the revision whose canary is aborted."""

PROMOTED = "setpoint.dev/canary-promoted"
"""Of a Deployment, written by a person: `REVISION/INDEX`, the pause up to which a canary need not wait."""

PROMOTED_FULLY = "full"
"""In the place of an index: skip all steps."""

STAYS = frozenset(
    {REVISION, REVISION_HISTORY, DESIRED_REPLICAS, MAX_REPLICAS, LAST_APPLIED}
    | {COMPLETED, FAILED, ROLLED_BACK, ABORTED, PROMOTED}
)
"""What belongs to one object: neither copied from a Deployment to its ReplicaSets nor back."""


def annotations_of_revision(present: Mapping[str, str], former: Mapping[str, str]) -> dict[str, str]:
    """A Deployment's annotations after it went back: those of the former ReplicaSet, but what is its own stays."""
    kept = {name: text for name, text in present.items() if name in STAYS}
    return kept | {name: text for name, text in former.items() if name not in STAYS}
