"""What operators earn: never more than the greatest rate on the way up, shared to the unit."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.commission import shares
from domain.money import rounded

RATES = st.decimals(0, 100, places=2)


@pytest.mark.parametrize(
    ("way_up", "wanted"),
    [
        ([], {}),
        ([(1, "0")], {}),
        ([(1, "10")], {1: 15000}),
        ([(1, "5"), (2, "8")], {1: 7500, 2: 4500}),
        ([(1, "8"), (2, "5")], {1: 12000}),
        ([(1, "5"), (2, "5"), (3, "12.5")], {1: 7500, 3: 11250}),
        ([(1, "0"), (2, "3")], {2: 4500}),
    ],
)
def test_whoever_stands_above_gets_what_his_rate_has_above_those_below(
    way_up: list[tuple[int, str]], wanted: dict[int, int]
) -> None:
    found = shares([(one, Decimal(rate)) for one, rate in way_up], Decimal(150000), "IDR")

    assert {share.operator_id: share.amount for share in found} == wanted


@given(st.lists(RATES, max_size=8), st.integers(1, 10**12), st.sampled_from(["IDR", "KES"]))
def test_the_shares_are_the_greatest_rate_of_the_amount_and_nobody_gets_less_than_nothing(
    rates: list[Decimal], units: int, currency: str
) -> None:
    amount = rounded(Decimal(units).scaleb(-2), currency)

    found = shares(list(enumerate(rates)), amount, currency)

    greatest = max(rates, default=Decimal(0))
    assert sum(share.amount for share in found) == rounded(amount * greatest / 100, currency)
    assert all(share.amount > 0 and 0 < share.rate <= 100 for share in found)
    assert len({share.operator_id for share in found}) == len(found)
