"""Text of several programs on one screen: whole lines, each with the name of its program."""

from __future__ import annotations

import pytest

from setpoint.cli import log_lines
from setpoint.cli.log_lines import LineCutter


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param([b"a\nb\n"], [b"> a\n> b\n"], id="whole lines"),
        pytest.param([b"a\nb", b"c\nd"], [b"> a\n", b"> bc\n", b"> d"], id="a line in two pieces"),
        pytest.param([b"\n\n"], [b"> \n> \n"], id="empty lines"),
        pytest.param([b"a", b"b"], [b"", b"", b"> ab"], id="no newline at all"),
        pytest.param([b"123456789", b"0\nb\n"], [b"> 123456789", b"0\n> b\n"], id="far too long"),
        pytest.param([b"a\n123456789\n"], [b"> a\n> 123456789\n"], id="long and whole"),
    ],
)
def test_lines_are_labelled(pieces: list[bytes], expected: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "LINE_BYTES_MAX", 8)
    labelled, plain = LineCutter(b"> "), LineCutter()
    assert [text for text in (*map(labelled.cut, pieces), labelled.finish()) if text or b"" in expected] == expected
    assert b"".join((*map(plain.cut, pieces), plain.finish())) == b"".join(pieces)
