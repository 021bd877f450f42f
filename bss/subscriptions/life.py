"""A subscription's life: activated, suspended, ended. Which state may follow which is the domain's to say.

Where several rows are locked the customer goes first, then the subscription, so that two use-cases never wait for each
other crosswise.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import audit, fields, network
from bss.actor import Actor
from bss.customers import require_open, roll_up
from bss.failure import Conflict, Problem
from bss.outcome import Changed, Effect
from bss.rows import find, locked, tenant_of
from bss.subscriptions.values import (
    apply_limits,
    disconnect,
    record,
    require_not_over,
)
from db.models import Customer, Subscription
from db.queries.attributes import forget_user
from domain.desired import SESSION_TIMEOUT
from domain.entitlement import BY_STAFF, SUSPEND_CAUSES
from domain.lifecycle import check_subscription_move
from domain.term import Cycle, end_of_term


def activate(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    never_expires: bool = False,
    version: int | None = None,
) -> Changed[Subscription]:
    """Let it log in. A first activation fixes the end of the term; an ended term must be moved first.

    A session in a walled garden is ended, so that it comes back as a customer's.
    """
    customer, subscription = _lock_pair(session, subscription_id, actor=actor, version=version)
    check_subscription_move(subscription.status, "active")
    require_open(customer)
    put_into_service(session, actor, now, subscription, customer, never_expires=never_expires)
    effect = network.leave_garden(session, actor=actor, now=now, subscription_ids=[subscription.id])
    return Changed(row=subscription, effect=effect)


def suspend(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    reason: str = "",
    cause: str = BY_STAFF,
    version: int | None = None,
) -> Changed[Subscription]:
    """Refuse its logins until it is activated again, and end its sessions.

    `cause` says what lifts it: what is suspended for money comes back when it is paid, whatever else by hand.
    """
    return _stop(
        session,
        actor,
        now,
        subscription_id,
        "suspended",
        reason=reason,
        version=version,
        why="suspend",
        stamps={"suspended_at": now, "suspend_cause": fields.one_of(cause, field="cause", allowed=SUSPEND_CAUSES)},
    )


def disable(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    reason: str = "",
    version: int | None = None,
) -> Changed[Subscription]:
    """Take it out of service by hand: like a suspension, but no payment brings it back."""
    return _stop(session, actor, now, subscription_id, "disabled", reason=reason, version=version, why="disable")


def cancel(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    reason: str = "",
    at_period_end: bool = False,
    version: int | None = None,
) -> Changed[Subscription]:
    """End it at the customer's wish, now or when its term ends; it is not renewed."""
    if at_period_end:
        return _cancel_later(session, actor, now, subscription_id, reason, version)
    return _stop(
        session,
        actor,
        now,
        subscription_id,
        "cancelled",
        reason=reason,
        version=version,
        why="terminate",
        stamps={"auto_renew": False},
    )


def keep(
    session: Session, *, actor: Actor, now: datetime, subscription_id: int, version: int | None = None
) -> Changed[Subscription]:
    """The customer stays after all: it does not end with its term, and is renewed again."""
    subscription = locked(session, Subscription, subscription_id, actor=actor, version=version)
    if not subscription.cancel_at_period_end:
        raise Conflict(Problem(field="", reason="it does not end with its term"))
    old, new = audit.set_fields(subscription, {"cancel_at_period_end": False, "auto_renew": True})
    record(session, actor, now, "kept", subscription, old=old, new=new)
    session.flush()
    return Changed(row=subscription)


def terminate(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    reason: str = "",
    version: int | None = None,
) -> Changed[Subscription]:
    """End it for good; its username and address become free."""
    return _stop(
        session,
        actor,
        now,
        subscription_id,
        "terminated",
        reason=reason,
        version=version,
        why="terminate",
        stamps={"terminated_at": now},
    )


def delete(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    reason: str = "",
    version: int | None = None,
) -> Changed[Subscription]:
    """Take it off the lists, ended for good first where it is not over. Its invoices and its history stay."""
    effect = Effect()
    if find(session, Subscription, subscription_id, actor=actor).status != "terminated":
        effect = terminate(
            session, actor=actor, now=now, subscription_id=subscription_id, reason=reason, version=version
        ).effect
        version = None
    customer, subscription = _lock_pair(session, subscription_id, actor=actor, version=version)
    old, new = audit.set_fields(subscription, {"deleted_at": now})
    record(session, actor, now, "deleted", subscription, old=old, new=new)
    session.flush()
    roll_up(session, actor=actor, now=now, customer=customer)
    return Changed(row=subscription, effect=effect)


