"""A customer with his first subscription in one step: both are there, or neither."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import customers, first_bills, wallet
from bss.actor import Actor
from bss.customers import equipment
from bss.outcome import Issued
from db.models import Customer, Subscription


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """What was made; `issued` is None for a customer without a subscription."""

    customer: Customer
    issued: Issued[Subscription] | None = None


def create(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer: Mapping[str, Any],
    subscription: Mapping[str, Any] | Callable[[Customer], Mapping[str, Any]] | None = None,
    device_name: str | None = None,
    initial_balance: object = None,
) -> Account:
    """Add a customer, and with `subscription` (what `bss.first_bills.create` takes) his first one.

    Who can say that only once the customer has his code gives a function of the customer.
    `device_name` puts a router of that name into his equipment; `initial_balance` (above zero credit, below zero a
    debt) is what he brings along. The one place where panel, API, commands and files
    make a customer.
    """
    made = customers.create(session, actor=actor, now=now, **customer)
    if initial_balance is not None:
        wallet.begin(session, actor=actor, now=now, customer_id=made.id, amount=initial_balance)
    if subscription is None:
        return Account(customer=made)
    service = subscription(made) if callable(subscription) else subscription
    issued = first_bills.create(session, actor=actor, now=now, customer_id=made.id, **service)
    if device_name:
        equipment.add(
            session, actor=actor, now=now, customer_id=made.id, device_name=device_name, device_type="router",
            subscription_id=issued.row.id, is_primary=True,
        )  # fmt: skip
    return Account(customer=made, issued=issued)
