"""Following output over breaks of the stream: every line once, whatever the times of the lines are."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

import pytest

from proto.errors import NotFound, Unavailable
from proto.streams import StreamBroken
from setpoint.cli import following
from setpoint.cli.following import followed

LINES = [b"1 a\n", b"2 b\n", b"2 c\n", b"2 d\n", b"3 e\n"]

Stream = Callable[[], AsyncGenerator[bytes, None]]


def stream(lines: list[bytes], end: Exception | None = None) -> Stream:
    async def told() -> AsyncGenerator[bytes, None]:
        for line in lines:
            yield line
        if end is not None:
            raise end

    return told


async def text_of(first: Stream, *later: Stream) -> bytes:
    rest = iter(later)
    return b"".join([text async for _, text in followed(first, lambda: next(rest)())])


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "RETRY_S", 0.0)


@pytest.mark.parametrize("heard", range(1, len(LINES) + 1))
async def test_a_break_repeats_and_omits_nothing(heard: int) -> None:
    broken = stream(LINES[:heard], StreamBroken("silence"))
    away = stream([], Unavailable("the agent has only just started"))
    assert await text_of(broken, away, stream(LINES)) == b"a\nb\nc\nd\ne\n"


async def test_only_the_last_lines_at_first_and_all_new_ones_after_a_break() -> None:
    assert await text_of(stream([b"3 e\n"], StreamBroken("")), stream([*LINES, b"4 f\n"])) == b"e\nf\n"


async def test_what_never_began_is_not_waited_for() -> None:
    with pytest.raises(StreamBroken):
        await text_of(stream([], StreamBroken("silence")))


async def test_a_pod_that_is_gone_after_the_break_ends_it() -> None:
    with pytest.raises(NotFound):
        await text_of(stream(LINES, StreamBroken("silence")), stream([], NotFound("no such pod")))
