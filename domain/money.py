"""Amounts of money: exact, rounded by one rule, and shared without losing or making a unit.

An amount is a `Decimal` in a currency's major unit. Decides the smallest unit of each currency and how a fraction of it
is rounded; refuses to know who owes what.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate

ZERO = Decimal(0)
MAX_AMOUNT = Decimal("999999999999.99")

# Digits behind the point in which people pay, where they are not two. Rupiah have sen on paper only; no gateway, bank
# or till takes them.
_DIGITS = {
    "IDR": 0,
    "JPY": 0,
    "KRW": 0,
    "VND": 0,
    "LAK": 0,
    "MMK": 0,
    "UGX": 0,
    "RWF": 0,
    "XOF": 0,
    "XAF": 0,
    "CLP": 0,
    "PYG": 0,
}
_USUAL_DIGITS = 2


def digits_of(currency: str) -> int:
    """How many digits behind the point an amount of this currency (ISO 4217) can have."""
    return _DIGITS.get(currency, _USUAL_DIGITS)


def smallest(currency: str) -> Decimal:
    """The smallest amount that can be paid."""
    return Decimal(1).scaleb(-digits_of(currency))


def rounded(amount: Decimal | Fraction, currency: str) -> Decimal:
    """The nearest amount that can be paid; of two equally near, the one further from zero."""
    exact = amount if isinstance(amount, Fraction) else Fraction(amount)
    units = exact * 10 ** digits_of(currency)
    # Whole numbers first: a Decimal made of a fraction would itself be rounded.
    whole = _half_away_from_zero(units)
    return Decimal(whole).scaleb(-digits_of(currency))


def is_payable(amount: Decimal, currency: str) -> bool:
    """Whether the amount is one that can be paid: finite, within bounds and without fractions of the smallest unit."""
    return amount.is_finite() and abs(amount) <= MAX_AMOUNT and amount == amount.quantize(smallest(currency))


def share(amount: Decimal, weights: Sequence[int], currency: str) -> list[Decimal]:
    """Parts of a payable amount in proportion to the weights; they add up to it exactly.

    Each part is within one smallest unit of its exact share: it is the difference of two rounded running totals.
    """
    total = sum(weights)
    if total <= 0 or min(weights) < 0:
        raise ValueError("weights are at least zero, and one of them is above it")
    reached = [rounded(Fraction(amount) * weight / total, currency) for weight in accumulate(weights)]
    return [after - before for before, after in zip([ZERO, *reached], reached, strict=False)]


def to_units(amount: Decimal, currency: str) -> int:
    """The amount as a whole number of smallest units, as gateways of two-digit currencies count it.

    Raises `ValueError` for one that cannot be paid.
    """
    if not is_payable(amount, currency):
        raise ValueError(f"{amount} is no amount of {currency}")
    return int(amount.scaleb(digits_of(currency)))


def from_units(units: int, currency: str) -> Decimal:
    """The amount of so many smallest units."""
    return Decimal(units).scaleb(-digits_of(currency))


def _half_away_from_zero(exact: Fraction) -> int:
    magnitude = abs(exact)
    whole = (2 * magnitude.numerator + magnitude.denominator) // (2 * magnitude.denominator)
    return whole if exact >= 0 else -whole
