"""What is written on accounts adds up to nothing, whatever happened."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import books
from domain.books import Account, Posting, Unbalanced, balanced, reversed_of
from domain.invoices import ITEM_TYPES, ImpossibleInvoice, Line, TaxRule, totals

AMOUNTS = st.integers(1, 10**12).map(Decimal)


@given(AMOUNTS)
def test_every_happening_balances(amount: Decimal) -> None:
    happenings = [
        books.received(1, amount, method="cash"),
        books.settled(1, amount),
        books.credited(1, amount, name="correction"),
        books.debited(1, amount, name="correction"),
        books.refunded(1, amount, method="cash"),
        books.earned(2, amount),
        books.paid_out(2, amount, method="transfer"),
        books.sold(amount, what="voucher", method="cash"),
        books.spent(amount, category="rent", method="transfer"),
        books.invoiced(1, revenue={"service": amount}),
    ]

    for postings in happenings:
        assert sum(posting.amount for posting in postings) == 0
        assert sum(posting.amount for posting in postings + reversed_of(postings)) == 0


def test_what_does_not_balance_is_refused() -> None:
    with pytest.raises(Unbalanced, match="5 off"):
        balanced([Posting(books.wallet(1), Decimal(5))])


@pytest.mark.parametrize(
    "account", [{"kind": "wallet"}, {"kind": "money", "customer_id": 1}, {"kind": "commission_owed"}]
)
def test_an_account_is_somebodys_or_nobodys_by_its_kind(account: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="is an account"):
        Account(**account)  # type: ignore[arg-type]


LINES = st.builds(
    Line,
    item_type=st.sampled_from(ITEM_TYPES),
    description=st.just("x"),
    unit_price=st.decimals("0", "99999999", places=2),
    quantity=st.decimals("0.001", "99", places=3),
)


@given(
    st.lists(LINES, min_size=1, max_size=8),
    st.decimals("0", "100", places=2),
    st.booleans(),
    st.sampled_from(["IDR", "USD"]),
    st.integers(0, 100),
)
def test_an_invoice_adds_up_in_itself_and_in_the_books(
    lines: list[Line], percent: Decimal, is_included: bool, currency: str, discount_percent: int
) -> None:
    gross = sum((line.amount(currency) for line in lines), Decimal(0))
    discount = Decimal(int(gross * discount_percent / 100))

    sums = totals(lines, currency=currency, discount=discount, tax=TaxRule(percent=percent, is_included=is_included))

    assert sums.subtotal - sums.discount + sums.tax == sums.total
    assert sum(sums.amounts) == (sums.subtotal + sums.tax if is_included else sums.subtotal)
    postings = books.invoiced(1, revenue=dict(sums.revenue), discount=sums.discount, tax=sums.tax)
    owed = [posting.amount for posting in postings if posting.account == books.receivable(1)]
    assert sum(owed) == sums.total


@pytest.mark.parametrize(
    ("lines", "discount"),
    [([], 0), ([Line(item_type="other", description="x", unit_price=Decimal(-5))], 0)],
)
def test_what_makes_no_invoice_is_refused(lines: list[Line], discount: int) -> None:
    with pytest.raises(ImpossibleInvoice):
        totals(lines, currency="IDR", discount=Decimal(discount))


def test_a_discount_is_at_most_what_the_lines_add_up_to() -> None:
    line = Line(item_type="service", description="Home", unit_price=Decimal(100))
    with pytest.raises(ImpossibleInvoice, match="more than the lines"):
        totals([line], currency="IDR", discount=Decimal(101))


@pytest.mark.parametrize(
    ("rule", "subtotal", "tax", "total"),
    [
        (TaxRule(), "150000", "0", "150000"),
        (TaxRule(percent=Decimal(11)), "150000", "16500", "166500"),
        (TaxRule(percent=Decimal(11), is_included=True), "135135", "14865", "150000"),
    ],
)
def test_tax_is_added_or_taken_out(rule: TaxRule, subtotal: str, tax: str, total: str) -> None:
    line = Line(item_type="service", description="Home 20", unit_price=Decimal(150000))

    sums = totals([line], currency="IDR", tax=rule)

    assert (sums.subtotal, sums.tax, sums.total) == (Decimal(subtotal), Decimal(tax), Decimal(total))