def change_expiry(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    expires_at: datetime | None,
    version: int | None = None,
) -> Changed[Subscription]:
    """Move the end of the term, or remove it with None.

    An active subscription whose grace would be over expires at once; an expired one whose new end lies ahead is active
    again.
    """
    customer, subscription = _lock_pair(session, subscription_id, actor=actor, version=version)
    require_not_over(subscription)
    end = None if expires_at is None else fields.moment(expires_at, field="expires_at")
    old, new = audit.set_fields(subscription, {"expires_at": end})
    record(session, actor, now, "expiry_changed", subscription, old=old, new=new)
    effect = Effect()
    if subscription.status == "active" and _is_over(subscription, now):
        effect = _expire(session, actor, now, subscription)
    elif subscription.status == "expired" and (end is None or end > now):
        require_open(customer)
        _move(session, actor, now, subscription, "active", action="activated", suspend_reason=None)
    session.flush()
    roll_up(session, actor=actor, now=now, customer=customer)
    if subscription.status == "active" and not _is_over(subscription, now):
        effect += network.leave_garden(session, actor=actor, now=now, subscription_ids=[subscription.id])
        effect += apply_limits(session, actor, now, subscription, also=frozenset({SESSION_TIMEOUT}))
    return Changed(row=subscription, effect=effect)


def _cancel_later(
    session: Session, actor: Actor, now: datetime, subscription_id: int, reason: str, version: int | None
) -> Changed[Subscription]:
    text = fields.optional_text(reason, field="reason", longest=255)
    subscription = locked(session, Subscription, subscription_id, actor=actor, version=version)
    check_subscription_move(subscription.status, "cancelled")
    if subscription.expires_at is None or subscription.expires_at <= now:
        raise Conflict(Problem(field="at_period_end", reason="its term has no end ahead", mend="cancel it now"))
    old, new = audit.set_fields(subscription, {"cancel_at_period_end": True, "auto_renew": False})
    record(session, actor, now, "cancelled_at_period_end", subscription, old=old, new=new | {"reason": text})
    session.flush()
    return Changed(row=subscription)


def _lock_pair(
    session: Session, subscription_id: int, *, actor: Actor, version: int | None
) -> tuple[Customer, Subscription]:
    unlocked = find(session, Subscription, subscription_id, actor=actor)
    customer = locked(session, Customer, unlocked.customer_id, actor=actor)
    return customer, locked(session, Subscription, subscription_id, actor=actor, version=version)


def put_into_service(
    session: Session,
    actor: Actor,
    now: datetime,
    subscription: Subscription,
    customer: Customer,
    *,
    never_expires: bool,
) -> None:
    """Make a locked subscription of a locked customer active; a first activation fixes the end of its term."""
    first = subscription.status == "pending"
    if subscription.status == "expired" and subscription.expires_at is not None and subscription.expires_at <= now:
        raise Conflict(
            Problem(
                field="expires_at",
                reason=f"its term ended on {subscription.expires_at:%Y-%m-%d}",
                mend="move the end of the term instead; that activates it",
            )
        )
    stamps: dict[str, Any] = {"suspend_reason": None, "suspend_cause": None, "suspended_at": None}
    if first:
        stamps["activated_at"] = now
    zone = ZoneInfo(tenant_of(session, actor=actor).timezone)
    if first and subscription.expires_at is None and not never_expires and not subscription.is_postpaid:
        stamps["expires_at"] = end_of_term(
            now,
            cycle=Cycle(
                name=subscription.billing_cycle,
                validity_days=subscription.plan.validity_days,
                anchor_day=now.astimezone(zone).day,
            ),
            zone=zone,
        )
    _move(session, actor, now, subscription, "active", action="activated", **stamps)
    roll_up(session, actor=actor, now=now, customer=customer)


def _stop(
    session: Session,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    status: str,
    *,
    reason: str,
    version: int | None,
    why: str,
    stamps: Mapping[str, Any] | None = None,
) -> Changed[Subscription]:
    text = fields.optional_text(reason, field="reason", longest=255)
    customer, subscription = _lock_pair(session, subscription_id, actor=actor, version=version)
    check_subscription_move(subscription.status, status)
    _move(session, actor, now, subscription, status, action=status, suspend_reason=text, **(stamps or {}))
    if status == "terminated":
        forget_user(session, tenant_id=subscription.tenant_id, username=subscription.username)
    effect = disconnect(session, actor, now, subscription, why)
    roll_up(session, actor=actor, now=now, customer=customer)
    return Changed(row=subscription, effect=effect)


def _expire(session: Session, actor: Actor, now: datetime, subscription: Subscription) -> Effect:
    _move(session, actor, now, subscription, "expired", action="expired")
    return disconnect(session, actor, now, subscription, "expire")


def _move(
    session: Session,
    actor: Actor,
    now: datetime,
    subscription: Subscription,
    status: str,
    *,
    action: str,
    **stamps: Any,
) -> None:
    check_subscription_move(subscription.status, status)
    old, new = audit.set_fields(subscription, {"status": status, **stamps})
    record(session, actor, now, action, subscription, old=old, new=new)
    session.flush()


def _is_over(subscription: Subscription, now: datetime) -> bool:
    if subscription.expires_at is None:
        return False
    own = subscription.grace_period_days
    grace_days = subscription.plan.grace_period_days if own is None else own
    return now >= subscription.expires_at + timedelta(days=grace_days)
