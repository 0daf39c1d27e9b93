"""Durations in arguments, as kubectl reads them."""

from __future__ import annotations

import argparse

import pytest

from setpoint.cli.durations import duration_s


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("30s", 30), ("1h30m", 5400), ("1.5h", 5400), ("500ms", 0.5), ("2m0.5s", 120.5), ("1m1m", 120)],
)  # fmt: skip
def test_a_duration(text: str, seconds: float) -> None:
    assert duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "1d", "-5s", "5 s", "1h30", "x", "٣s"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="must be a duration such as 30s, 5m or 1h30m, found"):
        duration_s(text)
