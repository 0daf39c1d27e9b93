"""As whom programs run, and what they may, with real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from node_agent.cgroup.port import Entrances
from node_agent.supervisor import kernel
from node_agent.supervisor.launch import Launch, Program, launch
from node_agent.supervisor.security import Security
from proto.capabilities import CAPABILITIES
from tests.supervisor.rig import PATH, Rig

NOBODY = 65534
PR_SET_DUMPABLE = 4
SYS_TIME = CAPABILITIES.index("SYS_TIME")
STATUS = "grep -E '^({}):' /proc/self/status | tr '\\t' ' '"


async def seen(rig: Rig, script: str, **security: Any) -> list[str]:
    """What a shell script prints."""
    await rig.start_shell("a", script, security=security)
    ended = await rig.ended("a")
    assert ended["exit_code"] == 0, rig.text("a")
    return rig.text("a")


async def test_user_group_and_groups(rig: Rig) -> None:
    lines = await seen(rig, "id -u; id -g; id -G; echo out > /dev/stdout", uid=1234, gid=2345, groups=[3456, 4567])
    assert lines == ["1234", "2345", "2345 3456 4567", "out"]


async def test_dropped_capabilities_are_gone_even_for_root(rig: Rig) -> None:
    fields = STATUS.format("CapEff|CapBnd|NoNewPrivs")
    lines = await seen(
        rig, fields, drop_capabilities=["ALL"], add_capabilities=["NET_BIND_SERVICE"], no_new_privileges=True
    )
    assert sorted(lines) == ["CapBnd: 0000000000000400", "CapEff: 0000000000000400", "NoNewPrivs: 1"]


async def test_a_user_who_is_not_root_has_what_was_added_and_no_more(rig: Rig) -> None:
    added = ["NET_BIND_SERVICE", "CHOWN"]
    lines = await seen(rig, STATUS.format("CapEff|CapPrm|CapAmb"), uid=NOBODY, gid=NOBODY, add_capabilities=added)
    assert {line.split()[1] for line in lines} == {"0000000000000401"}
    await rig.call("remove", container="a")
    lines = await seen(rig, STATUS.format("CapEff|CapPrm|CapAmb"), uid=NOBODY, gid=NOBODY)
    assert {line.split()[1] for line in lines} == {"0000000000000000"}


async def test_all_capabilities_are_those_that_the_machine_has(rig: Rig) -> None:
    lines = await seen(rig, STATUS.format("CapBnd|CapEff"), uid=NOBODY, gid=NOBODY, add_capabilities=["ALL"])
    assert len({line.split()[1] for line in lines}) == 1


@pytest.mark.parametrize("uid", [None, NOBODY])
async def test_a_capability_that_the_supervisor_has_not_is_refused_by_name(uid: int | None) -> None:
    def work() -> str:
        kernel.prctl(kernel.PR_CAPBSET_DROP, SYS_TIME)
        assert outcome(Security(uid=uid, add_capabilities=("ALL",))) == ""
        return outcome(Security(uid=uid, add_capabilities=("CHOWN", "SYS_TIME")))

    message = "cannot add capability SYS_TIME, which this node's agent has not itself: Operation not permitted"
    assert await asyncio.to_thread(forked, work) == message


async def test_resource_limits(rig: Rig) -> None:
    rlimits = [["nofile", 100, 200], ["core", 0, -1], ["nproc", 50, 60]]
    lines = await seen(rig, "ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hc", rlimits=rlimits)
    assert lines == ["100", "200", "0", "unlimited"]


async def test_a_read_only_view_is_the_programs_own(rig: Rig) -> None:
    script = (
        f"cd {rig.folder}; touch here 2>/dev/null && echo wrote; touch /usr/x /tmp/x 2>/dev/null && echo wrote; "
        "echo x > /dev/null && echo device"
    )
    assert await seen(rig, script, read_only_root=True) == ["device"]
    (rig.folder / "outside").touch()


async def test_commands_in_a_container_run_as_its_program_does(rig: Rig) -> None:
    restricted = {"uid": 1234, "gid": 2345, "groups": [], "drop_capabilities": ["ALL"], "read_only_root": True}
    await rig.start("a", "sleep", "100", security=restricted)
    script = f"id -u; id -g; id -G; touch {rig.folder}/x 2>/dev/null || echo refused; readlink /proc/self/ns/mnt"

    async def look() -> list[str]:
        ended = await rig.call(
            "execute", container="a", argv=["sh", "-c", script], env={"PATH": PATH}, output_bytes_max=999
        )
        return str(ended["output"]).split()

    first = await look()
    assert first[:4] == ["1234", "2345", "2345", "refused"]
    assert first[4] != str(Path("/proc/self/ns/mnt").readlink())
    await rig.kill()
    await rig.attach()
    assert await look() == first
    assert "security" not in await rig.listed("a")


@pytest.mark.parametrize(
    ("security", "message"),
    [
        ({"rlimits": [["colour", 1, 1]]}, "cannot set resource limit colour to 1:1: Operation not permitted"),
        ({"uid": "x"}, "security is not as it should be: invalid literal for int() with base 10: 'x'"),
        ({"rlimits": [["nofile"]]}, "security is not as it should be: not enough values to unpack (expected 3, got 1)"),
        ("much", "security is not as it should be: 'str' object has no attribute 'get'"),
    ],
    ids=["limit", "user", "short", "no-mapping"],
)
async def test_what_cannot_be_kept_keeps_the_program_from_starting(rig: Rig, security: Any, message: str) -> None:
    assert str(await rig.refusal("a", "true", security=security)) == message


async def test_a_program_that_its_user_may_not_execute(rig: Rig) -> None:
    program = rig.folder / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    refusal = await rig.refusal("a", str(program), security={"uid": NOBODY, "gid": NOBODY})
    why = "this user may not enter a folder on the way to it"
    assert str(refusal) == f"cannot execute '{program}' ({why}): Permission denied"


async def test_a_folder_of_the_path_that_the_user_may_not_enter_holds_nothing(rig: Rig) -> None:
    security, path = {"uid": NOBODY, "gid": NOBODY}, f"{rig.folder}:/usr/bin"
    refusal = await rig.refusal("a", "no-such-program", env={"PATH": path}, security=security)
    assert f"cannot execute 'no-such-program' (not found in PATH '{path}')" in str(refusal)


@pytest.mark.parametrize(
    ("security", "message"),
    [
        (Security(uid=1), "cannot run as user 1: Operation not permitted"),
        (Security(gid=1), "cannot run as group 1: Operation not permitted"),
        (Security(groups=(1,)), "cannot join groups [1]: Operation not permitted"),
        (Security(drop_capabilities=("CHOWN",)), "cannot drop capability CHOWN: Operation not permitted"),
        (Security(drop_capabilities=("ALL",), no_new_privileges=True), ""),
        (Security(read_only_root=True), ""),
        (
            Security(rlimits=(("nofile", 1, 2**30),)),
            "cannot set resource limit nofile to 1:1073741824: Operation not permitted",
        ),
        (Security(uid=NOBODY, gid=NOBODY), ""),
    ],
    ids=["user", "group", "groups", "drop", "drop-all-for-good", "read-only", "limit", "itself"],
)
async def test_a_supervisor_that_is_not_root_says_what_it_cannot_do(security: Security, message: str) -> None:
    assert await asyncio.to_thread(as_nobody, lambda: outcome(security)) == message


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that nobody can reach."""
    with tempfile.TemporaryDirectory() as name:
        os.chown(name, NOBODY, NOBODY)
        yield Path(name)


