"""Groups of routers: routers that count as one place, to which subscriptions may be bound."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.failure import Conflict, Problem, flush_or_conflict
from bss.outcome import Changed
from bss.rows import locked
from db.models import NasGroup
from db.queries.nas_groups import release_removed_routers, uses_of_group

_TAKEN = {
    "uq_nas_groups_tenant_id_name": Problem(field="name", reason="belongs to another group", mend="choose another name")
}


def create(session: Session, *, actor: Actor, now: datetime, name: str) -> NasGroup:
    """Add a group without routers; routers are put into it one by one."""
    group = NasGroup(tenant_id=actor.tenant_id, name=_name(name))
    session.add(group)
    flush_or_conflict(session, _TAKEN)
    _record(session, actor, now, "created", group, new={"name": group.name})
    return group


def rename(session: Session, *, actor: Actor, now: datetime, group_id: int, name: str) -> Changed[NasGroup]:
    """Give a group another name; who may log in where stays as it is."""
    group = locked(session, NasGroup, group_id, actor=actor)
    old, new = audit.set_fields(group, {"name": _name(name)})
    flush_or_conflict(session, _TAKEN)
    if new:
        _record(session, actor, now, "renamed", group, old=old, new=new)
    return Changed(row=group)


def delete(session: Session, *, actor: Actor, now: datetime, group_id: int) -> NasGroup:
    """Remove a group that no router and no subscription names."""
    group = locked(session, NasGroup, group_id, actor=actor)
    routers, subscriptions = uses_of_group(session, group.id)
    if routers or subscriptions:
        raise Conflict(
            Problem(
                field="",
                reason=f"{routers} routers and {subscriptions} subscriptions belong to this group",
                mend="take them out of it first",
            )
        )
    release_removed_routers(session, group.id)
    _record(session, actor, now, "deleted", group, old={"name": group.name})
    session.delete(group)
    session.flush()
    return group


def _name(value: object) -> str:
    return fields.text(value, field="name", longest=100, required=True)


def _record(
    session: Session,
    actor: Actor,
    now: datetime,
    what: str,
    group: NasGroup,
    *,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
) -> None:
    audit.record(session, actor=actor, now=now, action=f"nas_group.{what}", entity=group, old=old, new=new)
