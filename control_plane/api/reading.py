"""get and list, answered from the mirror.

`resourceVersion` means "not older than": the answer waits until the mirror has come that far. Without it, the answer
is what this replica knows, which trails the store by about a millisecond.

*Reads*: the mirror. *Writes*: nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from control_plane.api import paging
from control_plane.api.options import ListOptions, Selection, read_list_options, read_revision
from control_plane.api.paging import Lists, Page, Token
from control_plane.api.reply import FRAME_BYTES, Answer, encode_parts
from control_plane.api.request import Request
from control_plane.api.scale import scale_of
from control_plane.store.mirror import Mirror
from proto.catalog import Kind
from proto.clock import Clock
from proto.errors import Expired, NotFound, Timeout, Unavailable
from proto.ids import Ids
from proto.objects.meta import Object
from proto.selectors import field_matches, matches

CATCH_UP_S = 3.0
PAGE_BYTES_MAX = 1024 * 1024
"""Even where the bus would take more: encoding a page must not hold up everything else for long."""


def not_found(kind: Kind, name: str) -> NotFound:
    """The refusal for an object that is not there."""
    details = {"name": name, "group": kind.group, "kind": kind.resource}
    return NotFound(
        f'{kind.qualified_resource} "{name}" not found', details={key: value for key, value in details.items() if value}
    )


async def catch_up(mirror: Mirror, revision: int) -> None:
    """Wait until the mirror is ready, and not older than `revision`.

    Raises:
        Unavailable: it has not read the store yet.
        Timeout: it did not come that far in `CATCH_UP_S`.
    """
    if not mirror.synced:
        raise Unavailable("this control plane is still reading the store, try again in a moment")
    if revision > mirror.revision and not await mirror.wait_for(revision, CATCH_UP_S):
        raise Timeout(
            f"Too large resource version: {revision}, current: {mirror.revision}",
            details={"retryAfterSeconds": 1},
        )


def chosen(selection: Selection, obj: Object) -> bool:
    """Whether the selectors choose `obj`."""
    return matches(selection.labels, obj.metadata.labels) and field_matches(selection.fields, obj)


class Reader:
    """Answers get and list."""

    def __init__(self, mirror: Mirror, clock: Clock, ids: Ids):
        self._mirror = mirror
        self._clock = clock
        self._ids = ids
        self._lists = Lists(clock)

    async def get(self, request: Request) -> Answer:
        """One object, or its scale.

        Raises:
            NotFound | Unavailable | Timeout
        """
        await catch_up(self._mirror, read_revision(request.options))
        obj = self._mirror.get(request.kind.model, request.namespace, request.name)
        if obj is None:
            raise not_found(request.kind, request.name)
        return Answer(request.kind, object=scale_of(obj) if request.subresource == "scale" else obj)

    async def list_objects(self, request: Request, bytes_max: int) -> Answer:
        """The objects that are chosen, or as many as fit into a message, with a token for the rest.

        Raises:
            BadRequest | Expired | Unavailable | Timeout
        """
        options = read_list_options(request.options, request.kind)
        asked = paging.digest(request.kind, request.namespace, options.selection)
        token = Token.decode(options.continue_token, asked) if options.continue_token else None
        await catch_up(self._mirror, token.revision if token else options.revision)
        if options.exact and options.revision != self._mirror.revision:
            raise Expired(f"resourceVersion {options.revision} is not held exactly, the newest is served only")
        page = self._continued(request, options, token) if token else self._taken(request, options, asked)
        end = page.start + options.limit if options.limit else len(page.items)
        space = min(bytes_max, PAGE_BYTES_MAX) - FRAME_BYTES
        wanted = islice(page.items, page.start, end)
        parts = await encode_parts(wanted, request.kind, request.accept, self._clock.now(), space)
        return Answer(request.kind, parts=parts, list_metadata=self._metadata(page, len(parts)))

    def select(self, kind: Kind, namespace: str, selection: Selection) -> list[Object]:
        """The chosen objects in the order of their names."""
        found = [obj for obj in self._candidates(kind, namespace, selection) if chosen(selection, obj)]
        found.sort(key=lambda obj: obj.key)
        return found

    def _candidates(self, kind: Kind, namespace: str, selection: Selection) -> Iterable[Object]:
        """A small set that holds all chosen ones: from an index, where the selectors allow it."""
        equal = {path: value for path, operator, value in selection.fields if operator == "="}
        if name := equal.get("metadata.name"):
            if namespace or not kind.namespaced:
                obj = self._mirror.get(kind.model, namespace, name)
                return () if obj is None else (obj,)
        elif kind.kind == "Pod" and (node := equal.get("spec.nodeName")):
            return (pod for pod in self._mirror.by_node(node) if namespace in ("", pod.metadata.namespace))
        if namespace or not kind.namespaced:
            return self._mirror.by_selector(kind.model, namespace, selection.labels)
        return self._mirror.list(kind.model)

    def _taken(self, request: Request, options: ListOptions, asked: str) -> Page:
        """A list of what there is now."""
        items = self.select(request.kind, request.namespace, options.selection)
        return Page(self._mirror.revision, self._ids.suffix(12), asked, items)

    def _continued(self, request: Request, options: ListOptions, token: Token) -> Page:
        """The rest of a list, as it was taken or, if that is not kept here, from what there is now."""
        kept = self._lists.page(token)
        if kept is not None:
            return kept
        if token.revision < self._mirror.first_revision(request.kind):
            raise paging.expired()
        behind = (token.namespace, token.name)
        items = [obj for obj in self.select(request.kind, request.namespace, options.selection) if obj.key > behind]
        return Page(token.revision, self._ids.suffix(12), token.asked, items)

    def _metadata(self, page: Page, count: int) -> dict[str, Any]:
        metadata: dict[str, Any] = {"resourceVersion": str(page.revision)}
        remaining = len(page.items) - page.start - count
        if remaining > 0:
            if page.start == 0:
                self._lists.keep(page)
            metadata["continue"] = page.token(count).encode()
            metadata["remainingItemCount"] = remaining
        return metadata
