"""A customer's own data: handed out as one file, made anonymous, or erased, with the books intact.

Decides when somebody may be forgotten and what stays of him; what is personal in which table `db.queries.personal_data`
knows. Copies outside the database (backups, archived months, the routers' own logs) are out of reach from here.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import provider
from bss.actor import Actor
from bss.customers import life
from bss.customers.record import audit_customer
from bss.customers.values import CONTACTS
from bss.failure import Conflict, Failure, Invalid, NotFound, Problem
from bss.outcome import Effect
from bss.rows import tenant_of
from db.engine import psycopg_of
from db.models import Customer, Subscription
from db.queries import personal_data as queries
from domain.customer_record import DEFAULT_COUNTRY
from domain.forgetting import ANONYMOUS_NAME, ERASED, anonymous_username, nobodys_number, note_of

PARTS = tuple(queries.PARTS)
# So many rows of each part at most, the newest: a file that a person can open.
MOST_ROWS = 10_000
BATCH = 200
_EMPTIED = (
    *CONTACTS, "address", "apartment_number", "house_number", "city", "province", "postal_code", "location", "latitude",
    "longitude", "birth_date", "gender", "id_card_number", "company_name", "tax_id", "suspend_reason", "referral_code",
    "referred_by_id", "parent_customer_id",
)  # fmt: skip
_TRIES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Forgotten:
    """What came of it: "anonymous" or "erased", and what follows on the network."""

    ending: str
    customer_id: int
    effect: Effect


def export(session: Session, *, actor: Actor, now: datetime, customer_id: int) -> dict[str, Any]:
    """Everything that is kept about a customer, deleted or not, without secrets; that it was taken is written down.

    Values are text, numbers, lists and names with values. A part with more rows than `MOST_ROWS` is named in
    `left_off`.
    """
    customer = _any(session, actor, customer_id)
    ids = [row.id for row in queries.lock_any_subscriptions(session, customer.id)]
    audit_customer(session, actor, now, "customer.data_exported", customer)
    session.flush()
    parts, cut = queries.parts_of(psycopg_of(session), customer_id=customer.id, subscription_ids=ids, most=MOST_ROWS)
    hidden = {"tenant_id", "version", "created_by_id"}
    names = [column.key for column in Customer.__mapper__.column_attrs if column.key not in hidden]
    record = {name: getattr(customer, name) for name in names}
    whole = {"exported_at": now, "provider": tenant_of(session, actor=actor).name, "customer": record, **parts}
    plain: dict[str, Any] = _plain(whole | {"tickets": [], "left_off": cut})
    return plain


def anonymize(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer_id: int,
    confirm: str,
    with_open_money: bool = False,
) -> Forgotten:
    """Take everything personal about a customer away; his invoices and payments stay and name nobody.

    `confirm` is his code, typed by whoever does it. Raises `Conflict` while a session of his runs or a router still
    knows a password of his, and while money is open unless `with_open_money`. It cannot be taken back.
    """
    customer = _to_forget(session, actor, customer_id, confirm)
    return _anonymize(session, actor, now, customer, with_open_money=with_open_money)


def erase(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer_id: int,
    confirm: str,
    with_open_money: bool = False,
) -> Forgotten:
    """The same, and delete what the books do not need: sessions, logins, usage, and where nothing was ever paid or
    asked for the record itself. Otherwise a deleted stub without a name stays behind the invoices.
    """
    customer = _to_forget(session, actor, customer_id, confirm)
    return _erase(session, actor, now, customer, with_open_money=with_open_money)


def _erase(session: Session, actor: Actor, now: datetime, customer: Customer, *, with_open_money: bool) -> Forgotten:
    done = _anonymize(session, actor, now, customer, with_open_money=with_open_money)
    ids = [row.id for row in queries.lock_any_subscriptions(session, customer.id)]
    customer.deleted_at = customer.deleted_at or now
    audit_customer(session, actor, now, "customer.erased", customer)
    session.flush()
    connection = psycopg_of(session)
    queries.drop_traffic(connection, ids)
    queries.drop_subscriptions(connection, ids)
    queries.drop_customer(connection, customer.id)
    session.expire_all()
    return Forgotten(ending=ERASED, customer_id=done.customer_id, effect=done.effect)


def due(session: Session, *, actor: Actor, now: datetime, limit: int = BATCH) -> list[tuple[int, str, datetime]]:
    """Deleted customers of the provider whose time is over: id, code, when they were deleted. None where it is off."""
    days = provider.settings_of(session, actor=actor).forget_deleted_after_days
    if days is None:
        return []
    before = now - timedelta(days=days)
    return queries.due_to_be_forgotten(psycopg_of(session), tenant_id=actor.tenant_id, before=before, limit=limit)


def forget_due(session: Session, *, actor: Actor, now: datetime) -> Iterator[tuple[str, str | None]]:
    """Forget those who are due as the provider wants it: the code of each, with why he could not be, or None.

    Each is whole or not at all; the caller commits when it is told of one.
    """
    ending = provider.settings_of(session, actor=actor).deleted_customers_become
    forget = _erase if ending == ERASED else _anonymize
    for customer_id, code, _ in due(session, actor=actor, now=now):
        try:
            with session.begin_nested():
                customer = _any(session, actor, customer_id)
                forget(session, actor, now, customer, with_open_money=False)
            yield code, None
        except Failure as refusal:
            yield code, str(refusal.problems[0])


def _to_forget(session: Session, actor: Actor, customer_id: int, confirm: str) -> Customer:
    customer = _any(session, actor, customer_id)
    if confirm.strip().upper() != customer.customer_code.upper():
        mend = f"type {customer.customer_code} to say that you mean this customer"
        raise Invalid(Problem(field="confirm", reason="is not the customer's code", mend=mend))
    return customer


def any_customer(session: Session, *, actor: Actor, customer_id: int) -> Customer:
    """A customer of the actor's, deleted or not; raises `NotFound`."""
    return _any(session, actor, customer_id)


