"""Who is online with a plan, gathered by whatever makes one's speed differ from another's; and who is past a limit.

One statement whatever the number of sessions: a hundred thousand of them make a handful of groups, and the rules are
asked once for each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from domain.fup import FupTier

Connection = psycopg.Connection[Any]

# A plan with more subscriptions than this is read as a whole.
CROWD = 2_000

# Tiers and periods come as arrays: the tiers asked about need not be the ones that are stored.
_LOOK = """
WITH live AS MATERIALIZED (
    SELECT s.id, s.customer_id, s.billing_day, count(*) AS sessions
    FROM radacct_open r JOIN subscriptions s ON s.id = r.subscription_id
    WHERE r.acctstoptime IS NULL AND s.service_plan_id = %(plan_id)s AND s.deleted_at IS NULL
      AND r.acctstarttime < %(begun_before)s
    GROUP BY s.id
), used AS MATERIALIZED (
    -- Bytes as float8 add up many times faster than as numeric, and exactly up to nine petabytes.
    SELECT d.subscription_id AS id, w.kind, sum(d.download_bytes::float8) AS down, sum(d.upload_bytes::float8) AS up
    FROM usage_daily d JOIN live l ON l.id = d.subscription_id
    JOIN unnest(%(kinds)s::text[], %(billing_days)s::int[], %(first_days)s::date[], %(after_days)s::date[])
        AS w (kind, billing_day, first_day, after_day)
      ON w.billing_day = l.billing_day AND d.day >= w.first_day AND d.day < w.after_day
    WHERE d.day >= %(since)s
    GROUP BY d.subscription_id, w.kind
), bonus AS (
    SELECT u.subscription_id AS id, sum(u.amount) AS bytes
    FROM quota_topups u JOIN live l ON l.id = u.subscription_id
    WHERE u.kind = 'data' AND u.valid_from <= %(now)s AND (u.valid_until IS NULL OR u.valid_until > %(now)s)
    GROUP BY 1
), reached AS MATERIALIZED (
    SELECT u.id, max(t.tier) AS tier, max(CASE t.counts WHEN 'download' THEN u.down WHEN 'upload' THEN u.up
        ELSE u.down + u.up END) AS used_bytes
    FROM used u LEFT JOIN bonus b ON b.id = u.id
    JOIN unnest(%(tiers)s::int[], %(tier_kinds)s::text[], %(counts)s::text[], %(thresholds)s::bigint[])
        AS t (tier, kind, counts, threshold_bytes)
      ON t.kind = u.kind AND t.threshold_bytes + coalesce(b.bytes, 0)::float8 <=
        CASE t.counts WHEN 'download' THEN u.down WHEN 'upload' THEN u.up ELSE u.down + u.up END
    GROUP BY u.id
), used_up AS MATERIALIZED (
    SELECT q.subscription_id AS id, string_agg(q.quota_id::text, ',' ORDER BY q.quota_id) AS quotas
    FROM subscription_quota_states q JOIN live l ON l.id = q.subscription_id
    WHERE q.until IS NULL OR q.until > %(now)s
    GROUP BY 1
), held AS MATERIALIZED (
    SELECT l.id, l.sessions, m.download_kbps, m.upload_kbps,
        coalesce(m.speed_expires_at, 'infinity') > %(now)s AS is_in_force, m.speed_expires_at IS NOT NULL AS is_for_now,
        CASE WHEN coalesce(f.window_end, 'infinity') > %(now)s THEN coalesce(f.tier, 0) ELSE 0 END AS tier,
        CASE WHEN f.tier = 0 AND f.window_end > %(now)s THEN 0 ELSE coalesce(x.tier, 0) END AS reached_tier,
        q.quotas
    FROM live l
    LEFT JOIN subscription_limits m ON m.subscription_id = l.id
    LEFT JOIN subscription_fup_states f ON f.subscription_id = l.id
    LEFT JOIN reached x ON x.id = l.id
    LEFT JOIN used_up q ON q.id = l.id
)
SELECT (SELECT coalesce(sum(sessions), 0) FROM live)::bigint AS sessions,
    (SELECT coalesce(json_agg(g), '[]') FROM (
        SELECT min(id) AS example, sum(sessions)::bigint AS sessions, tier, reached_tier,
            CASE WHEN %(with_members)s THEN array_agg(id) END AS members
        FROM held
        GROUP BY download_kbps, upload_kbps, is_in_force, is_for_now, tier, reached_tier, quotas
        ORDER BY sum(sessions) DESC LIMIT %(most_groups)s) g) AS groups,
    (SELECT count(*) FROM held WHERE reached_tier > 0) AS over_limit,
    (SELECT coalesce(json_agg(o), '[]') FROM (
        SELECT h.id AS subscription_id, c.id AS customer_id, c.name, s.username, h.reached_tier AS tier,
            x.used_bytes::bigint AS used_bytes
        FROM held h JOIN reached x ON x.id = h.id JOIN subscriptions s ON s.id = h.id
        JOIN customers c ON c.id = s.customer_id
        WHERE h.reached_tier > 0 ORDER BY x.used_bytes DESC, h.id LIMIT %(most_names)s) o) AS names
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """The running period of a kind for those with a billing day: days from `first_day` to before `after_day`."""

    kind: str
    billing_day: int
    first_day: date
    after_day: date


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Online subscriptions whose speed follows from the same facts: one of them stands for all.

    `tier` is the fair-use tier they are in; `reached_tier` the one that their usage reaches by the tiers asked about.
    """

    example: int
    sessions: int
    tier: int
    reached_tier: int
    members: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class OverLimit:
    """An online customer whose usage reaches a tier."""

    subscription_id: int
    customer_id: int
    name: str
    username: str
    tier: int
    used_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """All running sessions of a plan in groups, and those past a limit; `names` are the first of them."""

    sessions: int
    groups: tuple[Group, ...]
    over_limit: int
    names: tuple[OverLimit, ...]


def billing_days_of(connection: Connection, plan_id: int) -> list[int]:
    """The billing days that subscriptions of the plan have."""
    rows = connection.execute(
        "SELECT DISTINCT billing_day FROM subscriptions WHERE service_plan_id = %s AND deleted_at IS NULL", [plan_id]
    )
    return [row[0] for row in rows]


def timezone_of(connection: Connection, plan_id: int) -> str:
    """The time zone of the plan's provider."""
    row = connection.execute(
        "SELECT t.timezone FROM service_plans p JOIN tenants t ON t.id = p.tenant_id WHERE p.id = %s", [plan_id]
    ).fetchone()
    return "UTC" if row is None else str(row[0])


