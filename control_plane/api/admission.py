"""Admission: from what a person wrote to an object that may be stored, or all that is wrong with it.

In this order: the schema (`proto.schema`), identity (kind, name and namespace agree with the request), the namespace
(it exists and is not ending), defaults, the rules of the kind (`validation`), and what the cluster asks of everyone
(`control_plane.admission`, which controllers' creations come through as well).

*Reads*: the mirror, for namespaces and policies. *Writes*: nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from control_plane.admission.policies import Policies
from control_plane.api.committing import check_preconditions
from control_plane.api.defaults import with_defaults
from control_plane.api.request import Request
from control_plane.api.retyping import retyped
from control_plane.api.validation import check_new, check_update
from control_plane.api.warnings import warnings_of
from control_plane.store.mirror import Mirror
from proto.catalog import Kind
from proto.errors import BadRequest, Cause, Forbidden, Invalid, NotFound
from proto.ids import Ids
from proto.names import SUBDOMAIN_LENGTH_MAX
from proto.objects.core import Namespace
from proto.objects.meta import Model, Object, evolve
from proto.objects.pod import Pod
from proto.objects.scheduling import PriorityClass
from proto.schema import Reading, read_model

ARRIVES_S = 0.02
"""A namespace or class that was created at another replica a moment ago may not have reached this mirror yet."""

GENERATED_BASE_LENGTH_MAX = 58
"""Kubernetes: names/generate.go; five random characters follow."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """An object that may be stored, and what its writer should know."""

    object: Object
    warnings: tuple[str, ...] = ()


def invalid(kind: Kind, name: str, causes: Sequence[Cause]) -> Invalid:
    """The refusal that lists every cause."""
    qualified = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    told = str(causes[0]) if len(causes) == 1 else f"[{', '.join(map(str, causes))}]"
    name = name if len(name) <= SUBDOMAIN_LENGTH_MAX else name[:SUBDOMAIN_LENGTH_MAX] + "…"
    details = {"name": name, "group": kind.group, "kind": kind.kind}
    return Invalid(
        f'{qualified} "{name}" is invalid: {told}',
        causes=causes,
        details={key: value for key, value in details.items() if value},
    )


class Admission:
    """Admits new objects and new states of objects."""

    def __init__(self, mirror: Mirror, ids: Ids, policies: Policies):
        self._mirror = mirror
        self._policies = policies
        self._ids = ids

    async def admit_new(self, request: Request) -> Admitted:
        """A new object from the body of a create.

        Raises:
            BadRequest | Invalid | NotFound | Forbidden
        """
        reading = read_body(request.body, request.kind, request.kind.model, request.name)
        obj = self._placed(reading, request)
        if obj.metadata.resource_version:
            raise BadRequest("resourceVersion should not be set on objects to be created")
        await self._await_class(obj)
        obj = self._policies.completed(with_defaults(self._named(obj, request)))
        causes = check_new(obj)
        if causes:
            raise invalid(request.kind, obj.metadata.name, causes)
        if request.kind.namespaced:
            await self._check_namespace(request.kind, obj)
        self._policies.check(obj)
        return Admitted(obj, (*reading.warnings, *warnings_of(obj)))

    def admit_update(self, request: Request, body: Any, old: Object) -> Admitted:
        """A new state of `old` from the body of an update, or from a patched state.

        Raises:
            BadRequest | Invalid | Conflict
        """
        reading = read_body(body, request.kind, request.kind.model, request.name)
        obj = self._placed(reading, request)
        check_preconditions(obj.metadata, old)
        if request.subresource:
            return Admitted(obj, reading.warnings)
        obj = self._policies.completed_update(old, with_defaults(retyped(old, obj)))
        causes = check_update(old, obj)
        if causes:
            raise invalid(request.kind, old.metadata.name, causes)
        return Admitted(obj, (*reading.warnings, *warnings_of(obj)))

    def _placed(self, reading: Reading, request: Request) -> Object:
        """The object in the namespace, and under the name, that the request says."""
        obj = reading.object
        assert obj is not None, "what has no causes has an object"
        identity = obj.metadata
        namespace = _namespace(request, identity.namespace)
        if request.name and identity.name not in ("", request.name):
            raise BadRequest(
                f"the name of the object ({identity.name:.253}) does not match the name on the request ({request.name})"
            )
        name = identity.name or request.name
        if (namespace, name) == obj.key:
            return obj
        return evolve(obj, **{"metadata.namespace": namespace, "metadata.name": name})

    def _named(self, obj: Object, request: Request) -> Object:
        """The object with a name; a drawn one if only its beginning is given."""
        identity = obj.metadata
        if identity.name:
            return obj
        if not identity.generate_name:
            cause = Cause("metadata.name", "Required value: name or generateName is required", "FieldValueRequired")
            raise invalid(request.kind, "", [cause])
        base = identity.generate_name[:GENERATED_BASE_LENGTH_MAX]
        return evolve(obj, **{"metadata.name": base + self._ids.suffix()})

    async def _await_class(self, obj: Object) -> None:
        """Let the class of a pod arrive that was created at another replica a moment ago."""
        name = obj.spec.priority_class_name if isinstance(obj, Pod) else ""
        if name and self._mirror.get(PriorityClass, "", name) is None:
            await self._mirror.wait_for(self._mirror.revision + 1, ARRIVES_S)

    async def _check_namespace(self, kind: Kind, obj: Object) -> None:
        """Kubernetes: the NamespaceLifecycle admission."""
        name = obj.metadata.namespace
        namespace = self._mirror.get(Namespace, "", name)
        if namespace is None:
            await self._mirror.wait_for(self._mirror.revision + 1, ARRIVES_S)
            namespace = self._mirror.get(Namespace, "", name)
        if namespace is None:
            raise NotFound(f'namespaces "{name}" not found', details={"name": name, "kind": "namespaces"})
        if namespace.deleting or namespace.status.phase == "Terminating":
            raise Forbidden(
                f'{kind.qualified_resource} "{obj.metadata.name}" is forbidden: unable to create new content in '
                f"namespace {name} because it is being terminated",
                details={"name": obj.metadata.name, "kind": kind.resource},
            )


def _namespace(request: Request, own: str) -> str:
    """The namespace that the request and the object agree on; "" for a cluster-scoped kind, whatever is written."""
    if not request.kind.namespaced:
        return ""
    if not (request.namespace or own):
        raise BadRequest("an empty namespace may not be set during creation")
    if request.namespace and own not in ("", request.namespace):
        raise BadRequest(
            f"the namespace of the provided object does not match the namespace sent on the request "
            f"({own:.63} is not {request.namespace})"
        )
    return request.namespace or own


def read_body(body: dict[str, Any], kind: Kind, model: type[Model], name: str) -> Reading:
    """Read a body as `model`, which may leave out the apiVersion and kind that the request says already.

    Raises:
        BadRequest: it is of another kind.
        Invalid: it breaks the schema.
    """
    if issubclass(model, Object):
        for field, wanted in (("apiVersion", model.API_VERSION), ("kind", model.KIND)):
            found = body.get(field)
            if isinstance(found, str) and found and found != wanted:
                raise BadRequest(
                    f"the {field} in the data ({found:.80}) does not match the expected {field} ({wanted})"
                )
        body = {**body, "apiVersion": body.get("apiVersion") or model.API_VERSION,
                "kind": body.get("kind") or model.KIND}  # fmt: skip
    reading = read_model(body, model)
    if reading.causes:
        raise invalid(kind, name or _name_in(body), reading.causes)
    return reading


def _name_in(body: dict[str, Any]) -> str:
    """The name that a body gives itself, if it is one."""
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else ""
    return name if isinstance(name, str) else ""
