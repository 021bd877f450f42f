"""Equipment at a customer's place: which box stands where. What may log in is decided elsewhere, by the device list."""

import json
from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.customers.record import audit_customer
from bss.failure import Conflict, Invalid, Problem, flush_or_conflict, require_known
from bss.outcome import Changed
from bss.rows import locked, referenced
from db.models import Customer, CustomerEquipment, Subscription
from db.queries.customers import equipment_of
from domain.customer_record import EQUIPMENT_TYPES

EDITABLE = frozenset(
    {
        "device_name",
        "device_type",
        "subscription_id",
        "ip_address",
        "mac_address",
        "interface",
        "vlan_id",
        "manufacturer",
        "model",
        "firmware_version",
        "location_description",
        "is_primary",
        "is_active",
        "network_config",
    }
)
MAX_EQUIPMENT, MAX_CONFIG_BYTES = 100, 10_000
_LENGTHS = {"interface": 100, "vlan_id": 10, "manufacturer": 100, "model": 100, "firmware_version": 50}
_TAKEN = {
    "uq_customer_equipment_primary": Problem(field="is_primary", reason="is another one now", mend="load it again")
}


def add(
    session: Session, *, actor: Actor, now: datetime, customer_id: int, device_name: str, **more: Any
) -> CustomerEquipment:
    """Add a piece; `more` are fields of `EDITABLE`. Of a subscription's pieces one is the primary: the last said so."""
    given = {"device_name": device_name, **more}
    require_known(given, EDITABLE)
    customer = locked(session, Customer, customer_id, actor=actor)
    if len(equipment_of(session, customer.id)) >= MAX_EQUIPMENT:
        raise Conflict(Problem(field="", reason=f"has {MAX_EQUIPMENT} already", mend="take one away first"))
    values = _clean(session, actor, customer, given)
    piece = CustomerEquipment(tenant_id=customer.tenant_id, customer_id=customer.id, **values)
    _make_room(session, customer.id, piece.subscription_id, is_primary=values.get("is_primary", False), except_id=None)
    session.add(piece)
    flush_or_conflict(session, _TAKEN)
    audit_customer(session, actor, now, "customer.equipment_added", customer, new=values)
    return piece


def edit(
    session: Session, *, actor: Actor, now: datetime, customer_id: int, equipment_id: int, changes: Mapping[str, Any]
) -> Changed[CustomerEquipment]:
    """Change fields of `EDITABLE`."""
    require_known(changes, EDITABLE)
    customer, piece = _pair(session, actor, customer_id, equipment_id)
    values = _clean(session, actor, customer, changes)
    subscription_id = values.get("subscription_id", piece.subscription_id)
    is_primary = values.get("is_primary", piece.is_primary)
    _make_room(session, customer.id, subscription_id, is_primary=is_primary, except_id=piece.id)
    old, new = audit.set_fields(piece, values)
    flush_or_conflict(session, _TAKEN)
    if new:
        audit_customer(session, actor, now, "customer.equipment_changed", customer, old=old, new=new)
    return Changed(row=piece)


def remove(session: Session, *, actor: Actor, now: datetime, customer_id: int, equipment_id: int) -> CustomerEquipment:
    """Take a piece away."""
    customer, piece = _pair(session, actor, customer_id, equipment_id)
    session.delete(piece)
    session.flush()
    old = {"device_name": piece.device_name, "mac_address": piece.mac_address}
    audit_customer(session, actor, now, "customer.equipment_removed", customer, old=old)
    return piece


def _pair(session: Session, actor: Actor, customer_id: int, piece_id: int) -> tuple[Customer, CustomerEquipment]:
    customer = locked(session, Customer, customer_id, actor=actor)
    piece = locked(session, CustomerEquipment, piece_id, actor=actor)
    # One of another customer is not there.
    return customer, piece if piece.customer_id == customer.id else locked(session, CustomerEquipment, 0, actor=actor)


def _make_room(
    session: Session, customer_id: int, subscription_id: int | None, *, is_primary: bool, except_id: int | None
) -> None:
    if not is_primary or subscription_id is None:
        return
    for other in equipment_of(session, customer_id):
        if other.subscription_id == subscription_id and other.is_primary and other.id != except_id:
            other.is_primary = False
    # Before the new one says it is: the index allows one at any moment.
    session.flush()


def _clean(session: Session, actor: Actor, customer: Customer, given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _one(session, actor, customer, name, value) for name, value in given.items()}


def _one(session: Session, actor: Actor, customer: Customer, name: str, value: Any) -> Any:
    if name in _LENGTHS:
        return fields.optional_text(value, field=name, longest=_LENGTHS[name])
    if name in ("is_primary", "is_active"):
        return bool(value)
    if name == "device_name":
        return fields.text(value, field=name, longest=255, required=True)
    if name == "device_type":
        return fields.one_of(value, field=name, allowed=EQUIPMENT_TYPES)
    if name == "location_description":
        return fields.optional_text(value, field=name, longest=1000, lines=True)
    if name == "mac_address":
        return None if value in (None, "") else fields.mac(value, field=name)
    if name == "ip_address":
        return _address(value)
    if name == "network_config":
        return _config(value)
    return _subscription(session, actor, customer, value)


def _address(value: Any) -> str | None:
    typed = fields.optional_text(value, field="ip_address", longest=45)
    try:
        return None if typed is None else str(ip_address(typed))
    except ValueError:
        mend = "write it like 10.20.0.15"
        raise Invalid(Problem(field="ip_address", reason="is not an address", mend=mend)) from None


def _config(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict) or len(json.dumps(value, default=str)) > MAX_CONFIG_BYTES:
        mend = f"names with values, at most {MAX_CONFIG_BYTES} bytes"
        raise Invalid(Problem(field="network_config", reason="cannot be kept", mend=mend))
    return value


def _subscription(session: Session, actor: Actor, customer: Customer, value: Any) -> int | None:
    if value is None:
        return None
    row = referenced(session, Subscription, value, actor=actor, field="subscription_id")
    if row.customer_id != customer.id:
        mend = "choose one of his own"
        raise Invalid(Problem(field="subscription_id", reason="belongs to another customer", mend=mend))
    return row.id
