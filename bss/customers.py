"""Customers: added, edited, suspended, blocked, activated, terminated, deleted."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import audit, fields, network
from bss.actor import Actor
from bss.failure import Conflict, Problem, flush_or_conflict, require_known
from bss.numbers import next_code
from bss.outcome import Changed, Effect
from bss.rows import locked, tenant_of
from db.models import Customer, Subscription
from db.models.customers import CUSTOMER_TYPES
from db.queries.subscriptions import lock_unfinished_of_customer, online_of_customer, statuses_of_customer
from domain.codes import CUSTOMER_PREFIX
from domain.lifecycle import check_customer_move
from domain.roll_up import rolled_up

LANGUAGES = ("id", "en")
STARTING_STATUSES = ("prospect", "active")
BLOCKING_STATUSES = ("suspended", "inactive", "disabled", "blacklisted")
EDITABLE = frozenset(
    {"name", "email", "phone", "address", "city", "customer_type", "language", "notes", "credit_limit"}
)
# What a customer's `suspend_reason` says when nobody suspended him: his last subscription ended.
NO_SUBSCRIPTION_LEFT = "no subscription left"

_TAKEN = {
    "uq_customers_email": Problem(
        field="email", reason="belongs to another customer", mend="search for it, or leave it empty here"
    ),
    "uq_customers_phone": Problem(
        field="phone", reason="belongs to another customer", mend="search for it, or leave it empty here"
    ),
}


def create(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    name: str,
    email: str | None = None,
    phone: str | None = None,
    address: str | None = None,
    city: str | None = None,
    customer_type: str = "residential",
    language: str = "id",
    notes: str = "",
    credit_limit: Any = None,
    status: str = "prospect",
    is_walk_in: bool = False,
) -> Customer:
    """Add a customer with the next code; raises `Conflict` when e-mail or phone belong to another customer."""
    tenant = tenant_of(session, actor=actor)
    given = {"name": name, "email": email, "phone": phone, "address": address, "city": city}
    given |= {"customer_type": customer_type, "language": language, "notes": notes, "credit_limit": credit_limit}
    customer = Customer(
        **_clean(given, country_code=tenant.country_code),
        tenant_id=tenant.id,
        status=fields.one_of(status, field="status", allowed=STARTING_STATUSES),
        customer_code=next_code(session, actor=actor, now=now, prefix=CUSTOMER_PREFIX),
        registration_date=now.astimezone(ZoneInfo(tenant.timezone)).date(),
        is_walk_in=is_walk_in,
        version=1,
    )
    session.add(customer)
    flush_or_conflict(session, _TAKEN)
    new = audit.snapshot(customer, sorted(EDITABLE | {"customer_code", "status"}))
    _record(session, actor, now, "customer.created", customer, new=new)
    return customer


def edit(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer_id: int,
    changes: Mapping[str, Any],
    version: int | None = None,
) -> Changed[Customer]:
    """Change fields of `EDITABLE`. A credit limit that is passed now ends the sessions; one that no longer is lets
    those out who were in a walled garden for it.
    """
    require_known(changes, EDITABLE)
    customer = locked(session, Customer, customer_id, actor=actor, version=version)
    tenant = tenant_of(session, actor=actor)
    was_over = is_over_credit(customer)
    old, new = audit.set_fields(customer, _clean(changes, country_code=tenant.country_code))
    flush_or_conflict(session, _TAKEN)
    if new:
        _record(session, actor, now, "customer.updated", customer, old=old, new=new)
    return Changed(row=customer, effect=_credit_effect(session, actor, now, customer, was_over=was_over))


def is_over_credit(customer: Customer) -> bool:
    """Whether he owes more than he may; without a limit nobody does."""
    return customer.credit_limit is not None and customer.balance < -customer.credit_limit


def _credit_effect(session: Session, actor: Actor, now: datetime, customer: Customer, *, was_over: bool) -> Effect:
    is_over = is_over_credit(customer)
    if is_over == was_over:
        return Effect()
    ids = online_of_customer(session, customer.id)
    if is_over:
        return _end_sessions(session, actor, now, ids, reason="credit_change")
    return network.leave_garden(session, actor=actor, now=now, subscription_ids=ids, reason="credit_change")


def suspend(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer_id: int,
    reason: str = "",
    version: int | None = None,
) -> Changed[Customer]:
    """Block all of the customer's logins and end his sessions; his subscriptions keep their own states."""
    return block(
        session, actor=actor, now=now, customer_id=customer_id, status="suspended", reason=reason, version=version
    )


def block(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer_id: int,
    status: str,
    reason: str = "",
    version: int | None = None,
) -> Changed[Customer]:
    """Set a status of `BLOCKING_STATUSES`: every login is refused and every running session ended."""
    wanted = fields.one_of(status, field="status", allowed=BLOCKING_STATUSES)
    why = fields.optional_text(reason, field="reason", longest=255)
    customer = locked(session, Customer, customer_id, actor=actor, version=version)
    check_customer_move(customer.status, wanted)
    old, new = audit.set_fields(customer, {"status": wanted, "suspend_reason": why})
    _record(session, actor, now, f"customer.{wanted}", customer, old=old, new=new)
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
    _record(session, actor, now, "customer.activated", customer, old=old, new=new)
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
    """Terminate the customer if he is not, and hide him; his e-mail and phone become free for another."""
    customer = locked(session, Customer, customer_id, actor=actor, version=version)
    _require_not_walk_in(customer)
    effect = Effect()
    if customer.status != "terminated":
        effect = _end(session, actor, now, customer, "deleted")
    customer.deleted_at = now
    _record(session, actor, now, "customer.deleted", customer)
    session.flush()
    return Changed(row=customer, effect=effect)


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
        _record(session, actor, now, "customer.rolled_up", customer, old=old, new=new)
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
    _record(session, actor, now, "customer.terminated", customer, old=old, new=new)
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


def _clean(given: Mapping[str, Any], *, country_code: str) -> dict[str, Any]:
    cleaners: dict[str, Callable[[Any], Any]] = {
        "name": lambda value: fields.text(value, field="name", longest=255, required=True),
        "email": fields.email,
        "phone": lambda value: fields.phone(value, country_code=country_code),
        "address": lambda value: fields.optional_text(value, field="address", longest=1000, lines=True),
        "city": lambda value: fields.optional_text(value, field="city", longest=100),
        "customer_type": lambda value: fields.one_of(value, field="customer_type", allowed=CUSTOMER_TYPES),
        "language": lambda value: fields.one_of(value, field="language", allowed=LANGUAGES),
        "notes": lambda value: fields.text(value, field="notes", longest=10_000, lines=True),
        "credit_limit": lambda value: None if value is None else fields.money(value, field="credit_limit"),
    }
    return {name: cleaners[name](value) for name, value in given.items()}


def _record(
    session: Session,
    actor: Actor,
    now: datetime,
    action: str,
    customer: Customer,
    *,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
) -> None:
    audit.record(
        session, actor=actor, now=now, action=action, entity=customer, customer_id=customer.id, old=old, new=new
    )
