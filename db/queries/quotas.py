"""Allowances on the counting side: who has any, which are used up, whose top-ups begin or end, whose hours turn."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import psycopg

from db.queries.accounting import numbers
from db.queries.gardens import IN_GARDEN

Connection = psycopg.Connection[Any]


class Noted(NamedTuple):
    """A note that an allowance is used up, and what that does."""

    until: datetime | None
    action: str


class PlanHours(NamedTuple):
    """A plan with hours: its zone, and each window as (weekdays, start and end minute, download and upload kbit/s)."""

    plan_id: int
    timezone: str
    windows: list[list[Any]]


def bonus_bytes(connection: Connection, subscription_ids: Sequence[int], now: datetime) -> dict[int, int]:
    """What valid top-ups of volume give each subscription that has any."""
    rows = connection.execute(
        "SELECT subscription_id, sum(amount)::bigint FROM quota_topups"
        " WHERE subscription_id = ANY(%s::bigint[]) AND kind = 'data' AND valid_from <= %s"
        " AND (valid_until IS NULL OR valid_until > %s) GROUP BY subscription_id",
        [numbers(subscription_ids), now, now],
        prepare=True,
    )
    return {row[0]: row[1] for row in rows}


def with_own(connection: Connection, subscription_ids: Sequence[int]) -> set[int]:
    """The subscriptions that have an allowance of their own."""
    return _ids(connection, "subscription_id", subscription_ids)


def plans_with(connection: Connection, plan_ids: Sequence[int]) -> set[int]:
    """The plans that have an allowance."""
    return _ids(connection, "service_plan_id", plan_ids)


def families_with(connection: Connection, family_ids: Sequence[int]) -> set[int]:
    """The families that have an allowance."""
    return _ids(connection, "family_id", family_ids)


def _ids(connection: Connection, column: str, ids: Sequence[int]) -> set[int]:
    if not ids:
        return set()
    statement = f"SELECT DISTINCT {column} FROM quotas WHERE {column} = ANY(%s::bigint[])"  # noqa: S608 - our own names
    return {row[0] for row in connection.execute(statement, [numbers(ids)], prepare=True)}


def members(connection: Connection, family_ids: Iterable[int]) -> dict[int, int]:
    """The family of each subscription in the families."""
    rows = connection.execute(
        "SELECT id, family_id FROM subscriptions WHERE family_id = ANY(%s) AND deleted_at IS NULL", [list(family_ids)]
    )
    return {row[0]: row[1] for row in rows}


def states(connection: Connection, subscription_ids: Sequence[int]) -> dict[int, dict[int, Noted]]:
    """Which allowances are noted as used up, by subscription and allowance; also one that is no longer his."""
    found: dict[int, dict[int, Noted]] = {}
    for subscription_id, quota_id, until, action in connection.execute(
        "SELECT x.subscription_id, x.quota_id, x.until, q.action FROM subscription_quota_states x"
        " JOIN quotas q ON q.id = x.quota_id WHERE x.subscription_id = ANY(%s)",
        [list(subscription_ids)],
    ):
        found.setdefault(subscription_id, {})[quota_id] = Noted(until, action)
    return found


def note_used_up(
    connection: Connection, *, subscription_id: int, quota_id: int, used: int, until: datetime | None, now: datetime
) -> bool:
    """Note an allowance as used up until then; False when it was noted already."""
    row = connection.execute(
        "INSERT INTO subscription_quota_states (subscription_id, quota_id, used_amount, used_up_at, until)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (subscription_id, quota_id) DO UPDATE SET until = excluded.until"
        " WHERE subscription_quota_states.until IS DISTINCT FROM excluded.until RETURNING xmax = 0",
        [subscription_id, quota_id, used, now, until],
    ).fetchone()
    return row is not None and bool(row[0])


def forget_used_up(connection: Connection, *, subscription_id: int, quota_ids: Sequence[int]) -> int:
    """Take notes back; returns how many there were."""
    return connection.execute(
        "DELETE FROM subscription_quota_states WHERE subscription_id = %s AND quota_id = ANY(%s)",
        [subscription_id, list(quota_ids)],
    ).rowcount


def periods_over(connection: Connection, *, now: datetime, limit: int) -> list[int]:
    """Subscriptions with a used-up allowance whose period is over, locked against another job doing the same."""
    rows = connection.execute(
        "SELECT subscription_id FROM subscription_quota_states WHERE until <= %s ORDER BY until LIMIT %s"
        " FOR NO KEY UPDATE SKIP LOCKED",
        [now, limit],
    )
    return [row[0] for row in rows]


def periods_in_use(connection: Connection) -> list[tuple[int, str, str]]:
    """(tenant, its zone, period) of every allowance that ends sessions and turns."""
    rows = connection.execute(
        "SELECT DISTINCT q.tenant_id, t.timezone, q.period FROM quotas q JOIN tenants t ON t.id = q.tenant_id"
        " WHERE q.action <> 'throttle' AND q.period <> 'total' ORDER BY 1, 3"
    )
    return [(row[0], row[1], row[2]) for row in rows]


# A session that was told its limits since, or is being ended, needs no more words.
_PAST_TURN = """
SELECT r.acctuniqueid, r.subscription_id FROM radacct_open r JOIN subscriptions s ON s.id = r.subscription_id
WHERE r.acctuniqueid > %(after)s AND r.acctstoptime IS NULL AND r.acctstarttime < %(turned_at)s
  AND r.acctupdatetime >= %(heard_since)s AND s.tenant_id = %(tenant_id)s
  AND (%(billing_day)s::int IS NULL OR s.billing_day = %(billing_day)s)
  AND EXISTS (SELECT FROM quotas q WHERE q.period = %(period)s AND q.action <> 'throttle'
      AND (q.service_plan_id = s.service_plan_id OR q.subscription_id = s.id OR q.family_id = s.family_id))
  AND NOT EXISTS (SELECT FROM session_changes x WHERE x.subscription_id = s.id AND x.acctuniqueid = r.acctuniqueid
      AND ((x.reason = 'limits' AND x.created_at >= %(turned_at)s)
          OR (x.kind = 'disconnect' AND x.status IN ('pending', 'sending'))))
