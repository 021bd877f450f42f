"""Orders whose end nobody told us: asked about, one after another, until each is paid or over.

A webhook may be lost, or come while we were away; a payer must be online all the same. Each order is claimed by moving
its next time ahead, so two runs share the work, and one that was killed is taken up by the next.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bss.actor import Actor
from bss.failure import Failure
from bss.gateways import orders
from bss.gateways.booking import Applied, apply
from bss.outcome import NO_EFFECT, Effect
from db.engine import use_tenant
from db.models import GatewayOrder
from db.queries import gateways as queries
from domain.lifecycle import IllegalMove
from gateways import ABOUT, Standing
from gateways.interface import UNKNOWN
from runtime.logs import get_logger

CLAIM_FOR = timedelta(minutes=5)
AT_ONCE = 20
# A run takes on new orders for so long; a gateway that is down must not hold it for ever.
RUN_FOR = timedelta(minutes=8)
# After so many in a row without an answer a gateway is left alone until the next run.
MOST_FAILURES = 3

log = get_logger("bss.gateways")


@dataclass(kw_only=True)
class Reconciled:
    """What a run came to."""

    asked: int = 0
    paid: int = 0
    parked: int = 0
    failed: int = 0
    effect: Effect = NO_EFFECT


def reconcile(
    session: Session,
    *,
    clock: Callable[[], datetime],
    tenant_id: int | None = None,
    everything: bool = False,
    on_effect: Callable[[], object] | None = None,
) -> Reconciled:
    """Ask about every order that is due; commits after each. `everything` asks about all that may still be paid.

    `on_effect` is called when a running session is to be changed, so that nobody waits for the end of the run.
    """
    done, ends, failures = Reconciled(), clock() + RUN_FOR, dict[int, int]()
    if everything:
        queries.make_due(session, now=clock(), tenant_id=tenant_id)
        session.commit()
    while clock() < ends:
        claimed = queries.claim_due(session, now=clock(), until=clock() + CLAIM_FOR, limit=AT_ONCE, tenant_id=tenant_id)
        session.commit()
        if not claimed:
            break
        for order in claimed:
            if failures.get(order.gateway_id, 0) < MOST_FAILURES:
                _one(session, clock(), order, done, failures, on_effect)
    return done


def would_ask(session: Session, *, now: datetime) -> list[str]:
    """The orders that a run would ask about now, in words."""
    return [f"{order.order_id}: {order.status}" for order in queries.due_orders(session, now=now, limit=200)]


def _one(
    session: Session,
    now: datetime,
    order: GatewayOrder,
    done: Reconciled,
    failures: dict[int, int],
    on_effect: Callable[[], object] | None,
) -> None:
    use_tenant(session, order.tenant_id)
    actor = Actor.system(tenant_id=order.tenant_id, name="payment reconciliation")
    done.asked += 1
    try:
        applied = _ask(session, actor, now, order)
    except (Failure, IllegalMove) as refusal:
        session.rollback()
        done.failed += 1
        failures[order.gateway_id] = failures.get(order.gateway_id, 0) + 1
        log.warning("an order could not be asked about", order_id=order.order_id, reason=str(refusal))
        return
    failures.pop(order.gateway_id, None)
    done.paid += applied.is_booked
    done.parked += applied.parked_id is not None
    done.effect += applied.effect
    if applied.effect.sessions and on_effect is not None:
        on_effect()


def _ask(session: Session, actor: Actor, now: datetime, order: GatewayOrder) -> Applied:
    if ABOUT[order.gateway.kind].can_be_asked:
        return orders.check(session, actor=actor, now=now, row_id=order.id)
    silent = Standing(status=UNKNOWN, word="by hand")
    applied = apply(session, actor=actor, now=now, row_id=order.id, standing=silent)
    session.commit()
    return applied
