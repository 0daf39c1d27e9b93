"""Quantities: what each form amounts to."""

from __future__ import annotations

import pytest

from proto.quantity import AMOUNT_MAX, cpu_millis, format_bytes, format_cpu, parse_quantity, whole


@pytest.mark.parametrize(
    ("text", "amount"),
    [("0", 0), ("1", 1), ("1k", 1000), ("1Ki", 1024), ("1.5Gi", 1610612736), ("2M", 2_000_000), ("1e3", 1000),
     ("12E2", 1200), ("1E", 10**18), ("1Ti", 2**40), ("0.5", 1), (".5", 1), ("5.", 5), ("100m", 1), ("1u", 1),
     ("-1", -1), ("+3", 3), ("-1.5", -1)],
)  # fmt: skip
def test_amounts_in_ones_are_rounded_up(text: str, amount: int) -> None:
    assert whole(text) == min(amount, AMOUNT_MAX)


@pytest.mark.parametrize(
    ("text", "millis"), [("1", 1000), ("500m", 500), ("0.1", 100), ("1.0005", 1001), ("1u", 1), ("2k", 2_000_000)]
)
def test_cpu_is_counted_in_thousandths(text: str, millis: int) -> None:
    assert cpu_millis(text) == millis


@pytest.mark.parametrize(
    "text",
    ["", "x", "1 Gi", " 1", "1\n", "1GB", "1gi", "1mi", "1K", "--1", "1e", "1e3Ki", "0x10", "1_000", "٣", "1,5", "NaN",
     "inf", "1e999", "9" * 40],
)  # fmt: skip
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity: write a number with an optional suffix"):
        parse_quantity(text)


def test_absurd_amounts_stay_within_64_bits() -> None:
    assert whole("9999999999999999999E") == cpu_millis("9e18") == AMOUNT_MAX


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (1000, "1000"), (1024, "1Ki"), (3 * 2**20, "3Mi"), (2**30 + 2**20, "1025Mi")]
)
def test_bytes_are_written_with_the_largest_exact_suffix(count: int, text: str) -> None:
    assert format_bytes(count) == text
    assert whole(text) == count


@pytest.mark.parametrize(("millis", "text"), [(0, "0"), (1500, "1500m"), (2000, "2")])
def test_cpu_is_written_in_cores_where_it_can_be(millis: int, text: str) -> None:
    assert format_cpu(millis) == text
    assert cpu_millis(text) == millis
