"""Top-ups: more of an allowance, and of what fair use lets pass, for a time or for good."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import fair_use, fields, network, quotas
from bss.actor import Actor
from bss.failure import Invalid, NotFound, Problem
from bss.outcome import Changed, Effect
from bss.rows import locked, tenant_of
from bss.subscriptions.values import record, require_not_over
from db.models import QuotaTopup, Subscription
from db.queries.allowances import topup_of, topups_of_invoice
from domain.period import period_at
from domain.quota import QUOTA_KINDS

_SHOWN = ("kind", "amount", "valid_from", "valid_until", "note")


def add(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    subscription_id: int,
    kind: str = "data",
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
    for_good: bool = False,
    note: str = "",
    **amount: Any,
) -> Changed[QuotaTopup]:
    """Add `amount_bytes` of volume or `amount_s` of time; who was stopped or slowed for want of it is free at once.

    It begins now and lasts to the end of the running billing cycle, unless other times are given or it is `for_good`.
    """
    subscription = locked(session, Subscription, subscription_id, actor=actor)
    require_not_over(subscription)
    fields.one_of(kind, field="kind", allowed=QUOTA_KINDS)
    since = now if valid_from is None else fields.moment(valid_from, field="valid_from")
    until = _until(session, actor, subscription, since, valid_until, for_good)
    topup = QuotaTopup(
        tenant_id=actor.tenant_id,
        subscription_id=subscription.id,
        kind=kind,
        amount=quotas.amount_of(amount, kind),
        valid_from=since,
        valid_until=until,
        look_at=since if since > now else until,
        note=fields.text(note, field="note", longest=200),
        created_by=actor.name,
    )
    session.add(topup)
    session.flush()
    record(session, actor, now, "topped_up", subscription, new=_shown(topup))
    return Changed(row=topup, effect=_follow(session, actor, now, subscription))


def remove(
    session: Session, *, actor: Actor, now: datetime, subscription_id: int, topup_id: int
) -> Changed[Subscription]:
    """Take a top-up back; what it made possible ends at once."""
    subscription = locked(session, Subscription, subscription_id, actor=actor)
    topup = topup_of(session, topup_id, subscription_id=subscription.id)
    if topup is None:
        raise NotFound(Problem(field="", reason="there is no such top-up"))
    record(session, actor, now, "topup_removed", subscription, old=_shown(topup))
    session.delete(topup)
    session.flush()
    return Changed(row=subscription, effect=_follow(session, actor, now, subscription))


def take_back_of(session: Session, *, actor: Actor, now: datetime, invoice_id: int) -> Effect:
    """Take back what was sold with an invoice that is asked for no longer; what was used of it stays counted."""
    effect = Effect()
    for topup in topups_of_invoice(session, invoice_id):
        effect += remove(session, actor=actor, now=now, subscription_id=topup.subscription_id, topup_id=topup.id).effect
    return effect


def _until(
    session: Session,
    actor: Actor,
    subscription: Subscription,
    since: datetime,
    given: datetime | None,
    for_good: bool,
) -> datetime | None:
    if for_good and given is not None:
        mend = "give an end or say for good"
        raise Invalid(Problem(field="valid_until", reason="does not go with for good", mend=mend))
    if for_good:
        return None
    if given is None:
        zone = ZoneInfo(tenant_of(session, actor=actor).timezone)
        return period_at("billing_cycle", since, zone, subscription.billing_day).end
    until = fields.moment(given, field="valid_until")
    if until <= since:
        raise Invalid(Problem(field="valid_until", reason="is not after the start", mend="choose a later time"))
    return until


def _follow(session: Session, actor: Actor, now: datetime, subscription: Subscription) -> Effect:
    effect = quotas.follow(session, actor=actor, now=now, ids=[subscription.id])
    before = 0 if subscription.fup_state is None else subscription.fup_state.tier
    fair_use.recount(session, subscription, now=now, actor=actor)
    after = 0 if subscription.fup_state is None else subscription.fup_state.tier
    if before == after:
        return effect
    return effect + network.apply_speed(
        session, actor=actor, now=now, reason="fup_reset" if after < before else "fup",
        subscription_ids=[subscription.id],
    )  # fmt: skip


def _shown(topup: QuotaTopup) -> Mapping[str, Any]:
    return {name: getattr(topup, name) for name in _SHOWN}
