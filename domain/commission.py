"""What operators earn by a payment of a customer.

The customer's operator gets his rate of it. Whoever stands above gets only what his own rate has above the greatest
below him, so that a payment never costs the provider more than the greatest rate on the way up, whatever the tree is.

Decides who gets how much; refuses to know operators and payments.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from domain.money import ZERO, rounded


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """So much for one operator: `rate` percent of the payment."""

    operator_id: int
    rate: Decimal
    amount: Decimal


def shares(way_up: Sequence[tuple[int, Decimal]], amount: Decimal, currency: str) -> list[Share]:
    """The shares above nothing. `way_up`: operators with their rates, the customer's own first.

    They add up to the greatest rate of the amount, rounded once: each is the difference of two rounded sums.
    """
    found: list[Share] = []
    reached, spent = ZERO, ZERO
    for operator_id, rate in way_up:
        if rate <= reached:
            continue
        together = rounded(Fraction(amount) * Fraction(rate) / 100, currency)
        if together > spent:
            found.append(Share(operator_id=operator_id, rate=rate - reached, amount=together - spent))
        reached, spent = rate, max(together, spent)
    return found
