"""The controllers' minds. PURE: from a snapshot to a plan, a file per controller.

What enters: a snapshot of all objects, a key, and what time it is. What leaves: a `Plan`, actions that each say why,
and when to look again if nothing changes. The engine does the rest: it calls, writes, retries and tells people.

    class ReplicaSetController:
        name = "replicaset"
        watches = (Watch(ReplicaSet, own_key), Watch(Pod, controller_key(ReplicaSet)), ...)

        def observe(self, snapshot, key, now): ...    # what matters, as a small frozen view; None: nothing to do
        def reconcile(self, view): ...                # the plan that brings what is closer to what should be

What every controller here keeps to:

- *Level, not edge.* A key says where to look, not what happened. A missed event is healed by the next pass.
- *A plan may be cut off* after any of its writes, and be made again from what is then. So children have derived
  names, a creation that is repeated is a no-op, and a plan that was carried out is followed by an empty one.
- *One write for one object in one plan*, against the revision that was seen.
- *The snapshot may lag.* A decision that would be harmful on old knowledge names the revision it stands on.
- *No state.* All that must be remembered stands in objects, so that any leader can go on.

    deployment          revisions and sizes of ReplicaSets      rules: rollout, revisions, scaling, progress,
                                                            canary, auto_rollback
    replicaset          pods                                    rules: pods, claims, names, reconnection, refusals
    statefulset         numbered pods, in order                 rules: ordered_pods, controller_revisions
    daemonset           a pod on each node                      rules: daemon_pods, controller_revisions
    job                 pods that are to end                rules: job_pods, job_counting, job_policies
    job_cleanup         finished Jobs by age, and pods of Jobs that are gone
    cron_job            Jobs at the times of a schedule     rules: control_plane.schedules
    disruption          how many pods of a budget may be disrupted now     rules: control_plane.budgets, scaling
    resource_quota      what a namespace uses of its quotas     rules: control_plane.admission
    node_lifecycle      taints for a node's verdict             rules: taints
    node_eviction       which lost nodes give up their pods, and how fast
    taint_eviction      pods leave tainted nodes            rules: taints, reconnection
    node_leaving        pods of nodes that leave politely       rules: control_plane.budgets
    pod_gc              pods that nobody else will remove
    owner_gc            what exists only for others             rules: kinds
    namespace           the content of namespaces that go
    event_gc            old Events

Never here: asyncio, NATS, logging, clocks, chance. How to add one: `docs/adding-a-controller.md`.
"""

from __future__ import annotations

from typing import Any

from control_plane.controllers.cron_job import CronJobController
from control_plane.controllers.daemon_set import DaemonSetController
from control_plane.controllers.deployment import DeploymentController
from control_plane.controllers.disruption import DisruptionController
from control_plane.controllers.event_gc import EventGarbageController
from control_plane.controllers.job import JobController
from control_plane.controllers.job_cleanup import FinishedJobsGarbage, LeftBehindPods
from control_plane.controllers.namespace import NamespaceController
from control_plane.controllers.node_eviction import NodeEvictionController
from control_plane.controllers.node_leaving import NodeLeavingController
from control_plane.controllers.node_lifecycle import NodeLifecycleController
from control_plane.controllers.owner_gc import OwnerGarbageController
from control_plane.controllers.pod_gc import FinishedPodsGarbage, NodePodsGarbage, UnboundPodsGarbage
from control_plane.controllers.replicaset import ReplicaSetController
from control_plane.controllers.resource_quota import ResourceQuotaController
from control_plane.controllers.stateful_set import StatefulSetController
from control_plane.controllers.taint_eviction import TaintEvictionController
from control_plane.plan import Controller

ALL: tuple[Controller[Any], ...] = (
    DeploymentController(),
    ReplicaSetController(),
    StatefulSetController(),
    DaemonSetController(),
    JobController(),
    FinishedJobsGarbage(),
    LeftBehindPods(),
    CronJobController(),
    DisruptionController(),
    ResourceQuotaController(),
    NodeLifecycleController(),
    NodeEvictionController(),
    TaintEvictionController(),
    NodeLeavingController(),
    NodePodsGarbage(),
    UnboundPodsGarbage(),
    FinishedPodsGarbage(),
    OwnerGarbageController(),
    NamespaceController(),
    EventGarbageController(),
)
"""Every controller, in no order that matters."""
