"""What a gateway tells by itself: read, held against its signature, and then asked about.

The answer to the gateway says only whether it may forget the message. It may when we have dealt with it, also before;
it may not when our database is away or when the gateway itself did not answer, and then it sends it again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from bss.actor import Actor
from bss.failure import Conflict
from bss.gateways.booking import SOON, Applied, apply, of_nobody
from bss.gateways.opening import Opened, open_row, placed, write_down
from bss.outcome import NO_EFFECT, Effect
from db.engine import use_tenant
from db.models import GatewayOrder, PaymentGateway
from db.queries import gateways as queries
from domain.gateway import BOOKED, OPEN
from gateways import ABOUT, Event, GatewayError, Placed, Standing, WebhookRefused
from gateways.interface import UNKNOWN
from runtime.logs import get_logger

log = get_logger("bss.gateways")

# When a gateway was last heard of is kept to the minute, so that its webhooks do not wait for each other.
HEARD_EVERY = timedelta(minutes=1)
DONE, REPEATED, REFUSED, NOBODYS, LATER = "done", "repeated", "refused", "nobodys", "later"


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What became of a webhook: one of the words above, what it did, and who must be woken."""

    outcome: str
    applied: Applied | None = None
    effect: Effect = NO_EFFECT


def receive(session: Session, *, now: datetime, public_key: str, headers: Mapping[str, str], body: bytes) -> Heard:
    """Deal with a webhook (header names in lower case). Commits by itself; raises only what the database raises.

    The gateway is asked while nothing is locked and no transaction is open. What it says and the event's key are then
    written in one, so a message that was cut off anywhere is dealt with when it comes again.
    """
    row = queries.gateway_with_key(session, public_key)
    if row is None or not ABOUT[row.kind].has_webhook:
        return Heard(outcome=NOBODYS)
    use_tenant(session, row.tenant_id)
    try:
        there = open_row(row)
        event = there.gateway.parse_webhook(headers, body, now=now)
    except WebhookRefused as refusal:
        log.warning("a webhook was refused", gateway_id=row.id, gateway=row.kind, reason=refusal.reason)
        return Heard(outcome=REFUSED)
    except Conflict as problem:
        log.warning("the keys of a gateway cannot be read", gateway_id=row.id, gateway=row.kind, reason=str(problem))
        return Heard(outcome=LATER)
    if queries.event_is_known(session, gateway_id=row.id, key=event.key):
        session.commit()
        return Heard(outcome=REPEATED)
    order = queries.order_at_gateway(session, gateway_id=row.id, order_id=event.order_id, reference=event.reference)
    session.commit()
    return _told(session, now, there, event, order)


def actor_of(row: PaymentGateway) -> Actor:
    """Who acts when a gateway tells something."""
    return Actor.system(tenant_id=row.tenant_id, name=f"payment gateway {row.name}")


def _told(session: Session, now: datetime, there: Opened, event: Event, order: GatewayOrder | None) -> Heard:
    row, actor = there.row, actor_of(there.row)
    standing = event.unproven or _asked(session, now, there, event, order)
    if standing is None:
        return Heard(outcome=LATER)
    if not _write_event(session, there, event, order, now):
        session.rollback()
        return Heard(outcome=REPEATED)
    if event.unproven is not None:
        of_nobody(
            session, actor=actor, now=now, gateway=row, standing=standing, reason="unconfirmed", payer=event.payer
        )
        applied = None
    elif order is not None:
        applied = apply(session, actor=actor, now=now, row_id=order.id, standing=standing)
        _ask_again_if_it_lags(applied, standing, now)
    else:
        applied = None
        if standing.status in BOOKED:
            of_nobody(session, actor=actor, now=now, gateway=row, standing=standing)
    write_down(session, there, order_id=_order_id(event, order))
    session.commit()
    return Heard(outcome=DONE, applied=applied, effect=NO_EFFECT if applied is None else applied.effect)


def _asked(session: Session, now: datetime, there: Opened, event: Event, order: GatewayOrder | None) -> Standing | None:
    """The gateway's own word; None when it does not answer, which leaves the message to come again."""
    try:
        return there.gateway.status(placed(order) if order is not None else _foreign(event))
    except GatewayError as error:
        log.warning("the gateway told something and does not answer", gateway_id=there.row.id, error=str(error))
        write_down(session, there, order_id=_order_id(event, order))
        _look_soon(session, order, now)
        session.commit()
        return None


def _foreign(event: Event) -> Placed:
    """An order that is none of ours, as far as the gateway may know it."""
    name = event.order_id or ""
    return Placed(order_id=name, reference=event.reference or name, amount=Decimal(0), currency="")


def _look_soon(session: Session, order: GatewayOrder | None, now: datetime) -> None:
    if order is None:
        return
    fresh = session.get(GatewayOrder, order.id, with_for_update={"of": GatewayOrder}, populate_existing=True)
    if fresh is not None and fresh.status not in BOOKED:
        fresh.next_check_at = now + SOON


def _ask_again_if_it_lags(applied: Applied, standing: Standing, now: datetime) -> None:
    """The gateway's API may be a moment behind its own messages."""
    order = applied.order
    if order is not None and order.status in OPEN and standing.status in (UNKNOWN, "pending"):
        order.next_check_at = now + SOON


def _write_event(session: Session, there: Opened, event: Event, order: GatewayOrder | None, now: datetime) -> bool:
    queries.heard_from(session, gateway_id=there.row.id, now=now, least=HEARD_EVERY)
    return queries.write_event(
        session,
        tenant_id=there.row.tenant_id,
        gateway_id=there.row.id,
        order_id=_order_id(event, order),
        event="notification",
        claims=event.claims[:80],
        event_key=event.key[:300],
        created_at=now,
    )


def _order_id(event: Event, order: GatewayOrder | None) -> str:
    return order.order_id if order is not None else (event.order_id or "")[:50]
