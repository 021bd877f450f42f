"""What an invoice says: lines, discount, tax, total, and which state may follow which.

Decides amounts and states; refuses to know who is billed for what, and when.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from domain.lifecycle import IllegalMove
from domain.money import MAX_AMOUNT, ZERO, is_payable, rounded

KINDS = ("recurring", "proration", "one_off", "manual")
ITEM_TYPES = ("service", "setup", "installation", "proration", "equipment", "voucher", "penalty", "other")
STATUSES = ("draft", "unpaid", "overdue", "paid", "cancelled", "refunded")
OPEN = frozenset({"unpaid", "overdue"})
MOVES: dict[str, frozenset[str]] = {
    "draft": frozenset({"unpaid", "cancelled"}),
    "unpaid": frozenset({"overdue", "paid", "cancelled"}),
    "overdue": frozenset({"unpaid", "paid", "cancelled"}),
    "paid": frozenset({"refunded"}),
    "cancelled": frozenset(),
    "refunded": frozenset(),
}
MAX_LINES = 100


def check_move(current: str, wanted: str) -> None:
    """Raise `IllegalMove` unless an invoice may go from `current` to `wanted`."""
    if wanted not in MOVES[current]:
        raise IllegalMove("invoice", current, wanted, MOVES[current])


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line; a negative unit price is a credit within the invoice."""

    item_type: str
    description: str
    unit_price: Decimal
    quantity: Decimal = Decimal(1)

    def amount(self, currency: str) -> Decimal:
        """Quantity times price, as it is paid."""
        return rounded(Fraction(self.quantity) * Fraction(self.unit_price), currency)


@dataclass(frozen=True, kw_only=True, slots=True)
class TaxRule:
    """How much tax is on a sale, and whether prices have it in them already."""

    percent: Decimal = ZERO
    is_included: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """`subtotal - discount + tax == total`. With tax included in prices, `subtotal` is without it."""

    amounts: tuple[Decimal, ...]
    subtotal: Decimal
    discount: Decimal
    tax: Decimal
    total: Decimal
    # What each type of item brings in, before discount and without tax.
    revenue: tuple[tuple[str, Decimal], ...]


class ImpossibleInvoice(ValueError):
    """Lines and discount that make no invoice; `str()` says why."""


def totals(lines: Sequence[Line], *, currency: str, discount: Decimal = ZERO, tax: TaxRule | None = None) -> Totals:
    """The sums of an invoice, each rounded once; raises `ImpossibleInvoice`.

    Tax is on what is left after the discount. Where prices include it, it is taken out of the sum once and not line by
    line, so that lines, tax and total agree to the unit.
    """
    rule = tax or TaxRule()
    amounts = tuple(line.amount(currency) for line in lines)
    gross = sum(amounts, ZERO)
    _check(lines, gross, discount, currency)
    net = gross - discount
    if rule.is_included:
        tax_amount = rounded(Fraction(net) * Fraction(rule.percent) / (100 + Fraction(rule.percent)), currency)
        total, subtotal = net, gross - tax_amount
    else:
        tax_amount = rounded(Fraction(net) * Fraction(rule.percent) / 100, currency)
        total, subtotal = net + tax_amount, gross
    revenue = _by_type(lines, amounts, gross - subtotal)
    return Totals(amounts=amounts, subtotal=subtotal, discount=discount, tax=tax_amount, total=total, revenue=revenue)


def _check(lines: Sequence[Line], gross: Decimal, discount: Decimal, currency: str) -> None:
    if not 1 <= len(lines) <= MAX_LINES:
        raise ImpossibleInvoice(f"an invoice has 1 to {MAX_LINES} lines")
    if not is_payable(discount, currency) or discount < 0:
        raise ImpossibleInvoice("the discount is no amount that can be paid")
    if gross < discount:
        raise ImpossibleInvoice("the discount is more than the lines add up to")
    if gross > MAX_AMOUNT:
        raise ImpossibleInvoice("the lines add up to more than can be kept")


def _by_type(
    lines: Sequence[Line], amounts: Sequence[Decimal], tax_in_them: Decimal
) -> tuple[tuple[str, Decimal], ...]:
    """Revenue by type of item; tax that prices had in them comes off the greatest."""
    sums: dict[str, Decimal] = {}
    for line, amount in zip(lines, amounts, strict=True):
        sums[line.item_type] = sums.get(line.item_type, ZERO) + amount
    if tax_in_them:
        greatest = max(sums, key=lambda name: (sums[name], name))
        sums[greatest] -= tax_in_them
    return tuple(sorted(sums.items()))


def is_overdue(status: str, due_date: date, today: date) -> bool:
    """Whether an unpaid invoice is past its due day, which is still in time."""
    return status == "unpaid" and due_date < today
