"""The API with objects in and objects out.

    client = Client(bus)
    web = await client.get(Deployment, "web", "default")
    await client.update(evolve(web, **{"spec.replicas": 5}))
    async for event in client.watch(Pod, "default"): ...

Writes are compare-and-swap against the object's resourceVersion: a stale one raises `errors.Conflict`.
"""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from proto import catalog, codec, subjects
from proto.bus.port import Bus
from proto.catalog import Kind
from proto.client.raw import JSON_PATCH, MERGE_PATCH, REQUEST_TIMEOUT_S, RawClient
from proto.client.watch import watch_raw
from proto.garbage import GarbageReport
from proto.objects.meta import Object

Obj = TypeVar("Obj", bound=Object)


@dataclass(frozen=True, slots=True)
class ListResult(Generic[Obj]):
    """The objects of a list, and the revision at which they were read: where a watch goes on."""

    items: tuple[Obj, ...]
    revision: str


@dataclass(frozen=True, slots=True)
class WatchEvent(Generic[Obj]):
    """One change of one object; for DELETED its last state."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Obj


class Client:
    """The typed client of the API."""

    def __init__(self, bus: Bus, *, timeout_s: float = REQUEST_TIMEOUT_S):
        self.bus = bus
        self.raw = RawClient(bus, timeout_s=timeout_s)

    async def get(self, model: type[Obj], name: str, namespace: str = "", *, not_older_than: str = "") -> Obj:
        """One object; `not_older_than` is a resourceVersion that the answer must have reached."""
        body = {"resourceVersion": not_older_than} if not_older_than else None
        reply = await self.raw.call("get", _kind(model), namespace, name, body=body)
        return model.model_validate(reply.body)

    async def list(
        self,
        model: type[Obj],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        not_older_than: str = "",
    ) -> ListResult[Obj]:
        """All objects of a kind, in one namespace or (`""`) in all."""
        options = {"labelSelector": label_selector, "fieldSelector": field_selector, "resourceVersion": not_older_than}
        body = (await self.raw.list_all(_kind(model), namespace, **{k: v for k, v in options.items() if v})).body
        kind = {"apiVersion": model.API_VERSION, "kind": model.KIND}
        items = tuple(model.model_validate({**item, **kind}) for item in body.get("items", ()))
        return ListResult(items, str(body.get("metadata", {}).get("resourceVersion", "")))

    async def watch(
        self,
        model: type[Obj],
        namespace: str = "",
        *,
        since: str = "",
        label_selector: str = "",
        field_selector: str = "",
    ) -> AsyncIterator[WatchEvent[Obj]]:
        """Changes from behind revision `since` on; see `proto.client.watch`."""
        events = watch_raw(
            self.bus,
            _kind(model),
            namespace,
            revision=since,
            label_selector=label_selector,
            field_selector=field_selector,
        )
        async for event in events:
            if event.type != "BOOKMARK":
                yield WatchEvent(event.type, model.model_validate(event.object))

    async def create(self, obj: Obj, *, dry_run: bool = False) -> Obj:
        """Create it; the stored object."""
        return await self._write("create", obj, name="", dry_run=dry_run)

    async def update(self, obj: Obj, *, dry_run: bool = False) -> Obj:
        """Write metadata and spec in place of the revision that `obj` carries."""
        return await self._write("update", obj, name=obj.metadata.name, dry_run=dry_run)

    async def update_status(self, obj: Obj) -> Obj:
        """Write the status alone."""
        return await self._write("update", obj, name=obj.metadata.name, subresource="status")

    async def patch(
        self,
        model: type[Obj],
        name: str,
        namespace: str,
        patch: Mapping[str, Any] | builtins.list[Any],
        *,
        dry_run: bool = False,
    ) -> Obj:
        """Apply a JSON merge patch (a mapping) or a JSON patch (a list)."""
        reply = await self.raw.call(
            "patch",
            _kind(model),
            namespace,
            name,
            body=patch,
            content_type=JSON_PATCH if isinstance(patch, list) else MERGE_PATCH,
            options={"dryRun": "All"} if dry_run else None,
        )
        return model.model_validate(reply.body)

    async def delete(
        self,
        model: type[Object],
        name: str,
        namespace: str = "",
        *,
        grace_s: int | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] | None = None,
        uid: str = "",
    ) -> None:
        """Ask for its deletion; with `uid` only if it is still that object."""
        body: dict[str, Any] = {}
        if grace_s is not None:
            body["gracePeriodSeconds"] = grace_s
        if propagation:
            body["propagationPolicy"] = propagation
        if uid:
            body["preconditions"] = {"uid": uid}
        await self.raw.call("delete", _kind(model), namespace, name, body=body or None)

    async def evict(self, name: str, namespace: str, *, grace_s: int | None = None, uid: str = "") -> None:
        """Delete a pod if its disruption budgets allow that now; with `uid` only if it is still that pod.

        Raises:
            errors.TooManyRequests: they do not; try again later.
        """
        options: dict[str, Any] = {"preconditions": {"uid": uid}} if uid else {}
        if grace_s is not None:
            options["gracePeriodSeconds"] = grace_s
        body = {"deleteOptions": options}
        await self.raw.call("create", catalog.BY_KIND["Pod"], namespace, name, subresource="eviction", body=body)

    async def scale(self, model: type[Object], name: str, namespace: str, replicas: int) -> None:
        """Set the wanted count through the scale subresource."""
        body = {"spec": {"replicas": replicas}}
        await self.raw.call("patch", _kind(model), namespace, name, subresource="scale", body=body)

    async def collect_garbage(
        self, *, dry_run: bool = False, finished_pods: int | None = None, events_ttl_s: int | None = None
    ) -> GarbageReport:
        """Remove what is of no use any more, now, on all nodes too; with `dry_run` only find it.

        `finished_pods`: keep so many, `events_ttl_s`: keep Events so long; None: as the control plane does by itself.
        Look at `remaining` and `silent_nodes` of the report before calling it the whole truth.
        """
        wanted = {"finishedPodsMax": finished_pods, "eventsTtlSeconds": events_ttl_s}
        body: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
        if dry_run:
            body["dryRun"] = ["All"]
        return GarbageReport.model_validate((await self.raw.call_subject(subjects.GC, body)).body)

    async def _write(self, verb: str, obj: Obj, *, name: str, subresource: str = "", dry_run: bool = False) -> Obj:
        reply = await self.raw.call(
            verb,
            _kind(type(obj)),
            obj.metadata.namespace,
            name,
            subresource=subresource,
            body=codec.to_dict(obj),
            options={"dryRun": "All"} if dry_run else None,
        )
        return type(obj).model_validate(reply.body)


def _kind(model: type[Object]) -> Kind:
    return catalog.BY_KIND[model.KIND]
