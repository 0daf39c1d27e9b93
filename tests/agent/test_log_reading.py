"""Reading a container's output from rotated files, some of them still being written."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from node_agent.logs import reader, seeking
from node_agent.logs.files import LogFile
from node_agent.logs.reader import Gap, LogChoice, LogPlace, LogReader
from node_agent.logs.seeking import since_offset, tail_offset


def record(number: int, text: str = "", *, flag: str = "F") -> bytes:
    return f"2026-01-01T00:00:{number:02d}.000000000Z stdout {flag} {text or f'line {number}'}\n".encode()


def everything(reader: LogReader) -> str:
    text = b""
    while piece := reader.read():
        text += piece
    return text.decode()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Lines 0 to 8 in three files, the oldest first in `.2`."""
    path = tmp_path / "0.log"
    Path(f"{path}.2").write_bytes(b"".join(record(n) for n in range(3)))
    Path(f"{path}.1").write_bytes(b"".join(record(n) for n in range(3, 6)))
    path.write_bytes(b"".join(record(n) for n in range(6, 9)))
    return path


def lines(*numbers: int) -> str:
    return "".join(f"line {number}\n" for number in numbers)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (LogChoice(), lines(*range(9))),
        (LogChoice(tail=0), ""),
        (LogChoice(tail=1), lines(8)),
        (LogChoice(tail=3), lines(6, 7, 8)),
        (LogChoice(tail=4), lines(5, 6, 7, 8)),
        (LogChoice(tail=7), lines(*range(2, 9))),
        (LogChoice(tail=100), lines(*range(9))),
        (LogChoice(since=datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC)), lines(5, 6, 7, 8)),
        (LogChoice(since=datetime(2026, 1, 1, 0, 0, 5, 500_000, tzinfo=UTC)), lines(6, 7, 8)),
        (LogChoice(tail=2, since=datetime(2026, 1, 1, 0, 0, 8, tzinfo=UTC)), lines(8)),
        (LogChoice(tail=1, timestamps=True), "2026-01-01T00:00:08.000000000Z line 8\n"),
    ],
    ids=["all", "none", "last", "last file", "two files", "three files", "more than all", "since", "since fraction",
         "tail and since", "timestamps"],
)  # fmt: skip
def test_choices(log: Path, choice: LogChoice, expected: str) -> None:
    assert everything(LogReader(log, choice)) == expected


