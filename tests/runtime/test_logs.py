"""Reading kept output."""

from pathlib import Path

import pytest

from node_agent.runtime.logs import log_files, log_lines
from node_agent.runtime.port import RuntimeSettings
from node_agent.runtime.process import ProcessRuntime
from node_agent.runtime.registry import UnknownRuntime, build_runtime


@pytest.mark.parametrize(
    ("records", "lines"),
    [
        pytest.param([b"T stdout F a\n"], [("stdout", b"a")], id="a line"),
        pytest.param([b"T stdout F"], [], id="torn"),
        pytest.param([b"T stdout F "], [("stdout", b"")], id="empty"),
        pytest.param([b"garbage"], [], id="garbage"),
        pytest.param([b"T stdout P a", b"T stdout F b c"], [("stdout", b"ab c")], id="two parts"),
        pytest.param(
            [b"T stdout P a", b"T stderr F x", b"T stdout F b"], [("stderr", b"x"), ("stdout", b"ab")], id="interleaved"
        ),
        pytest.param([b"T stdout P a"], [("stdout", b"a")], id="never ends"),
    ],
)
def test_records_become_lines(records: list[bytes], lines: list[tuple[str, bytes]]) -> None:
    assert [(line.stream, line.content) for line in log_lines(records)] == lines


def test_files_are_ordered_by_age(tmp_path: Path) -> None:
    for name in ("a.log", "a.log.1", "a.log.2", "a.log.10", "a.log.gz", "ab.log"):
        (tmp_path / name).write_text("")
    assert [file.name for file in log_files(tmp_path / "a.log")] == ["a.log.10", "a.log.2", "a.log.1", "a.log"]


def test_drivers_are_found_by_name(tmp_path: Path) -> None:
    assert isinstance(build_runtime("process", RuntimeSettings("n", tmp_path)), ProcessRuntime)
    with pytest.raises(UnknownRuntime, match="no runtime named 'oci'; installed are: fake, process"):
        build_runtime("oci", RuntimeSettings("n", tmp_path))
