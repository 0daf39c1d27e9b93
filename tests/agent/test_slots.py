"""Records in place: whatever was there before, the last one is read back, in one file."""

from __future__ import annotations

from pathlib import Path

import pytest

from node_agent.storage import slots
from proto import codec

SHORT = {"a": 1}
LONG = {"a": "x" * 900, "b": {"c": [1, 2]}}
HUGE = {"a": "x" * 9000}
WIDE = {str(number): number for number in range(20)}


def read(path: Path) -> object:
    raw = codec.unpack_raw(path.read_bytes())
    raw.pop("pad", None)
    return raw


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([SHORT], id="new"),
        pytest.param([SHORT, LONG], id="grown"),
        pytest.param([LONG, SHORT], id="shrunk"),
        pytest.param([SHORT, HUGE, LONG], id="beyond a page and back"),
        pytest.param([WIDE, {**WIDE, "0": 5}], id="too many fields for the pad"),
    ],
)
def test_the_last_record_is_read_back(tmp_path: Path, records: list[dict[str, object]]) -> None:
    path = tmp_path / "record"
    for record in records:
        slots.write(str(path), codec.pack_raw(record))
    assert read(path) == records[-1]
    assert [each.name for each in tmp_path.iterdir()] == ["record"]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("length", range(480, 530))
def test_every_length_is_padded(tmp_path: Path, length: int) -> None:
    path, record = tmp_path / "record", {"a": "x" * length}
    slots.write(str(path), codec.pack_raw(record))
    assert read(path) == record and path.stat().st_size % 512 == 0


def test_a_record_that_changes_stays_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "record"
    slots.replace(str(path), codec.pack_raw(LONG))  # As versions before this one left it.
    inode = path.stat().st_ino
    for record in (LONG, {**LONG, "d": 3}, SHORT):
        slots.write(str(path), codec.pack_raw(record))
        assert (read(path), path.stat().st_ino) == (record, inode)