def _any(session: Session, actor: Actor, customer_id: int) -> Customer:
    customer = queries.lock_any_customer(session, customer_id, tenant_id=actor.tenant_id)
    if customer is None:
        raise NotFound(Problem(field="", reason="there is no such customer"))
    return customer


def _anonymize(
    session: Session, actor: Actor, now: datetime, customer: Customer, *, with_open_money: bool
) -> Forgotten:
    if customer.is_walk_in:
        raise Conflict(Problem(field="", reason="every voucher belongs to this customer"))
    effect = Effect()
    if customer.anonymized_at is None:
        if not with_open_money:
            _require_settled(session, customer)
        subscriptions = queries.lock_any_subscriptions(session, customer.id)
        _require_over(session, [row.id for row in subscriptions])
        if customer.deleted_at is None and customer.status != "terminated":
            effect += life.terminate(session, actor=actor, now=now, customer_id=customer.id).effect
        usernames = [row.username for row in subscriptions]
        for row in subscriptions:
            _empty_subscription(row, now)
        _empty_record(session, customer, now, tenant_of(session, actor=actor).timezone)
        session.flush()
        connection = psycopg_of(session)
        ids = [row.id for row in subscriptions]
        queries.empty(connection, customer_id=customer.id, subscription_ids=ids, name=ANONYMOUS_NAME)
        queries.forget_attributes(connection, tenant_id=customer.tenant_id, usernames=usernames)
        audit_customer(session, actor, now, "customer.anonymized", customer)
        session.flush()
    return Forgotten(ending="anonymous", customer_id=customer.id, effect=effect)


def _require_settled(session: Session, customer: Customer) -> None:
    count = queries.open_invoices(psycopg_of(session), customer.id)
    if customer.balance or count:
        reason = f"money is open: a balance of {customer.balance}, and {count} invoices that are not paid"
        raise Conflict(Problem(field="with_open_money", reason=reason, mend="settle it first, or say that it may stay"))


def _require_over(session: Session, subscription_ids: list[int]) -> None:
    connection = psycopg_of(session)
    if queries.running_sessions(connection, subscription_ids):
        mend = "terminate or delete him, and come back when the router has ended it"
        raise Conflict(Problem(field="", reason="a session of his is running", mend=mend))
    if queries.secrets_on_routers(connection, subscription_ids):
        mend = "terminate or delete him, and come back when the router has given it up"
        raise Conflict(Problem(field="", reason="a router still knows a password of his", mend=mend))


def _empty_subscription(row: Subscription, now: datetime) -> None:
    row.username = anonymous_username(row.id)
    row.service_password = secrets.token_urlsafe(32)
    row.notes, row.installation_address, row.assigned_ip, row.suspend_reason = "", None, None, None
    if row.status not in ("terminated", "cancelled"):
        row.status, row.terminated_at = "terminated", now


def _empty_record(session: Session, customer: Customer, now: datetime, timezone: str) -> None:
    for name in _EMPTIED:
        setattr(customer, name, None)
    customer.name, customer.details, customer.country = ANONYMOUS_NAME, {}, DEFAULT_COUNTRY
    customer.notes = note_of(now.astimezone(ZoneInfo(timezone)).date())
    customer.whatsapp = _free_number(session, customer)
    # No move of a living customer's: nothing of him can move any more.
    customer.status, customer.anonymized_at = "inactive", now


def _free_number(session: Session, customer: Customer) -> str:
    for tries in range(_TRIES):
        number = nobodys_number(customer.id, tries=tries)
        if not queries.is_number_taken(session, number, tenant_id=customer.tenant_id, but=customer.id):
            return number
    raise Conflict(Problem(field="", reason="no free number was found for him", mend="try again"))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal) or not (value is None or isinstance(value, str | int | float | bool)):
        return str(value)
    return value
