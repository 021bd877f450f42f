"""A customer with his first subscription in one step: both are there, or neither."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import customers, subscriptions
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
    subscription: Mapping[str, Any] | None = None,
    device_name: str | None = None,
) -> Account:
    """Add a customer, and with `subscription` (what `bss.subscriptions.create` takes) his first one.

    `device_name` puts a router of that name into his equipment. The one place where panel, API, commands and files
    make a customer.
    """
    made = customers.create(session, actor=actor, now=now, **customer)
    if subscription is None:
        return Account(customer=made)
    issued = subscriptions.create(session, actor=actor, now=now, customer_id=made.id, **subscription)
    if device_name:
        equipment.add(
            session, actor=actor, now=now, customer_id=made.id, device_name=device_name, device_type="router",
            subscription_id=issued.row.id, is_primary=True,
        )  # fmt: skip
    return Account(customer=made, issued=issued)
