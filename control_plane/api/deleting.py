"""delete and deletecollection.

What a deletion means is decided in `control_plane.store.deletion`: an object goes at once, or is marked and goes when
everyone has let go of it.

*Reads*: the mirror. *Writes*: through the committer.
"""

from __future__ import annotations

import asyncio

from control_plane.api.committing import ATTEMPTS_MAX, Committer, modified, precondition_failed
from control_plane.api.options import DeletionOptions, parse_revision, read_deletion_options, read_list_options
from control_plane.api.reading import Reader, catch_up, not_found
from control_plane.api.reply import FRAME_BYTES, Answer, encode_parts, success
from control_plane.api.request import Request
from control_plane.api.risks import risks_of_deleting
from control_plane.store.lifecycle import DeleteOptions, Removal, for_delete
from control_plane.store.mirror import Mirror
from control_plane.store.port import RevisionMismatch
from proto.catalog import Kind
from proto.clock import Clock
from proto.errors import Forbidden, MethodNotAllowed, NotFound
from proto.objects.meta import Object

AT_ONCE_MAX = 64
PERMANENT_NAMESPACES = frozenset({"default", "kube-system", "kube-node-lease"})


class Deleter:
    """Answers delete and deletecollection."""

    def __init__(self, committer: Committer, mirror: Mirror, reader: Reader, clock: Clock):
        self._committer = committer
        self._mirror = mirror
        self._reader = reader
        self._clock = clock

    async def delete(self, request: Request) -> Answer:
        """Ask for the end of one object: answered with a Status if it is gone, with the object if it is going.

        Raises:
            Conflict | NotFound | Forbidden | BadRequest | Unavailable | Timeout
        """
        options = read_deletion_options(request.options)
        await catch_up(self._mirror, parse_revision(options.revision))
        asked = self._mirror.get(request.kind.model, request.namespace, request.name)
        risks = risks_of_deleting(() if asked is None else (asked,), options.grace_s, self._mirror)
        outcome = await self.remove(request.kind, request.namespace, request.name, options)
        if isinstance(outcome, Removal):
            return Answer(request.kind, plain=success(request.kind, outcome.object), warnings=risks)
        return Answer(request.kind, object=outcome, warnings=risks)

    async def delete_collection(self, request: Request, bytes_max: int) -> Answer:
        """Ask for the end of all objects that the selectors choose; answered with them.

        Raises:
            MethodNotAllowed | BadRequest | Unavailable | Timeout
        """
        kind = request.kind
        if kind.kind == "Namespace":
            raise MethodNotAllowed("namespaces are deleted one by one")
        if kind.namespaced and not request.namespace:
            raise MethodNotAllowed(f"{kind.resource} are deleted in one namespace at a time, name it in the subject")
        options = read_deletion_options(request.options)
        listing = read_list_options(request.options, kind)
        await catch_up(self._mirror, listing.revision)
        found = self._reader.select(kind, request.namespace, listing.selection)
        risks = risks_of_deleting(found, options.grace_s, self._mirror)
        room = asyncio.Semaphore(AT_ONCE_MAX)
        await asyncio.gather(*(self._delete_one_of_many(kind, obj, options, room) for obj in found))
        parts = await encode_parts(found, kind, request.accept, self._clock.now(), bytes_max - FRAME_BYTES)
        revision = str(self._mirror.revision)
        return Answer(kind, parts=parts, list_metadata={"resourceVersion": revision}, warnings=risks)

    async def _delete_one_of_many(
        self, kind: Kind, obj: Object, options: DeletionOptions, room: asyncio.Semaphore
    ) -> None:
        """One that is gone meanwhile is what was wanted."""
        async with room:
            try:
                await self.remove(kind, *obj.key, options)
            except NotFound:
                pass

    async def remove(self, kind: Kind, namespace: str, name: str, options: DeletionOptions) -> Removal | Object:
        """The removal that was done, or the object as it is now marked.

        Raises:
            Conflict | NotFound | Forbidden | Unavailable | Timeout
        """
        if kind.kind == "Namespace" and name in PERMANENT_NAMESPACES:
            raise Forbidden(f'namespaces "{name}" is forbidden: this namespace may not be deleted')
        meaning = DeleteOptions(propagation=options.propagation, grace_s=options.grace_s)
        for _ in range(ATTEMPTS_MAX):
            obj = self._mirror.get(kind.model, namespace, name)
            if obj is None:
                raise not_found(kind, name)
            check_deletable(kind, obj, options)
            outcome = for_delete(obj, meaning, self._clock.now())
            if options.dry_run:
                return outcome if isinstance(outcome, Removal) else outcome.object
            try:
                if isinstance(outcome, Removal):
                    await self._committer.delete(outcome.object)
                    return outcome
                if outcome.object is obj:
                    return obj
                return await self._committer.put(outcome.object, obj.metadata.revision)
            except RevisionMismatch:
                if options.revision:
                    raise modified(kind, name) from None
                await self._committer.await_news()
        raise modified(kind, name)


def check_deletable(kind: Kind, obj: Object, options: DeletionOptions) -> None:
    """The object must be as the options' preconditions say, if they say anything.

    Raises:
        Conflict: it is another one, or has changed.
    """
    for word, wanted, found in (
        ("UID", options.uid, obj.metadata.uid),
        ("ResourceVersion", options.revision, obj.metadata.resource_version),
    ):
        if wanted and wanted != found:
            raise precondition_failed(kind, obj.metadata.name, word, wanted, found)