@pytest.mark.parametrize("block_bytes", [1, 7, 50, 64 * 1024])
@pytest.mark.parametrize("tail", [-1, 2, 5])
def test_blocks_may_end_anywhere(log: Path, block_bytes: int, tail: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(seeking, "BLOCK_BYTES", block_bytes)
    assert everything(LogReader(log, LogChoice(tail=tail))) == lines(*range(9 - tail if tail >= 0 else 0, 9))


def test_a_long_line_in_pieces_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    pieces = [record(1), record(2, "be", flag="P"), record(3, "gin", flag="P"), record(4, " end"), record(5)]
    path.write_bytes(b"".join(pieces))
    assert everything(LogReader(path, LogChoice())) == "line 1\nbegin end\nline 5\n"
    assert everything(LogReader(path, LogChoice(tail=2))) == "begin end\nline 5\n"
    stamped = everything(LogReader(path, LogChoice(tail=2, timestamps=True)))
    assert stamped.splitlines()[0] == "2026-01-01T00:00:02.000000000Z begin end"


def test_a_follower_sees_what_is_written_later_and_goes_on_after_rotations(log: Path) -> None:
    reader = LogReader(log, LogChoice(tail=0))
    assert reader.read() == b""
    with log.open("ab") as file:
        file.write(record(9))
        file.flush()
        assert reader.read() == b"line 9\n"
        file.write(record(10)[:30])
        file.flush()
        assert reader.read() == b""
        file.write(record(10)[30:])
    rotate(log)
    log.write_bytes(record(11))
    rotate(log)
    log.write_bytes(record(12))
    assert everything(reader) == lines(10, 11, 12)


def test_a_follower_that_fell_behind_goes_on_with_the_oldest_that_is_left(log: Path) -> None:
    reader = LogReader(log, LogChoice(tail=0))
    assert reader.read() == b""
    replace_all(log, record(20), record(21))
    assert everything(reader) == lines(20, 21)


def test_who_fell_behind_is_told_what_may_be_missing(log: Path) -> None:
    reader = LogReader(log, LogChoice())
    assert reader.read() == lines(0, 1, 2).encode()
    replace_all(log, record(20), record(21))
    assert reader.gap() is None
    assert everything(reader) == lines(20, 21)
    assert reader.gap() == Gap(stamp(2), stamp(20))
    assert reader.gap() is None


def test_a_file_that_is_deleted_while_it_is_read_leaves_no_gap(log: Path) -> None:
    reader = LogReader(log, LogChoice())
    Path(f"{log}.2").unlink()
    assert everything(reader) == lines(*range(9))
    assert reader.gap() is None


@pytest.mark.parametrize("read_before", range(10))
@pytest.mark.parametrize("rotated", [False, True], ids=["as it was", "rotated"])
def test_a_later_reader_goes_on_where_the_first_one_was(
    log: Path, read_before: int, rotated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "BLOCK_BYTES", 60)  # One record at a time.
    first = LogReader(log, LogChoice())
    before = b"".join(first.read() for _ in range(read_before))
    place = first.place
    first.close()
    if rotated:
        rotate(log)
        log.write_bytes(record(9))
    later = LogReader(log, LogChoice(tail=0), place)
    assert before.decode() + everything(later) == lines(*range(10 if rotated else 9))
    assert later.gap() is None


def test_what_was_printed_at_once_is_cut_by_a_rotation_without_a_gap(log: Path) -> None:
    reader = LogReader(log, LogChoice(tail=1))
    assert reader.read() == b"line 8\n"
    replace_all(log, record(8, "more of it"))
    assert everything(reader) == "more of it\n"
    assert reader.gap() is None


def test_a_place_that_is_no_more_is_told(log: Path) -> None:
    first = LogReader(log, LogChoice(tail=1))
    assert first.read() == b"line 8\n"
    replace_all(log, record(20), record(21))
    later = LogReader(log, LogChoice(), first.place)
    assert everything(later) == lines(20, 21)
    assert later.gap() == Gap(stamp(8), stamp(20))


def test_a_torn_record_at_the_end_of_an_older_file_holds_nobody_up(log: Path) -> None:
    with Path(f"{log}.1").open("ab") as file:
        file.write(record(40)[:-5])
    assert everything(LogReader(log, LogChoice())) == lines(*range(9))


def test_the_place_of_an_empty_log_is_before_all_records(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    assert LogReader(path, LogChoice(tail=0)).place == LogPlace()
    path.write_bytes(record(1))
    assert everything(LogReader(path, LogChoice(tail=0), LogPlace())) == lines(1)


def test_a_place_in_a_file_that_was_empty(log: Path) -> None:
    rotate(log)
    log.touch()
    place = LogReader(log, LogChoice(tail=0)).place
    log.write_bytes(record(9))
    assert everything(LogReader(log, LogChoice(), place)) == lines(9)


def test_a_place_inside_a_long_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "BLOCK_BYTES", 60)
    path = tmp_path / "0.log"
    path.write_bytes(record(1, "be", flag="P") + record(2, "gin") + record(3))
    first = LogReader(path, LogChoice(timestamps=True))
    assert first.read().decode() == f"{stamp(1)} be"
    later = LogReader(path, LogChoice(timestamps=True), first.place)
    assert everything(later) == f"gin\n{stamp(3)} line 3\n"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 60,000 lines, ten of each millisecond; every hundredth is in two pieces."""
    path = tmp_path_factory.mktemp("large") / "0.log"
    with path.open("wb") as file:
        for number in range(60_000):
            if number % 100 == 0:
                file.write(f"{millisecond(number // 10)} stdout P beginning \n".encode())
            file.write(f"{millisecond(number // 10)} stderr F line {number} {'x' * (number % 97)}\n".encode())
    return path


@pytest.mark.parametrize("number", [0, 1, 2500, 5998, 5999, 6000])
@pytest.mark.parametrize("begin", [0, 4_000_000])
def test_a_time_is_found_by_halving(large: Path, number: int, begin: int) -> None:
    data = large.read_bytes()
    begin = data.rfind(b"\n", 0, begin) + 1
    wanted = data.find(f"\n{millisecond(number)}".encode(), max(begin - 1, 0)) + 1
    if number < 6000 and data[begin:].startswith(b"2026") and data[begin : begin + 30].decode() >= millisecond(number):
        wanted = begin
    assert since_offset(LogFile(large), millisecond(number), begin) == (wanted if number < 6000 else len(data))


@pytest.mark.parametrize("count", [1, 99, 100, 101, 12_345, 59_999, 60_000, 60_001])
def test_the_last_lines_are_found_from_the_end(large: Path, count: int) -> None:
    offset, found = tail_offset(LogFile(large), count)
    records = large.read_bytes()[offset:].splitlines()
    assert found == min(count, 60_000) == sum(b" F " in each for each in records)
    assert b" P " in records[0] or (60_000 - found) % 100


def test_the_last_line_may_begin_in_an_older_file(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    Path(f"{path}.1").write_bytes(record(1) + record(2, "be", flag="P"))
    path.write_bytes(record(3, "gin"))
    assert everything(LogReader(path, LogChoice(tail=1))) == "begin\n"


def test_a_log_that_does_not_exist_yet(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    reader = LogReader(path, LogChoice(tail=5))
    assert reader.read() == b""
    path.write_bytes(record(1))
    assert everything(reader) == lines(1)
    reader.close()


def test_what_is_no_record_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(b"nonsense\n" + record(1) + b"\n" + record(2))
    assert everything(LogReader(path, LogChoice(tail=2))) == lines(1, 2)


def stamp(number: int) -> str:
    return f"2026-01-01T00:00:{number:02d}.000000000Z"


def millisecond(number: int) -> str:
    return f"2026-01-01T00:00:{number // 1000:02d}.{number % 1000:03d}000000Z"


def replace_all(log: Path, *records: bytes) -> None:
    """Only these records are left, each in a file of its own."""
    for old in log.parent.glob("0.log*"):
        old.unlink()
    for age, each in enumerate(reversed(records)):
        Path(f"{log}.{age}" if age else log).write_bytes(each)


def rotate(log: Path) -> None:
    older = sorted(log.parent.glob("0.log.*"), key=lambda path: int(path.suffix[1:]), reverse=True)
    for path in older:
        path.rename(log.parent / f"0.log.{int(path.suffix[1:]) + 1}")
    log.rename(f"{log}.1")
