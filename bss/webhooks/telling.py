"""Tells webhooks what happened: claims what is due, makes the calls side by side, writes down what came of them."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy.orm import Session

from bss import audit
from bss.actor import Actor
from bss.webhooks.calling import Answer, call
from db.engine import psycopg_of
from db.models import Webhook, WebhookDelivery
from db.queries import webhooks as queries
from db.queries.webhooks import Claim
from domain.webhook import PAUSE_AFTER, Network, message, retry_at, signature

EACH, MOST, SIDE_BY_SIDE = 20, 200, 8
# Longer than a webhook's whole share can take; only a worker that died lets it run out.
CLAIMED = timedelta(minutes=10)
KEEP, MOST_WAITING = timedelta(days=14), 50_000
SYSTEM = "webhooks"
Clock = Callable[[], datetime]
Caller = Callable[..., Answer]
Called = tuple[Claim, datetime, Answer]


def tell(session: Session, *, clock: Clock, allowed: Sequence[Network], caller: Caller = call) -> int:
    """Make the calls that are due now; returns how many were made. Commits."""
    now = clock()
    claims = queries.claim_due(psycopg_of(session), now=now, until=now + CLAIMED, each=EACH, most=MOST)
    session.commit()
    if not claims:
        return 0
    by_webhook = [list(group) for _, group in groupby(sorted(claims, key=_order), key=lambda one: one.webhook_id)]
    made = 0
    with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE, thread_name_prefix="webhook") as pool:
        share = pool.map(lambda group: _tell_one(group, clock=clock, allowed=allowed, caller=caller), by_webhook)
        for group, calls in zip(by_webhook, share, strict=True):
            for called in calls:
                _note(session, called, clock())
            queries.release(psycopg_of(session), [claim.id for claim in group[len(calls) :]])
            session.commit()
            made += len(calls)
    return made


def forget(session: Session, *, now: datetime) -> int:
    """Forget what was told long ago, and what nobody can be told any more."""
    return queries.forget(psycopg_of(session), before=now - KEEP, most_waiting=MOST_WAITING)


def body_of(claim: Claim) -> bytes:
    """The bytes that are sent and signed."""
    told = message(delivery_id=claim.id, event_type=claim.type, occurred_at=claim.occurred_at, data=claim.data)
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def message_of(delivery: WebhookDelivery) -> dict[str, object]:
    """What a delivery tells, for people."""
    event = delivery.event
    return message(delivery_id=delivery.id, event_type=event.type, occurred_at=event.occurred_at, data=event.data)


def _order(claim: Claim) -> tuple[int, int]:
    return claim.webhook_id, claim.id


def _tell_one(claims: Sequence[Claim], *, clock: Clock, allowed: Sequence[Network], caller: Caller) -> list[Called]:
    """One webhook's share, in order. Who does not answer once is not asked for the rest of it."""
    calls: list[Called] = []
    for claim in claims:
        at, body = clock(), body_of(claim)
        headers = {
            "content-type": "application/json",
            "lintas-event": claim.type,
            "lintas-delivery": str(claim.id),
            "lintas-signature": signature(claim.secret, body=body, at=int(at.timestamp())),
        }
        answer = caller(claim.url, body=body, headers=headers, allowed=allowed)
        calls.append((claim, at, answer))
        if not answer.is_ok:
            break
    return calls


def _note(session: Session, called: Called, now: datetime) -> None:
    claim, sent_at, answer = called
    connection = psycopg_of(session)
    problem = "" if answer.is_ok else answer.problem or "no answer"
    queries.note_call(
        connection,
        claim,
        sent_at=sent_at,
        took_ms=answer.took_ms,
        http_status=answer.status,
        problem=problem,
        answer=answer.text,
        next_attempt_at=retry_at(claim.attempts + 1, now) if problem else None,
        now=now,
    )
    if not problem:
        queries.note_success(connection, claim.webhook_id, now=now)
        return
    paused = queries.note_failure(connection, claim.webhook_id, problem=problem, now=now, pause_after=PAUSE_AFTER)
    if paused is not None:
        _record_pause(session, claim.webhook_id, tenant_id=paused[0], now=now, problem=problem)


def _record_pause(session: Session, webhook_id: int, *, tenant_id: int, now: datetime, problem: str) -> None:
    actor = Actor.system(tenant_id=tenant_id, name=SYSTEM)
    row = session.get_one(Webhook, webhook_id)
    audit.record(session, actor=actor, now=now, action="webhook.paused", entity=row, new={"problem": problem})
    session.flush()
