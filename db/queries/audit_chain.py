"""The chain over the audit log: what is not sealed yet, the links, and both beside each other for the check."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

# Values go in as their digest: when a customer is forgotten they are taken out, and just the digest stays in their
# place, so that the row can still be checked (`db.queries.personal_data`).
_DIGEST = (
    "CASE WHEN a.{0} = jsonb_build_object('forgotten', a.{0} ->> 'forgotten') THEN a.{0} ->> 'forgotten'"
    " ELSE encode(sha256(convert_to(a.{0}::text, 'UTF8')), 'hex') END"
)
# Everything a row says, as text, in an order that never changes. JSON is written as the database writes it.
_CONTENT = (
    "a.id::text, a.tenant_id::text, a.actor_user_id::text, a.actor_name, a.actor_type, a.action, a.entity_type,"
    f" a.entity_id::text, a.customer_id::text, {_DIGEST.format('old_values')}, {_DIGEST.format('new_values')},"
    " host(a.ip),"
    " trunc(extract(epoch FROM a.created_at) * 1000000)::bigint::text"
)
LOCK = "SELECT pg_try_advisory_xact_lock(hashtext('audit_seals'))"
HEAD = "SELECT seq, seal FROM audit_seals ORDER BY seq DESC LIMIT 1"
# Only what is committed is seen, so what a long transaction wrote comes later than what was written after it.
TAKE = f"""
WITH taken AS (
    DELETE FROM audit_unsealed WHERE audit_id IN (SELECT audit_id FROM audit_unsealed ORDER BY audit_id LIMIT %s)
    RETURNING audit_id
)
SELECT t.audit_id, a.id IS NULL, {_CONTENT} FROM taken t LEFT JOIN audit_logs a ON a.id = t.audit_id ORDER BY t.audit_id
"""  # noqa: S608 - our own columns
LINKS = f"""
SELECT s.seq, s.audit_id, s.seal, a.id IS NULL, {_CONTENT}
FROM audit_seals s LEFT JOIN audit_logs a ON a.id = s.audit_id ORDER BY s.seq
"""  # noqa: S608 - our own columns
STRAY = """
SELECT a.id FROM audit_logs a
WHERE NOT EXISTS (SELECT 1 FROM audit_seals s WHERE s.audit_id = a.id)
  AND NOT EXISTS (SELECT 1 FROM audit_unsealed u WHERE u.audit_id = a.id)
ORDER BY a.id LIMIT %s
"""
WAITING = """
SELECT count(*), min(a.created_at) FROM audit_unsealed u LEFT JOIN audit_logs a ON a.id = u.audit_id
"""
_ROWS_AT_ONCE = 5000


class Unsealed(NamedTuple):
    """A row that is to be sealed; `is_gone` when somebody took it away meanwhile."""

    audit_id: int
    is_gone: bool
    content: tuple[str | None, ...]


class Link(NamedTuple):
    """A link with the row that it is about."""

    seq: int
    audit_id: int
    seal: bytes
    is_gone: bool
    content: tuple[str | None, ...]


def lock_chain(connection: psycopg.Connection[Any]) -> bool:
    """Be the only one who adds to the chain until the transaction ends; False when somebody else is."""
    row = connection.execute(LOCK).fetchone()
    return bool(row and row[0])


def head(connection: psycopg.Connection[Any]) -> tuple[int, bytes]:
    """The number and seal of the last link; (0, nothing) of a chain that has none."""
    row = connection.execute(HEAD).fetchone()
    return (0, b"") if row is None else (int(row[0]), bytes(row[1]))


def take_unsealed(connection: psycopg.Connection[Any], limit: int) -> list[Unsealed]:
    """Take rows off the list of those to be sealed, the lowest ids first."""
    rows = connection.execute(TAKE, (limit,)).fetchall()
    return [Unsealed(row[0], row[1], tuple(row[2:])) for row in rows]


def add_links(connection: psycopg.Connection[Any], links: Sequence[tuple[int, int, bytes, datetime]]) -> None:
    """Write links: number, row, seal, when."""
    with connection.cursor().copy("COPY audit_seals (seq, audit_id, seal, sealed_at) FROM STDIN") as copy:
        for link in links:
            copy.write_row(link)


def links(connection: psycopg.Connection[Any]) -> Iterator[Link]:
    """The whole chain in its order, in portions."""
    with connection.cursor(name="audit_chain") as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        cursor.execute(LINKS)
        for row in cursor:
            yield Link(row[0], row[1], bytes(row[2]), row[3], tuple(row[4:]))


def stray_rows(connection: psycopg.Connection[Any], limit: int) -> list[int]:
    """Rows of the log that are neither in the chain nor waiting for it."""
    return [row[0] for row in connection.execute(STRAY, (limit,)).fetchall()]


def waiting(connection: psycopg.Connection[Any]) -> tuple[int, datetime | None]:
    """How many rows are not sealed yet, and when the oldest of them was written."""
    row = connection.execute(WAITING).fetchone()
    return (0, None) if row is None else (row[0], row[1])
