"""The outbox towards routers' APIs: placed, claimed, finished or put back.

A claim is committed before a router is asked, and an outcome only counts for the claim it belongs to. One router's
orders are never held by two at once, so that they are carried out in their order.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from db.crypto import keyring
from domain.router_order import is_last, wait_after

Connection = psycopg.Connection[Any]

# A newer wish about the same thing takes the place of one that still waits.
_PLACE = """
INSERT INTO router_orders (tenant_id, nas_server_id, kind, key, arguments, reason, requested_by, next_attempt_at,
    created_at)
VALUES (%(tenant_id)s, %(nas_id)s, %(kind)s, %(key)s, %(arguments)s, %(reason)s, %(requested_by)s, %(now)s, %(now)s)
ON CONFLICT (nas_server_id, kind, key) WHERE status = 'pending'
DO UPDATE SET arguments = excluded.arguments, reason = excluded.reason, requested_by = excluded.requested_by,
    next_attempt_at = excluded.next_attempt_at, attempts = 0, problem = NULL
RETURNING id
"""

# The accounts of routers are read with the claim; an order for a router without one waits until it has one.
_CLAIM = """
WITH due AS MATERIALIZED (
    SELECT DISTINCT o.nas_server_id AS id FROM router_orders o
    WHERE o.status = 'pending' AND o.next_attempt_at <= %(now)s AND o.nas_server_id <> ALL (%(busy)s)
), routers AS MATERIALIZED (
    SELECT n.id FROM due JOIN nas_servers n USING (id)
    WHERE n.api_username <> '' AND n.type = 'mikrotik' AND n.deleted_at IS NULL AND NOT EXISTS (
        SELECT FROM router_orders s WHERE s.nas_server_id = n.id AND s.status = 'sending')
    ORDER BY n.id LIMIT %(routers)s
), chosen AS MATERIALIZED (
    SELECT c.id FROM routers CROSS JOIN LATERAL (
        SELECT o.id FROM router_orders o
        WHERE o.nas_server_id = routers.id AND o.status = 'pending' AND o.next_attempt_at <= %(now)s
        ORDER BY o.id LIMIT %(each)s FOR UPDATE OF o SKIP LOCKED) c
)
UPDATE router_orders o SET status = 'sending', attempts = o.attempts + 1, claimed_until = %(until)s
FROM chosen WHERE o.id = chosen.id
RETURNING o.id, o.tenant_id, o.nas_server_id, o.kind, o.key, o.arguments, o.attempts
"""

# A worker that was killed; a newer order of the same thing makes the old one needless.
_RELEASE = """
WITH lost AS (
    SELECT o.id, EXISTS (SELECT FROM router_orders p WHERE p.nas_server_id = o.nas_server_id AND p.kind = o.kind
        AND p.key = o.key AND p.status = 'pending') AS is_replaced
    FROM router_orders o WHERE o.status = 'sending' AND o.claimed_until < %(now)s FOR UPDATE SKIP LOCKED
)
UPDATE router_orders o SET status = CASE WHEN lost.is_replaced THEN 'done' ELSE 'pending' END,
    result = CASE WHEN lost.is_replaced THEN 'replaced' END, claimed_until = NULL, next_attempt_at = %(now)s,
    finished_at = CASE WHEN lost.is_replaced THEN %(now)s END
FROM lost WHERE o.id = lost.id
"""

_AGAIN = (
    "UPDATE router_orders SET status = 'pending', claimed_until = NULL, next_attempt_at = %(at)s,"
    " attempts = %(attempts)s, problem = %(problem)s WHERE id = %(id)s AND status = 'sending'"
)
_OVER = (
    "UPDATE router_orders SET status = %(status)s, result = %(result)s, problem = %(problem)s, finished_at = %(now)s,"
    " claimed_until = NULL WHERE id = %(id)s AND status = 'sending'"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """An order this process holds; `attempts` counts the one that begins now."""

    id: int
    tenant_id: int
    nas_server_id: int
    kind: str
    key: str
    arguments: Mapping[str, Any]
    attempts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of an order: a `result`, or a `problem`. `is_final`: trying again would not help.

    `was_tried` False: the router was not reached before the time was over; that counts as no attempt.
    """

    order: Order
    result: str | None = None
    problem: str | None = None
    is_final: bool = False
    was_tried: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """How one router's API is reached; the password is still encrypted."""

    id: int
    tenant_id: int
    name: str
    host: str
    api_port: int
    api_username: str
    password_token: bytes | None = field(repr=False)
    api_tls: bool
    api_certificate_fingerprint: str | None
    provisioning_mode: str
    configuration: Mapping[str, Any]
    last_seen_at: datetime | None

    @property
    def target(self) -> Mapping[str, Any]:
        """What a `routeros.Target` is made of, the password in the clear; raises `UnableToDecrypt`."""
        return {
            "host": self.host,
            "port": self.api_port,
            "username": self.api_username,
            "password": "" if self.password_token is None else keyring().decrypt(bytes(self.password_token)),
            "is_tls": self.api_tls,
            "fingerprint": self.api_certificate_fingerprint,
        }


