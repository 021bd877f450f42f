"""What every gateway can be asked, and in which words it answers.

Amounts are exact `Decimal`s in the currency's major unit, statuses are those of `domain.gateway`, moments are aware.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

# The gateway knows of no payment for the order: nothing was begun, or the order is not there.
UNKNOWN = "unknown"
# The money was taken back over the payer's bank: a person must look.
CHARGED_BACK = "charged_back"


@dataclass(frozen=True, kw_only=True, slots=True)
class Payer:
    """Who pays, as far as it is known; what is unknown is left out and never made up."""

    name: str
    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is to be paid. `item` is what the payer reads; `account` is a short name (M-Pesa shows 12 characters)."""

    order_id: str
    amount: Decimal
    currency: str
    item: str
    payer: Payer
    account: str
    finish_url: str
    error_url: str
    pending_url: str
    notify_url: str
    lifetime_s: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Created:
    """The gateway took the order. `reference` is its own name for it; the payer goes to `redirect_url`, or follows the
    instructions, or (M-Pesa) answers on his phone."""

    reference: str
    redirect_url: str | None = None
    instructions: Mapping[str, str] = field(default_factory=dict)
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """An order that the gateway has, as we keep it."""

    order_id: str
    reference: str
    amount: Decimal
    currency: str
    transaction_id: str = ""
    is_paid: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What the gateway itself said, when asked. `word` is its own word for `status`.

    Without a payment (`UNKNOWN`) the sum is None. `transaction_id` is what tells one payment from another for ever.
    """

    status: str
    word: str
    order_id: str | None = None
    transaction_id: str = ""
    amount: Decimal | None = None
    currency: str | None = None
    payment_type: str = ""
    paid_at: datetime | None = None
    refunded: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """A webhook that carries what only the gateway could have put there, or (M-Pesa) nothing that proves anything.

    `key` is the same for repeats and for nothing else. It names an order by ours or the gateway's name; `claims` is the
    word it came with, which is written down and not believed. `unproven` is money that a gateway without any proof and
    without a way of asking tells of: only a person can take it.
    """

    key: str
    claims: str
    order_id: str | None = None
    reference: str | None = None
    unproven: Standing | None = None
    payer: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refund:
    """The gateway took a refund on; `is_done` False while it is still on its way."""

    reference: str
    is_done: bool


class Gateway(Protocol):
    """One gateway with the account of one provider. Every call has a deadline and raises `GatewayError`."""

    kind: str

    def create(self, order: Order) -> Created:
        """Tell the gateway of an order. After `Unreachable` it may or may not have it."""

    def status(self, placed: Placed) -> Standing:
        """What became of it."""

    def cancel(self, placed: Placed) -> None:
        """Let nobody pay it any more; one that nobody began to pay counts as done."""

    def refund(self, placed: Placed, amount: Decimal, *, key: str, reason: str) -> Refund:
        """Give money back; the same `key` twice gives it back once."""

    def parse_webhook(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Event:
        """Read a webhook (header names in lower case); raises `WebhookRefused` for what the gateway did not send."""

    def probe(self) -> str:
        """Ask something harmless with the account's keys; returns a sentence, raises when they do not open the door."""
