"""A subscription that begins, with its first bill at once where that is wanted.

The first term runs from the activation, whatever was paid. Decides only that the bill is written in the same
transaction; `bss.renewals` says what is on it.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import subscriptions
from bss.actor import Actor
from bss.failure import Invalid, Problem
from bss.outcome import Changed, Issued
from bss.renewals import bill_first_term
from db.models import Subscription


def create(
    session: Session, *, actor: Actor, now: datetime, customer_id: int, bill_now: bool = False, **service: Any
) -> Issued[Subscription]:
    """What `bss.subscriptions.create` does; `bill_now` asks for the first term, set-up and installation at once."""
    if bill_now and not service.get("activate", True):
        reason = "needs an active subscription"
        raise Invalid(Problem(field="bill_now", reason=reason, mend="activate it, or bill it later"))
    issued = subscriptions.create(session, actor=actor, now=now, customer_id=customer_id, **service)
    if not bill_now:
        return issued
    billed = bill_first_term(session, actor=actor, now=now, subscription=issued.row)
    return issued if billed is None else replace(issued, effect=issued.effect + billed.effect)


def activate(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    bill_now: bool = False,
    never_expires: bool = False,
    version: int | None = None,
) -> Changed[Subscription]:
    """What `bss.subscriptions.activate` does; `bill_now` is for a first activation and asks for its term at once."""
    changed = subscriptions.activate(
        session, actor=actor, now=now, subscription_id=subscription_id, never_expires=never_expires, version=version
    )
    if not bill_now:
        return changed
    if changed.row.activated_at != now:
        reason = "is for a first activation"
        raise Invalid(Problem(field="bill_now", reason=reason, mend="activate it without, and renew it"))
    billed = bill_first_term(session, actor=actor, now=now, subscription=changed.row)
    return changed if billed is None else replace(changed, effect=changed.effect + billed.effect)
