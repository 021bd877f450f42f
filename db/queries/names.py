"""Usernames as a provider keeps them, and folding them all at once."""

from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.models import Tenant
from domain.names import folded

_COLLIDING = """
SELECT min(s.username), max(s.username), count(*) OVER () FROM subscriptions s
WHERE s.tenant_id = %s AND s.deleted_at IS NULL AND s.status <> 'terminated'
GROUP BY folded_username(s.username) HAVING count(*) > 1 ORDER BY 1 LIMIT 1
"""
_FOLD = """
WITH due AS (
    SELECT id FROM subscriptions WHERE tenant_id = %(tenant_id)s AND username <> folded_username(username)
    ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE
)
UPDATE subscriptions s SET username = folded_username(s.username), version = s.version + 1, updated_at = %(now)s
FROM due WHERE s.id = due.id
"""


def as_kept(session: Session, name: str, *, tenant_id: int) -> str:
    """The name as the provider's subscriptions are stored: folded where upper and lower case are one."""
    folds = session.scalar(select(Tenant.usernames_ignore_case).where(Tenant.id == tenant_id))
    return folded(name) if folds else name


def colliding_names(connection: psycopg.Connection[Any], tenant_id: int) -> tuple[str, str, int] | None:
    """Two names of live subscriptions that would be one when folded, and how many such there are; None when none."""
    row = connection.execute(_COLLIDING, (tenant_id,)).fetchone()
    return None if row is None else (row[0], row[1], int(row[2]))


def fold_names(connection: psycopg.Connection[Any], *, tenant_id: int, now: datetime, limit: int) -> int:
    """Fold the next names that are not, `limit` at most; returns how many."""
    return connection.execute(_FOLD, {"tenant_id": tenant_id, "now": now, "limit": limit}).rowcount


def fold_copies(connection: psycopg.Connection[Any], *, tenant_id: int) -> None:
    """Fold the names that other tables repeat: radcheck, radreply and the codes of vouchers."""
    for table, column in (("radcheck", "username"), ("radreply", "username"), ("vouchers", "code")):
        connection.execute(
            f"UPDATE {table} SET {column} = folded_username({column})"  # noqa: S608 - our own names
            f" WHERE tenant_id = %s AND {column} <> folded_username({column})",
            (tenant_id,),
        )
