"""Webhooks as staff enter, change and remove them, and what they ask to be told again.

The secret is made here and shown once; whoever receives checks with it that a call is ours.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.failure import Conflict, Invalid, NotFound, Problem
from bss.outcome import Issued
from bss.rows import find, locked
from bss.webhooks.calling import Target, Unsafe, target_of
from db.models import Webhook, WebhookDelivery, WebhookEvent
from db.queries import webhooks as queries
from domain.webhook import EVENTS, MAX_URL, PING

MAX_WEBHOOKS = 20
REPLAY_AT_ONCE = 10_000


def create(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    name: str,
    url: str,
    events: Sequence[str],
    is_active: bool = True,
    allows_http: bool = False,
) -> Issued[Webhook]:
    """Enter an address. `allows_http`: the settings name networks to which calls may go unencrypted."""
    if queries.count(session, tenant_id=actor.tenant_id) >= MAX_WEBHOOKS:
        raise Conflict(Problem(field="", reason=f"there are {MAX_WEBHOOKS} already", mend="remove one first"))
    secret = _new_secret()
    row = Webhook(
        tenant_id=actor.tenant_id,
        **_clean({"name": name, "url": url, "events": events}, allows_http=allows_http),
        is_active=is_active,
        secret=secret,
    )
    session.add(row)
    session.flush()
    audit.record(session, actor=actor, now=now, action="webhook.created", entity=row, new=_shown(row))
    session.flush()
    return Issued(row=row, secret=secret)


def change(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    webhook_id: int,
    version: int | None = None,
    allows_http: bool = False,
    **changes: Any,
) -> Webhook:
    """Change name, address, events, or switch it on or off."""
    row = _locked(session, actor, webhook_id, version)
    wanted = _clean({k: v for k, v in changes.items() if k != "is_active"}, allows_http=allows_http)
    if "is_active" in changes:
        wanted["is_active"] = bool(changes["is_active"])
    old, new = audit.set_fields(row, wanted)
    if new:
        row.version += 1
        audit.record(session, actor=actor, now=now, action="webhook.updated", entity=row, old=old, new=new)
        session.flush()
    return row


def remove(session: Session, *, actor: Actor, now: datetime, webhook_id: int, version: int | None = None) -> Webhook:
    """Tell it nothing more, not even what waits."""
    row = _locked(session, actor, webhook_id, version)
    row.is_active, row.deleted_at, row.secret = False, now, _new_secret()
    queries.drop_waiting(session, webhook_id=row.id, now=now)
    audit.record(session, actor=actor, now=now, action="webhook.deleted", entity=row, old=_shown(row))
    session.flush()
    return row


def change_secret(session: Session, *, actor: Actor, now: datetime, webhook_id: int) -> Issued[Webhook]:
    """A new secret; the old one signs nothing from now on."""
    row = _locked(session, actor, webhook_id, None)
    row.secret = secret = _new_secret()
    row.version += 1
    audit.record(session, actor=actor, now=now, action="webhook.secret_changed", entity=row, new={"secret": ""})
    session.flush()
    return Issued(row=row, secret=secret)


def resume(session: Session, *, actor: Actor, now: datetime, webhook_id: int) -> Webhook:
    """Go on telling one that was paused, what waited first."""
    row = _locked(session, actor, webhook_id, None)
    if row.paused_at is not None:
        row.paused_at, row.failures = None, 0
        row.version += 1
        queries.wake(session, webhook_id=row.id, now=now)
        audit.record(session, actor=actor, now=now, action="webhook.resumed", entity=row)
        session.flush()
    return row


def ping(session: Session, *, actor: Actor, now: datetime, webhook_id: int) -> WebhookDelivery:
    """Tell it something harmless, to see whether it hears."""
    row = find_one(session, actor=actor, webhook_id=webhook_id)
    if not row.is_active:
        raise Conflict(Problem(field="", reason="is switched off", mend="switch it on first"))
    event = WebhookEvent(
        tenant_id=actor.tenant_id,
        type=PING,
        data={"entity_type": "webhooks", "entity_id": row.id, "actor_type": actor.kind, "actor_name": actor.name},
        occurred_at=now,
    )
    session.add(event)
    session.flush()
    delivery = WebhookDelivery(
        tenant_id=actor.tenant_id, webhook_id=row.id, event_id=event.id, event=event, next_attempt_at=now
    )
    session.add(delivery)
    session.flush()
    session.refresh(delivery)
    return delivery


def replay(session: Session, *, actor: Actor, now: datetime, delivery_id: int) -> WebhookDelivery:
    """Tell an event once more, whatever became of it before; it keeps its number, so that a receiver knows it."""
    delivery = find(session, WebhookDelivery, delivery_id, actor=actor)
    row = find_one(session, actor=actor, webhook_id=delivery.webhook_id)
    queries.again(session, webhook_id=row.id, now=now, delivery_id=delivery.id)
    audit.record(session, actor=actor, now=now, action="webhook.replayed", entity=row, new={"delivery": delivery.id})
    session.flush()
    session.refresh(delivery)
    return delivery


def replay_failed(session: Session, *, actor: Actor, now: datetime, webhook_id: int) -> int:
    """Tell everything once more that failed; returns how many."""
    row = find_one(session, actor=actor, webhook_id=webhook_id)
    count = queries.again(session, webhook_id=row.id, now=now, most=REPLAY_AT_ONCE)
    if count:
        audit.record(session, actor=actor, now=now, action="webhook.replayed", entity=row, new={"failed": count})
        session.flush()
    return count


def find_one(session: Session, *, actor: Actor, webhook_id: int) -> Webhook:
    """The webhook, unless it was removed."""
    row = find(session, Webhook, webhook_id, actor=actor)
    if row.deleted_at is not None:
        raise NotFound(Problem(field="", reason="there is no such webhook"))
    return row


def _locked(session: Session, actor: Actor, webhook_id: int, version: int | None) -> Webhook:
    row = locked(session, Webhook, webhook_id, actor=actor, version=version)
    if row.deleted_at is not None:
        raise NotFound(Problem(field="", reason="there is no such webhook"))
    return row


def _clean(given: Mapping[str, Any], *, allows_http: bool) -> dict[str, Any]:
    clean = dict(given)
    if "name" in clean:
        clean["name"] = fields.text(clean["name"], field="name", longest=80, required=True)
    if "url" in clean:
        clean["url"] = fields.text(clean["url"], field="url", longest=MAX_URL, required=True)
        _check(clean["url"], allows_http=allows_http)
    if "events" in clean:
        clean["events"] = _events(clean["events"])
    return clean


def _check(url: str, *, allows_http: bool) -> Target:
    try:
        target = target_of(url)
        if not target.is_tls and not allows_http:
            raise Unsafe("does not begin with https://")
    except Unsafe as error:
        mend = "write it like https://hooks.example.net/lintas"
        raise Invalid(Problem(field="url", reason=str(error), mend=mend)) from None
    return target


def _events(given: Sequence[str]) -> list[str]:
    chosen = sorted(set(given))
    unknown = [one for one in chosen if one not in EVENTS]
    if unknown or not chosen:
        reason = f"there is no event {unknown[0][:60]!r}" if unknown else "at least one is needed"
        raise Invalid(Problem(field="events", reason=reason, mend="choose from the list of events"))
    return chosen


def _new_secret() -> str:
    return f"whsec_{secrets.token_urlsafe(32)}"


def _shown(row: Webhook) -> dict[str, Any]:
    return audit.snapshot(row, ("name", "url", "events", "is_active"))
