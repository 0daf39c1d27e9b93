"""Drivers that are not well: each of their faults is told in words, and costs no agent its life."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from node_agent.runtime.abilities import Executes, Resizes, Sweeps, TellsProcesses
from node_agent.runtime.border import guarded
from node_agent.runtime.fake import FakeRuntime
from node_agent.runtime.port import (
    ContainerSpec,
    LogPolicy,
    NoSuchContainer,
    Relisted,
    RuntimeEvent,
    RuntimeUnavailable,
)
from tests.virtual import in_virtual_time

SPEC = ContainerSpec("u.c.0", ("fake",), LogPolicy(Path("/dev/null")))


class IllRuntime(FakeRuntime):
    """A driver with the faults that authors make."""

    async def start(self, spec: ContainerSpec) -> Any:
        raise KeyError("layers")

    async def fingerprint(self) -> Any:
        return None

    async def list(self) -> Any:
        await asyncio.Event().wait()

    async def events(self) -> AsyncIterator[RuntimeEvent]:
        yield Relisted(())
        raise ValueError("lost my stream")

    def grant(self, sent_s: float, lease_s: float) -> None:
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda ill: ill.start(SPEC), "the runtime 'ill' failed in start: KeyError: 'layers'"),
        (lambda ill: ill.fingerprint(), "the runtime 'ill' answered fingerprint with NoneType, not Fingerprint"),
        (lambda ill: ill.list(), "the runtime 'ill' has not answered list within 30 s"),
    ],
)
@in_virtual_time
async def test_a_fault_is_a_failure_that_is_told(call: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(RuntimeUnavailable) as failure:
        await call(guarded("ill", IllRuntime()))
    assert str(failure.value) == message


@in_virtual_time
async def test_a_stream_that_breaks_off_ends() -> None:
    assert [event async for event in guarded("ill", IllRuntime()).events()] == [Relisted(())]


def test_a_grant_that_is_not_taken_costs_nothing() -> None:
    guarded("ill", IllRuntime()).grant(0.0, 15.0)


@in_virtual_time
async def test_what_a_driver_can_and_says_shows_through() -> None:
    runtime = guarded("well", FakeRuntime())
    assert [isinstance(runtime, ability) for ability in (Executes, Resizes, TellsProcesses, Sweeps)] == [
        True, True, True, False,
    ]  # fmt: skip
    assert (await runtime.start(SPEC)).running
    with pytest.raises(NoSuchContainer):
        await runtime.stop("u.other.0", 0.0)