ORDER BY r.acctuniqueid LIMIT %(limit)s
"""


def sessions_past_turn(
    connection: Connection,
    *,
    tenant_id: int,
    period: str,
    billing_day: int | None,
    turned_at: datetime,
    heard_since: datetime,
    after: str,
    limit: int,
) -> list[tuple[str, int]]:
    """(unique id, subscription) of sessions from before a period began, heard since then and not told of it yet."""
    values = {
        "tenant_id": tenant_id,
        "period": period,
        "billing_day": billing_day,
        "turned_at": turned_at,
        "heard_since": heard_since,
        "after": after,
        "limit": limit,
    }
    return [(row[0], row[1]) for row in connection.execute(_PAST_TURN, values)]


def topups_turning(connection: Connection, *, now: datetime, limit: int) -> list[int]:
    """Subscriptions with a top-up that began or ended; each is given once for each of its edges."""
    rows = connection.execute(
        "WITH due AS (SELECT id FROM quota_topups WHERE look_at <= %(now)s ORDER BY look_at LIMIT %(limit)s"
        " FOR NO KEY UPDATE SKIP LOCKED)"
        " UPDATE quota_topups t SET look_at = CASE WHEN t.valid_from > %(now)s THEN t.valid_from"
        " WHEN t.valid_until > %(now)s THEN t.valid_until END FROM due WHERE t.id = due.id RETURNING t.subscription_id",
        {"now": now, "limit": limit},
    )
    return [row[0] for row in rows]


def add_alerts(connection: Connection, rows: Sequence[tuple[int, int, date, int, int, int, datetime]]) -> None:
    """Note (subscription, allowance, first day, percent, used, limit, now) once for each period and level."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO usage_alerts (subscription_id, quota_id, period_start, level_percent, used_amount,"
            " limit_amount, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            rows,
        )


# --- hours -------------------------------------------------------------------------------------------------------


def plans_with_hours(connection: Connection) -> list[PlanHours]:
    """Every plan in use that has hours."""
    rows = connection.execute(
        "SELECT w.service_plan_id, t.timezone, json_agg(json_build_array(w.weekdays, w.start_minute, w.end_minute,"
        " w.download_kbps, w.upload_kbps) ORDER BY w.position)"
        " FROM plan_time_windows w JOIN service_plans p ON p.id = w.service_plan_id"
        " JOIN tenants t ON t.id = p.tenant_id WHERE p.deleted_at IS NULL GROUP BY 1, 2 ORDER BY 1"
    )
    return [PlanHours(*row) for row in rows]


# A session that nobody has spoken to since the hours turned; one that is being ended needs no more words. A new speed
# is not for those in a walled garden, but a garden for whoever comes outside his hours is over with them.
_UNTOLD = f"""
SELECT r.acctuniqueid, r.subscription_id FROM radacct_open r JOIN subscriptions s ON s.id = r.subscription_id
WHERE s.service_plan_id = %(plan_id)s AND r.acctstoptime IS NULL AND r.acctstarttime < %(turned_at)s
  AND (%(kind)s = 'disconnect' OR NOT {IN_GARDEN})
  AND NOT EXISTS (SELECT FROM session_changes x WHERE x.subscription_id = s.id AND x.acctuniqueid = r.acctuniqueid
      AND ((x.reason = 'hours' AND x.created_at >= %(turned_at)s)
          OR (x.kind = 'disconnect' AND x.status IN ('pending', 'sending'))))
LIMIT %(limit)s
"""  # noqa: S608 - our own text


def untold_sessions(
    connection: Connection, *, plan_id: int, turned_at: datetime, kind: str, limit: int
) -> list[tuple[str, int]]:
    """(unique id, subscription) of a plan's sessions from before its hours turned that were not told of it yet.

    `kind` is what they are to be told: "coa" or "disconnect".
    """
    values = {"plan_id": plan_id, "turned_at": turned_at, "kind": kind, "limit": limit}
    rows = connection.execute(_UNTOLD, values)
    return [(row[0], row[1]) for row in rows]
