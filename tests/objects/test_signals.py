"""Names of signals."""

from __future__ import annotations

import pytest

from proto.signals import signal_number


@pytest.mark.parametrize(
    ("name", "number"),
    [("SIGTERM", 15), ("SIGINT", 2), ("SIGRTMIN", 34), ("SIGRTMIN+3", 37), ("SIGRTMAX-1", 63), ("SIGRTMIN+16", None),
     ("SIG", None), ("TERM", None), ("SIG_DFL", None), ("", None)],
)  # fmt: skip
def test_the_number_behind_a_name(name: str, number: int | None) -> None:
    assert signal_number(name) == number
