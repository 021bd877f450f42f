"""Answers kept for requests that are sent again: looked up, written, forgotten.

Plain SQL, because an operator's token keeps its own answers too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row, scalar_row
from psycopg.types.json import Jsonb

from db.crypto import keyring
from db.models import ApiToken

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    id: int
    fingerprint: str
    busy_until: datetime
    http_status: int | None
    headers: Mapping[str, str]
    body_enc: bytes | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A request that came before. `body` is None while it is carried out, and when its answer was too long."""

    id: int
    fingerprint: str
    busy_until: datetime
    http_status: int | None
    headers: Mapping[str, str]
    body: str | None
    created_at: datetime


def is_mine(connection: Connection, *, token_id: int, key: str) -> bool:
    """Whether nobody else holds this key; it is held until the transaction ends."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        statement = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 24))"
        return bool(cursor.execute(statement, [f"{token_id}:{key}"]).fetchone())


def find(connection: Connection, *, token_id: int, key: str) -> Kept | None:
    """What is kept for a token's key."""
    with connection.cursor(row_factory=class_row(_Row)) as cursor:
        row = cursor.execute(
            "SELECT id, fingerprint, busy_until, http_status, headers, body_enc, created_at FROM idempotency_keys"
            " WHERE api_token_id = %s AND key = %s",
            [token_id, key],
        ).fetchone()
    if row is None:
        return None
    return Kept(
        id=row.id,
        fingerprint=row.fingerprint,
        busy_until=row.busy_until,
        http_status=row.http_status,
        headers=row.headers,
        body=None if row.body_enc is None else keyring().decrypt(bytes(row.body_enc)),
        created_at=row.created_at,
    )


def insert(connection: Connection, *, token: ApiToken, key: str, fingerprint: str, busy_until: datetime) -> int:
    """Note that a request is being carried out; returns the row's id."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        found = cursor.execute(
            "INSERT INTO idempotency_keys (tenant_id, api_token_id, key, fingerprint, busy_until)"
            " VALUES (%s, %s, %s, %s, %s) RETURNING id",
            [token.tenant_id, token.id, key, fingerprint, busy_until],
        ).fetchone()
    return int(found or 0)


def finish(
    connection: Connection, row_id: int, *, http_status: int, headers: Mapping[str, str], body: str | None
) -> None:
    """Keep the answer."""
    secret = None if body is None else keyring().encrypt(body)
    connection.execute(
        "UPDATE idempotency_keys SET http_status = %s, headers = %s, body_enc = %s WHERE id = %s",
        [http_status, Jsonb(dict(headers)), secret, row_id],
    )


def delete(connection: Connection, row_id: int) -> None:
    """Forget one."""
    connection.execute("DELETE FROM idempotency_keys WHERE id = %s", [row_id])


def forget(connection: Connection, *, before: datetime, most: int) -> int:
    """Forget what is older, and of each provider all but the newest `most`; returns how many."""
    old = connection.execute("DELETE FROM idempotency_keys WHERE created_at < %s", [before]).rowcount
    over = connection.execute(
        "DELETE FROM idempotency_keys k USING ("
        "  SELECT t.id AS tenant_id, (SELECT n.id FROM idempotency_keys n WHERE n.tenant_id = t.id"
        "    ORDER BY n.id DESC OFFSET %s LIMIT 1) AS last FROM tenants t) x"
        " WHERE k.tenant_id = x.tenant_id AND k.id <= x.last",
        [most],
    ).rowcount
    return old + over
