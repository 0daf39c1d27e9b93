"""Containers with a fence: started under a grant only, and stopped in time when no new one comes."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import pytest

from node_agent.supervisor.grant import Grant
from node_agent.supervisor.loop import now_s
from node_agent.supervisor.wire import Fence
from tests.supervisor.rig import Rig, alive
from tests.waiting import eventually

LEASE_S = 1.5
WITH_LEASE = {"stop_after_s": None, "grace_s": 30}
OBEYS = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.05; done"


def grant(rig: Rig, lease_s: float = LEASE_S, age_s: float = 0.0) -> float:
    """Tell of a grant; when what it lets live must be dead."""
    assert rig.client is not None
    sent_s = now_s() - age_s
    rig.client.tell("grant", sent_s=sent_s, lease_s=lease_s)
    return sent_s + lease_s


@pytest.mark.parametrize(
    ("fence", "stop_at_s", "kill_at_s"),
    [
        (Fence(None, 0), 114.5, 114.5),
        (Fence(None, 2), 112.5, 114.5),
        (Fence(None, 30), 109.5, 114.5),
        (Fence(3, 30), 101.7, 102.7),
        (Fence(600, 30), 669.5, 699.5),
    ],
    ids=["no-grace", "short-grace", "grace-cut", "soon", "long"],
)
def test_the_grace_lies_within_the_window(fence: Fence, stop_at_s: float, kill_at_s: float) -> None:
    last = Grant(100.0, 15.0)
    assert (round(last.stop_at_s(fence), 3), round(last.kill_at_s(fence), 3)) == (stop_at_s, kill_at_s)


async def test_nothing_is_started_without_a_grant(rig: Rig) -> None:
    assert (await rig.refusal("u.c.0", "sleep", "9", fence=WITH_LEASE)).kind == "fenced"
    grant(rig, age_s=LEASE_S)
    assert (await rig.refusal("u.c.0", "sleep", "9", fence=WITH_LEASE)).kind == "fenced"
    await rig.start("u.free.0", "sleep", "9")


@pytest.mark.parametrize(("script", "last_words"), [(OBEYS, "bye"), (STUBBORN, "ready")], ids=["obeys", "stubborn"])
async def test_it_is_dead_when_the_lease_ends_and_the_agent_is_gone(rig: Rig, script: str, last_words: str) -> None:
    due_s = grant(rig)
    pid = (await rig.start_shell("u.c.0", script, fence=WITH_LEASE))["pid"]
    other = (await rig.start("u.free.0", "sleep", "9"))["pid"]
    await rig.detach()
    await eventually(lambda: not alive(pid), what="the container has ended")
    assert now_s() < due_s
    await rig.attach()
    ended = await rig.ended("u.c.0")
    assert ended["reason"] == "Fenced"
    assert rig.text("u.c.0")[-1] == last_words
    assert alive(other)


async def test_grants_keep_it_running(rig: Rig) -> None:
    grant(rig)
    pid = (await rig.start("u.c.0", "sleep", "60", fence=WITH_LEASE))["pid"]
    until_s = now_s() + 2 * LEASE_S

    def renewed() -> bool:
        grant(rig, lease_s=LEASE_S)
        grant(rig, lease_s=LEASE_S, age_s=60.0)  # One that was late says nothing.
        assert alive(pid)
        return now_s() > until_s

    await eventually(renewed, what="two leases have passed")


async def test_the_next_supervisor_goes_on_counting(rig: Rig) -> None:
    due_s = grant(rig)
    pid = (await rig.start_shell("u.c.0", STUBBORN, fence=WITH_LEASE))["pid"]
    await rig.kill()
    await rig.attach()
    await eventually(lambda: not alive(pid), what="the container has ended")
    assert now_s() < due_s
    assert (await rig.ended("u.c.0"))["reason"] == "Fenced"


def guards(rig: Rig, known: int = 0) -> list[int]:
    """The guards of this supervisor and of those before it, but for one that is known."""
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # It ended while we looked.
            if (folder / "comm").read_text() == "setpoint-guard\n" and str(rig.folder).encode() in (
                folder / "cmdline"
            ).read_bytes():
                found.append(int(folder.name))
    return [pid for pid in found if pid != known]


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL], ids=["stopped", "killed"])
async def test_without_a_supervisor_its_guard_ends_it_in_time(rig: Rig, number: int) -> None:
    due_s = grant(rig)
    pid = (await rig.start_shell("u.c.0", STUBBORN, fence=WITH_LEASE))["pid"]
    other = (await rig.start("u.free.0", "sleep", "9"))["pid"]
    await eventually(lambda: guards(rig), what="there is a guard")
    os.kill(rig.pid, number)
    try:
        await eventually(lambda: not alive(pid), what="the container has ended")
        assert now_s() < due_s
        assert alive(other)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(rig.pid, signal.SIGCONT)
        await rig.detach()
    await rig.attach()
    await rig.ended("u.c.0")
    await eventually(lambda: not guards(rig), what="nobody is left to guard")


async def test_a_guard_that_was_killed_or_stopped_is_followed_by_one_that_knows_the_grants(rig: Rig) -> None:
    grant(rig)
    pid = (await rig.start("u.c.0", "sleep", "60", fence=WITH_LEASE))["pid"]
    (first,) = await eventually(lambda: guards(rig), what="there is a guard")
    os.kill(first, signal.SIGKILL)
    (second,) = await eventually(lambda: guards(rig, known=first), what="there is another")
    os.kill(second, signal.SIGSTOP)
    until_s = now_s() + 1.2 * LEASE_S

    def renewed() -> bool:
        grant(rig)
        return now_s() > until_s

    await eventually(renewed, what="the first lease is over")
    os.kill(second, signal.SIGCONT)
    await rig.kill()
    await rig.attach()
    grant(rig)

    def one_follows() -> bool:
        grant(rig)
        return len(found := guards(rig)) == 1 and found != [second]

    await eventually(one_follows, what="the next supervisor has its own guard alone")
    assert alive(pid)
    await rig.call("stop", container="u.c.0", grace_s=1)
    await eventually(lambda: not guards(rig), what="nobody is left to guard")


async def test_an_end_of_its_own_keeps_its_reason(rig: Rig) -> None:
    grant(rig)
    await rig.start_shell("u.c.0", "exit 3", fence=WITH_LEASE)
    assert (await rig.ended("u.c.0"))["reason"] == "Error"
