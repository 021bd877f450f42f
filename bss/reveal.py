"""Showing a stored secret to a person: who looked and when goes into the audit log with it, what was seen does not."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bss import audit
from bss.actor import Actor
from bss.rows import find
from db.models import NasServer, Subscription


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
