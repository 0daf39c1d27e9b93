"""Controller revisions: the former and the present templates of a StatefulSet or DaemonSet, by number.

Every template that such an owner ever had lives on in a ControllerRevision, which is never changed but for its number.
Going back to an old template finds its ControllerRevision again, which then gets the highest number.

Reads: an owner, its ControllerRevisions. Writes: nothing; returns which revision is the present one, and the action
that makes it so. (Deployments keep theirs in ReplicaSets: `revisions.py`.)

Source: Kubernetes `pkg/controller/history/controller_history.go`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from control_plane.controllers.ages import made_at
from control_plane.controllers.claims import Claims, claim
from control_plane.plan import Action, Create, Delete, Plan, SetStatus, Snapshot, Update
from proto.ids import derived_suffix
from proto.objects.controller_revision import ControllerRevision
from proto.objects.daemon_set import DaemonSet
from proto.objects.meta import ObjectMeta, evolve
from proto.objects.pod import Pod, PodTemplateSpec
from proto.objects.stateful_set import StatefulSet
from proto.rollouts import CONTROLLER_REVISION_HASH, STAYS

RevisedOwner = StatefulSet | DaemonSet

_NAME_LENGTH_MAX = 63
"""A StatefulSet's pods have the name of their revision as the value of a label."""


@dataclass(frozen=True, slots=True)
class Present:
    """The revision of an owner's present template, and what is to be done so that it is stored under that number.

    `taken`: it is to be made, and its name is another's.
    """

    revision: ControllerRevision
    action: Action | None = None
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Revisions:
    """An owner's revisions: those that are its own, and the present one."""

    claims: Claims[ControllerRevision]
    present: Present


def revisions_of(snapshot: Snapshot, owner: RevisedOwner) -> Revisions:
    """All revisions around an owner."""
    claims = claim(snapshot, owner, ControllerRevision)
    made = present(owner, claims.ours)
    taken = isinstance(made.action, Create) and snapshot.get(ControllerRevision, *made.revision.key) is not None
    return Revisions(claims, replace(made, taken=taken))


def to_settle(owner: RevisedOwner, revisions: Revisions, pods: Claims[Pod]) -> Plan | None:
    """What comes before the pods can be looked at; None when nothing does.

    First it is settled which revisions and pods are the owner's; then that the present revision is stored, under a
    name of its own. For an owner that is being deleted nothing comes after that.
    """
    if updates := revisions.claims.updates(owner) + pods.updates(owner):
        return Plan(updates)
    if owner.deleting:
        return Plan()
    if revisions.present.taken:
        collisions = (owner.status.collision_count or 0) + 1
        return Plan((SetStatus(evolve(owner, **{"status.collision_count": collisions}), "name_taken"),))
    return None if revisions.present.action is None else Plan((revisions.present.action,))


def by_number(revisions: Iterable[ControllerRevision]) -> list[ControllerRevision]:
    """Oldest first; equal numbers by age, then by name."""
    return sorted(
        revisions,
        key=lambda each: (each.revision, made_at(each), each.metadata.name),
    )


def present(owner: RevisedOwner, revisions: Iterable[ControllerRevision]) -> Present:
    """The ControllerRevision of the present template: one that is there, under the highest number, or a new one."""
    known, template = by_number(revisions), owner.spec.template
    same = [each for each in known if keeps(each, template)]
    newest = known[-1].revision if known else 0
    if not same:
        made = _new(owner, revision_data(template), newest + 1)
        return Present(made, Create(made, "new_template"))
    chosen = same[-1]
    if chosen is known[-1]:
        return Present(chosen)
    renumbered = evolve(chosen, revision=newest + 1)
    return Present(renumbered, Update(renumbered, "revision"))


def revision_data(template: PodTemplateSpec) -> dict[str, Any]:
    """What a revision keeps: the part of the spec that is to be put in the place of the present one."""
    fields = template.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"spec": {"template": {**fields, "$patch": "replace"}}}


def template_of(revision: ControllerRevision) -> PodTemplateSpec:
    """The template that a revision keeps.

    Raises:
        ValueError: it keeps something else; somebody else made it.
    """
    spec = revision.data.get("spec")
    template = spec.get("template") if isinstance(spec, dict) else None
    return PodTemplateSpec.model_validate(template)


def keeps(revision: ControllerRevision, template: PodTemplateSpec) -> bool:
    """Whether that is the template of a revision.

    Templates are compared, not what is stored of them: a version that knows one field more, with a default, must not
    find that every template has changed and replace all pods.
    """
    try:
        return template_of(revision) == template
    except ValueError:
        return False


def revision_hash(revision: ControllerRevision) -> str:
    """The last part of a revision's name, which is enough to tell an owner's revisions apart."""
    return revision.metadata.labels.get(CONTROLLER_REVISION_HASH) or revision.metadata.name.rpartition("-")[2]


def expendable(revisions: Iterable[ControllerRevision], live: Collection[str], limit: int) -> tuple[Delete, ...]:
    """Deletes the lowest revisions beyond the `limit` that are kept for going back.

    Those in `live`, by name, are of use now; they neither go nor count.
    """
    former = [each for each in by_number(revisions) if each.metadata.name not in live and not each.deleting]
    surplus: Sequence[ControllerRevision] = former[: max(0, len(former) - limit)]
    return tuple(Delete(each, "revision_history_limit") for each in surplus)


def _new(owner: RevisedOwner, data: dict[str, Any], number: int) -> ControllerRevision:
    """Named by its content, so that the same decision made twice makes the same object."""
    collisions = owner.status.collision_count or 0
    name_hash = derived_suffix(json.dumps(data, sort_keys=True), *([collisions] if collisions else []))
    stem = owner.metadata.name[: _NAME_LENGTH_MAX - len(name_hash) - 1].rstrip("-.")
    kept = {name: text for name, text in owner.metadata.annotations.items() if name not in STAYS}
    return ControllerRevision(
        metadata=ObjectMeta(
            name=f"{stem}-{name_hash}",
            namespace=owner.metadata.namespace,
            labels={**owner.spec.template.metadata.labels, CONTROLLER_REVISION_HASH: name_hash},
            annotations=kept,
            owner_references=(owner.owner_reference(),),
        ),
        data=data,
        revision=number,
    )
