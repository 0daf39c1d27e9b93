"""What programs say of their ends: whose words are read, how many of them count, and where they are found again."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from node_agent.containers.messages import Messages
from node_agent.plan.container_ids import ContainerId
from node_agent.plan.lives import history
from node_agent.plan.messages import MessageSource, last_lines, last_text, message_place, unread_messages
from node_agent.plan.pod import plan_pod
from node_agent.plan.status import NOTHING_REPORTED as NOTHING
from node_agent.runtime.port import ContainerState, ExitReason
from node_agent.storage.disk import DiskStorage
from node_agent.storage.memory import MemoryStorage
from node_agent.storage.port import StorageFailure
from proto.objects.pod import Pod
from proto.objects.pod_status import ContainerStateTerminated, PodStatus
from tests.agent.cluster import Cluster, scenario
from tests.agent.pods import fake, pod
from tests.agent.test_pod_plan import NOW, alive, dead, view
from tests.waiting import eventually

LOG = Path("/logs/0.log")
KEY = ContainerId("u-web", "app", 0)
TO_FILE, TO_LOG = {"terminationMessagePath": "/x"}, {"terminationMessagePolicy": "FallbackToLogsOnError"}


def saying(*containers: dict[str, Any], **spec: Any) -> Pod:
    return pod("web", *({"command": ["x"], **container} for container in containers), **spec)


@pytest.mark.parametrize(
    ("container", "code", "source"),
    [
        ({}, 1, None),
        ({"terminationMessagePolicy": "File"}, 1, None),
        (TO_FILE, 0, MessageSource(KEY, "/x")),
        (TO_LOG, 1, MessageSource(KEY, "", LOG)),
        (TO_LOG, 0, None),
        ({**TO_FILE, **TO_LOG}, 1, MessageSource(KEY, "/x", LOG)),
        ({**TO_FILE, **TO_LOG}, 0, MessageSource(KEY, "/x")),
    ],
    ids=["nothing asked", "no file", "file", "log of a failure", "no log of a success", "both", "both, of a success"],
)
def test_where_the_message_of_an_end_is_looked_for(
    container: dict[str, Any], code: int, source: MessageSource | None
) -> None:
    states = (replace(dead(code=code), log_path=LOG),)
    assert unread_messages(saying(container), states, NOTHING) == ((source,) if source else ())


def test_each_end_is_looked_for_once_and_only_while_a_status_tells_of_it() -> None:
    of = saying(TO_FILE)

    def looked_for(*states: ContainerState, reported: PodStatus = NOTHING, known: str = "") -> list[int]:
        return [source.id.attempt for source in unread_messages(of, states, reported, {known})]

    assert looked_for(dead(0), dead(1), dead(2)) == [1, 2]
    assert looked_for(dead(0), dead(1), alive(2)) == [1]
    assert looked_for(dead(0), dead(1), known="u-web.app.1") == [0]
    reported = plan_pod(view(dead(0), of=of, messages={"u-web.app.0": "why"}), NOW).status
    assert looked_for(dead(0), reported=reported) == []
    lost = plan_pod(view(of=of, reported=plan_pod(view(alive(0), of=of), NOW).status), NOW).status
    assert looked_for(dead(0), reported=lost) == [0], "it was reported as another end: nobody had seen this one"


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("", ""),
        ("/x", "/x"),
        ("x", "/x"),
        ("//x/", "/x"),
        ("/a/../x", "/x"),
        ("../x", "/x"),
        ("/dev/./log", "/dev/log"),
    ],
)
def test_where_a_program_finds_its_file(path: str, place: str) -> None:
    assert message_place(saying({"terminationMessagePath": path}).spec.containers[0]) == place


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"why\n", "why\n"),
        (b"0123456789why\n", "456789why\n"),
        (b"\xffwhy", "\N{REPLACEMENT CHARACTER}why"),
        ("\N{EURO SIGN}".encode() * 4, "\N{EURO SIGN}" * 3),
        (b"\xff" * 20, "\N{REPLACEMENT CHARACTER}" * 3),
        (b"\x80" * 20, "\N{REPLACEMENT CHARACTER}" * 3),
    ],
    ids=["empty", "short", "long", "no UTF-8", "a character cut in two", "grown by replacing", "no beginning at all"],
)
def test_the_end_of_what_was_written_counts(data: bytes, text: str) -> None:
    assert last_text(data, 10) == text


@pytest.mark.parametrize("end", [b"", b"\n"], ids=["open line", "whole lines"])
def test_the_last_lines_of_a_log_count(end: bytes) -> None:
    lines = [b"%d" % number for number in range(100)]
    assert last_lines(b"\n".join(lines) + end) == b"\n".join(lines[20:]) + end
    assert last_lines(b"\n".join(lines[:80]) + end) == b"\n".join(lines[:80]) + end


def ended(status: PodStatus, container: int = 0) -> ContainerStateTerminated:
    told = status.container_statuses[container].state.terminated
    assert told is not None
    return told


REBOOTED = "the machine restarted while the container ran"


@pytest.mark.parametrize(
    ("state", "said", "message"),
    [
        (dead(), "why\n", "why\n"),
        (dead(code=0, reason=ExitReason.COMPLETED), "well done", "well done"),
        (dead(code=None, reason=ExitReason.REBOOT), "why", f"{REBOOTED}: why"),
        (dead(code=None, reason=ExitReason.REBOOT), "", REBOOTED),
        (dead(code=None, reason=ExitReason.UNKNOWN), "why",
         "the container ended while nobody could see its exit code: why"),
    ],
    ids=["failure", "success", "ours comes first", "ours alone", "nobody saw"],
)  # fmt: skip
def test_the_message_of_an_end_is_ours_and_then_the_programs(state: ContainerState, said: str, message: str) -> None:
    of = saying(TO_FILE, restartPolicy="Never")
    first = plan_pod(view(state, of=of, messages={"u-web.app.0": said}), NOW).status
    assert ended(first).message == message
    again = plan_pod(view(state, of=of, reported=first), NOW)
    assert ended(again.status).message == message, "the report remembers it when nobody reads it again"


def test_no_program_can_say_that_the_machine_restarted() -> None:
    of = pod("web", restartPolicy="Never", initContainers=[{"name": "i", "command": ["x"]}])
    done = dead(code=0, reason=ExitReason.COMPLETED, container="i", at_s=50)
    honest = plan_pod(view(done, dead(code=None, reason=ExitReason.REBOOT), of=of, messages={"u-web.app.0": "x"}), NOW)
    posing = plan_pod(view(done, dead(), of=of, messages={"u-web.app.0": REBOOTED}), NOW)
    for plan, rebooted in ((honest, True), (posing, False)):
        life = history((), None, plan.status.container_statuses[0], NOW)[-1]
        assert life.ending is not None and life.ending.by_reboot is rebooted


def test_the_message_of_the_life_before_stays_with_it() -> None:
    of = saying(TO_FILE, restartPolicy="Never")
    messages = {"u-web.app.0": "first", "u-web.app.1": "second"}
    status = plan_pod(view(dead(0), alive(1), of=of, messages=messages), NOW).status.container_statuses[0]
    assert status.last_state.terminated is not None and status.last_state.terminated.message == "first"
    reported = plan_pod(view(dead(0), dead(1), of=saying(TO_FILE), messages=messages), NOW).status
    final = plan_pod(view(dead(0), dead(1), of=of, messages=messages, reported=reported), NOW).status
    before = final.container_statuses[0].last_state.terminated
    assert ended(final).message == "second" and before is not None and before.message == "first"


@pytest.mark.parametrize(("count", "share"), [(1, 5000), (4, 3072), (6, 2048)])
def test_the_containers_of_a_pod_share_what_they_may_say(count: int, share: int) -> None:
    of = saying(*({"name": f"c{n}", **TO_FILE} for n in range(count - 1)), restartPolicy="Never",
                initContainers=[{"name": "i", "command": ["x"], **TO_FILE}]) if count > 1 else saying(
                {"name": "c0", **TO_FILE}, restartPolicy="Never")  # fmt: skip
    state = dead(container="c0")
    status = plan_pod(view(state, of=of, messages={state.id: "b" + "x" * 4999}), NOW).status
    assert ended(status).message == "b" + "x" * (share - 1), "what comes first is kept, as the kubelet does"


def test_init_containers_and_sidecars_say_something_too() -> None:
    of = pod("web", initContainers=[
        {"name": "i", "command": ["x"], **TO_FILE},
        {"name": "s", "command": ["x"], **TO_LOG, "restartPolicy": "Always"},
    ])  # fmt: skip
    states = tuple(replace(dead(container=name), log_path=LOG) for name in ("i", "s"))
    assert [source.id.container for source in unread_messages(of, states, NOTHING)] == ["i", "s"]
    status = plan_pod(view(*states, of=of, messages={"u-web.i.0": "a", "u-web.s.0": "b"}), NOW).status
    told = [each.state.terminated or each.last_state.terminated for each in status.init_container_statuses]
    assert [each.message for each in told if each is not None] == ["a", "b"]


@pytest.fixture
def messages(tmp_path: Path) -> Messages:
    return Messages(DiskStorage(tmp_path))


def test_a_file_is_made_once_for_anybody_in_a_folder_for_nobody(messages: Messages) -> None:
    path = messages.file_for(KEY)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o666, 0o700)
    path.write_bytes(b"why")
    assert messages.file_for(KEY) == path and path.read_bytes() == b"why", "a start that is repeated loses nothing"
    messages.remove(KEY)
    messages.remove(KEY)
    assert not path.exists()


def test_a_file_that_cannot_be_made_is_an_error_of_the_disk(messages: Messages, tmp_path: Path) -> None:
    (tmp_path / "pods").mkdir()
    (tmp_path / "pods" / "u-web").touch()
    with pytest.raises(StorageFailure, match=r"cannot make .*/messages/app\.0: Not a directory"):
        messages.file_for(KEY)


def test_little_is_read_of_a_huge_file(messages: Messages) -> None:
    with messages.file_for(KEY).open("r+b") as file:
        file.truncate(1 << 40)
        file.seek(0, os.SEEK_END)
        file.write(b"why")
    assert messages.read(MessageSource(KEY, "/x")) == "\0" * 4093 + "why"


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (os.mkfifo, "a FIFO"),
        (os.mkdir, "a directory"),
        (lambda path: path.symlink_to("/etc/passwd"), "a symbolic link"),
    ],
    ids=["fifo", "directory", "link"],
)
def test_what_is_no_file_is_told_as_that(messages: Messages, make: Callable[[Path], object], what: str) -> None:
    path = messages.file_for(KEY)
    path.unlink()
    make(path)
    source = MessageSource(KEY, "/x", LOG)
    assert messages.read(source) == f"Error on reading termination log /x: it is {what}"
    path.parent.rename(path.parent.with_name("moved"))
    path.parent.symlink_to("moved")
    assert messages.read(source).startswith("Error on reading termination log /x: "), "no link above it is followed"


def records(*lines: str, flag: str = "F") -> bytes:
    return b"".join(f"2026-01-31T12:00:00.123456789Z stdout {flag} {line}\n".encode() for line in lines)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ((), ""),
        ((records("why"),), "why\n"),
        ((records("a", "b"), b""), "a\nb\n"),
        ((records("a"), records("b")), "a\nb\n"),
        ((records(*map(str, range(100))),), "".join(f"{n}\n" for n in range(20, 100))),
        ((records(*map(str, range(60))), records(*map(str, range(60, 100)))),
         "".join(f"{n}\n" for n in range(20, 100))),
        ((records("x" * 16384, flag="P") * 9 + records("why"),), "x" * 2044 + "why\n"),
    ],
    ids=["none", "one line", "rotated just now", "two files", "80 lines", "80 lines of two files", "2048 bytes"],
)  # fmt: skip
def test_the_end_of_a_log_is_a_message(
    messages: Messages, tmp_path: Path, files: tuple[bytes, ...], message: str
) -> None:
    log = tmp_path / "0.log"
    for age, data in enumerate(reversed(files)):
        (log if age == 0 else tmp_path / f"0.log.{age}").write_bytes(data)
    assert messages.read(MessageSource(KEY, "", log)) == message


def test_the_log_is_read_only_where_the_file_is_empty(messages: Messages, tmp_path: Path) -> None:
    log = tmp_path / "0.log"
    log.write_bytes(records("from the log"))
    path = messages.file_for(KEY)
    source = MessageSource(KEY, "/x", log)
    assert messages.read(source) == "from the log\n"
    path.write_bytes(b"from the file")
    assert messages.read(source) == "from the file"
    path.unlink()
    assert messages.read(source) == "from the log\n"


async def told(cluster: Cluster, message: str) -> None:
    """Wait until a container runs of whose last life that was said."""

    def check() -> bool:
        status = cluster.hub.status("u-web").container_statuses[0]
        last = status.last_state.terminated
        return status.state.running is not None and last is not None and last.message == message

    await eventually(check, within_s=200, what=message)


@scenario
async def test_a_message_outlives_the_agent_and_goes_with_its_life(cluster: Cluster) -> None:
    with TemporaryDirectory() as folder:
        cluster.storage = MemoryStorage(folder)
        first, second, third = (cluster.storage.message_path("u-web", "app", attempt) for attempt in range(3))
        agent = await cluster.start_agent()
        await cluster.hub.assign(pod("web", fake("--exit-after", "100", "--code", "3", **TO_FILE)))
        await cluster.hub.running("u-web")
        first.write_text("first")
        await cluster.kill(agent)
        await cluster.clock.sleep(150)
        agent = await cluster.start_agent()
        await told(cluster, "first")
        second.write_text("second")
        await told(cluster, "second")
        second.write_text("never read")
        await cluster.kill(agent)
        await cluster.start_agent()
        await cluster.clock.sleep(10)
        await told(cluster, "second")
        assert second.exists() and third.exists() and not first.exists()
        await cluster.hub.delete("u-web")
        await cluster.hub.gone("u-web")
        assert not (second.exists() or third.exists())
