"""Usage and sessions as the panel, the API and the portal show them.

Totals are sums of days, of which a period has 31 at the most, and never of radacct.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from db.queries.access import profiles_by_id
from domain.access import tiers_now
from domain.fup import Usage
from domain.integrity import Grade, grade_of
from domain.period import PERIOD_KINDS, Period, period_at

Connection = psycopg.Connection[Any]
MAX_SESSIONS = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """Bytes and seconds in one period, from the customer's side."""

    download_bytes: int = 0
    upload_bytes: int = 0
    seconds: int = 0

    @property
    def total_bytes(self) -> int:
        """Both directions."""
        return self.download_bytes + self.upload_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class TierUsage:
    """How far a subscription is towards one fair-use tier."""

    tier: int
    counts: str
    reset_period: str
    used_bytes: int
    threshold_bytes: int
    resets_at: datetime
    is_in_force: bool

    @property
    def percent(self) -> int:
        """Used of threshold, at most 100, rounded down."""
        return min(100, self.used_bytes * 100 // self.threshold_bytes)


@dataclass(frozen=True, kw_only=True, slots=True)
class SubscriptionUsage:
    """What one subscription used, and where that leaves its fair use."""

    today: Totals
    month: Totals
    billing_cycle: Totals
    cycle: Period
    fup_tier: int
    fup_until: datetime | None
    tiers: tuple[TierUsage, ...]


_TOTALS = """
SELECT n.kind, sum(d.download_bytes)::bigint, sum(d.upload_bytes)::bigint, sum(d.seconds)::bigint
FROM unnest(%s::text[], %s::date[], %s::date[]) AS n (kind, first_day, after_day)
JOIN usage_daily d ON d.subscription_id = %s AND d.day >= n.first_day AND d.day < n.after_day
GROUP BY n.kind
"""


def totals_in(connection: Connection, subscription_id: int, periods: Iterable[Period]) -> dict[str, Totals]:
    """What was used in each period so far, by kind; nothing is nothing."""
    wanted = list(periods)
    kinds, first_days = [period.kind for period in wanted], [period.first_day for period in wanted]
    rows = connection.execute(_TOTALS, [kinds, first_days, [period.after_day for period in wanted], subscription_id])
    found = {row[0]: Totals(download_bytes=row[1], upload_bytes=row[2], seconds=row[3]) for row in rows}
    return {kind: found.get(kind, Totals()) for kind in kinds}


def usage_of(connection: Connection, subscription_id: int, now: datetime) -> SubscriptionUsage | None:
    """Usage today, this month and in this billing cycle, and every tier; None when there is no such subscription."""
    found = profiles_by_id(connection, [subscription_id]).get(subscription_id)
    if found is None:
        return None
    profile, zone = found[0], found[0].zone
    periods = {kind: period_at(kind, now, zone, profile.billing_day) for kind in PERIOD_KINDS}
    # Top-ups of volume let each tier begin later.
    totals = totals_in(connection, subscription_id, periods.values())
    in_force = profile.fup_tier if profile.fup_until is None or profile.fup_until > now else 0
    tiers = tuple(
        TierUsage(
            tier=tier.tier,
            counts=tier.counts,
            reset_period=tier.reset_period,
            used_bytes=_usage(totals[tier.reset_period]).counted(tier.counts),
            threshold_bytes=tier.threshold_bytes,
            resets_at=periods[tier.reset_period].end,
            is_in_force=tier.tier == in_force,
        )
        for tier in tiers_now(profile, now)
    )
    return SubscriptionUsage(
        today=totals["daily"],
        month=totals["monthly"],
        billing_cycle=totals["billing_cycle"],
        cycle=periods["billing_cycle"],
        fup_tier=in_force,
        fup_until=profile.fup_until if in_force else None,
        tiers=tiers,
    )


def _usage(totals: Totals) -> Usage:
    return Usage(download_bytes=totals.download_bytes, upload_bytes=totals.upload_bytes)


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionView:
    """A session as people see it; open while `stopped_at` is None."""

    acctuniqueid: str
    acctsessionid: str
    tenant_id: int
    subscription_id: int | None
    nas_server_id: int
    nas_name: str | None
    username: str
    framed_ip: str | None
    mac: str | None
    service: str | None
    started_at: datetime
    updated_at: datetime
    stopped_at: datetime | None
    seconds: int
    download_bytes: int
    upload_bytes: int
    terminate_cause: str | None
    start_told_s: int
    integrity_marks: int

    @property
    def grade(self) -> Grade:
        """How far its figures may be trusted."""
        return grade_of(
            is_open=self.stopped_at is None,
            cause=self.terminate_cause,
            start_told_s=self.start_told_s,
            marks=self.integrity_marks,
        )


_VIEW = """
SELECT r.acctuniqueid, r.acctsessionid, r.tenant_id, r.subscription_id, r.nas_server_id, n.name AS nas_name,
    r.username, host(r.framedipaddress) AS framed_ip, r.callingstationid AS mac, r.nasporttype AS service,
    r.acctstarttime AS started_at, r.acctupdatetime AS updated_at, r.acctstoptime AS stopped_at,
    r.acctsessiontime AS seconds, r.acctoutputoctets AS download_bytes, r.acctinputoctets AS upload_bytes,
    r.acctterminatecause AS terminate_cause, r.start_told_s, r.integrity_marks
FROM {table} r LEFT JOIN nas_servers n ON n.id = r.nas_server_id
"""
_LIVE = _VIEW.format(table="radacct_open") + (
    "WHERE r.subscription_id = %s AND r.acctstoptime IS NULL ORDER BY r.acctstarttime DESC LIMIT %s"
)
_RECENT = _VIEW.format(table="radacct") + (
    "WHERE r.subscription_id = ANY(%s) AND (%s::timestamptz IS NULL OR r.acctstarttime < %s)"
    " AND (%s::timestamptz IS NULL OR r.acctstarttime >= %s) ORDER BY r.acctstarttime DESC LIMIT %s"
)
_ONLINE = (
    _VIEW.format(table="radacct_open")
    + """
WHERE r.acctstoptime IS NULL AND r.tenant_id = %(tenant_id)s
  AND (%(nas_server_id)s::bigint IS NULL OR r.nas_server_id = %(nas_server_id)s)
  AND (%(search)s::text IS NULL OR r.username ILIKE %(search)s OR host(r.framedipaddress) LIKE %(search)s
       OR r.callingstationid ILIKE %(search)s)
  AND (%(before)s::timestamptz IS NULL OR r.acctstarttime < %(before)s)
ORDER BY r.acctstarttime DESC LIMIT %(limit)s
"""
)


def live_sessions(connection: Connection, subscription_id: int, *, limit: int = 20) -> list[SessionView]:
    """The open sessions of a subscription, newest first."""
    return _views(connection, _LIVE, [subscription_id, min(limit, MAX_SESSIONS)])


def recent_sessions(
    connection: Connection,
    subscription_ids: Sequence[int],
    *,
    since: datetime | None = None,
    before: datetime | None = None,
    limit: int = 20,
) -> list[SessionView]:
    """Sessions of the subscriptions, open and ended, newest first; `before` is the start of the last one seen."""
    values = [list(subscription_ids), before, before, since, since, min(limit, MAX_SESSIONS)]
    return _views(connection, _RECENT, values)


def online_sessions(
    connection: Connection,
    *,
    tenant_id: int,
    nas_server_id: int | None = None,
    search: str | None = None,
    before: datetime | None = None,
    limit: int = 100,
) -> list[SessionView]:
    """Who is online, newest first; `search` is a part of a username, an address or a MAC."""
    values = {
        "tenant_id": tenant_id,
        "nas_server_id": nas_server_id,
        "search": None if not search else f"%{_escape_like(search)}%",
        "before": before,
        "limit": min(limit, MAX_SESSIONS),
    }
    return _views(connection, _ONLINE, values)


def online_count(connection: Connection, *, tenant_id: int) -> int:
    """How many sessions are open."""
    row = connection.execute(
        "SELECT count(*) FROM radacct_open WHERE acctstoptime IS NULL AND tenant_id = %s", [tenant_id]
    ).fetchone()
    return int(row[0]) if row is not None else 0


@dataclass(frozen=True, kw_only=True, slots=True)
class DayUsage:
    """One local day of a subscription, over all routers."""

    day: date
    download_bytes: int
    upload_bytes: int
    seconds: int
    sessions: int


def daily_usage(
    connection: Connection, subscription_ids: Sequence[int], *, first_day: date, last_day: date
) -> list[DayUsage]:
    """Usage by day between two local days, both included, oldest first; days without traffic are left out."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            "SELECT day, sum(download_bytes)::bigint AS download_bytes, sum(upload_bytes)::bigint AS upload_bytes,"
            " sum(seconds)::bigint AS seconds, sum(sessions)::bigint AS sessions FROM usage_daily"
            " WHERE subscription_id = ANY(%s) AND day BETWEEN %s AND %s GROUP BY day ORDER BY day",
            [list(subscription_ids), first_day, last_day],
        ).fetchall()
    return [DayUsage(**row) for row in rows]


def _views(connection: Connection, statement: str, values: Any) -> list[SessionView]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return [SessionView(**row) for row in cursor.execute(statement, values)]


def _escape_like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
