"""Showing a stored secret to a person: who looked and when goes into the audit log with it, what was seen does not."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bss import audit
from bss.actor import Actor
from bss.rows import find
from db.models import Customer, NasServer, Subscription


@dataclass(frozen=True, kw_only=True, slots=True)
class Revealed:
    """A secret in the clear, for one answer. `repr()` never shows it."""

    secret: str

    def __repr__(self) -> str:
        return "Revealed(secret=…)"


def router_secret(session: Session, *, actor: Actor, now: datetime, nas_id: int) -> Revealed:
    """The RADIUS secret of a router."""
    router = find(session, NasServer, nas_id, actor=actor)
    audit.record(session, actor=actor, now=now, action="nas.secret_shown", entity=router)
    session.flush()
    return Revealed(secret=router.radius_secret)


def id_card_number(session: Session, *, actor: Actor, now: datetime, customer_id: int) -> Revealed:
    """The number of a customer's identity card; empty when there is none."""
    customer = find(session, Customer, customer_id, actor=actor)
    audit.record(
        session,
        actor=actor,
        now=now,
        action="customer.id_card_shown",
        entity=customer,
        customer_id=customer.id,
    )
    session.flush()
    return Revealed(secret=customer.id_card_number or "")


def service_password(session: Session, *, actor: Actor, now: datetime, subscription_id: int) -> Revealed:
    """The password with which a subscription logs in."""
    subscription = find(session, Subscription, subscription_id, actor=actor)
    audit.record(
        session,
        actor=actor,
        now=now,
        action="subscription.password_shown",
        entity=subscription,
        customer_id=subscription.customer_id,
    )
    session.flush()
    return Revealed(secret=subscription.service_password)
