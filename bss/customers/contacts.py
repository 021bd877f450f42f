"""More ways to reach a customer than the three of the record: further numbers and addresses, each with a note."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.customers.record import audit_customer
from bss.failure import Conflict, Invalid, Problem, flush_or_conflict, require_known
from bss.outcome import Changed
from bss.rows import locked, tenant_of
from db.models import Customer, CustomerContact
from db.queries.customers import contacts_of
from domain.customer_record import CONTACT_TYPES

EDITABLE = frozenset({"value", "is_primary", "notes"})
MAX_CONTACTS = 20
_TAKEN = {
    "uq_customer_contacts_value": Problem(field="value", reason="is there already", mend="change that one"),
    "uq_customer_contacts_primary": Problem(field="is_primary", reason="is another one now", mend="load it again"),
}


def add(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    customer_id: int,
    kind: str,
    value: str,
    is_primary: bool = False,
    notes: str = "",
) -> CustomerContact:
    """Add one. A primary one takes the place of the primary one of its type."""
    customer = locked(session, Customer, customer_id, actor=actor)
    kind = fields.one_of(kind, field="type", allowed=CONTACT_TYPES)
    if len(contacts_of(session, customer.id)) >= MAX_CONTACTS:
        raise Conflict(Problem(field="", reason=f"has {MAX_CONTACTS} already", mend="take one away first"))
    contact = CustomerContact(
        tenant_id=customer.tenant_id,
        customer_id=customer.id,
        type=kind,
        value=_value(session, actor, kind, value),
        is_primary=bool(is_primary),
        notes=fields.text(notes, field="notes", longest=200),
    )
    if contact.is_primary:
        _only_primary(session, customer.id, kind, except_id=None)
    session.add(contact)
    flush_or_conflict(session, _TAKEN)
    new = audit.snapshot(contact, ("type", "value", "is_primary"))
    audit_customer(session, actor, now, "customer.contact_added", customer, new=new)
    return contact


def edit(
    session: Session, *, actor: Actor, now: datetime, customer_id: int, contact_id: int, changes: Mapping[str, Any]
) -> Changed[CustomerContact]:
    """Change fields of `EDITABLE`."""
    require_known(changes, EDITABLE)
    customer, contact = _pair(session, actor, customer_id, contact_id)
    values: dict[str, Any] = {}
    if "value" in changes:
        values["value"] = _value(session, actor, contact.type, changes["value"])
    if "notes" in changes:
        values["notes"] = fields.text(changes["notes"], field="notes", longest=200)
    if "is_primary" in changes:
        values["is_primary"] = bool(changes["is_primary"])
        if values["is_primary"]:
            _only_primary(session, customer.id, contact.type, except_id=contact.id)
    old, new = audit.set_fields(contact, values)
    flush_or_conflict(session, _TAKEN)
    if new:
        audit_customer(session, actor, now, "customer.contact_changed", customer, old=old, new=new)
    return Changed(row=contact)


def remove(session: Session, *, actor: Actor, now: datetime, customer_id: int, contact_id: int) -> CustomerContact:
    """Take one away."""
    customer, contact = _pair(session, actor, customer_id, contact_id)
    session.delete(contact)
    session.flush()
    old = {"type": contact.type, "value": contact.value}
    audit_customer(session, actor, now, "customer.contact_removed", customer, old=old)
    return contact


def _pair(session: Session, actor: Actor, customer_id: int, contact_id: int) -> tuple[Customer, CustomerContact]:
    customer = locked(session, Customer, customer_id, actor=actor)
    contact = locked(session, CustomerContact, contact_id, actor=actor)
    # One of another customer is not there.
    return customer, contact if contact.customer_id == customer.id else locked(session, CustomerContact, 0, actor=actor)


def _only_primary(session: Session, customer_id: int, kind: str, *, except_id: int | None) -> None:
    for other in contacts_of(session, customer_id):
        if other.type == kind and other.is_primary and other.id != except_id:
            other.is_primary = False
    # Before the new one says it is: the index allows one at any moment.
    session.flush()


def _value(session: Session, actor: Actor, kind: str, value: Any) -> str:
    if kind == "email":
        clean = fields.email(value, field="value")
    else:
        clean = fields.phone(value, country_code=tenant_of(session, actor=actor).country_code, field="value")
    if clean is None or len(clean) > 100:
        reason = "is missing" if clean is None else "is longer than 100 characters"
        raise Invalid(Problem(field="value", reason=reason, mend="fill it in" if clean is None else "shorten it"))
    return clean
