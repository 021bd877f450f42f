"""Samples of how many are online: taken every `EVERY`, kept for `KEPT`, read as curves."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.models import OnlineSample, RadAcct

EVERY = timedelta(minutes=5)
KEPT = timedelta(days=35)
# Taken again in the same five minutes it stays what it was: a job that runs twice counts nobody twice.
_TAKE = """
INSERT INTO online_samples (tenant_id, taken_at, online, download_kbps, upload_kbps)
SELECT t.id, date_bin(%(every)s, %(now)s, 'epoch'), coalesce(r.online, 0), coalesce(r.down, 0), coalesce(r.up, 0)
FROM tenants t LEFT JOIN (
    SELECT tenant_id, count(*) AS online, sum(download_kbps) AS down, sum(upload_kbps) AS up
    FROM radacct WHERE acctstoptime IS NULL GROUP BY tenant_id
) r ON r.tenant_id = t.id
ON CONFLICT DO NOTHING
"""


def take_samples(connection: psycopg.Connection[Any], now: datetime) -> int:
    """One sample for every provider, and those that are too old forgotten; returns how many were taken."""
    connection.execute("DELETE FROM online_samples WHERE taken_at < %s", (now - KEPT,))
    return connection.execute(_TAKE, {"every": EVERY, "now": now}).rowcount


class Sample(NamedTuple):
    """Running sessions at a moment, and what passed through them."""

    online: int
    download_kbps: int
    upload_kbps: int


def samples_of(session: Session, tenant_id: int, *, since: datetime, until: datetime) -> dict[datetime, Sample]:
    """A provider's samples of a span (half-open), by their moment."""
    row = OnlineSample
    statement = select(row.taken_at, row.online, row.download_kbps, row.upload_kbps).where(
        row.tenant_id == tenant_id, row.taken_at >= since, row.taken_at < until
    )
    return {found[0]: Sample(*found[1:]) for found in session.execute(statement)}


def passing_now(session: Session, tenant_id: int) -> tuple[int, int]:
    """What passes through all running sessions by their last two reports: down and up, in kbit/s."""
    down, up = session.execute(
        select(func.sum(RadAcct.download_kbps), func.sum(RadAcct.upload_kbps)).where(
            RadAcct.tenant_id == tenant_id, RadAcct.acctstoptime.is_(None)
        )
    ).one()
    return int(down or 0), int(up or 0)
