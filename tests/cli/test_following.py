"""Following output over breaks of the stream: every piece once, and what was missed is told."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from proto.errors import NotFound, Unavailable
from proto.log_chunks import LogChunk, pack_log_chunk
from proto.streams import StreamBroken
from setpoint.cli import following
from setpoint.cli.following import Mark, followed

PIECES = [b"a\n", b"b\n", b"c", b"d\n"]


class Agent:
    """Tells all pieces behind a mark; breaks off as often as there are `breaks`, each (pieces told before, how)."""

    def __init__(self, *breaks: tuple[int, Exception], gap_after: int = -1) -> None:
        self._breaks = list(breaks)
        self._gap_after = gap_after
        self.asked: list[int] = []

    async def ask(self, after: Mark | None) -> AsyncGenerator[bytes, None]:
        begin = 0 if after is None else after["offset"]
        self.asked.append(begin)
        count, problem = self._breaks.pop(0) if self._breaks else (len(PIECES), None)
        yield pack_log_chunk(LogChunk({"offset": begin}, None, b""))
        for number in range(begin, min(begin + count, len(PIECES))):
            gap = ("t1", "t2") if number == self._gap_after else None
            yield pack_log_chunk(LogChunk({"offset": number + 1}, gap, PIECES[number]))
        if problem is not None:
            raise problem


async def text_of(agent: Agent, *, patient: bool = True) -> tuple[bytes, list[tuple[str, str]]]:
    missed: list[tuple[str, str]] = []
    text = followed(agent.ask, missed=lambda *times: missed.append(times), patient=patient)
    return b"".join([bytes(piece) async for piece in text]), missed


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "RETRY_S", 0.0)


@pytest.mark.parametrize("heard", range(len(PIECES) + 1))
async def test_a_break_repeats_and_omits_nothing(heard: int) -> None:
    away = (0, Unavailable("the agent has only just started"))
    agent = Agent((heard, StreamBroken("silence")), away, away)
    assert await text_of(agent) == (b"".join(PIECES), [])
    assert agent.asked == [0, heard, heard, heard]


async def test_what_was_deleted_meanwhile_is_told() -> None:
    assert await text_of(Agent(gap_after=2)) == (b"".join(PIECES), [("t1", "t2")])


async def test_what_never_began_is_not_waited_for() -> None:
    async def nobody(after: Mark | None) -> AsyncGenerator[bytes, None]:
        raise StreamBroken("silence")
        yield b""

    with pytest.raises(StreamBroken):
        async for _ in followed(nobody, missed=print):
            pass


async def test_who_is_in_a_hurry_is_told_of_the_break() -> None:
    with pytest.raises(StreamBroken):
        await text_of(Agent((1, StreamBroken("silence"))), patient=False)


async def test_a_pod_that_is_gone_after_the_break_ends_it() -> None:
    with pytest.raises(NotFound):
        await text_of(Agent((1, StreamBroken("silence")), (0, NotFound("no such pod"))))


async def test_chunks_of_something_else_are_refused() -> None:
    async def nonsense(after: Mark | None) -> AsyncGenerator[bytes, None]:
        yield b"\x00\x05hello"

    with pytest.raises(ValueError, match="not a chunk of a log"):
        async for _ in followed(nonsense, missed=print):
            pass
