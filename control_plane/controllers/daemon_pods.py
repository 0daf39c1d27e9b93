"""Daemon pods: which pods of a DaemonSet to make and delete next, node by node.

A node *should* have a pod if the pod fits it: name, labels, and no taint that the pod does not tolerate. A pod *may
stay* on a node that got a `NoSchedule` taint later. At most one pod is kept on a node, but for an update with a surge:
then there may be an old one and a new one, until the new one is available.

Reads: nodes, a DaemonSet, its pods. Writes: nothing; returns actions.

Source: Kubernetes `pkg/controller/daemon` (daemon_controller.go, update.go), `daemon/util`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from control_plane.controllers.ages import made_at
from control_plane.controllers.controller_revisions import revision_hash
from control_plane.controllers.names import child_name
from control_plane.controllers.pods import is_available, is_finished, is_to_be_remade, pod_from_template, remade_in_s
from control_plane.controllers.scaling import int_or_percent
from control_plane.controllers.taints import NOT_READY, UNREACHABLE, UNSCHEDULABLE, tolerates
from control_plane.plan import Action, Create, Delete
from proto.ids import derived_suffix
from proto.node_affinity import NAME_FIELD, fits, named_nodes, required_terms
from proto.objects.affinity import (
    Affinity,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
)
from proto.objects.controller_revision import ControllerRevision
from proto.objects.core import Node
from proto.objects.daemon_set import DaemonSet, RollingUpdateDaemonSet
from proto.objects.meta import evolve
from proto.objects.pod import Pod, PodSpec, PodTemplateSpec, Toleration
from proto.rollouts import CONTROLLER_REVISION_HASH

_NAME_SUFFIX_LENGTH = 8

TOLERATIONS = (
    *(Toleration(key=key, operator="Exists", effect="NoExecute") for key in (NOT_READY, UNREACHABLE)),
    *(
        Toleration(key=key, operator="Exists", effect="NoSchedule")
        for key in (
            "node.kubernetes.io/disk-pressure",
            "node.kubernetes.io/memory-pressure",
            "node.kubernetes.io/pid-pressure",
            UNSCHEDULABLE,
        )
    ),
)
"""What every pod of a DaemonSet tolerates: it belongs to its node, whatever happens to that."""


@dataclass(frozen=True, slots=True)
class Post:
    """A node and the DaemonSet's pods on it, or meant for it, the one to keep first.

    `node` is None for one that does not exist. `wanted`: it should have a pod; `may_stay`: it may keep one.
    """

    name: str
    node: Node | None
    pods: tuple[Pod, ...]
    wanted: bool
    may_stay: bool

    @property
    def staying(self) -> tuple[Pod, ...]:
        """Those that count: neither finished nor being deleted."""
        return tuple(pod for pod in self.pods if not pod.deleting and not is_finished(pod))


@dataclass(frozen=True, slots=True)
class Posts:
    """All nodes that should have a pod or have one, and the present revision."""

    daemon_set: DaemonSet
    posts: tuple[Post, ...]
    update: ControllerRevision
    now: datetime

    @property
    def wanted(self) -> tuple[Post, ...]:
        """Nodes that should have a pod."""
        return tuple(post for post in self.posts if post.wanted)

    def is_available(self, pod: Pod) -> bool:
        """Whether it has been ready for long enough."""
        return is_available(pod, self.daemon_set.spec.min_ready_seconds, self.now)

    def is_updated(self, pod: Pod) -> bool:
        """Whether it is of the present revision."""
        return pod.metadata.labels.get(CONTROLLER_REVISION_HASH) == revision_hash(self.update)


def tolerant(template: PodTemplateSpec) -> PodTemplateSpec:
    """The template with what all pods of DaemonSets tolerate."""
    missing = tuple(each for each in TOLERATIONS if each not in template.spec.tolerations)
    return evolve(template, **{"spec.tolerations": (*template.spec.tolerations, *missing)})


def posts(
    daemon_set: DaemonSet, nodes: Iterable[Node], pods: Iterable[Pod], update: ControllerRevision, now: datetime
) -> Posts:
    """Each node with its pods; O(nodes + pods)."""
    spec = tolerant(daemon_set.spec.template).spec
    placed: dict[str, list[Pod]] = {}
    for pod in pods:
        placed.setdefault(target(pod), []).append(pod)
    found = []
    for node in nodes:
        wanted, may_stay = _judged(spec, node)
        there = placed.pop(node.metadata.name, [])
        if wanted or there:
            found.append(Post(node.metadata.name, node, _by_use(there), wanted, may_stay))
    found += [Post(name, None, _by_use(there), wanted=False, may_stay=False) for name, there in placed.items()]
    return Posts(daemon_set, tuple(found), update, now)


def target(pod: Pod) -> str:
    """The node that a pod is on or meant for; "" for one that nobody can tell."""
    if pod.spec.node_name:
        return pod.spec.node_name
    names = [named_nodes(term) for term in required_terms(pod.spec) or ()]
    return next((name for named in names if named for name in named), "")


def steps(all_: Posts, *, may_create: bool) -> tuple[Action, ...]:
    """First every node gets its pod and loses what it should not have; an update takes what room that leaves."""
    actions: list[Action] = []
    for post in all_.posts:
        actions += _manned(all_, post, may_create=may_create)
    if all_.daemon_set.spec.update_strategy.type == "RollingUpdate":
        busy = {action.object.metadata.name for action in actions}
        actions += _updated(all_, busy, may_create=may_create)
    return tuple(actions)


def retry_s(all_: Posts) -> float | None:
    """When a failed pod is old enough to be replaced."""
    waits = [remade_in_s(pod, all_.now) for post in all_.posts for pod in post.pods if is_to_be_remade(pod)]
    return min((wait for wait in waits if wait > 0), default=None)


def _judged(spec: PodSpec, node: Node) -> tuple[bool, bool]:
    """Whether a node should have a pod, and whether it may keep one (Kubernetes: NodeShouldRunDaemonPod)."""
    if node.deleting or (spec.node_name and spec.node_name != node.metadata.name) or not fits(spec, node):
        return False, False
    repelling = [
        taint.effect
        for taint in node.spec.taints
        if taint.effect != "PreferNoSchedule" and not any(tolerates(each, taint) for each in spec.tolerations)
    ]
    return not repelling, "NoExecute" not in repelling


def _manned(all_: Posts, post: Post, *, may_create: bool) -> list[Action]:
    """What one node lacks or has too much of."""
    if not post.may_stay:
        return [Delete(pod, "node_not_fit") for pod in post.pods if not pod.deleting]
    failed = [pod for pod in post.pods if is_to_be_remade(pod) and remade_in_s(pod, all_.now) <= 0]
    actions: list[Action] = [Delete(pod, "pod_finished") for pod in failed]
    if post.wanted and not post.pods and may_create:
        return [Create(_pod(all_, post.name), "pod_missing")]
    kept = _kept(all_, post)
    return actions + [Delete(pod, "pod_surplus", at_revision=True) for pod in post.staying if pod not in kept]


def _kept(all_: Posts, post: Post) -> tuple[Pod, ...]:
    """The pod that stays on a node; with a surge an old one and a new one, until the new one is available."""
    by_worth = sorted(post.staying, key=all_.is_available, reverse=True)
    old = [pod for pod in by_worth if not all_.is_updated(pod)][:1]
    new = [pod for pod in by_worth if all_.is_updated(pod)][:1]
    if not (old and new):
        return (*old, *new)
    if all_.is_available(new[0]):
        return tuple(new)
    return (*old, *new) if _limits(all_)[1] else tuple(by_worth[:1])


def _updated(all_: Posts, busy: set[str], *, may_create: bool) -> list[Action]:
    """Replace pods of a former revision, within the bounds; those that are not available first."""
    unavailable_max, surge_max = _limits(all_)
    outdated: list[tuple[Post, Pod]] = []
    unavailable = surging = 0
    for post in all_.wanted:
        unavailable += not any(map(all_.is_available, post.staying))
        if len(post.staying) > 1:
            surging += 1
        elif len(post.pods) == 1 and post.staying and not all_.is_updated(post.staying[0]):
            outdated.append((post, post.staying[0]))
    free = [(post, pod) for post, pod in outdated if pod.metadata.name not in busy]
    # A pod that is of no use costs nothing: it is replaced whatever the bounds say.
    idle = [(post, pod) for post, pod in free if not all_.is_available(pod)]
    useful = [(post, pod) for post, pod in free if all_.is_available(pod)]
    actions: list[Action] = [Delete(pod, "outdated_revision", at_revision=True) for _, pod in idle]
    if surge_max:
        chosen = useful[: max(0, surge_max - surging)] if may_create else []
        return actions + [Create(_pod(all_, post.name), "surge") for post, _ in chosen]
    chosen = useful[: max(0, unavailable_max - unavailable)]
    return actions + [Delete(pod, "outdated_revision", at_revision=True) for _, pod in chosen]


def _limits(all_: Posts) -> tuple[int, int]:
    """How many nodes may be without an available pod, and how many may have two; both round up."""
    rolling = all_.daemon_set.spec.update_strategy.rolling_update or RollingUpdateDaemonSet()
    nodes = len(all_.wanted)
    return (
        int_or_percent(rolling.max_unavailable, nodes, round_up=True),
        int_or_percent(rolling.max_surge, nodes, round_up=True),
    )


def _by_use(pods: Sequence[Pod]) -> tuple[Pod, ...]:
    """Those that are on the node already first, then the oldest (Kubernetes: podByCreationTimestampAndPhase)."""
    return tuple(
        sorted(
            pods,
            key=lambda pod: (
                not pod.spec.node_name,
                made_at(pod),
                pod.metadata.name,
            ),
        )
    )


def _pod(all_: Posts, node: str) -> Pod:
    """The pod for a node. Its name tells which node and which revision, so the same decision makes the same pod."""
    daemon_set, mark = all_.daemon_set, revision_hash(all_.update)
    suffix = derived_suffix(daemon_set.metadata.uid, node, mark, length=_NAME_SUFFIX_LENGTH)
    pod = pod_from_template(
        tolerant(daemon_set.spec.template),
        daemon_set.metadata.namespace,
        child_name(daemon_set.metadata.name, suffix),
        daemon_set.owner_reference(),
    )
    changes: Mapping[str, object] = {
        "metadata.labels": {**pod.metadata.labels, CONTROLLER_REVISION_HASH: mark},
        "spec.affinity": _only(pod.spec, node),
    }
    return evolve(pod, **changes)


def _only(spec: PodSpec, node: str) -> Affinity:
    """The affinity to one node, in the place of the template's, which that node was found to fit."""
    term = NodeSelectorTerm(
        match_fields=(NodeSelectorRequirement(key=NAME_FIELD, operator="In", values=(node,)),),
    )
    required = NodeSelector(node_selector_terms=(term,))
    return evolve(
        spec.affinity or Affinity(),
        node_affinity=NodeAffinity(required_during_scheduling_ignored_during_execution=required),
    )
