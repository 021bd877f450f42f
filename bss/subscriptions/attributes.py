"""The attributes of one subscription's own: conditions on its logins, and what their replies hold beyond its plan."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import network
from bss.actor import Actor
from bss.attributes import as_rows, clean_checks, clean_replies
from bss.outcome import Changed, Effect
from bss.rows import find, locked
from bss.subscriptions.values import apply_speed, record, require_not_over
from db.models import RadCheck, RadReply, Subscription
from db.queries.attributes import replace_rows, rows_of
from domain.access import AttributeItem, rate_limit_now


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnAttributes:
    """What was written by hand for one subscription, and for its plan."""

    checks: list[AttributeItem]
    replies: list[AttributeItem]
    plan_replies: list[AttributeItem]


def attributes_of(session: Session, *, actor: Actor, subscription_id: int) -> OwnAttributes:
    """All rows that take part in a login of the subscription."""
    subscription = find(session, Subscription, subscription_id, actor=actor)
    return OwnAttributes(
        checks=rows_of(session, RadCheck, subscription),
        replies=rows_of(session, RadReply, subscription),
        plan_replies=[AttributeItem(row.attribute, row.op, row.value) for row in subscription.plan.reply_attributes],
    )


def set_attributes(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    checks: object = None,
    replies: object = None,
    version: int | None = None,
) -> Changed[Subscription]:
    """Replace its conditions, its reply attributes, or both; a list that is not given stays as it is.

    Each row is a mapping of attribute, op and value. They count from the next login; only a rate limit that they change
    is given to running sessions at once.
    """
    subscription = locked(session, Subscription, subscription_id, actor=actor, version=version)
    require_not_over(subscription)
    before = network.profile_of(session, subscription.id)
    old = attributes_of(session, actor=actor, subscription_id=subscription.id)
    wanted: dict[str, list[AttributeItem]] = {}
    if checks is not None:
        wanted["checks"] = clean_checks(checks, field="checks")
    if replies is not None:
        wanted["replies"] = clean_replies(replies, field="replies")
    changed = {name: rows for name, rows in wanted.items() if rows != getattr(old, name)}
    if not changed:
        return Changed(row=subscription)
    _write(session, subscription, changed)
    was: dict[str, Any] = {name: as_rows(getattr(old, name)) for name in changed}
    now_is: dict[str, Any] = {name: as_rows(rows) for name, rows in changed.items()}
    record(session, actor, now, "attributes_changed", subscription, old=was, new=now_is)
    after = network.profile_of(session, subscription.id)
    if rate_limit_now(before, now) == rate_limit_now(after, now):
        return Changed(row=subscription, effect=Effect())
    return Changed(row=subscription, effect=apply_speed(session, actor, now, subscription, "staff"))


def _write(session: Session, subscription: Subscription, changed: dict[str, list[AttributeItem]]) -> None:
    if "checks" in changed:
        replace_rows(session, RadCheck, changed["checks"], subscription)
    if "replies" in changed:
        replace_rows(session, RadReply, changed["replies"], subscription)
