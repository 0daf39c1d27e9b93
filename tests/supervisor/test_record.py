"""How a container's record is kept: in place where it fits into a page, whole at any moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from node_agent.supervisor.record import EXITED, Record, Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(str(tmp_path))
    (tmp_path / "containers" / "a").mkdir()
    return shelf


def kept(shelf: Shelf) -> list[Record]:
    return [r._replace(limits=tuple(r.limits), hugepages=tuple(r.hugepages)) for r in shelf.load_all()]


SHORT = Record("a", pid=7)
LONG = Record("a", pid=7, annotations={"note": "x" * 1000})
HUGE = Record("a", pid=7, annotations={"note": "x" * 10_000})


@pytest.mark.parametrize(
    "saved",
    [
        pytest.param([SHORT], id="new"),
        pytest.param([SHORT, LONG], id="grown"),
        pytest.param([LONG, SHORT], id="shrunk"),
        pytest.param([SHORT, HUGE], id="grown beyond a page"),
        pytest.param([HUGE, SHORT], id="shrunk to less than a page"),
    ],
)
def test_the_last_record_is_read_back(shelf: Shelf, saved: list[Record]) -> None:
    for record in saved:
        shelf.save(record)
    assert kept(shelf) == [saved[-1]]


def test_a_small_record_takes_one_file_for_ever(shelf: Shelf, tmp_path: Path) -> None:
    shelf.save(SHORT)
    file = tmp_path / "containers" / "a" / "state.json"
    before = file.stat().st_ino
    shelf.save(SHORT.ended(0, 1.0))
    assert file.stat().st_ino == before
    assert [each.name for each in file.parent.iterdir()] == ["state.json"]


def test_a_file_without_a_record_is_of_a_start_that_never_happened(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "containers" / "a" / "state.json").touch()
    assert kept(shelf) == []
    assert not (tmp_path / "containers" / "a").exists()


@pytest.mark.parametrize("written", ['{"format": 1, "id"', "[]", "5", '"state"', "null"])
def test_a_record_that_cannot_be_read_is_of_a_container_whose_end_nobody_knows(
    shelf: Shelf, tmp_path: Path, written: str
) -> None:
    (tmp_path / "containers" / "a" / "state.json").write_text(written)
    assert [(record.phase, record.reason) for record in kept(shelf)] == [(EXITED, "Unknown")]


def test_a_record_is_of_the_container_in_whose_folder_it_lies(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "containers" / "a" / "state.json").write_text('{"format": 1, "id": "b", "pid": 7}')
    assert kept(shelf) == [Record("a", pid=7)]
