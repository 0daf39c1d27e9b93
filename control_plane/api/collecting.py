"""gc: one garbage collection now, over all objects and all nodes, answered with what was found and removed.

    sp.api.gc.meta.garbage._     options, as a mapping or in `Sp-Options` => proto.garbage.GarbageReport

What is garbage is decided in `control_plane.garbage`, from what this replica sees. It is removed as a client would
remove it: by ordinary deletions, each on condition that the object is still the one that was seen. So a pass may run on
any replica, beside the leader's loops and beside other passes. Nodes are asked at the same time what was left over on
them, and remove it themselves; one that does not answer is named.

*Reads*: the mirror. *Writes*: deletions through the deleter; `down.clean` to nodes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from control_plane.api.deleting import Deleter
from control_plane.api.options import DeletionOptions, Options, read_count, read_dry_run
from control_plane.api.request import read_options
from control_plane.garbage import REASONS, CollectionPass, Retention
from control_plane.plan import Delete
from control_plane.store.lifecycle import Removal
from control_plane.store.mirror import Mirror
from proto import catalog, codec, subjects
from proto.bus.port import Bus, BusError, Disconnected, Message, NoResponders
from proto.clock import Clock
from proto.errors import ApiError, Conflict, NotFound, Unavailable
from proto.garbage import Garbage, GarbageReport, SilentNode
from proto.node import CleanReply, CleanRequest
from proto.objects.core import Node
from proto.objects.meta import INT32_MAX, evolve

LIMIT_MAX = 500
"""As many objects in one pass as are sure to fit into one answer."""

LEFTOVERS_MAX = 500
STEPS_A_TURN = 200
DELETIONS_AT_ONCE = 64
NODES_AT_ONCE = 256
NODE_S = 5.0
"""How long a node may take to answer."""


class Collecting:
    """Answers gc."""

    def __init__(self, bus: Bus, mirror: Mirror, deleter: Deleter, clock: Clock):
        self._bus = bus
        self._mirror = mirror
        self._deleter = deleter
        self._clock = clock

    async def answer(self, message: Message) -> GarbageReport:
        """Do one pass.

        Raises:
            ApiError: it was asked for in a way that is not understood.
        """
        options = read_options(message, "gc")
        dry_run = read_dry_run(options)
        limit = min(read_count(options, "limit") or LIMIT_MAX, LIMIT_MAX)
        objects, nodes = await asyncio.gather(
            self._collect(_retention(options), dry_run=dry_run, limit=limit), self._clean_nodes(dry_run=dry_run)
        )
        found, remaining = objects
        leftovers, silent = nodes
        return GarbageReport(
            dry_run=dry_run,
            items=(*found, *leftovers[:LEFTOVERS_MAX]),
            remaining=remaining + max(0, len(leftovers) - LEFTOVERS_MAX),
            silent_nodes=silent,
        )

    async def _collect(self, kept: Retention, *, dry_run: bool, limit: int) -> tuple[list[Garbage], int]:
        """The objects that were found, at most `limit`, and how many more there are."""
        collection = CollectionPass(self._mirror, self._clock.now(), kept)
        for number, _ in enumerate(collection.steps(), 1):
            if number % STEPS_A_TURN == 0:
                await asyncio.sleep(0)
        deletions = list(collection.found.values())
        chosen = deletions[:limit]
        if dry_run:
            return [_garbage(each) for each in chosen], len(deletions) - len(chosen)
        room = asyncio.Semaphore(DELETIONS_AT_ONCE)
        removed = await asyncio.gather(*(self._remove(each, room) for each in chosen))
        return [each for each in removed if each is not None], len(deletions) - len(chosen)

    async def _remove(self, delete: Delete, room: asyncio.Semaphore) -> Garbage | None:
        """One object removed; None if it is not what it was any more, and so perhaps no garbage."""
        obj, found = delete.object, _garbage(delete)
        options = DeletionOptions(
            propagation=delete.propagation,
            grace_s=0 if delete.force else delete.grace_s,
            uid=obj.metadata.uid,
            revision=obj.metadata.resource_version if delete.at_revision else "",
        )
        async with room:
            try:
                outcome = await self._deleter.remove(catalog.of(obj), *obj.key, options)
            except NotFound:
                return evolve(found, outcome="Removed")
            except Conflict:
                return None
            except ApiError as error:
                return evolve(found, outcome="Failed", problem=error.message)
        return evolve(found, outcome="Removed" if isinstance(outcome, Removal) else "Terminating")

    async def _clean_nodes(self, *, dry_run: bool) -> tuple[list[Garbage], tuple[SilentNode, ...]]:
        """What was left over on nodes, and the nodes that did not tell."""
        room = asyncio.Semaphore(NODES_AT_ONCE)
        names = sorted(node.metadata.name for node in self._mirror.list(Node))
        answers = await asyncio.gather(*(self._clean(name, room, dry_run=dry_run) for name in names))
        leftovers = [each for answer in answers if not isinstance(answer, SilentNode) for each in answer]
        return leftovers, tuple(answer for answer in answers if isinstance(answer, SilentNode))

    async def _clean(self, node: str, room: asyncio.Semaphore, *, dry_run: bool) -> Sequence[Garbage] | SilentNode:
        subject, request = subjects.node_down(node, "clean"), codec.pack(CleanRequest(dry_run=dry_run))
        try:
            async with room:
                message = await self._bus.request(subject, request, timeout_s=NODE_S)
            reply = codec.unpack(message.data, CleanReply)
        except NoResponders:
            return SilentNode(name=node, problem="its agent is not connected")
        except Disconnected as error:
            raise Unavailable(f"no connection to the bus: {error}") from None
        except BusError:
            return SilentNode(name=node, problem=f"its agent did not answer within {NODE_S:g} s")
        except ValueError:
            return SilentNode(name=node, problem="its answer cannot be read")
        if reply.refused:
            return SilentNode(name=node, problem=reply.refused)
        return [evolve(leftover, node=node) for leftover in reply.leftovers]


def _retention(options: Options) -> Retention:
    """What is kept; what the options do not say is as always."""
    kept = Retention()
    if options.get("finishedPodsMax") not in (None, ""):
        kept = replace(kept, finished_pods=read_count(options, "finishedPodsMax"))
    if options.get("eventsTtlSeconds") not in (None, ""):
        seconds = min(read_count(options, "eventsTtlSeconds"), INT32_MAX)
        kept = replace(kept, events=timedelta(seconds=seconds))
    return kept


def _garbage(delete: Delete) -> Garbage:
    obj = delete.object
    return Garbage(
        api_version=obj.API_VERSION,
        kind=obj.KIND,
        namespace=obj.metadata.namespace,
        name=obj.metadata.name,
        uid=obj.metadata.uid,
        reason=delete.reason,
        message=REASONS[delete.reason],
    )
