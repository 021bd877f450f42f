"""Bank transfer by hand: the payer is told where to, and staff confirm what they see on the account's statement.

There is nobody to ask and nothing to believe, so every question is answered with "not known".
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from gateways.errors import NotOffered, WebhookRefused
from gateways.interface import UNKNOWN, Created, Event, Order, Placed, Refund, Standing


class Transfer:
    """One bank account of the provider."""

    kind = "transfer"

    def __init__(self, *, bank: str, account_number: str, account_name: str, note: str) -> None:
        self._where = {"bank": bank, "account_number": account_number, "account_name": account_name, "note": note}

    def create(self, order: Order) -> Created:
        """Where to pay, and what to write on the transfer."""
        told = {name: value for name, value in self._where.items() if value}
        return Created(reference=order.order_id, instructions={**told, "reference": order.order_id})

    def status(self, placed: Placed) -> Standing:
        """Nobody tells."""
        return Standing(status=UNKNOWN, word="by hand")

    def cancel(self, placed: Placed) -> None:
        """Nobody has to be told."""

    def refund(self, placed: Placed, amount: Decimal, *, key: str, reason: str) -> Refund:
        """Money goes back as it came, by hand."""
        raise NotOffered("a bank transfer is given back at the bank")

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Event:
        """Banks send none."""
        raise WebhookRefused("none_expected")

    def probe(self) -> str:
        """There is nothing to ask."""
        return "Payers are shown this account; staff confirm what arrives."
