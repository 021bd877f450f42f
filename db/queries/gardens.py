"""Sessions in a walled garden, told by the mark in the Class they were let in with; and the provider's gardens."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import WalledGarden
from domain.garden import GARDEN_MARK

IN_GARDEN = f"coalesce(r.class, '') LIKE 'lts1:%%:{GARDEN_MARK}%%'"
_OF_SUBSCRIPTIONS = f"""
SELECT r.acctuniqueid FROM radacct_open r
WHERE r.acctstoptime IS NULL AND r.subscription_id = ANY(%(subscription_ids)s) AND {IN_GARDEN}
"""  # noqa: S608 - our own text
_PART = f"""
SELECT r.acctuniqueid, r.subscription_id FROM radacct_open r
WHERE r.acctstoptime IS NULL AND r.subscription_id IS NOT NULL AND r.acctupdatetime > %(seen_since)s AND {IN_GARDEN}
  AND r.acctuniqueid > %(after)s
  AND NOT EXISTS (SELECT FROM session_changes x WHERE x.subscription_id = r.subscription_id
      AND x.acctuniqueid = r.acctuniqueid AND x.kind = 'disconnect' AND x.created_at > %(asked_since)s)
ORDER BY r.acctuniqueid LIMIT %(limit)s
"""  # noqa: S608 - our own text


def sessions_in_garden(connection: psycopg.Connection[Any], subscription_ids: Iterable[int]) -> list[str]:
    """The running sessions of these subscriptions that are in a garden."""
    values = {"subscription_ids": list(subscription_ids)}
    return [row[0] for row in connection.execute(_OF_SUBSCRIPTIONS, values)]


def part_of_sessions_in_gardens(
    connection: psycopg.Connection[Any], *, after: str, seen_since: datetime, asked_since: datetime, limit: int
) -> list[tuple[str, int]]:
    """The next sessions in a garden after that unique id, with their subscriptions; not those asked to end lately."""
    values = {"after": after, "seen_since": seen_since, "asked_since": asked_since, "limit": limit}
    return [(row[0], row[1]) for row in connection.execute(_PART, values)]


def gardens_of_tenant(session: Session, tenant_id: int) -> Sequence[WalledGarden]:
    """The provider's gardens; the one for every reason first."""
    return session.scalars(
        select(WalledGarden).where(WalledGarden.tenant_id == tenant_id).order_by(WalledGarden.reason)
    ).all()


def garden_of_reason(session: Session, *, tenant_id: int, reason: str) -> WalledGarden | None:
    """The provider's garden for a reason, locked, or None."""
    return session.scalars(
        select(WalledGarden)
        .where(WalledGarden.tenant_id == tenant_id, WalledGarden.reason == reason)
        .with_for_update(key_share=True)
    ).first()
