"""A customer's record: added, and edited without losing what somebody else wrote meanwhile."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypedDict, Unpack
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import audit, fields, network, provider
from bss.actor import Actor
from bss.customers import tags as tag_verbs
from bss.customers.values import CONTACTS, EDITABLE, TAKEN, check_place, clean
from bss.failure import Conflict, Invalid, Problem, TooMany, flush_or_conflict, require_known
from bss.numbers import next_code
from bss.outcome import Changed, Effect
from bss.rows import locked, referenced, tenant_of
from db.models import Customer, Operator
from db.queries.customers import children_of, count_added_by_tokens, customer_with_code
from db.queries.subscriptions import online_of_customer
from domain.customer_record import REFERRAL_LENGTH, referral_code
from domain.lifecycle import CUSTOMER_STATUSES
from domain.provider_settings import STARTING_STATUSES, ProviderSettings

MAX_CHILDREN = 100
_HOUR = timedelta(hours=1)


class Record(TypedDict, total=False):
    """What may be said about a new customer besides the name; what is left out is empty or the usual."""

    email: str | None
    phone: str | None
    whatsapp: str | None
    address: str | None
    apartment_number: str | None
    house_number: str | None
    city: str | None
    province: str | None
    postal_code: str | None
    country: str | None
    location: str | None
    latitude: Any
    longitude: Any
    birth_date: date | None
    gender: str | None
    id_card_number: str | None
    company_name: str | None
    tax_id: str | None
    customer_type: str
    language: str
    notes: str
    credit_limit: Any
    metadata: dict[str, Any] | None
    status: str | None
    tags: Sequence[Any]
    operator_id: int | None
    parent_customer_id: int | None
    referred_by: str | None
    is_walk_in: bool


_KNOWN = frozenset(Record.__annotations__)


def create(session: Session, *, actor: Actor, now: datetime, name: str, **record: Unpack[Record]) -> Customer:
    """Add a customer with the next code.

    Raises `Conflict` when e-mail, phone or WhatsApp belong to another customer, `Invalid` with every value that cannot
    be kept, and `TooMany` when a token adds more in an hour than the provider lets it. A customer without a WhatsApp
    number of his own gets his phone's; one of a family (`parent_customer_id`) may leave all contacts empty.
    """
    require_known(record, _KNOWN)
    tenant, settings = tenant_of(session, actor=actor), provider.settings_of(session, actor=actor)
    _require_room(session, actor, now, settings)
    today = now.astimezone(ZoneInfo(tenant.timezone)).date()
    parent = _parent(session, record.get("parent_customer_id"), actor=actor)
    columns = _columns(name, record, settings, country_code=tenant.country_code, today=today, is_child=bool(parent))
    customer = Customer(
        **columns,
        tenant_id=tenant.id,
        status=_starting_status(record.get("status"), settings),
        customer_code=next_code(session, actor=actor, now=now, prefix=settings.customer_code_prefix),
        registration_date=today,
        operator_id=_operator(session, record.get("operator_id"), parent, actor=actor),
        parent_customer_id=None if parent is None else parent.id,
        referral_code=referral_code(secrets.token_bytes(REFERRAL_LENGTH)),
        referred_by_id=_referrer(session, record.get("referred_by"), actor=actor),
        created_by_id=actor.user_id,
        created_by_name=actor.name,
        is_walk_in=record.get("is_walk_in", False),
        version=1,
    )
    session.add(customer)
    flush_or_conflict(session, TAKEN)
    shown = sorted({*columns} | {"customer_code", "status", "operator_id", "referred_by_id", "parent_customer_id"})
    audit_customer(session, actor, now, "customer.created", customer, new=_said(audit.snapshot(customer, shown)))
    for tag in record.get("tags") or ():
        tag_verbs.put(session, actor=actor, now=now, customer=customer, tag=tag)
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
    today = now.astimezone(ZoneInfo(tenant.timezone)).date()
    columns = clean(changes, country_code=tenant.country_code, today=today)
    check_place(columns, customer)
    if "whatsapp" in columns and columns["whatsapp"] is None:
        _require_whatsapp(provider.settings_of(session, actor=actor), is_child=customer.parent_customer_id is not None)
    old, new = audit.set_fields(customer, columns)
    flush_or_conflict(session, TAKEN)
    if new:
        audit_customer(session, actor, now, "customer.updated", customer, old=old, new=new)
    return Changed(row=customer, effect=_credit_effect(session, actor, now, customer, was_over=was_over))


def set_parent(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer_id: int,
    parent_customer_id: int | None,
    version: int | None = None,
) -> Changed[Customer]:
    """Make a customer a member of another one's family, or (with None) stand alone again.

    A family has one head and no families within: the head has no head himself, and a head joins no other.
    """
    customer = locked(session, Customer, customer_id, actor=actor, version=version)
    parent = _parent(session, parent_customer_id, actor=actor)
    if parent is not None:
        if parent.id == customer.id:
            raise Invalid(Problem(field="parent_customer_id", reason="is the customer itself", mend="choose another"))
        if children_of(session, customer.id):
            raise Conflict(Problem(field="", reason="has a family of its own", mend="take its members out first"))
    old, new = audit.set_fields(customer, {"parent_customer_id": None if parent is None else parent.id})
    session.flush()
    if new:
        audit_customer(session, actor, now, "customer.family_changed", customer, old=old, new=new)
    return Changed(row=customer)


def is_over_credit(customer: Customer) -> bool:
    """Whether he owes more than he may; without a limit nobody does."""
    return customer.credit_limit is not None and customer.balance < -customer.credit_limit


def audit_customer(
    session: Session,
    actor: Actor,
    now: datetime,
    action: str,
    customer: Customer,
    *,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
) -> None:
    """Write what was done to a customer."""
    audit.record(
        session, actor=actor, now=now, action=action, entity=customer, customer_id=customer.id, old=old, new=new
    )


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    """What was said at creation: empty fields are not worth keeping."""
    return {name: value for name, value in values.items() if value not in (None, "", {})}


def _columns(
    name: str, record: Record, settings: ProviderSettings, *, country_code: str, today: date, is_child: bool
) -> dict[str, Any]:
    given = {key: value for key, value in record.items() if key in EDITABLE}
    columns = clean({"name": name, **given}, country_code=country_code, today=today)
    check_place(columns)
    if not is_child and columns.get("whatsapp") is None:
        columns["whatsapp"] = columns.get("phone")
    if columns.get("whatsapp") is None and not record.get("is_walk_in", False):
        _require_whatsapp(settings, is_child=is_child)
    return columns


def _require_whatsapp(settings: ProviderSettings, *, is_child: bool) -> None:
    if settings.require_whatsapp and not is_child:
        mend = "fill it in; the provider's settings ask for it"
        raise Invalid(Problem(field="whatsapp", reason="is missing", mend=mend))


def _starting_status(given: str | None, settings: ProviderSettings) -> str:
    status = given.lower() if isinstance(given, str) else given
    if status is not None and status not in STARTING_STATUSES and status in CUSTOMER_STATUSES:
        mend = f"use {' or '.join(STARTING_STATUSES)}, and change it afterwards"
        raise Invalid(Problem(field="status", reason="is no state to begin with", mend=mend))
    return fields.one_of(status or settings.default_customer_status, field="status", allowed=STARTING_STATUSES)


def _operator(session: Session, given: int | None, parent: Customer | None, *, actor: Actor) -> int | None:
    if parent is not None:
        return parent.operator_id
    if given is None:
        return actor.operator_id
    operator = referenced(session, Operator, given, actor=actor, field="operator_id")
    if not operator.is_active:
        raise Invalid(Problem(field="operator_id", reason="is closed", mend="choose another"))
    return operator.id


def _parent(session: Session, parent_id: int | None, *, actor: Actor) -> Customer | None:
    if parent_id is None:
        return None
    referenced(session, Customer, parent_id, actor=actor, field="parent_customer_id")
    parent = locked(session, Customer, parent_id, actor=actor)
    if parent.parent_customer_id is not None:
        mend = "choose the head of that family"
        raise Conflict(Problem(field="parent_customer_id", reason="belongs to a family itself", mend=mend))
    if len(children_of(session, parent.id)) >= MAX_CHILDREN:
        reason = f"has {MAX_CHILDREN} members already"
        raise Conflict(Problem(field="parent_customer_id", reason=reason, mend="start another family"))
    return parent


def _referrer(session: Session, code: str | None, *, actor: Actor) -> int | None:
    typed = fields.optional_text(code, field="referred_by", longest=50)
    if typed is None:
        return None
    referrer = customer_with_code(session, typed, tenant_id=actor.tenant_id)
    if referrer is None:
        mend = "use the referral code or the customer code of whoever recommended you"
        raise Invalid(Problem(field="referred_by", reason="is nobody's code", mend=mend))
    return referrer.id


def _require_room(session: Session, actor: Actor, now: datetime, settings: ProviderSettings) -> None:
    most = settings.tokens_add_per_hour
    if actor.kind != "token" or most is None:
        return
    if count_added_by_tokens(session, tenant_id=actor.tenant_id, since=now - _HOUR) >= most:
        mend = "import a file, or let the provider's settings allow more"
        raise TooMany(Problem(field="", reason=f"tokens have added {most} customers in this hour", mend=mend))


def _credit_effect(session: Session, actor: Actor, now: datetime, customer: Customer, *, was_over: bool) -> Effect:
    is_over = is_over_credit(customer)
    if is_over == was_over:
        return Effect()
    ids = online_of_customer(session, customer.id)
    if is_over:
        return network.disconnect(session, actor=actor, now=now, reason="credit_change", subscription_ids=ids)
    return network.leave_garden(session, actor=actor, now=now, subscription_ids=ids, reason="credit_change")


__all__ = ["CONTACTS", "EDITABLE", "Record", "audit_customer", "create", "edit", "is_over_credit", "set_parent"]
