"""create, update and patch, of objects and of their subresources.

Every change is made from the newest known state and written by compare-and-swap. A writer who names a
resourceVersion is refused if the object has moved on (Conflict, nothing changed); for one who does not, the change is
made again on the newer state (Kubernetes: unconditional updates, and patches).

*Reads*: the mirror. *Writes*: through the committer. Never: what a write means (see `control_plane.store.lifecycle`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from control_plane.admission.policies import Policies
from control_plane.api.admission import Admission, Admitted, invalid, read_body
from control_plane.api.committing import ATTEMPTS_MAX, Committer, check_preconditions, modified, told
from control_plane.api.defaults import with_defaults
from control_plane.api.options import check_field_validation, parse_revision, read_dry_run
from control_plane.api.patching import apply_patch
from control_plane.api.reading import catch_up, not_found
from control_plane.api.reply import Answer, success
from control_plane.api.request import Request
from control_plane.api.scale import scale_of, with_replicas
from control_plane.api.validation.problems import Problems
from control_plane.api.validation.resize import check_resize
from control_plane.store import lifecycle
from control_plane.store.mirror import Mirror
from control_plane.store.port import RevisionMismatch, StoreError
from proto import codec
from proto.catalog import Kind
from proto.clock import Clock
from proto.errors import AlreadyExists, BadRequest
from proto.ids import Ids
from proto.names import subdomain_problem
from proto.objects.apps import Scale
from proto.objects.core import Binding, Namespace
from proto.objects.meta import Object, evolve
from proto.objects.pod import Pod

DRAWS_MAX = 8
"""How many names are drawn for a generateName before it is told that they are all taken."""

Change = Callable[[Object], Admitted]
"""From the newest state to the state that should be written (the same object: nothing to do)."""


class Writer:
    """Answers create, update and patch."""

    def __init__(self, committer: Committer, mirror: Mirror, clock: Clock, ids: Ids, policies: Policies):
        self._committer = committer
        self._mirror = mirror
        self._clock = clock
        self._ids = ids
        self._policies = policies
        self._admission = Admission(mirror, ids, policies)

    async def create(self, request: Request) -> Answer:
        """A new object, or the binding of a pod.

        Raises:
            AlreadyExists | Invalid | BadRequest | Forbidden | NotFound | RequestTooLarge | Unavailable | Timeout
        """
        check_field_validation(request.options)
        await catch_up(self._mirror, 0)
        if request.subresource == "binding":
            return await self._bind(request)
        for _ in range(DRAWS_MAX):
            admitted = await self._admission.admit_new(request)
            obj = lifecycle.for_create(admitted.object, uid=self._ids.uid(), now=self._clock.now())
            if read_dry_run(request.options):
                self._refuse_existing(request.kind, obj)
                self._policies.check_quotas(obj)
                return Answer(request.kind, object=obj, warnings=admitted.warnings)
            try:
                async with self._policies.charged(obj):
                    stored = await self._committer.put(obj, 0)
            except RevisionMismatch:
                if _drawn(request):
                    continue
                raise _already_exists(request.kind, obj.metadata.name) from None
            except StoreError as error:
                raise told(error) from None
            return Answer(request.kind, object=stored, warnings=admitted.warnings)
        raise _already_exists(request.kind, obj.metadata.name)

    async def update(self, request: Request) -> Answer:
        """The object in the place of its former state.

        Raises:
            Conflict | NotFound | Invalid | BadRequest | RequestTooLarge | Unavailable | Timeout
        """
        check_field_validation(request.options)
        named = _revision_in(request.body)
        await catch_up(self._mirror, named)
        return await self._rewrite(request, lambda old: self._changed(request, request.body, old), pinned=named > 0)

    async def patch(self, request: Request) -> Answer:
        """The object with the patch applied to its newest state.

        Raises:
            Conflict | NotFound | Invalid | BadRequest | RequestTooLarge | Unavailable | Timeout
        """
        check_field_validation(request.options)
        await catch_up(self._mirror, 0)

        def change(old: Object) -> Admitted:
            current = _plain(scale_of(old) if request.subresource == "scale" else old)
            return self._changed(request, apply_patch(request.patch_form, request.body, current), old)

        return await self._rewrite(request, change)

    async def _bind(self, request: Request) -> Answer:
        """Place a pod on a node (Kubernetes: the binding subresource)."""
        reading = read_body(request.body, request.kind, Binding, request.name)
        binding = reading.object
        assert isinstance(binding, Binding), "it was read as one"
        _check_binding(request, binding)

        def change(old: Object) -> Admitted:
            assert isinstance(old, Pod), "only pods have bindings"
            check_preconditions(binding.metadata, old)
            return Admitted(lifecycle.for_binding(old, binding.target.name, self._clock.now()), reading.warnings)

        await catch_up(self._mirror, parse_revision(binding.metadata.resource_version))
        answer = await self._rewrite(request, change)
        assert answer.object is not None, "a rewrite answers with an object"
        return Answer(request.kind, plain=success(request.kind, answer.object, 201), warnings=answer.warnings)

    async def _rewrite(self, request: Request, change: Change, *, pinned: bool = False) -> Answer:
        """Change the newest state and write it; again if someone else was faster and no revision was named."""
        for _ in range(ATTEMPTS_MAX):
            old = self._mirror.get(request.kind.model, request.namespace, request.name)
            if old is None:
                raise not_found(request.kind, request.name)
            changed = change(old)
            stored = changed.object
            if not read_dry_run(request.options):
                try:
                    stored = await (self._committer.confirm(old) if stored is old else self._write(stored))
                except RevisionMismatch:
                    if pinned:
                        raise modified(request.kind, request.name) from None
                    await self._committer.await_news()
                    continue
            shown = scale_of(stored) if request.subresource == "scale" else stored
            return Answer(request.kind, object=shown, warnings=changed.warnings)
        raise modified(request.kind, request.name)

    async def _write(self, obj: Object) -> Object:
        """Store it; or take it out, if the last finalizer of a deleted object has just gone."""
        if lifecycle.may_be_removed(obj):
            await self._committer.delete(obj)
            return obj
        return await self._committer.put(obj, obj.metadata.revision)

    def _changed(self, request: Request, body: Any, old: Object) -> Admitted:
        """What to write in place of `old`, from a whole body."""
        if request.subresource == "scale":
            return self._scaled(request, body, old)
        admitted = self._admission.admit_update(request, body, old)
        new = admitted.object
        match request.subresource:
            case "status":
                new = lifecycle.for_status(old, new)
            case "resize":
                new = with_defaults(new)
                assert isinstance(old, Pod) and isinstance(new, Pod), "only pods are resized"
                new = self._resized(request, old, new)
            case "finalize":
                assert isinstance(old, Namespace) and isinstance(new, Namespace), "only namespaces are finalized"
                new = lifecycle.for_finalize(old, new)
            case _:
                new = lifecycle.for_update(old, new)
        return Admitted(new, admitted.warnings)

    def _resized(self, request: Request, old: Pod, new: Pod) -> Pod:
        """The pod with other resources, within the limits of its namespace."""
        if causes := check_resize(old, new):
            raise invalid(request.kind, old.metadata.name, causes)
        new = lifecycle.for_resize(old, new)
        self._policies.check(new)
        self._policies.check_growth(old, new)
        return new

    def _scaled(self, request: Request, body: Any, old: Object) -> Admitted:
        reading = read_body(body, request.kind, Scale, request.name)
        scale = reading.object
        assert isinstance(scale, Scale), "it was read as one"
        if scale.metadata.name not in ("", request.name) or scale.metadata.namespace not in ("", request.namespace):
            raise BadRequest("the name or namespace of the scale does not match the request")
        check_preconditions(scale.metadata, old)
        return Admitted(lifecycle.for_update(old, with_replicas(old, scale)), reading.warnings)

    def _refuse_existing(self, kind: Kind, obj: Object) -> None:
        if self._mirror.get(kind.model, *obj.key) is not None:
            raise _already_exists(kind, obj.metadata.name)


def _plain(obj: Object) -> dict[str, Any]:
    """An object as plain JSON values (lists, not tuples), as patches want them."""
    plain: dict[str, Any] = json.loads(codec.to_json(obj))
    return plain


def _drawn(request: Request) -> bool:
    """Whether the object's name is drawn by us."""
    metadata = request.body.get("metadata") or {}
    return not metadata.get("name") and not request.name


