"""Webhooks and what is told to them: lists for staff, and the worker's claim, outcome and clearing up.

A claim is committed before anything is sent, so a worker that dies sends again what it had claimed: a receiver may be
told twice and knows it by the delivery's number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg.rows import class_row
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from db.crypto import keyring
from db.models import Webhook, WebhookDelivery, WebhookEvent
from db.queries.paging import Page, Wanted, fetch_page

Connection = psycopg.Connection[Any]
DELIVERY_SORTS: Mapping[str, Any] = MappingProxyType({"created_at": WebhookDelivery.created_at})


def webhooks_of(session: Session, *, tenant_id: int) -> list[Webhook]:
    """A provider's webhooks by name."""
    statement = select(Webhook).where(Webhook.tenant_id == tenant_id, Webhook.deleted_at.is_(None))
    return list(session.scalars(statement.order_by(func.lower(Webhook.name), Webhook.id)))


def count(session: Session, *, tenant_id: int) -> int:
    """How many there are."""
    statement = select(func.count()).select_from(Webhook)
    return session.scalar(statement.where(Webhook.tenant_id == tenant_id, Webhook.deleted_at.is_(None))) or 0


def counts_of(session: Session, webhook_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """How many deliveries of each webhook wait, came and failed."""
    found: dict[int, dict[str, int]] = {one: {"waiting": 0, "delivered": 0, "failed": 0} for one in webhook_ids}
    statement = (
        select(WebhookDelivery.webhook_id, WebhookDelivery.status, func.count())
        .where(WebhookDelivery.webhook_id.in_(webhook_ids))
        .group_by(WebhookDelivery.webhook_id, WebhookDelivery.status)
    )
    for webhook_id, status, number in session.execute(statement):
        found[webhook_id][status] = number
    return found


def page_of_deliveries(
    session: Session,
    *,
    tenant_id: int,
    wanted: Wanted,
    webhook_id: int,
    status: str | None = None,
    event: str | None = None,
) -> Page[WebhookDelivery]:
    """What was told, or waits to be."""
    statement = select(WebhookDelivery).where(
        WebhookDelivery.tenant_id == tenant_id, WebhookDelivery.webhook_id == webhook_id
    )
    if status is not None:
        statement = statement.where(WebhookDelivery.status == status)
    if event is not None:
        statement = statement.where(WebhookDelivery.event.has(WebhookEvent.type == event))
    return fetch_page(session, statement, sorts=DELIVERY_SORTS, row_id=WebhookDelivery.id, wanted=wanted)


def drop_waiting(session: Session, *, webhook_id: int, now: datetime) -> None:
    """Give up what waits for a webhook."""
    session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.status == "waiting")
        .values(status="failed", finished_at=now)
    )


def wake(session: Session, *, webhook_id: int, now: datetime) -> None:
    """Let everything that waits be due."""
    session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.status == "waiting")
        .values(next_attempt_at=now)
    )


