"""From a gateway's row to the gateway itself, and from what was said to the log."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

import gateways
from bss.actor import Actor
from bss.failure import Conflict, NotFound, Problem
from bss.rows import MAX_ID
from db.crypto import UnableToDecrypt
from db.models import GatewayLog, GatewayOrder, PaymentGateway
from db.queries.gateways import with_secrets
from gateways import Exchange, Gateway, Placed
from runtime.settings import get_settings


@dataclass(kw_only=True)
class Opened:
    """A gateway with the row that it is of; what is said with it gathers in `exchanges` until it is written down."""

    row: PaymentGateway
    gateway: Gateway
    exchanges: list[Exchange] = field(default_factory=list)


def opened(session: Session, gateway_id: int, *, actor: Actor) -> Opened:
    """The gateway of the actor's provider, ready to be asked; raises `NotFound`, or `Conflict` without its keys."""
    row = with_secrets(session, gateway_id, tenant_id=actor.tenant_id) if 0 < gateway_id <= MAX_ID else None
    if row is None:
        raise NotFound(Problem(field="", reason="there is no such gateway"))
    return open_row(row)


def open_row(row: PaymentGateway) -> Opened:
    """The same of a row that was read with its keys."""
    said: list[Exchange] = []
    values = {**{name: str(value) for name, value in row.settings.items()}, **secrets_of(row)}
    gateway = gateways.open_gateway(
        row.kind, values, is_production=row.is_production, record=said.append, host=host_of(row.kind)
    )
    return Opened(row=row, gateway=gateway, exchanges=said)


def secrets_of(row: PaymentGateway) -> dict[str, str]:
    """The keys in the clear."""
    try:
        found = json.loads(row.secrets)
    except UnableToDecrypt:
        reason = "the keys of this gateway were stored with a key that is gone"
        raise Conflict(Problem(field="", reason=reason, mend="enter them again")) from None
    return {str(name): str(value) for name, value in found.items()}


def host_of(kind: str) -> str | None:
    """Another host for a kind of gateway, for test benches: `LINTAS_GATEWAY_HOSTS=midtrans=http://127.0.0.1:9000`."""
    pairs = (pair.partition("=") for pair in get_settings().gateway_hosts.split(",") if pair.strip())
    return next((host.strip() for name, _, host in pairs if name.strip() == kind), None)


def placed(order: GatewayOrder) -> Placed:
    """An order as the gateway is asked about it."""
    return Placed(
        order_id=order.order_id,
        reference=order.reference or order.order_id,
        amount=order.amount,
        currency=order.currency,
        transaction_id=order.transaction_id,
        is_paid=order.status in ("paid", "refunded"),
    )


def write_down(session: Session, opened: Opened, *, order_id: str = "") -> None:
    """Write what was said into the log, in the caller's transaction."""
    session.add_all(_rows(opened, order_id))
    opened.exchanges.clear()


def _rows(opened: Opened, order_id: str) -> Sequence[GatewayLog]:
    return [
        GatewayLog(
            tenant_id=opened.row.tenant_id,
            gateway_id=opened.row.id,
            order_id=order_id,
            event=said.event,
            status=said.status,
            problem=said.problem[:300],
            request=dict(said.request),
            response=dict(said.response),
            took_ms=said.took_ms,
        )
        for said in opened.exchanges
    ]
