"""Reading a container's output from rotated files, some of them still being written."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from node_agent import log_reading
from node_agent.log_reading import LogChoice, LogReader


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
    monkeypatch.setattr(log_reading, "BLOCK_BYTES", block_bytes)
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
    for old in log.parent.glob("0.log*"):
        old.unlink()
    Path(f"{log}.1").write_bytes(record(20))
    log.write_bytes(record(21))
    assert everything(reader) == lines(20, 21)


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


def rotate(log: Path) -> None:
    older = sorted(log.parent.glob("0.log.*"), key=lambda path: int(path.suffix[1:]), reverse=True)
    for path in older:
        path.rename(log.parent / f"0.log.{int(path.suffix[1:]) + 1}")
    log.rename(f"{log}.1")
