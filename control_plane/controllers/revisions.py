"""Revisions: which ReplicaSet carries a Deployment's present template, what a new one looks like, which old ones go.

Every template that a Deployment ever had lives on in a ReplicaSet, numbered by an annotation. Going back to an old
template finds its ReplicaSet again, which then gets the highest number.

Reads: Deployments and ReplicaSets. Writes: nothing; returns what the ReplicaSets should be.

Source: Kubernetes `pkg/controller/deployment/util/deployment_util.go`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from control_plane.controllers.ages import made_at
from control_plane.controllers.names import child_name
from control_plane.controllers.scaling import Bounds, min_ready_s
from proto.ids import derived_suffix
from proto.objects.apps import Deployment, ReplicaSet, ReplicaSetSpec
from proto.objects.meta import LabelSelector, Object, ObjectMeta, evolve
from proto.objects.pod import PodTemplateSpec
from proto.rollouts import COMPLETED, DESIRED_REPLICAS, HASH_LABEL, MAX_REPLICAS, REVISION, REVISION_HISTORY, STAYS

_REVISION_HISTORY_LENGTH_MAX = 2000


def by_age(replica_sets: Iterable[ReplicaSet]) -> list[ReplicaSet]:
    """Oldest first; equally old ones by name."""
    return sorted(replica_sets, key=lambda each: (made_at(each), each.metadata.name))


def template_hash(template: PodTemplateSpec, collisions: int) -> str:
    """The name of a template: equal templates, equal hash; `collisions` steps aside when the name is taken."""
    fields = template.model_dump(mode="json", by_alias=True, exclude_none=True)
    return derived_suffix(json.dumps(fields, sort_keys=True), *([collisions] if collisions else []))


def same_template(one: PodTemplateSpec, other: PodTemplateSpec) -> bool:
    """Whether two templates make the same pods; the hash label, which is ours, does not count."""
    return one.spec == other.spec and vars(one.metadata) | _unhashed(one) == vars(other.metadata) | _unhashed(other)


def find_current(deployment: Deployment, replica_sets: Iterable[ReplicaSet]) -> ReplicaSet | None:
    """The ReplicaSet of the present template: of several, the oldest, so that everyone picks the same."""
    template = deployment.spec.template
    return next((each for each in by_age(replica_sets) if same_template(each.spec.template, template)), None)


def current_name(deployment: Deployment) -> str:
    """The name of the ReplicaSet for the present template."""
    collisions = deployment.status.collision_count or 0
    return child_name(deployment.metadata.name, template_hash(deployment.spec.template, collisions))


def revision(obj: Object) -> int:
    """The number in its revision annotation; 0 without a readable one."""
    text = obj.metadata.annotations.get(REVISION, "")
    return int(text) if text.isdecimal() else 0


def number_as_current(replica_set: ReplicaSet, former: Iterable[ReplicaSet]) -> int:
    """The revision that a ReplicaSet has, or is to get, as the current one: above all former ones."""
    return max(revision(replica_set), max(map(revision, former), default=0) + 1)


def completed(replica_set: ReplicaSet) -> int:
    """The revision as which it was last fully available; 0: it never was."""
    return remembered(replica_set, COMPLETED) or 0


def was_current_before(replica_set: ReplicaSet) -> bool:
    """Whether it had another number once: the present rollout is not its first."""
    return REVISION_HISTORY in replica_set.metadata.annotations


def stable(replica_sets: Iterable[ReplicaSet]) -> ReplicaSet | None:
    """The ReplicaSet that was fully available last; None if none ever was."""
    proven = [each for each in replica_sets if completed(each) and not each.deleting]
    return max(proven, key=completed, default=None)


def template_of(replica_set: ReplicaSet) -> PodTemplateSpec:
    """The template as its Deployment had it: without our label."""
    template = replica_set.spec.template
    return evolve(template, metadata=evolve(template.metadata, **_unhashed(template)))


def new_replica_set(deployment: Deployment, former: Iterable[ReplicaSet], replicas: int, limits: Bounds) -> ReplicaSet:
    """A ReplicaSet for the present template, of the next revision."""
    spec = deployment.spec
    hashed = {HASH_LABEL: template_hash(spec.template, deployment.status.collision_count or 0)}
    labels = {**spec.template.metadata.labels, **hashed}
    replica_set = ReplicaSet(
        metadata=ObjectMeta(
            name=current_name(deployment),
            namespace=deployment.metadata.namespace,
            labels=labels,
            owner_references=(deployment.owner_reference(),),
        ),
        spec=ReplicaSetSpec(
            replicas=replicas,
            min_ready_seconds=min_ready_s(spec),
            selector=LabelSelector(
                match_labels={**spec.selector.match_labels, **hashed},
                match_expressions=spec.selector.match_expressions,
            ),
            template=evolve(spec.template, **{"metadata.labels": labels}),
        ),
    )
    return sized(as_current(replica_set, deployment, former), deployment, replicas, limits)


def as_current(replica_set: ReplicaSet, deployment: Deployment, former: Iterable[ReplicaSet]) -> ReplicaSet:
    """The ReplicaSet with what the current one takes from its Deployment: annotations, revision, minReadySeconds.

    Its revision is above all former ones. The numbers it had before stay in the history annotation.
    """
    before, min_ready = replica_set.metadata.annotations, min_ready_s(deployment.spec)
    annotations = dict(before)
    annotations |= {k: v for k, v in deployment.metadata.annotations.items() if k not in STAYS}
    number, own = number_as_current(replica_set, former), revision(replica_set)
    if own < number:
        annotations[REVISION] = str(number)
        if own:
            annotations[REVISION_HISTORY] = _history(annotations.get(REVISION_HISTORY, ""), own)
    if annotations == before and replica_set.spec.min_ready_seconds == min_ready:
        return replica_set
    return evolve(replica_set, **{"metadata.annotations": annotations, "spec.min_ready_seconds": min_ready})


def proven(replica_set: ReplicaSet) -> ReplicaSet:
    """The ReplicaSet with the note that, under its present number, it was all that was wanted, and available."""
    if completed(replica_set) == revision(replica_set):
        return replica_set
    annotations = {**replica_set.metadata.annotations, COMPLETED: str(revision(replica_set))}
    return evolve(replica_set, **{"metadata.annotations": annotations})


def sized(replica_set: ReplicaSet, deployment: Deployment, replicas: int, limits: Bounds) -> ReplicaSet:
    """The ReplicaSet at another size, with the annotations that remember for which size of its Deployment."""
    remembered = {DESIRED_REPLICAS: str(deployment.spec.replicas), MAX_REPLICAS: str(limits.ceiling)}
    annotations = {**replica_set.metadata.annotations, **remembered}
    return evolve(replica_set, **{"spec.replicas": replicas, "metadata.annotations": annotations})


def remembered(replica_set: ReplicaSet, annotation: str) -> int | None:
    """The number in one of the size annotations; None without a readable one."""
    text = replica_set.metadata.annotations.get(annotation, "")
    return int(text) if text.isdecimal() else None


def expendable(former: Sequence[ReplicaSet], limit: int) -> tuple[ReplicaSet, ...]:
    """The former ReplicaSets beyond the `limit` that are kept for going back, the lowest revisions first.

    One that still has, or may have, pods is passed over.
    """
    alive = sorted((each for each in former if not each.deleting), key=revision)
    surplus = alive[: max(0, len(alive) - limit)]
    return tuple(
        each
        for each in surplus
        if not each.spec.replicas
        and not each.status.replicas
        and (each.status.observed_generation or 0) >= (each.metadata.generation or 0)
    )


def _unhashed(template: PodTemplateSpec) -> dict[str, dict[str, str]]:
    """The labels of its metadata without ours."""
    return {"labels": {key: value for key, value in template.metadata.labels.items() if key != HASH_LABEL}}


def _history(history: str, own: int) -> str:
    """Earlier numbers, newest last; the oldest are dropped when it gets long."""
    numbers = [number for number in history.split(",") if number and number != str(own)] + [str(own)]
    while len(",".join(numbers)) > _REVISION_HISTORY_LENGTH_MAX:
        numbers.pop(0)
    return ",".join(numbers)
