"""Writing by compare-and-swap, pipelined, and settling what became of a write whose acknowledgement was lost.

Publishes go out without waiting for one another; acknowledgements come back to an inbox of our own, each to the token
of its publish. Every write carries an id of its own in a header, and the sequence that it replaces.

When no acknowledgement comes (a broken connection, a dead leader), the write may have happened, may yet happen, or
never will. It is not repeated blindly: the subject's last message is read from the stream's leader and compared.

- Its id is ours: the write happened, and its sequence is the answer.
- It is still the message that we replace: the write is sent again. That is safe, because both copies are swaps of the
  same sequence: only one of them can ever take effect.
- It replaced the same message as we would have: somebody else was faster, ours will never happen.
- Anything else: ours may have been replaced in its turn. Then, as when nothing can be read in time, the outcome is
  unknown, and the caller is told so.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from control_plane.store.nats.jetstream import (
    EXPECTED_SEQUENCE,
    WRONG_LAST_SEQUENCE,
    WRONG_LAST_SEQUENCE_CONSTANT,
    Entry,
    JetStream,
    JetStreamRefusal,
    parse_answer,
)
from control_plane.store.port import OutcomeUnknown, RevisionMismatch, StoreUnavailable
from proto.bus.port import BusError, Message, Subscription
from proto.clock import Clock
from proto.ids import Ids

IN_FLIGHT_MAX = 1024
RETRY_AFTER_S = 0.1

WRITE_ID = "Sp-Write"
DELETED = "Sp-Deleted"
"""Marks a tombstone: the key is there, the object is not."""


class _AckLost(Exception):
    """It was sent, and no acknowledgement came."""


class _WrongSequence(Exception):
    """The subject's last sequence is not the one that the write replaces; it did not take effect."""


@dataclass(slots=True)
class Swap:
    """One write until it is settled. `replaces` is the sequence of the message that it takes the place of."""

    subject: str
    data: bytes
    expected_revision: int
    headers: dict[str, str]
    write_id: str
    deadline_s: float
    replaces: int
    doubtful: bool = False


