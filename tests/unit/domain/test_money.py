"""Amounts: one rounding rule, and shares that add up."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import digits_of, from_units, is_payable, rounded, share, smallest, to_units

CURRENCIES = st.sampled_from(["IDR", "KES", "USD", "JPY"])
AMOUNTS = st.decimals("-999999999999.99", "999999999999.99", places=2)


@pytest.mark.parametrize(
    ("amount", "currency", "paid"),
    [
        ("0.5", "IDR", "1"),
        ("-0.5", "IDR", "-1"),
        ("0.4999", "IDR", "0"),
        ("150000.50", "IDR", "150001"),
        ("1.005", "USD", "1.01"),
        ("2.675", "USD", "2.68"),
        ("-2.675", "USD", "-2.68"),
    ],
)
def test_half_a_unit_is_rounded_away_from_zero(amount: str, currency: str, paid: str) -> None:
    assert rounded(Decimal(amount), currency) == Decimal(paid)


@given(st.fractions(-(10**12), 10**12), CURRENCIES)
def test_a_rounded_amount_can_be_paid_and_is_within_half_a_unit(exact: Fraction, currency: str) -> None:
    amount = rounded(exact, currency)

    assert amount == amount.quantize(smallest(currency))
    assert abs(Fraction(amount) - exact) <= Fraction(smallest(currency)) / 2
    assert rounded(-exact, currency) == -amount


@given(AMOUNTS, st.lists(st.integers(0, 1000), min_size=1, max_size=12).filter(any), CURRENCIES)
def test_shares_add_up_and_each_is_within_a_unit_of_its_own(amount: Decimal, weights: list[int], currency: str) -> None:
    whole = rounded(amount, currency)

    parts = share(whole, weights, currency)

    assert sum(parts) == whole
    for part, weight in zip(parts, weights, strict=True):
        assert abs(Fraction(part) - Fraction(whole) * weight / sum(weights)) <= Fraction(smallest(currency))


@given(st.integers(-(10**11), 10**11), CURRENCIES)
def test_units_and_amounts_say_the_same(units: int, currency: str) -> None:
    amount = from_units(units, currency)

    assert to_units(amount, currency) == units
    assert amount == Decimal(units) / 10 ** digits_of(currency)


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "0.5", "1000000000000000"])
def test_what_cannot_be_paid_in_rupiah(amount: str) -> None:
    assert not is_payable(Decimal(amount), "IDR")
    with pytest.raises(ValueError, match="no amount"):
        to_units(Decimal(amount), "IDR")
