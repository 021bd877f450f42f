"""Families: subscriptions that use one allowance together, each at its own speed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import audit, fields, quotas
from bss.actor import Actor
from bss.failure import Conflict, Problem, flush_or_conflict, require_known
from bss.outcome import Changed, Effect
from bss.rows import locked
from bss.subscriptions.values import record, require_not_over
from db.models import Family, Subscription
from db.queries.allowances import family_members, family_quotas, release_hidden_members, subscriptions_in_garden

EDITABLE = frozenset({"name", "quotas"})
# What each use of it is looked at for.
MAX_MEMBERS = 50
_TAKEN = {
    "uq_families_tenant_id_name": Problem(field="name", reason="belongs to another family", mend="choose another name")
}


def create(
    session: Session, *, actor: Actor, now: datetime, name: str, quotas: Sequence[Mapping[str, Any]] = ()
) -> Family:
    """Add a family with its allowances; members are put in one by one."""
    family = Family(tenant_id=actor.tenant_id, name=_name(name))
    session.add(family)
    clean = _quotas(quotas)
    flush_or_conflict(session, _TAKEN)
    _replace(session, family, clean)
    _record(session, actor, now, "created", family, new={"name": family.name, "quotas": _given(session, family)})
    return family


def edit(
    session: Session, *, actor: Actor, now: datetime, family_id: int, changes: Mapping[str, Any]
) -> Changed[Family]:
    """Change `name` or `quotas`; the latter replaces all, and members who are online follow at once."""
    require_known(changes, EDITABLE)
    family = locked(session, Family, family_id, actor=actor)
    old, new = audit.set_fields(family, {"name": _name(changes["name"])} if "name" in changes else {})
    flush_or_conflict(session, _TAKEN)
    effect = Effect()
    clean = _quotas(changes["quotas"]) if "quotas" in changes else None
    if clean is not None and clean != quotas.as_columns(family_quotas(session, family.id)):
        old["quotas"] = _given(session, family)
        effect = _replace(session, family, clean, actor=actor, now=now)
        new["quotas"] = _given(session, family)
    if new:
        _record(session, actor, now, "updated", family, old=old, new=new)
    return Changed(row=family, effect=effect)


def delete(session: Session, *, actor: Actor, now: datetime, family_id: int) -> Family:
    """Remove a family that nobody is in any more."""
    family = locked(session, Family, family_id, actor=actor)
    members = len(family_members(session, family.id))
    if members:
        raise Conflict(Problem(field="", reason=f"{members} subscriptions are in it", mend="take them out first"))
    release_hidden_members(session, family.id)
    _record(session, actor, now, "deleted", family)
    session.delete(family)
    session.flush()
    return family


def add_member(
    session: Session, *, actor: Actor, now: datetime, family_id: int, subscription_id: int
) -> Changed[Subscription]:
    """Let a subscription share the family's allowances; what it used in the running period counts with it."""
    family = locked(session, Family, family_id, actor=actor)
    subscription = locked(session, Subscription, subscription_id, actor=actor)
    require_not_over(subscription)
    if subscription.family_id is not None:
        reason = "is in this family" if subscription.family_id == family.id else "is in another family"
        raise Conflict(Problem(field="subscription_id", reason=reason, mend="take it out of there first"))
    if len(family_members(session, family.id)) >= MAX_MEMBERS:
        raise Conflict(Problem(field="", reason=f"a family has at most {MAX_MEMBERS}", mend="start another family"))
    return _move(session, actor, now, subscription, family, joins=True)


def remove_member(
    session: Session, *, actor: Actor, now: datetime, family_id: int, subscription_id: int
) -> Changed[Subscription]:
    """Take a subscription out; what it used goes with it."""
    family = locked(session, Family, family_id, actor=actor)
    subscription = locked(session, Subscription, subscription_id, actor=actor)
    if subscription.family_id != family.id:
        raise Conflict(Problem(field="subscription_id", reason="is not in this family"))
    return _move(session, actor, now, subscription, family, joins=False)


def _move(
    session: Session, actor: Actor, now: datetime, subscription: Subscription, family: Family, *, joins: bool
) -> Changed[Subscription]:
    ids = [subscription.id, *(member.id for member in family_members(session, family.id))]
    values = {"family_id": family.id if joins else None}
    also = quotas.limits_of(_given(session, family))
    old, new = audit.set_fields(subscription, values)
    session.flush()
    record(session, actor, now, "family_changed", subscription, old=old, new=new | {"family": family.name})
    effect = quotas.follow(session, actor=actor, now=now, ids=ids, also=also)
    return Changed(row=subscription, effect=effect)


def _replace(
    session: Session,
    family: Family,
    clean: Sequence[Mapping[str, Any]],
    *,
    actor: Actor | None = None,
    now: datetime | None = None,
) -> Effect:
    """Write the allowances; for an existing family (with an actor) the members follow."""
    ids = [member.id for member in family_members(session, family.id)]
    garden = subscriptions_in_garden(session, ids)
    rows = family_quotas(session, family.id)
    also = quotas.limits_of(quotas.as_given(rows))
    quotas.replace_rows(session, rows, clean, tenant_id=family.tenant_id, family_id=family.id)
    if actor is None or now is None:
        return Effect()
    return quotas.follow(session, actor=actor, now=now, ids=ids, garden=garden, also=also)


def _quotas(given: Any) -> list[dict[str, Any]]:
    return quotas.clean_quotas(given)


def _given(session: Session, family: Family) -> list[dict[str, Any]]:
    return quotas.as_given(family_quotas(session, family.id))


def _name(value: Any) -> str:
    return fields.text(value, field="name", longest=100, required=True)


def _record(
    session: Session,
    actor: Actor,
    now: datetime,
    what: str,
    family: Family,
    *,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
) -> None:
    audit.record(session, actor=actor, now=now, action=f"family.{what}", entity=family, old=old, new=new)
