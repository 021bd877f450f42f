"""A customer's life: suspended, blocked, activated, ended, deleted and brought back, and what his subscriptions say."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import audit, fields, network
from bss.actor import Actor
from bss.customers.record import audit_customer
from bss.customers.values import TAKEN
from bss.failure import Conflict, NotFound, Problem, flush_or_conflict
from bss.outcome import Changed, Effect
from bss.rows import locked
from db.models import Customer, Subscription
from db.queries.customers import lock_deleted_customer, lock_subscriptions_deleted_at, lock_subscriptions_of
from db.queries.subscriptions import lock_unfinished_of_customer, online_of_customer, statuses_of_customer
from domain.lifecycle import check_customer_move
from domain.roll_up import rolled_up

BLOCKING_STATUSES = ("suspended", "inactive", "disabled", "blacklisted")
# What a customer's `suspend_reason` says when nobody suspended him: his last subscription ended.
NO_SUBSCRIPTION_LEFT = "no subscription left"
DELETED = "customer deleted"
_NAME_TAKEN = {
    "uq_subscriptions_username": Problem(
        field="", reason="a username was given to somebody else meanwhile", mend="rename that subscription first"
    ),
    "uq_subscriptions_assigned_ip": Problem(
        field="", reason="a fixed address was given to somebody else meanwhile", mend="free that address first"
    ),
}


def suspend(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer_id: int,
    reason: str = "",
    note: str = "",
    version: int | None = None,
) -> Changed[Customer]:
    """Block all of the customer's logins and end his sessions; his subscriptions keep their own states."""
    given: dict[str, Any] = {"customer_id": customer_id, "reason": reason, "note": note, "version": version}
    return block(session, actor=actor, now=now, status="suspended", **given)


def block(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer_id: int,
    status: str,
    reason: str = "",
    note: str = "",
    version: int | None = None,
) -> Changed[Customer]:
    """Set a status of `BLOCKING_STATUSES`: every login is refused and every running session ended.

    `reason` is a word of the list or one's own; `note` stands behind it.
    """
    wanted = fields.one_of(status, field="status", allowed=BLOCKING_STATUSES)
    parts = (fields.text(text, field=name, longest=255) for name, text in (("reason", reason), ("note", note)))
    why = ": ".join(part for part in parts if part) or None
    customer = locked(session, Customer, customer_id, actor=actor, version=version)
    check_customer_move(customer.status, wanted)
    old, new = audit.set_fields(customer, {"status": wanted, "suspend_reason": why})
    audit_customer(session, actor, now, f"customer.{wanted}", customer, old=old, new=new)
    ids = online_of_customer(session, customer.id)
    return Changed(row=customer, effect=_end_sessions(session, actor, now, ids))


def activate(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer_id: int,
    with_subscriptions: bool = False,
    version: int | None = None,
) -> Changed[Customer]:
    """Lift a block (or make a prospect active): subscriptions that are active themselves may log in again at once.

    Sessions in a walled garden are ended, so that they come back as a customer's.

    `with_subscriptions` also reactivates those of his subscriptions that are suspended on their own.
    """
    customer = locked(session, Customer, customer_id, actor=actor, version=version)
    check_customer_move(customer.status, "active")
    old, new = audit.set_fields(customer, {"status": "active", "suspend_reason": None})
    audit_customer(session, actor, now, "customer.activated", customer, old=old, new=new)
    if with_subscriptions:
        for subscription in lock_unfinished_of_customer(session, customer.id, status="suspended"):
            _set_status(session, actor, now, subscription, "active", suspend_reason=None, suspended_at=None)
    session.flush()
    ids = online_of_customer(session, customer.id)
    return Changed(row=customer, effect=network.leave_garden(session, actor=actor, now=now, subscription_ids=ids))


def terminate(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer_id: int,
    reason: str = "",
    version: int | None = None,
) -> Changed[Customer]:
    """End the relation: all subscriptions are terminated, their usernames become free, sessions are ended."""
    customer = locked(session, Customer, customer_id, actor=actor, version=version)
    _require_not_walk_in(customer)
    check_customer_move(customer.status, "terminated")
    return Changed(row=customer, effect=_end(session, actor, now, customer, reason))