def again(session: Session, *, webhook_id: int, now: datetime, delivery_id: int | None = None, most: int = 1) -> int:
    """Let one delivery, or those that failed, be told again; returns how many."""
    chosen = select(WebhookDelivery.id).where(WebhookDelivery.webhook_id == webhook_id)
    if delivery_id is not None:
        chosen = chosen.where(WebhookDelivery.id == delivery_id)
    else:
        chosen = chosen.where(WebhookDelivery.status == "failed").order_by(WebhookDelivery.id.desc()).limit(most)
    done: Any = session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id.in_(chosen))
        .values(status="waiting", attempts=0, next_attempt_at=now, finished_at=None, claimed_until=None)
        .execution_options(synchronize_session=False)
    )
    return int(done.rowcount)


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A delivery that this worker holds for a while, with all that is needed to make the call."""

    id: int
    webhook_id: int
    attempts: int
    type: str
    data: Mapping[str, Any]
    occurred_at: datetime
    url: str
    secret_enc: bytes = field(repr=False)

    @property
    def secret(self) -> str:
        """What signs the call."""
        return keyring().decrypt(bytes(self.secret_enc))


_CLAIM = """
WITH due AS (
    SELECT d.id FROM webhooks w CROSS JOIN LATERAL (
        SELECT x.id, x.next_attempt_at FROM webhook_deliveries x
        WHERE x.webhook_id = w.id AND x.status = 'waiting' AND x.next_attempt_at <= %(now)s
          AND (x.claimed_until IS NULL OR x.claimed_until <= %(now)s)
        ORDER BY x.next_attempt_at, x.id LIMIT %(each)s
        FOR UPDATE SKIP LOCKED) d
    WHERE w.is_active AND w.paused_at IS NULL
    ORDER BY d.next_attempt_at, d.id LIMIT %(most)s
), claimed AS (
    UPDATE webhook_deliveries d SET claimed_until = %(until)s FROM due WHERE d.id = due.id RETURNING d.*
)
SELECT c.id, c.webhook_id, c.attempts, e.type, e.data, e.occurred_at, w.url, w.secret_enc
FROM claimed c JOIN webhook_events e ON e.id = c.event_id JOIN webhooks w ON w.id = c.webhook_id
ORDER BY c.id
"""


def claim_due(connection: Connection, *, now: datetime, until: datetime, each: int, most: int) -> list[Claim]:
    """Take deliveries that are due, of each webhook some; nobody else gets them before `until`."""
    with connection.cursor(row_factory=class_row(Claim)) as cursor:
        return cursor.execute(_CLAIM, {"now": now, "until": until, "each": each, "most": most}).fetchall()


def release(connection: Connection, delivery_ids: Sequence[int]) -> None:
    """Give back what was claimed and not tried."""
    connection.execute("UPDATE webhook_deliveries SET claimed_until = NULL WHERE id = ANY (%s)", [list(delivery_ids)])


def note_call(
    connection: Connection,
    claim: Claim,
    *,
    sent_at: datetime,
    took_ms: int,
    http_status: int | None,
    problem: str,
    answer: str,
    next_attempt_at: datetime | None,
    now: datetime,
) -> None:
    """Write down a call and what follows from it. Without a problem it is delivered, without a next time it failed."""
    connection.execute(
        "INSERT INTO webhook_attempts (delivery_id, sent_at, took_ms, http_status, problem, answer)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        [claim.id, sent_at, took_ms, http_status, problem[:300], answer[:500]],
    )
    status = "delivered" if not problem else "waiting" if next_attempt_at else "failed"
    connection.execute(
        "UPDATE webhook_deliveries SET status = %s, attempts = attempts + 1, claimed_until = NULL,"
        " next_attempt_at = coalesce(%s, next_attempt_at), finished_at = %s WHERE id = %s AND status = 'waiting'",
        [status, next_attempt_at, None if status == "waiting" else now, claim.id],
    )


def note_success(connection: Connection, webhook_id: int, *, now: datetime) -> None:
    """The webhook hears."""
    connection.execute(
        "UPDATE webhooks SET failures = 0, last_delivered_at = %s, last_problem = '' WHERE id = %s", [now, webhook_id]
    )


def note_failure(
    connection: Connection, webhook_id: int, *, problem: str, now: datetime, pause_after: int
) -> tuple[int, str] | None:
    """One more failed call. Tenant and name of the webhook when that was one too many, and it is now paused."""
    row = connection.execute(
        "UPDATE webhooks SET failures = failures + 1, last_problem = %(problem)s,"
        " paused_at = CASE WHEN failures + 1 >= %(most)s AND paused_at IS NULL THEN %(now)s ELSE paused_at END"
        " WHERE id = %(id)s RETURNING tenant_id, name, paused_at = %(now)s",
        {"problem": problem[:300], "most": pause_after, "now": now, "id": webhook_id},
    ).fetchone()
    return (int(row[0]), str(row[1])) if row is not None and row[2] else None


def paused(connection: Connection) -> list[tuple[int, int]]:
    """Id and failed calls of the webhooks that wait for a person."""
    return connection.execute(
        "SELECT id, failures FROM webhooks WHERE paused_at IS NOT NULL AND deleted_at IS NULL AND is_active"
        " ORDER BY id LIMIT 100"
    ).fetchall()


def forget(connection: Connection, *, before: datetime, most_waiting: int) -> int:
    """Forget events from before, webhooks removed before, and of what waits all but the newest; returns how many."""
    gone = connection.execute("DELETE FROM webhook_events WHERE occurred_at < %s", [before]).rowcount
    connection.execute("DELETE FROM webhooks WHERE deleted_at < %s", [before])
    over = connection.execute(
        "WITH given_up AS (UPDATE webhook_deliveries d SET status = 'failed', finished_at = now() FROM ("
        "   SELECT w.id, (SELECT x.id FROM webhook_deliveries x WHERE x.webhook_id = w.id AND x.status = 'waiting'"
        "     ORDER BY x.id DESC OFFSET %s LIMIT 1) AS last FROM webhooks w) o"
        "  WHERE d.webhook_id = o.id AND d.id <= o.last AND d.status = 'waiting' RETURNING d.webhook_id)"
        " UPDATE webhooks w SET dropped = dropped + g.n FROM ("
        "   SELECT webhook_id, count(*)::int AS n FROM given_up GROUP BY webhook_id) g WHERE w.id = g.webhook_id",
        [most_waiting],
    ).rowcount
    return gone + over