_ACCOUNTS = (
    "SELECT id, tenant_id, name, host(host) AS host, api_port, api_username, api_password_enc AS password_token,"
    " api_tls, api_certificate_fingerprint, provisioning_mode, configuration, last_seen_at FROM nas_servers"
    " WHERE api_username <> '' AND type = 'mikrotik' AND deleted_at IS NULL"
)


def accounts_of(connection: Connection, ids: Collection[int]) -> dict[int, Account]:
    """The API accounts of routers, by id; one without an account is left out."""
    with connection.cursor(row_factory=class_row(Account)) as cursor:
        found = cursor.execute(_ACCOUNTS + " AND id = ANY (%s)", [list(ids)]).fetchall()
    return {account.id: account for account in found}


def active_accounts(connection: Connection, *, modes: Sequence[str] | None = None) -> list[Account]:
    """Every router in use that has an API account, or those of these provisioning modes."""
    with connection.cursor(row_factory=class_row(Account)) as cursor:
        return cursor.execute(
            _ACCOUNTS + " AND is_active AND (%(modes)s::text[] IS NULL OR provisioning_mode = ANY (%(modes)s))"
            " ORDER BY id",
            {"modes": None if modes is None else list(modes)},
        ).fetchall()


def place_order(
    connection: Connection,
    *,
    tenant_id: int,
    nas_id: int,
    kind: str,
    key: str,
    reason: str,
    requested_by: str,
    now: datetime,
    arguments: Mapping[str, Any] | None = None,
) -> int:
    """Ask for something on a router; returns the order's id."""
    row = connection.execute(
        _PLACE,
        {
            "tenant_id": tenant_id,
            "nas_id": nas_id,
            "kind": kind,
            "key": key,
            "arguments": Jsonb(dict(arguments or {})),
            "reason": reason,
            "requested_by": requested_by,
            "now": now,
        },
    ).fetchone()
    return int(row[0]) if row else 0


def claim_orders(
    connection: Connection, *, now: datetime, until: datetime, busy: Collection[int], routers: int, each: int
) -> list[Order]:
    """Take what is due: at most `each` orders of at most so many routers, none of those that are `busy`."""
    values = {"now": now, "until": until, "busy": list(busy), "routers": routers, "each": each}
    with connection.cursor(row_factory=class_row(Order)) as cursor:
        return sorted(cursor.execute(_CLAIM, values).fetchall(), key=lambda order: order.id)


def release_orders(connection: Connection, *, now: datetime) -> int:
    """Put back what a killed worker held."""
    return connection.execute(_RELEASE, {"now": now}).rowcount


def record_outcomes(connection: Connection, outcomes: Sequence[Outcome], *, now: datetime) -> None:
    """Write what became of orders: over, or to be tried again after a while."""
    for outcome in outcomes:
        if outcome.problem is None or outcome.is_final or is_last(outcome.order.kind, outcome.order.attempts):
            _end(connection, outcome, now)
        else:
            _again(connection, outcome, now)


def _again(connection: Connection, outcome: Outcome, now: datetime) -> None:
    attempts = outcome.order.attempts if outcome.was_tried else outcome.order.attempts - 1
    at = now + wait_after(attempts) if outcome.was_tried else now
    values = {"id": outcome.order.id, "at": at, "attempts": attempts, "problem": (outcome.problem or "")[:300]}
    try:
        with connection.transaction():
            connection.execute(_AGAIN, values)
    except UniqueViolation:
        # The same was asked for anew meanwhile; that order goes on.
        _end(connection, Outcome(order=outcome.order, result="replaced"), now)


def _end(connection: Connection, outcome: Outcome, now: datetime) -> None:
    problem = None if outcome.problem is None else outcome.problem[:300]
    status = "done" if problem is None else "failed"
    values = {"id": outcome.order.id, "status": status, "result": outcome.result, "problem": problem, "now": now}
    connection.execute(_OVER, values)


def purge_orders(connection: Connection, *, before: datetime, batch: int = 5000) -> int:
    """Delete orders that were over long ago; returns how many."""
    return connection.execute(
        "DELETE FROM router_orders WHERE id IN (SELECT id FROM router_orders WHERE finished_at < %s LIMIT %s)",
        [before, batch],
    ).rowcount
