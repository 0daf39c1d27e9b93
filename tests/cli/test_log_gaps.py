"""Lost lines are told, but not with a line for each loss."""

from __future__ import annotations

from setpoint.cli.log_gaps import QUIET_S_MAX, Gaps


def test_one_gap_is_told_at_once() -> None:
    gaps = Gaps("web/app")
    assert gaps.due(0.0) == ""
    gaps.add("t1", "t2")
    assert gaps.due(0.0) == (
        "lines of web/app between t1 and t2 may be missing: they were rotated away before they could be read"
    )
    assert (gaps.due(9.0), gaps.rest()) == ("", "")


def test_many_gaps_are_told_ever_more_seldom_and_none_is_kept_back() -> None:
    gaps, said = Gaps("web/app"), []
    for tick in range(30 * 600):
        gaps.add(f"t{tick}", f"t{tick + 1}")
        if text := gaps.due(tick / 30):
            said.append((tick // 30, text))
    assert [second for second, _ in said] == [0, 1, 3, 7, 15, 31, *range(63, 600, int(QUIET_S_MAX))]
    assert "between t1 and t31 may be missing in 30 places" in said[1][1]
    assert f"and t{30 * 600} may be missing in" in gaps.rest()


def test_after_a_calm_time_the_next_gap_is_told_at_once() -> None:
    gaps = Gaps("web/app")
    for now_s in (0.0, 2.0, 6.0, 1000.0, 1002.0):
        gaps.add("", "t")
        assert "between the beginning and t may" in gaps.due(now_s)