def delete(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer_id: int,
    version: int | None = None,
) -> Changed[Customer]:
    """Hide the customer and his subscriptions and end their sessions; contacts and usernames become free for others.

    Nothing is lost: `restore` brings both back.
    """
    customer = locked(session, Customer, customer_id, actor=actor, version=version)
    _require_not_walk_in(customer)
    subscriptions = lock_subscriptions_of(session, customer.id)
    for subscription in subscriptions:
        if subscription.status == "active":
            _set_status(session, actor, now, subscription, "suspended", suspend_reason=DELETED, suspended_at=now)
        subscription.deleted_at = now
    customer.deleted_at = now
    audit_customer(session, actor, now, "customer.deleted", customer)
    session.flush()
    ids = [row.id for row in subscriptions]
    return Changed(row=customer, effect=_end_sessions(session, actor, now, ids, reason="terminate"))


def restore(session: Session, *, actor: Actor, now: datetime, customer_id: int) -> Changed[Customer]:
    """Bring a deleted customer back with his subscriptions, which stay suspended until they are activated.

    Raises `Conflict` when a contact or a username was given to somebody else meanwhile.
    """
    customer = lock_deleted_customer(session, customer_id, tenant_id=actor.tenant_id)
    if customer is None or customer.deleted_at is None:
        raise NotFound(Problem(field="", reason="there is no such deleted customer"))
    for subscription in lock_subscriptions_deleted_at(session, customer.id, customer.deleted_at):
        subscription.deleted_at = None
    customer.deleted_at = None
    audit_customer(session, actor, now, "customer.restored", customer)
    flush_or_conflict(session, {**TAKEN, **_NAME_TAKEN})
    return Changed(row=customer)


def roll_up(session: Session, *, actor: Actor, now: datetime, customer: Customer) -> None:
    """Let a locked customer's status follow his subscriptions after one of them changed.

    The walk-in customer's does not: vouchers come and go, and it stands for nobody.
    """
    session.flush()
    if customer.is_walk_in:
        return
    by_hand = customer.suspend_reason != NO_SUBSCRIPTION_LEFT
    status = rolled_up(
        customer.status,
        suspended_by_hand=by_hand,
        subscriptions=statuses_of_customer(session, customer.id),
    )
    if status != customer.status:
        why = NO_SUBSCRIPTION_LEFT if status == "suspended" else None
        old, new = audit.set_fields(customer, {"status": status, "suspend_reason": why})
        audit_customer(session, actor, now, "customer.rolled_up", customer, old=old, new=new)
        session.flush()


def require_open(customer: Customer) -> None:
    """Raise `Conflict` when the customer may have no new or reactivated subscription."""
    rolled = customer.status == "suspended" and customer.suspend_reason == NO_SUBSCRIPTION_LEFT
    if customer.status in (*BLOCKING_STATUSES, "terminated") and not rolled:
        mend = "choose another customer" if customer.status == "terminated" else "activate the customer first"
        raise Conflict(Problem(field="customer_id", reason=f"the customer is {customer.status}", mend=mend))


def _require_not_walk_in(customer: Customer) -> None:
    if customer.is_walk_in:
        mend = "disable the vouchers, or suspend this customer to refuse all of them"
        raise Conflict(Problem(field="", reason="every voucher belongs to this customer", mend=mend))


def _end(session: Session, actor: Actor, now: datetime, customer: Customer, reason: str) -> Effect:
    why = fields.optional_text(reason, field="reason", longest=255)
    old, new = audit.set_fields(customer, {"status": "terminated", "suspend_reason": why})
    audit_customer(session, actor, now, "customer.terminated", customer, old=old, new=new)
    subscriptions = lock_unfinished_of_customer(session, customer.id)
    for subscription in subscriptions:
        _set_status(session, actor, now, subscription, "terminated", suspend_reason=why, terminated_at=now)
    return _end_sessions(session, actor, now, [row.id for row in subscriptions], reason="terminate")


def _set_status(
    session: Session, actor: Actor, now: datetime, subscription: Subscription, status: str, **more: Any
) -> None:
    old, new = audit.set_fields(subscription, {"status": status, **more})
    words = {"active": "activated"}
    audit.record(
        session,
        actor=actor,
        now=now,
        action=f"subscription.{words.get(status, status)}",
        entity=subscription,
        customer_id=subscription.customer_id,
        old=old,
        new=new,
    )


def _end_sessions(
    session: Session, actor: Actor, now: datetime, ids: list[int], reason: str = "customer_blocked"
) -> Effect:
    return network.disconnect(session, actor=actor, now=now, reason=reason, subscription_ids=ids)
