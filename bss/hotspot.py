"""Credentials for a hotspot that staff can read out: a name and a password of letters that nobody mistakes."""

import secrets
from datetime import datetime

from sqlalchemy.orm import Session

from bss import subscriptions
from bss.actor import Actor
from bss.outcome import Issued
from bss.rows import find
from db.models import Customer, Subscription
from db.queries.vouchers import taken_codes
from domain.codes import READABLE

# A name is no secret: it need only be free, and short on the phone. Twenty tries at 27 thousand million names.
NAME_LENGTH, NAMES_TRIED = 7, 20


def generate(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer_id: int,
    service_plan_id: int,
    expires_at: datetime | None = None,
    never_expires: bool = False,
) -> Issued[Subscription]:
    """Make a hotspot login for a customer, active at once; its password is shown once.

    Without `expires_at` it lasts for its plan's term from now on, or for ever.
    """
    customer = find(session, Customer, customer_id, actor=actor)
    return subscriptions.create(
        session,
        actor=actor,
        now=now,
        customer_id=customer.id,
        service_plan_id=service_plan_id,
        username=_free_name(session, actor),
        connection_type="hotspot",
        expires_at=expires_at,
        never_expires=never_expires,
        auto_renew=False,
    )


def _free_name(session: Session, actor: Actor) -> str:
    names = ["".join(secrets.choice(READABLE) for _ in range(NAME_LENGTH)) for _ in range(NAMES_TRIED)]
    taken = taken_codes(session, tenant_id=actor.tenant_id, codes=names)
    return next(name for name in names if name not in taken)
