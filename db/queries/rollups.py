"""Sums that keep old periods quick: usage by the hour and by the month, made from the days.

Both are what the days say: an hour is what its days have grown by since the hours before it, a month is the sum of its
days. So running twice adds nothing, and a run that was missed is made up for by the next.
"""

from datetime import date, datetime
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]

# Days end at different moments around the world, and a late record may still change yesterday.
_ROLL_HOUR = """
WITH days AS (
    SELECT subscription_id, day, sum(download_bytes)::bigint AS download_bytes,
        sum(upload_bytes)::bigint AS upload_bytes, sum(seconds)::bigint AS seconds
    FROM usage_daily WHERE day BETWEEN %(hour)s::date - 2 AND %(hour)s::date + 1 GROUP BY 1, 2
), hours AS (
    SELECT subscription_id, day, sum(download_bytes)::bigint AS download_bytes,
        sum(upload_bytes)::bigint AS upload_bytes, sum(seconds)::bigint AS seconds
    FROM usage_hourly
    WHERE day BETWEEN %(hour)s::date - 2 AND %(hour)s::date + 1 AND hour > %(hour)s::timestamptz - interval '5 days'
    GROUP BY 1, 2
)
INSERT INTO usage_hourly AS u (subscription_id, hour, day, download_bytes, upload_bytes, seconds)
SELECT d.subscription_id, %(hour)s, d.day, d.download_bytes - coalesce(h.download_bytes, 0),
    d.upload_bytes - coalesce(h.upload_bytes, 0), d.seconds - coalesce(h.seconds, 0)
FROM days d LEFT JOIN hours h USING (subscription_id, day)
WHERE (d.download_bytes, d.upload_bytes, d.seconds)
    IS DISTINCT FROM (coalesce(h.download_bytes, 0), coalesce(h.upload_bytes, 0), coalesce(h.seconds, 0))
ON CONFLICT (subscription_id, hour, day) DO UPDATE SET download_bytes = u.download_bytes + excluded.download_bytes,
    upload_bytes = u.upload_bytes + excluded.upload_bytes, seconds = u.seconds + excluded.seconds
"""


def roll_hour(connection: Connection, hour: datetime) -> int:
    """Book what the days have grown by to this hour (its start, UTC); returns how many rows were written."""
    return connection.execute(_ROLL_HOUR, {"hour": hour}).rowcount


_ROLL_MONTH = """
INSERT INTO usage_monthly AS m (subscription_id, month, download_bytes, upload_bytes, seconds, sessions)
SELECT subscription_id, %(month)s, sum(download_bytes), sum(upload_bytes), sum(seconds), sum(sessions)
FROM usage_daily WHERE day >= %(month)s AND day < %(after)s GROUP BY subscription_id
ON CONFLICT (subscription_id, month) DO UPDATE SET download_bytes = excluded.download_bytes,
    upload_bytes = excluded.upload_bytes, seconds = excluded.seconds, sessions = excluded.sessions
WHERE (m.download_bytes, m.upload_bytes, m.seconds, m.sessions)
    IS DISTINCT FROM (excluded.download_bytes, excluded.upload_bytes, excluded.seconds, excluded.sessions)
"""


def roll_month(connection: Connection, month: date, after: date) -> int:
    """Sum the days of a month; returns how many subscriptions' sums are new or changed."""
    return connection.execute(_ROLL_MONTH, {"month": month, "after": after}).rowcount


def oldest_day(connection: Connection) -> date | None:
    """The first day of which usage is kept."""
    row = connection.execute("SELECT min(day) FROM usage_daily").fetchone()
    return None if row is None else row[0]


def is_rolled(connection: Connection, month: date) -> bool:
    """Whether a month was summed."""
    row = connection.execute("SELECT EXISTS (SELECT FROM usage_monthly WHERE month = %s)", [month]).fetchone()
    return bool(row is not None and row[0])


def delete_days(connection: Connection, *, before: date, limit: int) -> int:
    """Delete days of months that were summed; returns how many rows, at most `limit`."""
    return connection.execute(
        "DELETE FROM usage_daily WHERE ctid IN (SELECT d.ctid FROM usage_daily d WHERE d.day < %s"
        " AND EXISTS (SELECT FROM usage_monthly m WHERE m.subscription_id = d.subscription_id"
        " AND m.month = date_trunc('month', d.day)::date) LIMIT %s)",
        [before, limit],
    ).rowcount
