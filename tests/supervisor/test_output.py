"""What becomes of output: real programs, and the record format as a table."""

from pathlib import Path

import pytest

from node_agent.runtime.logs import log_files
from node_agent.supervisor.logfile import RECORD_BYTES_MAX, LineSplitter, RotatedLog, timestamp
from tests.supervisor.rig import Rig, alive, entries
from tests.waiting import eventually

MOMENT_NS = 1_700_000_000_000_000_042
PREFIX = b"2023-11-14T22:13:20.000000042Z stdout "


@pytest.mark.parametrize(
    ("chunks", "records"),
    [
        pytest.param([b"a\n"], [b"F a"], id="a line"),
        pytest.param([b"a\nb\n"], [b"F a", b"F b"], id="two lines"),
        pytest.param([b"\n"], [b"F "], id="an empty line"),
        pytest.param([b"a", b"b\n"], [b"F ab"], id="a line in two chunks"),
        pytest.param([b"tail"], [b"F tail"], id="no newline at the end"),
        pytest.param([b"\x00\xff\r\n"], [b"F \x00\xff\r"], id="binary"),
        pytest.param([b"x" * RECORD_BYTES_MAX + b"\n"], [b"F " + b"x" * RECORD_BYTES_MAX], id="just fits"),
        pytest.param(
            [b"x" * RECORD_BYTES_MAX, b"yz\n"], [b"P " + b"x" * RECORD_BYTES_MAX, b"F yz"], id="too long, in two chunks"
        ),
        pytest.param(
            [b"x" * (RECORD_BYTES_MAX * 2 + 1)],
            [b"P " + b"x" * RECORD_BYTES_MAX] * 2 + [b"F x"],
            id="much too long, no newline",
        ),
        pytest.param(
            [b"a\n" + b"x" * (RECORD_BYTES_MAX + 1) + b"\nb\nc"],
            [b"F a", b"P " + b"x" * RECORD_BYTES_MAX, b"F x", b"F b", b"F c"],
            id="a long one among short ones",
        ),
        pytest.param([], [], id="nothing"),
    ],
)
def test_chunks_become_records(chunks: list[bytes], records: list[bytes]) -> None:
    splitter = LineSplitter("stdout")
    written = b"".join(splitter.feed(chunk, MOMENT_NS) for chunk in chunks) + splitter.finish(MOMENT_NS)
    assert written == b"".join(PREFIX + record + b"\n" for record in records)


def test_timestamps_keep_all_nine_digits() -> None:
    assert timestamp(MOMENT_NS) == b"2023-11-14T22:13:20.000000042Z"


def test_rotation_keeps_order_and_bounds(tmp_path: Path) -> None:
    log = RotatedLog(str(tmp_path / "a.log"), max_bytes=100, max_files=3)
    for number in range(0, 1000, 10):
        log.write(b"".join(b"record %05d\n" % n for n in range(number, number + 10)))
    log.close()
    files = log_files(tmp_path / "a.log")
    assert [file.name for file in files] == ["a.log.2", "a.log.1", "a.log"]
    assert all(file.stat().st_size <= 100 for file in files)
    kept = [int(line.split()[1]) for file in files for line in file.read_text().splitlines()]
    assert kept == list(range(1000 - len(kept), 1000))


def test_one_file_is_begun_anew(tmp_path: Path) -> None:
    log = RotatedLog(str(tmp_path / "a.log"), max_bytes=30, max_files=1)
    log.write(b"".join(b"record %05d\n" % n for n in range(5)))
    assert [file.read_text() for file in log_files(tmp_path / "a.log")] == ["record 00004\n"]
    log.remove()


def test_a_record_larger_than_a_file_is_kept_whole(tmp_path: Path) -> None:
    log = RotatedLog(str(tmp_path / "a.log"), max_bytes=10, max_files=5)
    log.write(b"short\n" + b"l" * 50 + b"\n" + b"end\n")
    log.close()
    assert [len(file.read_bytes()) for file in log_files(tmp_path / "a.log")] == [6, 51, 4]


def test_a_full_disk_costs_output_only() -> None:
    log = RotatedLog("/dev/full", max_bytes=1000, max_files=1)
    log.write(b"lost\n")
    assert log.dropped_bytes == 5


def test_a_log_that_cannot_be_opened_costs_output_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = RotatedLog(str(tmp_path / "file" / "a.log"), max_bytes=1000, max_files=1)
    log.write(b"lost\n")
    assert log.dropped_bytes == 5


