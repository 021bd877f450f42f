"""Operators and sub-operators: resellers inside a provider, with customers of their own."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.failure import Conflict, Invalid, NotFound, Problem, flush_or_conflict, require_known
from bss.outcome import Changed
from bss.rows import locked, referenced, tenant_of
from db.models import Operator, User
from db.queries.operators import is_in_use, operators_of, parents_of
from db.queries.staff import lock_user
from domain.operators import MOST_LEVEL, PROVIDER_LEVEL, fits_below, is_below

EDITABLE = frozenset({"name", "parent_operator_id", "level", "phone", "email", "commission_rate", "is_active"})
_TAKEN = {"uq_operators_name": Problem(field="name", reason="belongs to another operator", mend="choose another name")}
_SHOWN = ("name", "parent_operator_id", "level", "commission_rate")


def create(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    name: str,
    level: int,
    parent_operator_id: int | None = None,
    phone: str | None = None,
    email: str | None = None,
    commission_rate: Any = 0,
) -> Operator:
    """Add one below another (or below the provider), at a higher level number than whoever stands above."""
    given = {"name": name, "phone": phone, "email": email, "commission_rate": commission_rate, "level": level}
    values = _clean(session, actor, given)
    _check_place(session, actor, None, level=values["level"], parent_id=parent_operator_id)
    operator = Operator(tenant_id=actor.tenant_id, parent_operator_id=parent_operator_id, version=1, **values)
    session.add(operator)
    flush_or_conflict(session, _TAKEN)
    new = audit.snapshot(operator, _SHOWN)
    audit.record(session, actor=actor, now=now, action="operator.created", entity=operator, new=new)
    return operator


def edit(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    operator_id: int,
    changes: Mapping[str, Any],
    version: int | None = None,
) -> Changed[Operator]:
    """Change fields of `EDITABLE`. One who moves takes everybody below along."""
    require_known(changes, EDITABLE)
    operator = locked(session, Operator, operator_id, actor=actor, version=version)
    values = _clean(session, actor, changes)
    if {"level", "parent_operator_id"} & changes.keys():
        parent_id = values.get("parent_operator_id", operator.parent_operator_id)
        _check_place(session, actor, operator, level=values.get("level", operator.level), parent_id=parent_id)
    old, new = audit.set_fields(operator, values)
    flush_or_conflict(session, _TAKEN)
    if new:
        audit.record(session, actor=actor, now=now, action="operator.updated", entity=operator, old=old, new=new)
    return Changed(row=operator)


def delete(session: Session, *, actor: Actor, now: datetime, operator_id: int) -> Operator:
    """Remove one whom nothing names; one with customers, staff or others below can only be closed."""
    operator = locked(session, Operator, operator_id, actor=actor)
    if is_in_use(session, operator.id):
        mend = "move its customers and staff first, or close it"
        raise Conflict(Problem(field="", reason="has customers, staff, an account or operators below it", mend=mend))
    audit.record(session, actor=actor, now=now, action="operator.deleted", entity=operator, old={"name": operator.name})
    session.delete(operator)
    session.flush()
    return operator


def set_staff(session: Session, *, actor: Actor, now: datetime, user_id: int, operator_id: int | None) -> Changed[User]:
    """Say whose staff somebody is; with None the provider's own, who see every customer."""
    user = lock_user(session, user_id, tenant_id=actor.tenant_id)
    if user is None:
        raise NotFound(Problem(field="", reason="there is no such member of staff"))
    if operator_id is not None:
        referenced(session, Operator, operator_id, actor=actor, field="operator_id")
        if user.id == actor.user_id:
            raise Conflict(Problem(field="operator_id", reason="would shut yourself out", mend="let another do it"))
    old, new = audit.set_fields(user, {"operator_id": operator_id})
    session.flush()
    if new:
        audit.record(session, actor=actor, now=now, action="user.operator_changed", entity=user, old=old, new=new)
    return Changed(row=user)


def level_of(session: Session, *, actor: Actor) -> int:
    """The level at which the actor acts: the provider's own staff and its jobs stand above everybody."""
    if actor.operator_id is None:
        return PROVIDER_LEVEL
    operator = session.get(Operator, actor.operator_id)
    return MOST_LEVEL if operator is None or not operator.is_active else operator.level


def _clean(session: Session, actor: Actor, given: Mapping[str, Any]) -> dict[str, Any]:
    country = tenant_of(session, actor=actor).country_code
    cleaners: dict[str, Any] = {
        "name": lambda value: fields.text(value, field="name", longest=150, required=True),
        "phone": lambda value: fields.phone(value, country_code=country, field="phone"),
        "email": lambda value: fields.email(value, field="email"),
        "level": lambda value: fields.whole(value, field="level", least=1, most=MOST_LEVEL),
        "commission_rate": _percent,
        "is_active": bool,
        "parent_operator_id": lambda value: value,
    }
    return {name: cleaners[name](value) for name, value in given.items()}


def _percent(value: Any) -> Decimal:
    rate = fields.money(value, field="commission_rate")
    if rate > 100:
        mend = "use a number from 0 to 100"
        raise Invalid(Problem(field="commission_rate", reason="is more than all of it", mend=mend))
    return rate


def _check_place(
    session: Session, actor: Actor, operator: Operator | None, *, level: int, parent_id: int | None
) -> None:
    parent_level = PROVIDER_LEVEL
    if parent_id is not None:
        parent = referenced(session, Operator, parent_id, actor=actor, field="parent_operator_id")
        if operator is not None and is_below(parent.id, operator.id, parents_of(session, actor.tenant_id)):
            mend = "choose one that does not stand below"
            raise Conflict(Problem(field="parent_operator_id", reason="stands below this operator", mend=mend))
        parent_level = parent.level
    below = (
        []
        if operator is None
        else [row.level for row in operators_of(session, actor.tenant_id) if row.parent_operator_id == operator.id]
    )
    if not fits_below(level, parent_level) or any(not fits_below(other, level) for other in below):
        mend = f"use a number above {parent_level}" + (f" and below {min(below)}" if below else "")
        raise Invalid(Problem(field="level", reason="does not fit into the tree", mend=mend))