async def test_a_supervisor_that_is_not_root_gives_programs_and_their_commands_a_view_of_their_own(place: Path) -> None:
    security = Security(read_only_root=True, mounts=((str(place / "volume"), str(place / "seen"), False),))

    def work() -> str:
        (place / "volume").mkdir()
        main = started(security, "sleep", "100")
        assert main.outcome() is None
        told = outcome(security, "sh", "-c", f"echo said > {place}/seen/it; ! touch {place}/x", sees_as=main.pid)
        os.kill(main.pid, signal.SIGKILL)
        os.waitpid(main.pid, 0)
        assert (place / "volume/it").read_text() == "said\n"
        assert not list((place / "seen").iterdir()), "others see it"
        return told

    assert await asyncio.to_thread(as_nobody, work) == ""


def started(security: Security, *argv: str, sees_as: int | None = None) -> Launch:
    """A program that was told to go."""
    on_its_way = launch(
        Program(
            *("a", list(argv), {"PATH": PATH}, "/", "/dev/null", "/dev/null", Entrances(), (256, 256), 0),
            security=security,
            sees_as=sees_as,
        )
    )
    on_its_way.go()
    return on_its_way


def outcome(security: Security, *argv: str, sees_as: int | None = None) -> str:
    """Why a program (`true`) was not executed, or how it ended; "" if it did and that was well."""
    on_its_way = started(security, *(argv or ("true",)), sees_as=sees_as)
    failure = on_its_way.outcome()
    _, status = os.waitpid(on_its_way.pid, 0)
    if failure is not None:
        return failure.message
    return f"ended with {status}" if status else ""


def as_nobody(work: Callable[[], str]) -> str:
    """What it returns when a user without rights does it."""

    def within() -> str:
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setgroups([])
        os.setresuid(NOBODY, NOBODY, NOBODY)
        kernel.prctl(PR_SET_DUMPABLE, 1)  # Its own since it was executed, as that of any user's program.
        return work()

    return forked(within)


def forked(work: Callable[[], str]) -> str:
    """What it returns in a process of its own."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writing, work().encode())
        except BaseException as problem:
            os.write(writing, repr(problem).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        message = told.read()
    os.waitpid(pid, 0)
    return message
