"""An order at a payment gateway: its states, its name there, when it is asked about, what makes a payment suspect.

A gateway's news come late, twice and in any order, so a state only ever gives way to one that says more. Refuses to
know the gateways' wires and the books.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

KINDS = ("midtrans", "xendit", "mpesa", "stripe", "transfer")
# From what says least to what says most. `held`: the gateway has the money and asks whether it is fraud.
STATUSES = ("created", "pending", "held", "failed", "expired", "cancelled", "paid", "refunded")
_RANK = {status: rank for rank, status in enumerate(STATUSES)}
# The customer may still pay it.
OPEN = ("created", "pending", "held")
BOOKED = frozenset({"paid", "refunded"})
# Gateways' own words for an order that the payer has really begun: money may be on its way.
BEGUN = ("pending", "authorize", "complete/unpaid", "500.001.1001")
PURPOSES = ("invoice", "recharge")

# Why a payment waits for a person.
PARKED_REASONS = ("unknown_order", "amount", "currency", "unconfirmed", "not_booked", "charged_back", "refunded_there")
PARKED_STATES = ("open", "assigned", "refunded", "dismissed")

MAX_ORDER_ID = 50
# It becomes a part of addresses at gateways, where one or two dots would be another place.
ORDER_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~-]{1,50}", re.ASCII)
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9._~-]+", re.ASCII)

# An order is asked about ten minutes after it was made, then less and less often until well after its end.
FIRST_CHECK = timedelta(minutes=10)
_CHECKS = (
    (timedelta(hours=2), timedelta(minutes=10)),
    (timedelta(days=1), timedelta(hours=1)),
    (timedelta(days=60), timedelta(hours=6)),
)
# Money can arrive after the last moment: a bank transfer that was on its way.
AFTER_THE_END = timedelta(days=2)
# What nobody began to pay is over so long after its end.
NOT_BEGUN = timedelta(hours=1)

_METHODS = {
    "midtrans": {
        "gopay": "gopay",
        "qris": "qris",
        **dict.fromkeys(
            (
                "bank_transfer",
                "echannel",
                "permata",
                "bca_klikpay",
                "bca_klikbca",
                "cimb_clicks",
                "danamon_online",
                "bri_epay",
            ),
            "transfer",
        ),
    },
    "xendit": {
        "bank_transfer": "transfer",
        "virtual_account": "transfer",
        "qr_code": "qris",
        "qris": "qris",
        "ovo": "ovo",
        "dana": "dana",
        "gopay": "gopay",
        "credit_card": "card",
    },
    "mpesa": {},
    "stripe": {},
    "transfer": {},
}


def later_status(current: str, told: str) -> str:
    """The state after news that may be old: the one of the two that says more."""
    return max(current, told, key=_RANK.__getitem__)


def says_more(told: str, current: str) -> bool:
    """Whether the news change anything."""
    return _RANK[told] > _RANK[current]


def order_id(label: str, suffix: str) -> str:
    """A name for an order that every gateway takes: at most 50 letters, digits and `-_.~`, ending in the suffix."""
    clean = _NOT_ALLOWED.sub("-", label).strip("-")[: MAX_ORDER_ID - 1 - len(suffix)]
    return f"{clean}-{suffix}" if clean else suffix


def method_of(kind: str, payment_type: str) -> str:
    """Our way of paying for a gateway's own word; the gateway's name for those that have none here."""
    return _METHODS[kind].get(payment_type.lower(), kind)


def next_check(*, now: datetime, created_at: datetime, expires_at: datetime) -> datetime | None:
    """When an unpaid order is asked about again; None when nothing can come any more."""
    if now > expires_at + AFTER_THE_END:
        return None
    age = now - created_at
    every = next((every for until, every in _CHECKS if age < until), timedelta(days=1))
    return now + every


def not_begun_in_time(*, now: datetime, expires_at: datetime) -> bool:
    """Whether an order of which the gateway knows no payment is over."""
    return now > expires_at + NOT_BEGUN


@dataclass(frozen=True, kw_only=True, slots=True)
class Sum:
    """An amount in a currency."""

    amount: Decimal
    currency: str


def mismatch(ordered: Sum, paid: Sum) -> str | None:
    """Why money cannot be taken for an order: `amount`, `currency`, or None. One unit more or less is not the order."""
    if paid.currency != ordered.currency:
        return "currency"
    return None if paid.amount == ordered.amount else "amount"