class Writes:
    """Swaps messages of one stream. `ack_within_s`: how long an acknowledgement is waited for; `settle_within_s`:
    how long a doubtful write is looked after before its outcome is called unknown."""

    def __init__(
        self,
        jetstream: JetStream,
        stream: str,
        clock: Clock,
        ids: Ids,
        *,
        ack_within_s: float = 3.0,
        settle_within_s: float = 10.0,
    ):
        self._jetstream = jetstream
        self._bus = jetstream.bus
        self._stream = stream
        self._clock = clock
        self._ack_within_s = ack_within_s
        self._settle_within_s = settle_within_s
        self._inbox = self._bus.inbox()
        self._tokens = itertools.count(1)
        self._writer = ids.uid()
        self._acks: dict[str, asyncio.Future[Message | None]] = {}
        self._window = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._subscription: Subscription | None = None

    async def open(self) -> None:
        """Listen for acknowledgements."""
        self._subscription = await self._bus.subscribe(f"{self._inbox}.*", self._take_ack)
        self._bus.on_disconnect(self._lose_acks)

    async def close(self) -> None:
        """Stop listening; writes on their way are doubtful."""
        if self._subscription is not None:
            await self._subscription.unsubscribe()
        self._lose_acks()

    def new_id(self) -> str:
        """An id that no other write has."""
        return f"{self._writer}.{next(self._tokens)}"

    async def swap(
        self,
        subject: str,
        data: bytes,
        expected_revision: int,
        headers: Mapping[str, str] | None = None,
        *,
        write_id: str = "",
    ) -> int:
        """Write if the subject is at `expected_revision` (0: absent or deleted); the new sequence.

        Raises:
            RevisionMismatch | StoreUnavailable | OutcomeUnknown
        """
        write_id = write_id or self.new_id()
        swap = Swap(
            subject,
            data,
            expected_revision,
            {**(headers or {}), WRITE_ID: write_id},
            write_id,
            self._clock.monotonic_s() + self._settle_within_s,
            expected_revision,
        )
        async with self._window:
            while (sequence := await self._try(swap)) is None:
                self._check_deadline(swap, "it takes too long")
        return sequence

    async def _try(self, swap: Swap) -> int | None:
        """Publish once, and look if it is not clear what came of it; None: try again."""
        try:
            return await self._publish(swap)
        except _WrongSequence:
            if swap.expected_revision and not swap.doubtful:
                raise RevisionMismatch(f"{swap.subject} is not at revision {swap.expected_revision}") from None
        except _AckLost:
            swap.doubtful = True
        except StoreUnavailable as error:
            if not swap.doubtful:
                raise
            await self._pause(swap, error)
        return await self._look(swap)

    async def _publish(self, swap: Swap) -> int:
        token = f"{self._inbox}.{next(self._tokens)}"
        headers = {**swap.headers, EXPECTED_SEQUENCE: str(swap.replaces)}
        ack: asyncio.Future[Message | None] = asyncio.get_running_loop().create_future()
        self._acks[token] = ack
        try:
            await self._bus.publish(swap.subject, swap.data, reply=token, headers=headers)
            async with asyncio.timeout(self._ack_within_s):
                message = await ack
        except BusError as error:
            raise StoreUnavailable(str(error)) from None
        except TimeoutError:
            raise _AckLost from None
        finally:
            del self._acks[token]
        if message is None:
            raise _AckLost
        return _sequence(message)

    async def _look(self, swap: Swap) -> int | None:
        """Read what is there: our write's sequence, or None to send it again.

        Raises:
            RevisionMismatch | StoreUnavailable | OutcomeUnknown
        """
        while True:
            try:
                entry = await self._jetstream.last_entry(self._stream, swap.subject)
                return judge(swap, entry)
            except (StoreUnavailable, JetStreamRefusal) as error:
                if not swap.doubtful:
                    raise StoreUnavailable(str(error)) from None
                await self._pause(swap, error)

    async def _pause(self, swap: Swap, error: Exception) -> None:
        self._check_deadline(swap, f"it cannot be read back: {error}")
        await self._clock.sleep(RETRY_AFTER_S)

    def _check_deadline(self, swap: Swap, why: str) -> None:
        if self._clock.monotonic_s() < swap.deadline_s:
            return
        if swap.doubtful:
            raise OutcomeUnknown(f"no acknowledgement for {swap.subject}, and {why}")
        raise StoreUnavailable(f"{swap.subject} could not be written: {why}")

    def _take_ack(self, message: Message) -> None:
        ack = self._acks.get(message.subject)
        if ack is not None and not ack.done():
            ack.set_result(message)

    def _lose_acks(self) -> None:
        """The connection broke: no acknowledgement will come on it any more."""
        for ack in self._acks.values():
            if not ack.done():
                ack.set_result(None)


def judge(swap: Swap, entry: Entry | None) -> int | None:
    """What the subject's last message tells about a swap; see the module's docstring."""
    if entry is not None and entry.headers.get(WRITE_ID) == swap.write_id:
        return entry.sequence
    held = entry.sequence if entry is not None else 0
    absent = entry is None or DELETED in entry.headers
    if held == swap.replaces:
        return None
    if not swap.doubtful or (entry is not None and entry.headers.get(EXPECTED_SEQUENCE) == str(swap.replaces)):
        if absent and swap.expected_revision == 0:
            swap.replaces = held  # The place is free, below a tombstone or where one expired.
            swap.doubtful = False
            return None
        raise RevisionMismatch(f"{swap.subject} is at revision {0 if absent else held}, not {swap.expected_revision}")
    raise OutcomeUnknown(f"no acknowledgement for {swap.subject}, which has been written again since")


def _sequence(message: Message) -> int:
    """The sequence that an acknowledgement tells."""
    if message.headers.get("Status") == "503":
        raise StoreUnavailable("no stream takes the write: it has no leader now, or does not exist")
    try:
        return int(parse_answer(message.data)["seq"])
    except JetStreamRefusal as refusal:
        if refusal.err_code in (WRONG_LAST_SEQUENCE, WRONG_LAST_SEQUENCE_CONSTANT):
            raise _WrongSequence from None
        raise StoreUnavailable(f"JetStream refuses the write: {refusal}") from None