async def test_both_streams_are_kept(rig: Rig) -> None:
    await rig.start_shell("a", "echo out; echo err >&2; printf tail")
    await rig.ended("a")
    assert sorted((line.stream, line.content) for line in rig.lines("a")) == [
        ("stderr", b"err"), ("stdout", b"out"), ("stdout", b"tail"),
    ]  # fmt: skip
    assert rig.log_path("a").read_bytes().endswith(b" stdout F tail\n")


async def test_timestamps_never_go_back(grouped: Rig) -> None:
    await grouped.start("a", "seq", "20000")
    await grouped.ended("a")
    lines = grouped.lines("a")
    assert [line.content for line in lines] == [b"%d" % n for n in range(1, 20001)]
    assert [line.timestamp for line in lines] == sorted(line.timestamp for line in lines)


async def test_a_long_line_is_split_and_joined_again(grouped: Rig) -> None:
    await grouped.start_shell("a", "head -c 100000 /dev/zero | tr '\\0' x; echo end")
    await grouped.ended("a")
    assert grouped.lines("a")[0].content == b"x" * 100000 + b"end"
    assert max(map(len, grouped.log_path("a").read_bytes().splitlines())) < RECORD_BYTES_MAX + 100


async def test_output_is_rotated(grouped: Rig) -> None:
    log = {"path": str(grouped.log_path("a")), "max_bytes": 10_000, "max_files": 3}
    await grouped.start("a", "seq", "5000", log=log)
    await grouped.ended("a")
    kept = [int(text) for text in grouped.text("a")]
    assert kept == list(range(5001 - len(kept), 5001))
    assert len(log_files(grouped.log_path("a"))) == 3


async def test_a_flood_does_not_starve_others(grouped: Rig) -> None:
    for number in range(3):
        await grouped.start(f"flood{number}", "yes", log={"path": "/dev/null", "max_bytes": 10**12})
    await grouped.start_shell("quiet", "echo hello")
    assert (await grouped.ended("quiet"))["exit_code"] == 0
    assert grouped.text("quiet") == ["hello"]


@pytest.mark.parametrize("program", [("yes", "x" * 200), ("cat", "/dev/zero")], ids=["lines", "one endless line"])
async def test_a_flood_takes_no_more_of_the_disk_than_its_files_may(grouped: Rig, program: tuple[str, ...]) -> None:
    log = {"path": str(grouped.log_path("flood")), "max_bytes": 1_000_000, "max_files": 3}
    await grouped.start("flood", *program, log=log)
    waiting = grouped.place.state_dir / "containers" / "flood"

    def taken() -> int:
        found = [*log_files(grouped.log_path("flood")), *waiting.glob("*.pending*")]
        return sum(file.stat().st_size for file in found if file.exists())

    await eventually(lambda: len(log_files(grouped.log_path("flood"))) == 3, within_s=20)
    for number in range(20):
        await grouped.start(f"quiet{number}", "true")
        assert taken() <= 3 * (1_000_000 + RECORD_BYTES_MAX + 100) + 4 * 2 * 64 * 1024
        await grouped.ended(f"quiet{number}")


async def test_a_full_disk_blocks_no_workload(grouped: Rig) -> None:
    await grouped.start("a", "seq", "100000", log={"path": "/dev/full", "max_files": 1})
    ended = await grouped.ended("a")
    assert ended["exit_code"] == 0 and ended["log_dropped_bytes"] > 500_000


async def test_a_program_may_open_its_output_again(grouped: Rig) -> None:
    await grouped.start_shell("a", "echo one > /dev/stdout; echo two > /proc/self/fd/2")
    await grouped.ended("a")
    assert sorted(grouped.text("a")) == ["one", "two"]


async def test_a_program_that_says_nothing_makes_no_files(grouped: Rig) -> None:
    await grouped.start("a", "true")
    await grouped.ended("a")
    assert entries(grouped.place.state_dir / "containers" / "a") == ["state.json", "stderr", "stdout"]
    assert not grouped.log_path("a").exists()


async def test_a_program_that_closes_its_output_goes_on(grouped: Rig) -> None:
    pid = (await grouped.start_shell("a", "echo hello; exec >&- 2>&-; sleep 100"))["pid"]
    await eventually(lambda: grouped.text("a") == ["hello"])
    assert alive(pid)
    assert (await grouped.listed("a"))["phase"] == "Running"
