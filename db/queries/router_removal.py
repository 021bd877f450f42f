"""What a router that is to be removed still has of ours, and which routers are waiting for that to be gone.

An order of the reason `REMOVAL` is one of these; that a router has them, and is switched off, is all that says that it
is being removed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

Connection = psycopg.Connection[Any]

REMOVAL = "removal"

# Of several orders about one name the newest counts. What was imported was on the router before us and is not ours.
_LEFT = """
WITH latest AS (
    SELECT DISTINCT ON (key) key, status, problem FROM router_orders
    WHERE nas_server_id = %(nas_id)s AND kind = 'secret' AND reason = %(reason)s ORDER BY key, id DESC
), ours AS (
    SELECT username, origin FROM router_secrets WHERE nas_server_id = %(nas_id)s AND origin <> 'import'
)
SELECT coalesce(ours.username, latest.key) AS username, coalesce(ours.origin = 'staff', false) AS is_staffs,
    latest.status, latest.problem
FROM ours FULL JOIN latest ON latest.key = ours.username
WHERE latest.status IS DISTINCT FROM 'done' ORDER BY 1
"""
_REMOVING = """
SELECT n.id, n.tenant_id FROM nas_servers n
WHERE n.deleted_at IS NULL AND NOT n.is_active
    AND EXISTS (SELECT FROM router_orders o WHERE o.nas_server_id = n.id AND o.reason = %(reason)s) ORDER BY n.id
"""
_WITHDRAW = """
UPDATE router_orders SET reason = 'router', status = CASE WHEN status = 'pending' THEN 'failed' ELSE status END,
    problem = CASE WHEN status = 'pending' THEN %(why)s ELSE problem END,
    finished_at = CASE WHEN status = 'pending' THEN %(now)s ELSE finished_at END
WHERE nas_server_id = %(nas_id)s AND reason = %(reason)s
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftSecret:
    """A secret of ours on a router, and how its removal stands: None before it was ordered."""

    username: str
    is_staffs: bool
    status: str | None
    problem: str | None


def left_on(connection: Connection, nas_id: int) -> list[LeftSecret]:
    """The secrets of ours that are on a router, as far as we know, by name."""
    with connection.cursor(row_factory=class_row(LeftSecret)) as cursor:
        return cursor.execute(_LEFT, {"nas_id": nas_id, "reason": REMOVAL}).fetchall()


def routers_being_removed(connection: Connection) -> list[tuple[int, int]]:
    """Routers that are switched off and go when their secrets are gone, each with its tenant."""
    return [(row[0], row[1]) for row in connection.execute(_REMOVING, {"reason": REMOVAL})]


def is_being_removed(connection: Connection, nas_id: int) -> bool:
    """Whether this is one of them."""
    return nas_id in [router for router, _ in routers_being_removed(connection)]


def withdraw(connection: Connection, nas_id: int, *, why: str, now: datetime) -> None:
    """Take back what waits of a removal; what was done stays done."""
    connection.execute(_WITHDRAW, {"nas_id": nas_id, "reason": REMOVAL, "why": why, "now": now})


def strays_on(connection: Connection, nas_id: int, holders: Sequence[str]) -> list[str]:
    """The subscriptions' secrets on a router that none of these holds."""
    return [
        row[0]
        for row in connection.execute(
            "SELECT username FROM router_secrets WHERE nas_server_id = %s AND origin = 'subscription'"
            " AND username <> ALL (%s) ORDER BY username",
            [nas_id, list(holders)],
        )
    ]
