"""The server: takes requests from the queue group, a task for each, and answers every one.

Whatever happens becomes an answer: a refusal is a `Status` with its code and reason; a fault of ours is an
InternalError without details for the caller, and one line in the log for the operator.

*Reads*: requests on `sp.api.>`. *Writes*: replies; to the store through `writing` and `deleting`.
"""

from __future__ import annotations

import asyncio
import logging
import traceback

from control_plane.admission.policies import Policies
from control_plane.api import discovery
from control_plane.api.collecting import Collecting
from control_plane.api.committing import Committer
from control_plane.api.deleting import Deleter
from control_plane.api.evicting import Evictor
from control_plane.api.foreseeing import Foreseeing
from control_plane.api.reading import Reader
from control_plane.api.reply import FRAME_BYTES, Answer, Reply, encode, encode_error
from control_plane.api.request import JSON, Request, read_accept, read_request
from control_plane.api.watching import Watching
from control_plane.api.writing import Writer
from control_plane.store.mirror import Mirror
from control_plane.store.port import Store
from proto import codec, subjects
from proto.bus.port import Bus, Disconnected, Message, Subscription
from proto.clock import Clock
from proto.errors import ApiError, InternalError, TooManyRequests
from proto.ids import Ids

log = logging.getLogger(__name__)

IN_FLIGHT_MAX = 2_000
"""Requests that are being answered; further ones are told to come back."""

STOP_S = 2.0
_OUR_SUBJECTS = (f"{subjects.API_PREFIX.partition('.')[0]}.", "$")
"""Nobody may have us answer onto a subject that means something to us or to the server: such an answer would be a
write, or a command, in our name."""

_WILDCARDS = frozenset("*>")


class ApiServer:
    """One replica's part in the API."""

    def __init__(self, bus: Bus, store: Store, mirror: Mirror, clock: Clock, ids: Ids):
        self._bus = bus
        self._clock = clock
        committer = Committer(store, mirror)
        self._reader = Reader(mirror, clock, ids)
        self._writer = Writer(committer, mirror, clock, ids, Policies(store, mirror, clock))
        self._deleter = Deleter(committer, mirror, self._reader, clock)
        self._evictor = Evictor(committer, mirror, clock)
        self._foreseeing = Foreseeing(mirror, clock)
        self._collecting = Collecting(bus, mirror, self._deleter, clock)
        self._watching = Watching(bus, mirror, self._reader, clock)
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_flight = 0
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        """Begin to serve."""
        await self._watching.start()
        self._subscription = await self._bus.subscribe(
            f"{subjects.API_PREFIX}.>", self._on_message, queue=subjects.API_QUEUE
        )

    async def stop(self) -> None:
        """Take no more requests, finish those that run, end the watches."""
        if self._subscription is not None:
            await self._subscription.unsubscribe()
            self._subscription = None
        await self._watching.stop()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=STOP_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _on_message(self, message: Message) -> None:
        """Start a task for a request; returns at once."""
        if message.reply.startswith(_OUR_SUBJECTS) or not _WILDCARDS.isdisjoint(message.reply):
            log.warning("refused a request that wants its answer on %s subject=%s", message.reply, message.subject)
            return
        self._in_flight += 1
        task = asyncio.get_running_loop().create_task(self._serve(message, self._in_flight))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, message: Message, in_flight: int) -> None:
        """Answer one request, or serve one watch."""
        counted = True
        try:
            if in_flight > IN_FLIGHT_MAX:
                raise TooManyRequests("the control plane has too many requests in hand, try again later")
            if message.subject.startswith(discovery.PREFIX):
                reply = Reply(codec.dump_json(discovery.answer(message.subject)), {"Content-Type": JSON})
            elif message.subject == subjects.FORECAST:
                reply = Reply(codec.to_json(await self._foreseeing.answer(message)), {"Content-Type": JSON})
            elif message.subject == subjects.GC:
                reply = Reply(codec.to_json(await self._collecting.answer(message)), {"Content-Type": JSON})
            else:
                request = read_request(message)
                if request.verb == "watch":
                    self._in_flight -= 1
                    counted = False
                    await self._watch(request, message.reply)
                    return
                answer = await self._answer(request)
                reply = encode(answer, request.accept, self._clock.now(), self._bus.max_payload_bytes - FRAME_BYTES)
        except ApiError as error:
            reply = encode_error(error, _accept_of(message))
        except Exception as error:
            reply = encode_error(_fault(message.subject, error), _accept_of(message))
        finally:
            self._in_flight -= counted
        await self._send(message.reply, reply)

    async def _watch(self, request: Request, reply: str) -> None:
        if reply:
            await self._watching.watch(request, reply)

    async def _answer(self, request: Request) -> Answer:
        bytes_max = self._bus.max_payload_bytes - FRAME_BYTES
        match request.verb:
            case "get":
                return await self._reader.get(request)
            case "list":
                return await self._reader.list_objects(request, bytes_max)
            case "create" if request.subresource == "eviction":
                return await self._evictor.evict(request)
            case "create":
                return await self._writer.create(request)
            case "update":
                return await self._writer.update(request)
            case "patch":
                return await self._writer.patch(request)
            case "delete":
                return await self._deleter.delete(request)
            case _:
                return await self._deleter.delete_collection(request, bytes_max)

    async def _send(self, subject: str, reply: Reply) -> None:
        if not subject:
            return
        try:
            await self._bus.publish(subject, reply.data, headers=reply.headers)
        except Disconnected:
            log.info("answer_not_sent subject=%s", subject)


def _accept_of(message: Message) -> str:
    """The form of a refusal; of one that says that the form is unknown, too."""
    try:
        return read_accept(message)
    except ApiError:
        return JSON


def _fault(subject: str, error: Exception) -> InternalError:
    """A fault of ours: one line for the operator, none of its details for the caller."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    log.error("request_failed subject=%s error=%r at=%s:%s", subject, error, place.filename, place.lineno)
    return InternalError("an internal error occurred; the control plane's log has a line about it")
