"""Output of programs, read by people who take their time or ask for too much."""

from __future__ import annotations

import pytest

from tests.streams.conftest import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_since_a_time_and_no_more_streams_than_allowed(stage: Stage) -> None:
    assert (await stage.call("logs", "web", "-c", "app", "--since-time", "2026-01-01T00:00:00Z")).status == 0
    ended = await stage.call("logs", "web", "--since-time", "yesterday", ok=False)
    assert (ended.status, "--since-time" in ended.err) == (1, True)
    ended = await stage.call("logs", "-f", "-l", "app=web", "--all-containers", "--max-log-requests", "1", ok=False)
    assert ended.status == 1
    assert "maximum allowed concurrency is 1" in ended.err