def _is_crowded(connection: Connection, plan_id: int) -> bool:
    row = connection.execute(
        "SELECT count(*) > %s FROM (SELECT FROM subscriptions WHERE service_plan_id = %s LIMIT %s) AS counted",
        [CROWD, plan_id, CROWD + 1],
    ).fetchone()
    return row is not None and bool(row[0])


def look_at_plan(
    connection: Connection,
    plan_id: int,
    *,
    tiers: Sequence[FupTier],
    spans: Sequence[Span],
    now: datetime,
    begun_before: datetime | None = None,
    most_groups: int,
    most_names: int = 0,
    with_members: bool = False,
) -> Look:
    """The running sessions of a plan as `tiers` see them; `begun_before` leaves out sessions that began later."""
    values = {
        "plan_id": plan_id,
        "now": now,
        "begun_before": begun_before or datetime.max.replace(tzinfo=now.tzinfo),
        "since": min((span.first_day for span in spans), default=date.max),
        "kinds": [span.kind for span in spans],
        "billing_days": [span.billing_day for span in spans],
        "first_days": [span.first_day for span in spans],
        "after_days": [span.after_day for span in spans],
        "tiers": [tier.tier for tier in tiers],
        "tier_kinds": [tier.reset_period for tier in tiers],
        "counts": [tier.counts for tier in tiers],
        "thresholds": [tier.threshold_bytes for tier in tiers],
        "most_groups": most_groups,
        "most_names": most_names,
        "with_members": with_members,
    }
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        if _is_crowded(connection, plan_id):
            # Looking up the days of each subscription costs ten times as much as reading the days once.
            cursor.execute("SET LOCAL enable_nestloop = off")
        row = cursor.execute(_LOOK, values).fetchone() or {}
        cursor.execute("SET LOCAL enable_nestloop = on")
    return Look(
        sessions=row["sessions"],
        groups=tuple(Group(**group | {"members": tuple(group["members"] or ())}) for group in row["groups"]),
        over_limit=row["over_limit"],
        names=tuple(OverLimit(**name) for name in row["names"]),
    )
