"""Orders at gateways: their names, their states whatever order the news come in, and what makes a payment suspect."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from itertools import pairwise, permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.gateway import (
    BOOKED,
    ORDER_ID,
    STATUSES,
    Sum,
    later_status,
    method_of,
    mismatch,
    next_check,
    not_begun_in_time,
    order_id,
    says_more,
)

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def test_all_orders_of_the_same_news_end_in_the_same_state() -> None:
    for length in range(1, 5):
        for news in product(STATUSES, repeat=length):
            ends = {reduce(later_status, order, "created") for order in permutations(news)}
            assert len(ends) == 1


def test_what_is_paid_is_never_unpaid_by_late_news() -> None:
    for late in STATUSES:
        assert later_status("paid", late) in BOOKED
        assert says_more(late, "paid") == (late == "refunded")


@given(st.text(max_size=120), st.from_regex(r"[A-Z0-9]{6}", fullmatch=True))
def test_every_name_of_an_order_is_one_that_gateways_take(label: str, suffix: str) -> None:
    made = order_id(label, suffix)

    assert ORDER_ID.fullmatch(made)
    assert made.endswith(suffix)


def test_the_name_of_an_order_says_which_invoice_it_is_for() -> None:
    assert order_id("INV-20261127-0001", "K7QX2M") == "INV-20261127-0001-K7QX2M"


@pytest.mark.parametrize(
    ("kind", "word", "method"),
    [
        ("midtrans", "bank_transfer", "transfer"),
        ("midtrans", "echannel", "transfer"),
        ("midtrans", "bca_klikpay", "transfer"),
        ("midtrans", "cimb_clicks", "transfer"),
        ("midtrans", "danamon_online", "transfer"),
        ("midtrans", "gopay", "gopay"),
        ("midtrans", "qris", "qris"),
        ("midtrans", "shopeepay", "midtrans"),
        ("midtrans", "credit_card", "midtrans"),
        ("midtrans", "something new", "midtrans"),
        ("xendit", "OVO", "ovo"),
        ("xendit", "BANK_TRANSFER", "transfer"),
        ("mpesa", "stk", "mpesa"),
        ("stripe", "card", "stripe"),
    ],
)
def test_ways_of_paying_have_one_name_here(kind: str, word: str, method: str) -> None:
    assert method_of(kind, word) == method


@pytest.mark.parametrize(
    ("amount", "currency", "why"),
    [
        ("150000", "IDR", None),
        ("150000.00", "IDR", None),
        ("149999", "IDR", "amount"),
        ("150001", "IDR", "amount"),
        ("150000", "USD", "currency"),
    ],
)
def test_one_unit_more_or_less_is_not_the_order(amount: str, currency: str, why: str | None) -> None:
    ordered = Sum(amount=Decimal(150000), currency="IDR")

    assert mismatch(ordered, Sum(amount=Decimal(amount), currency=currency)) == why


def test_an_order_is_asked_about_less_and_less_often_and_then_no_more() -> None:
    made, ends = NOW, NOW + timedelta(days=1)
    moments, now = [], made
    while (later := next_check(now=now, created_at=made, expires_at=ends)) is not None:
        moments.append(later)
        now = later

    steps = [after - before for before, after in pairwise(moments)]
    assert moments[0] == made + timedelta(minutes=10)
    assert steps == sorted(steps)
    assert moments[-1] > ends
    assert len(moments) < 60


def test_what_nobody_began_to_pay_is_over_an_hour_after_its_end() -> None:
    assert not not_begun_in_time(now=NOW, expires_at=NOW - timedelta(minutes=59))
    assert not_begun_in_time(now=NOW, expires_at=NOW - timedelta(minutes=61))