def _already_exists(kind: Kind, name: str) -> AlreadyExists:
    return AlreadyExists(
        f'{kind.qualified_resource} "{name}" already exists', details={"name": name, "kind": kind.resource}
    )


def _revision_in(body: dict[str, Any]) -> int:
    """The revision that a body names, or 0; one that is not a text is left for the schema to refuse."""
    metadata = body.get("metadata")
    named = metadata.get("resourceVersion") if isinstance(metadata, dict) else ""
    return parse_revision(named, "metadata.resourceVersion") if isinstance(named, str) else 0


def _check_binding(request: Request, binding: Binding) -> None:
    problems = Problems()
    if not binding.target.name:
        problems.required("target.name")
    else:
        problems.name("target.name", binding.target.name, subdomain_problem(binding.target.name))
    if binding.target.kind not in ("", "Node"):
        problems.unsupported("target.kind", binding.target.kind, ("Node", "<empty>"))
    if problems.causes:
        raise invalid(request.kind, request.name, problems.causes)
    named = evolve(binding, **{"metadata.name": binding.metadata.name or request.name}).metadata
    if named.name != request.name or named.namespace not in ("", request.namespace):
        raise BadRequest(
            f"the name of the object ({named.name:.253}) does not match the name on the request ({request.name})"
        )
