"""What becomes of a write whose acknowledgement is late or lost, on a server that freezes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control_plane.store.nats.jetstream import EXPECTED_SEQUENCE, Entry, JetStream
from control_plane.store.nats.store import check_version, ensure_stream, object_stream, open_store
from control_plane.store.nats.writes import DELETED, WRITE_ID, Swap, Writes, judge
from control_plane.store.port import OutcomeUnknown, RevisionMismatch, StoreError, StoreUnavailable
from proto.bus.nats import NatsBus
from proto.clock import SystemClock
from proto.ids import RandomIds
from setpoint.local.nats_server import NatsOptions, NatsServer
from tests.waiting import eventually

CLOCK = SystemClock()
SUBJECT = "sp.obj.core.configmaps.default.a"
AGAIN = "again"
MISMATCH = RevisionMismatch
UNKNOWN = OutcomeUnknown


def entry(sequence: int, *, replaced: int, mine: bool = False, deleted: bool = False) -> Entry:
    headers = {WRITE_ID: "mine" if mine else "another's", EXPECTED_SEQUENCE: str(replaced)}
    return Entry(sequence, b"", headers | ({DELETED: "1"} if deleted else {}))


@pytest.mark.parametrize(
    ("expected", "doubtful", "found", "verdict"),
    [
        pytest.param(5, True, entry(9, replaced=5, mine=True), 9, id="ours is there"),
        pytest.param(5, True, entry(5, replaced=4), AGAIN, id="still what we replace"),
        pytest.param(5, True, entry(9, replaced=5), MISMATCH, id="another replaced the same"),
        pytest.param(5, True, entry(9, replaced=8), UNKNOWN, id="written twice since"),
        pytest.param(5, True, entry(9, replaced=5, deleted=True), MISMATCH, id="another deleted the same"),
        pytest.param(5, True, None, UNKNOWN, id="nothing is left"),
        pytest.param(0, True, None, AGAIN, id="still nothing"),
        pytest.param(0, True, entry(9, replaced=0), MISMATCH, id="another created it"),
        pytest.param(0, True, entry(9, replaced=8), UNKNOWN, id="created, then written again"),
        pytest.param(0, True, entry(9, replaced=8, deleted=True), UNKNOWN, id="created, then deleted"),
        pytest.param(0, False, entry(9, replaced=8, deleted=True), AGAIN, id="below a tombstone"),
        pytest.param(0, False, entry(9, replaced=8), MISMATCH, id="it exists"),
    ],
)
def test_what_is_read_back_settles_the_write(
    expected: int, doubtful: bool, found: Entry | None, verdict: int | str | type[StoreError]
) -> None:
    swap = Swap(SUBJECT, b"", expected, {}, "mine", deadline_s=0, replaces=expected, doubtful=doubtful)
    if isinstance(verdict, type):
        with pytest.raises(verdict):
            judge(swap, found)
        return
    assert judge(swap, found) == (None if verdict == AGAIN else verdict)


def test_a_tombstone_is_replaced_by_its_own_sequence() -> None:
    swap = Swap(SUBJECT, b"", 0, {}, "mine", deadline_s=0, replaces=0)
    assert judge(swap, entry(9, replaced=8, deleted=True)) is None
    assert swap.replaces == 9


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with NatsServer(NatsOptions(tmp_path / "nats", sync_always=False)) as server:
        yield server


@pytest.fixture
async def jetstream(server: NatsServer) -> AsyncIterator[JetStream]:
    bus = await NatsBus.connect(server.url)
    jetstream = JetStream(bus)
    await ensure_stream(jetstream, CLOCK, object_stream(1), 10)
    yield jetstream
    server.program.signal(signal.SIGCONT)
    await bus.close()


async def writes(jetstream: JetStream, settle_within_s: float) -> Writes:
    made = Writes(jetstream, "sp-objects", CLOCK, RandomIds(), ack_within_s=0.2, settle_within_s=settle_within_s)
    await made.open()
    return made


async def freeze(server: NatsServer) -> None:
    """Stop the server's process where it is."""
    server.program.signal(signal.SIGSTOP)
    stat = Path(f"/proc/{server.program.pid}/stat")
    await eventually(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")


async def test_a_late_acknowledgement_makes_one_write(server: NatsServer, jetstream: JetStream) -> None:
    swaps = await writes(jetstream, 10)
    await freeze(server)
    writing = asyncio.create_task(swaps.swap(SUBJECT, b"1", 0))
    done, _ = await asyncio.wait({writing}, timeout=0.5)
    assert not done
    server.program.signal(signal.SIGCONT)
    sequence = await asyncio.wait_for(writing, 5)
    state = await jetstream.stream("sp-objects")
    assert (sequence, state.last_sequence) == (1, 1)
    assert await swaps.swap(SUBJECT, b"2", sequence) == 2


async def test_an_outcome_that_cannot_be_known_is_called_unknown(server: NatsServer, jetstream: JetStream) -> None:
    swaps = await writes(jetstream, 0.3)
    await freeze(server)
    with pytest.raises(OutcomeUnknown, match="no acknowledgement"):
        await swaps.swap(SUBJECT, b"1", 0)
    server.program.signal(signal.SIGCONT)

    async def happened() -> bool:
        found = await jetstream.last_entry("sp-objects", SUBJECT)
        return found is not None and (found.sequence, found.data) == (1, b"1")

    await eventually(happened)
    with pytest.raises(RevisionMismatch):
        await (await writes(jetstream, 10)).swap(SUBJECT, b"2", 0)


async def test_without_a_stream_nothing_is_written_and_that_is_certain(jetstream: JetStream) -> None:
    swaps = await writes(jetstream, 10)
    await jetstream.ask("STREAM.DELETE.sp-objects")
    with pytest.raises(StoreUnavailable, match="no stream takes the write"):
        await asyncio.wait_for(swaps.swap(SUBJECT, b"1", 0), 2)


@pytest.mark.parametrize("version", ["2.11.9", "2.9.0", "1.4.1", "", "unknown"])
def test_an_old_server_is_refused_in_clear_words(version: str) -> None:
    with pytest.raises(StoreError, match=r"at least 2\.12 is needed"):
        check_version(version)


@pytest.mark.parametrize("version", ["2.12.0", "2.15.1", "3.0.0", "v2.12.0-RC.1"])
def test_a_new_server_is_welcome(version: str) -> None:
    check_version(version)


async def test_more_replicas_than_servers_is_told(jetstream: JetStream) -> None:
    assert isinstance(jetstream.bus, NatsBus)
    with pytest.raises(StoreUnavailable, match="JetStream refuses the stream sp-objects"):
        await open_store(jetstream.bus, CLOCK, replicas=3, within_s=2)


async def test_a_stream_with_other_settings_is_brought_to_ours(server: NatsServer) -> None:
    bus = await NatsBus.connect(server.url)
    jetstream = JetStream(bus)
    older = {**object_stream(1), "max_msgs_per_subject": 5, "allow_direct": False, "allow_msg_ttl": False}
    await jetstream.ask("STREAM.CREATE.sp-objects", older)
    await ensure_stream(jetstream, CLOCK, object_stream(1), 10)
    config = (await jetstream.stream("sp-objects")).config
    assert (config["max_msgs_per_subject"], config["allow_direct"], config["allow_msg_ttl"]) == (1, True, True)
    await bus.close()


async def test_replicas_may_open_the_store_at_once(server: NatsServer) -> None:
    buses = [await NatsBus.connect(server.url) for _ in range(4)]
    stores = await asyncio.gather(*(open_store(bus, CLOCK) for bus in buses))
    assert len(stores) == 4
    for bus in buses:
        await bus.close()
