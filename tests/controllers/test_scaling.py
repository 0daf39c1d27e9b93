"""Numbers and percentages of a rolling update, rounded as Kubernetes does."""

from __future__ import annotations

import pytest

from control_plane.controllers.scaling import Bounds, bounds, int_or_percent, rounded
from proto.objects.apps import IntOrPercent
from tests.controllers.builders import RECREATE, deployment


@pytest.mark.parametrize(
    ("value", "total", "round_up", "count"),
    [
        pytest.param(3, 10, True, 3, id="a number is itself"),
        pytest.param(0, 10, True, 0, id="nothing is nothing"),
        pytest.param("25%", 10, True, 3, id="a surge of 25% of 10 is rounded up to 3"),
        pytest.param("25%", 10, False, 2, id="an unavailability of 25% of 10 is rounded down to 2"),
        pytest.param("1%", 1, True, 1, id="any surge of one pod is one pod"),
        pytest.param("99%", 1, False, 0, id="less than one pod unavailable is none"),
        pytest.param("100%", 7, False, 7, id="all is all"),
        pytest.param("200%", 7, True, 14, id="a surge may be more than all"),
        pytest.param("30%", 10, True, 3, id="exact shares are not rounded"),
        pytest.param("50%", 0, True, 0, id="a share of nothing is nothing"),
    ],
)
def test_int_or_percent(value: IntOrPercent, total: int, round_up: bool, count: int) -> None:
    assert int_or_percent(value, total, round_up=round_up) == count


def test_what_is_neither_number_nor_percentage_is_refused() -> None:
    with pytest.raises(ValueError, match="'many' is neither a number nor a percentage"):
        int_or_percent("many", 3, round_up=True)


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "limits"),
    [
        pytest.param(10, "25%", "25%", Bounds(13, 8), id="the defaults around ten pods"),
        pytest.param(1, "25%", "25%", Bounds(2, 1), id="the defaults around one pod never stop it"),
        pytest.param(4, 0, 0, Bounds(4, 3), id="no room at all becomes one unavailable pod"),
        pytest.param(4, "0%", "1%", Bounds(4, 3), id="no room after rounding becomes one unavailable pod"),
        pytest.param(2, 1, 5, Bounds(3, 0), id="no more can be unavailable than there are"),
        pytest.param(0, "25%", "25%", Bounds(0, 0), id="nothing wanted, nothing allowed"),
    ],
)
def test_bounds_of_a_rolling_update(
    replicas: int, surge: IntOrPercent, unavailable: IntOrPercent, limits: Bounds
) -> None:
    assert bounds(deployment(replicas, surge=surge, unavailable=unavailable).spec) == limits


def test_recreate_has_no_room() -> None:
    assert bounds(deployment(5, **RECREATE).spec) == Bounds(5, 5)


@pytest.mark.parametrize(("over", "under", "nearest"), [(5, 2, 3), (7, 3, 2), (8, 3, 3), (6, 3, 2), (0, 3, 0)])
def test_rounded_goes_to_the_nearest_and_halves_up(over: int, under: int, nearest: int) -> None:
    assert rounded(over, under) == nearest
