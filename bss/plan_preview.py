"""What an edit of a plan would do to those who are online with it, told before it is saved.

The edit is written, looked at and taken back inside a savepoint, so what is told follows from the same rows and rules
that a login reads. Sessions are compared in groups: one subscription stands for all whose speed follows from the same
facts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from bss import plans, quotas
from bss.actor import Actor
from bss.plan_fields import RATE_FIELDS
from bss.rows import find
from db.engine import psycopg_of
from db.models import PlanFupRule, ServicePlan
from db.queries.access import profiles_by_id
from db.queries.allowances import garden_of_plan
from db.queries.plan_preview import Group, Look, OverLimit, Span, billing_days_of, look_at_plan, timezone_of
from db.queries.subscriptions import online_of_plan
from domain.access import AccessProfile, rate_limit_now
from domain.desired import UNLIMITED
from domain.fup import FupTier
from domain.period import period_at
from domain.speed import Speed

# So many groups are compared; sessions beyond them are counted as not compared.
MAX_GROUPS = 500
# So many subscriptions are looked at one by one for what is left of their allowances.
MAX_LOOKED_AT = 500
NAMES_SHOWN = 20
MOVES_SHOWN = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """So many running sessions go from one rate limit to another, both as the router is told them."""

    before: str
    after: str
    sessions: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Preview:
    """What saving would mean for the sessions that run now.

    `changing` sessions get another speed; `coa` is how many are told theirs (each is, when a speed field changes, also
    where it stays the same); `over_limit` counts those online whose usage reaches a fair-use tier of the new plan.
    `disconnects` is None where allowances change and so many are online that each was not looked at.
    """

    sessions: int
    changing: int
    coa: int
    disconnects: int | None
    not_compared: int
    over_limit: int
    names: tuple[OverLimit, ...]
    moves: tuple[Move, ...]


def preview(session: Session, *, actor: Actor, now: datetime, plan_id: int, changes: Mapping[str, Any]) -> Preview:
    """What `plans.edit` with these changes would do to running sessions; nothing is written.

    Raises what the edit would: `NotFound`, `Invalid`, `Conflict`.
    """
    plan = find(session, ServicePlan, plan_id, actor=actor)
    session.flush()
    was_open = plans.is_open(session, plan, now)
    savepoint = session.begin_nested()
    try:
        _, new = plans.write(session, plan, changes)
        look = look_at(session, plan_id, tiers_of(plan.fup_rules), now=now, most_names=NAMES_SHOWN)
        examples = [group.example for group in look.groups]
        after = _profiles(session, examples)
        closes = "time_windows" in new and was_open != plans.is_open(session, plan, now)
        disconnects = look.sessions if closes else _used_up(session, actor, now, plan) if "quotas" in new else 0
    finally:
        savepoint.rollback()
    before = _profiles(session, examples)
    return _preview(look, before, after, now=now, new=new.keys(), disconnects=disconnects)


def _used_up(session: Session, actor: Actor, now: datetime, plan: ServicePlan) -> int | None:
    """How many sessions the plan's allowances as they are written now would end; None where too many are online."""
    online = list(online_of_plan(session, plan.id, limit=MAX_LOOKED_AT + 1))
    if len(online) > MAX_LOOKED_AT:
        return None
    garden = garden_of_plan(session, plan.id, limit=MAX_LOOKED_AT)
    effect = quotas.follow(session, actor=actor, now=now, ids=online, garden=garden, with_limits=False)
    return len(effect.disconnect_ids)


def look_at(
    session: Session,
    plan_id: int,
    tiers: Sequence[FupTier],
    *,
    now: datetime,
    begun_before: datetime | None = None,
    most_groups: int = MAX_GROUPS,
    most_names: int = 0,
    with_members: bool = False,
) -> Look:
    """The plan's running sessions in groups, as these tiers see their usage."""
    connection = psycopg_of(session)
    return look_at_plan(
        connection,
        plan_id,
        tiers=tiers,
        spans=_spans(connection, plan_id, tiers, now),
        now=now,
        begun_before=begun_before,
        most_groups=most_groups,
        most_names=most_names,
        with_members=with_members,
    )


def tiers_of(rules: Iterable[PlanFupRule]) -> tuple[FupTier, ...]:
    """A plan's rows as the rules take them."""
    return tuple(
        FupTier(
            tier=rule.tier,
            threshold_bytes=rule.threshold_bytes,
            counts=rule.counts,
            reset_period=rule.reset_period,
            reduced=None
            if rule.reduced_download_kbps is None or rule.reduced_upload_kbps is None
            else Speed(download_kbps=rule.reduced_download_kbps, upload_kbps=rule.reduced_upload_kbps),
            reduction_percent=rule.reduction_percent,
        )
        for rule in rules
    )


def rate_in(profile: AccessProfile, tier: int, now: datetime) -> str:
    """The rate limit of a profile that is in that fair-use tier."""
    return rate_limit_now(replace(profile, fup_tier=tier, fup_until=None), now) or UNLIMITED


def _spans(connection: Any, plan_id: int, tiers: Sequence[FupTier], now: datetime) -> list[Span]:
    kinds = sorted({tier.reset_period for tier in tiers})
    if not kinds:
        return []
    zone = ZoneInfo(timezone_of(connection, plan_id))
    days = billing_days_of(connection, plan_id)
    periods = [(day, period_at(kind, now, zone, day)) for kind in kinds for day in days]
    return [
        Span(kind=period.kind, billing_day=day, first_day=period.first_day, after_day=period.after_day)
        for day, period in periods
    ]


def _profiles(session: Session, ids: list[int]) -> dict[int, AccessProfile]:
    return {key: profile for key, (profile, _) in profiles_by_id(psycopg_of(session), ids).items()}


def _preview(
    look: Look,
    before: Mapping[int, AccessProfile],
    after: Mapping[int, AccessProfile],
    *,
    now: datetime,
    new: Iterable[str],
    disconnects: int | None,
) -> Preview:
    fields = set(new)
    moves = _moves(look.groups, before, after, now, recounts="fup_rules" in fields)
    return Preview(
        sessions=look.sessions,
        changing=sum(move.sessions for move in moves),
        coa=look.sessions if fields & RATE_FIELDS else 0,
        disconnects=disconnects,
        not_compared=look.sessions - sum(group.sessions for group in look.groups),
        over_limit=look.over_limit,
        names=look.names,
        moves=tuple(moves[:MOVES_SHOWN]),
    )


def _moves(
    groups: Iterable[Group],
    before: Mapping[int, AccessProfile],
    after: Mapping[int, AccessProfile],
    now: datetime,
    *,
    recounts: bool,
) -> list[Move]:
    """What changes, the largest first. Tiers count again only when they were edited."""
    counted: dict[tuple[str, str], int] = {}
    for group in groups:
        if group.example not in before or group.example not in after:
            continue
        old = rate_in(before[group.example], group.tier, now)
        new = rate_in(after[group.example], group.reached_tier if recounts else group.tier, now)
        if old != new:
            counted[old, new] = counted.get((old, new), 0) + group.sessions
    moves = [Move(before=old, after=new, sessions=sessions) for (old, new), sessions in counted.items()]
    return sorted(moves, key=lambda move: (-move.sessions, move.before))
