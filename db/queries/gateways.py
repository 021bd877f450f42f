"""Payment gateways, their orders, links and log: found, listed, locked, and written once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute, Session, undefer

from db.models import (
    Customer,
    GatewayLog,
    GatewayOrder,
    Invoice,
    ParkedPayment,
    PaymentGateway,
    PaymentLink,
    SessionChange,
)
from db.queries.paging import Page, Wanted, fetch_page
from domain.gateway import BEGUN

ORDER_SORTS: dict[str, InstrumentedAttribute[Any]] = {"created_at": GatewayOrder.created_at, "id": GatewayOrder.id}
LOG_SORTS: dict[str, InstrumentedAttribute[Any]] = {"id": GatewayLog.id}
PARKED_SORTS: dict[str, InstrumentedAttribute[Any]] = {"id": ParkedPayment.id}
LINK_SORTS: dict[str, InstrumentedAttribute[Any]] = {"id": PaymentLink.id}
_LOG_OF_ORDER = 100


# --- gateways -----------------------------------------------------------------------------------------------------


def gateways_of(session: Session, *, tenant_id: int, active_only: bool = False) -> Sequence[PaymentGateway]:
    """A provider's gateways as he orders them; never more than a handful."""
    statement = select(PaymentGateway).where(PaymentGateway.tenant_id == tenant_id, PaymentGateway.deleted_at.is_(None))
    if active_only:
        statement = statement.where(PaymentGateway.is_active)
    return session.scalars(statement.order_by(PaymentGateway.position, PaymentGateway.id).limit(100)).all()


def gateway_named(session: Session, text: str, *, tenant_id: int) -> PaymentGateway | None:
    """By name, id or kind; a name wins."""
    wanted = text.strip().lower()
    for row in gateways_of(session, tenant_id=tenant_id):
        if row.name.lower() == wanted:
            return row
    rows = gateways_of(session, tenant_id=tenant_id)
    return next((row for row in rows if str(row.id) == wanted or row.kind == wanted), None)


def gateway_with_key(session: Session, public_key: str) -> PaymentGateway | None:
    """Whose webhooks come to that address, also when it is no longer offered: its payers may still be paying."""
    statement = select(PaymentGateway).where(PaymentGateway.public_key == public_key)
    return session.scalars(statement.options(undefer(PaymentGateway.secrets))).one_or_none()


def with_secrets(session: Session, gateway_id: int, *, tenant_id: int) -> PaymentGateway | None:
    """A gateway with its keys, also one that is no longer offered."""
    statement = select(PaymentGateway).where(PaymentGateway.id == gateway_id, PaymentGateway.tenant_id == tenant_id)
    return session.scalars(
        statement.options(undefer(PaymentGateway.secrets)), execution_options={"populate_existing": True}
    ).one_or_none()


# --- orders -------------------------------------------------------------------------------------------------------


def order_named(session: Session, *, tenant_id: int, order_id: str) -> GatewayOrder | None:
    """By the name that the gateway has for it from us."""
    statement = select(GatewayOrder).where(GatewayOrder.tenant_id == tenant_id, GatewayOrder.order_id == order_id)
    return session.scalars(statement).one_or_none()


def order_at_gateway(
    session: Session, *, gateway_id: int, order_id: str | None, reference: str | None
) -> GatewayOrder | None:
    """The order that a gateway speaks of, by our name or its own; both when it says both."""
    if order_id is None and reference is None:
        return None
    statement = select(GatewayOrder).where(GatewayOrder.gateway_id == gateway_id)
    if order_id is not None:
        statement = statement.where(GatewayOrder.order_id == order_id)
    if reference is not None:
        statement = statement.where(or_(GatewayOrder.reference == reference, GatewayOrder.reference == ""))
    return session.scalars(statement.order_by(GatewayOrder.id.desc()).limit(1)).one_or_none()


def order_with_page(session: Session, page_key: str) -> GatewayOrder | None:
    """The order whose payer came back."""
    return session.scalars(select(GatewayOrder).where(GatewayOrder.page_key == page_key)).one_or_none()


def open_orders(
    session: Session, *, gateway_id: int, customer_id: int, invoice_id: int | None
) -> Sequence[GatewayOrder]:
    """What a customer has begun and not ended at a gateway, for one invoice or for none."""
    statement = select(GatewayOrder).where(
        GatewayOrder.gateway_id == gateway_id,
        GatewayOrder.customer_id == customer_id,
        GatewayOrder.invoice_id.is_(None) if invoice_id is None else GatewayOrder.invoice_id == invoice_id,
        GatewayOrder.status.in_(("created", "pending")),
    )
    return session.scalars(statement.order_by(GatewayOrder.id.desc()).limit(20)).all()


def restored_ms(session: Session, order: GatewayOrder) -> int | None:
    """How long after we learned of the payment a router had answered for the first session; None while none has."""
    if not order.change_ids or order.told_at is None:
        return None
    statement = select(func.min(SessionChange.finished_at)).where(
        SessionChange.id.in_(order.change_ids), SessionChange.status == "ack"
    )
    first = session.scalar(statement)
    return None if first is None else max(0, int((first - order.told_at).total_seconds() * 1000))


def orders_of_invoice(session: Session, invoice_id: int) -> Sequence[GatewayOrder]:
    """Every try to pay an invoice, the newest first."""
    statement = select(GatewayOrder).where(GatewayOrder.invoice_id == invoice_id)
    return session.scalars(statement.order_by(GatewayOrder.id.desc()).limit(50)).all()


def is_pending(session: Session, *, invoice_id: int | None, link_id: int) -> bool:
    """Whether money may be on its way for what a link is for."""
    same = GatewayOrder.link_id == link_id
    statement = select(GatewayOrder.id).where(
        same if invoice_id is None else or_(same, GatewayOrder.invoice_id == invoice_id),
        or_(
            GatewayOrder.status == "held",
            and_(GatewayOrder.status == "pending", GatewayOrder.gateway_status.in_(BEGUN)),
        ),
    )
    return session.scalar(statement.limit(1)) is not None


def claim_due(
    session: Session, *, now: datetime, until: datetime, limit: int, tenant_id: int | None = None
) -> Sequence[GatewayOrder]:
    """Orders that are to be asked about, each claimed by moving its next time ahead; the longest due first."""
    due = _due(now, tenant_id).order_by(GatewayOrder.next_check_at).limit(limit).with_for_update(skip_locked=True)
    statement = (
        update(GatewayOrder)
        .where(GatewayOrder.id.in_(due.scalar_subquery()))
        .values(next_check_at=until)
        .returning(GatewayOrder.id)
    )
    ids = session.scalars(statement, execution_options={"synchronize_session": False}).all()
    rows = select(GatewayOrder).where(GatewayOrder.id.in_(ids)).order_by(GatewayOrder.id)
    return session.scalars(rows, execution_options={"populate_existing": True}).all()


def due_orders(session: Session, *, now: datetime, limit: int) -> Sequence[GatewayOrder]:
    """The same without claiming them."""
    ids = _due(now, None).order_by(GatewayOrder.next_check_at).limit(limit)
    rows = select(GatewayOrder).where(GatewayOrder.id.in_(ids.scalar_subquery())).order_by(GatewayOrder.next_check_at)
    return session.scalars(rows).all()


def make_due(session: Session, *, now: datetime, tenant_id: int | None) -> None:
    """Let every order that may still be paid be asked about now."""
    statement = update(GatewayOrder).where(GatewayOrder.next_check_at > now)
    if tenant_id is not None:
        statement = statement.where(GatewayOrder.tenant_id == tenant_id)
    session.execute(statement.values(next_check_at=now), execution_options={"synchronize_session": False})


def _due(now: datetime, tenant_id: int | None) -> Select[int]:
    statement = select(GatewayOrder.id).where(GatewayOrder.next_check_at <= now)
    return statement if tenant_id is None else statement.where(GatewayOrder.tenant_id == tenant_id)


def list_orders(
    session: Session,
    *,
    tenant_id: int,
    wanted: Wanted,
    status: str | None = None,
    gateway_id: int | None = None,
    customer_id: int | None = None,
    invoice_id: int | None = None,
    search: str = "",
) -> Page[GatewayOrder]:
    """Orders, with their customers; `search` is an order's name, a payment's or a customer's."""
    statement = (
        select(GatewayOrder)
        .join(Customer, Customer.id == GatewayOrder.customer_id)
        .where(GatewayOrder.tenant_id == tenant_id)
    )
    for column, value in (
        (GatewayOrder.status, status),
        (GatewayOrder.gateway_id, gateway_id),
        (GatewayOrder.customer_id, customer_id),
        (GatewayOrder.invoice_id, invoice_id),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if search:
        begins = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        statement = statement.where(
            or_(
                GatewayOrder.order_id.ilike(begins),
                GatewayOrder.transaction_id == search,
                GatewayOrder.reference == search,
                Customer.customer_code == search.upper(),
                Customer.name.ilike(begins),
            )
        )
    return fetch_page(session, statement, sorts=ORDER_SORTS, row_id=GatewayOrder.id, wanted=wanted)


# --- what the pages show beside an order --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """Whose it is and for what."""

    customer: str
    code: str
    invoice_number: str | None
    invoice_status: str | None


def names_of(session: Session, rows: Sequence[Any]) -> dict[int, Names]:
    """For orders and links by their id; one statement, however many there are."""
    pairs = {(row.customer_id, row.invoice_id) for row in rows}
    customers: dict[int, Any] = {
        row.id: row
        for row in session.execute(
            select(Customer.id, Customer.name, Customer.customer_code).where(Customer.id.in_([c for c, _ in pairs]))
        )
    }
    invoices: dict[int, Any] = {
        row.id: row
        for row in session.execute(
            select(Invoice.id, Invoice.invoice_number, Invoice.status).where(
                Invoice.id.in_([i for _, i in pairs if i is not None])
            )
        )
    }
    return {row.id: _names(customers.get(row.customer_id), invoices.get(row.invoice_id)) for row in rows}


def _names(customer: Any, invoice: Any) -> Names:
    return Names(
        customer=customer.name if customer else "",
        code=customer.customer_code if customer else "",
        invoice_number=invoice.invoice_number if invoice else None,
        invoice_status=invoice.status if invoice else None,
    )


def first_open_invoice(session: Session, customer_id: int) -> int | None:
    """Which of a customer's invoices is due first."""
    statement = select(Invoice.id).where(Invoice.customer_id == customer_id, Invoice.status.in_(("unpaid", "overdue")))
    return session.scalar(statement.order_by(Invoice.due_date, Invoice.id).limit(1))


def open_invoices_of(session: Session, customer_id: int) -> Sequence[Invoice]:
    """A customer's invoices that can be paid, the one that is due first in front."""
    statement = select(Invoice).where(Invoice.customer_id == customer_id, Invoice.status.in_(("unpaid", "overdue")))
    return session.scalars(statement.order_by(Invoice.due_date, Invoice.id).limit(50)).all()


# --- log ----------------------------------------------------------------------------------------------------------


def event_is_known(session: Session, *, gateway_id: int, key: str) -> bool:
    """Whether a webhook was dealt with; counts its repeat if it was."""
    statement = (
        update(GatewayLog)
        .where(GatewayLog.gateway_id == gateway_id, GatewayLog.event_key == key)
        .values(repeats=GatewayLog.repeats + 1)
        .returning(GatewayLog.id)
    )
    return session.scalar(statement) is not None


def write_event(session: Session, **values: Any) -> bool:
    """Write a webhook down; False when it was there already. Two at once wait for each other."""
    statement = (
        insert(GatewayLog)
        .values(**values)
        .on_conflict_do_nothing(
            index_elements=[GatewayLog.gateway_id, GatewayLog.event_key],
            index_where=GatewayLog.event_key.is_not(None),
        )
        .returning(GatewayLog.id)
    )
    return session.scalar(statement) is not None


def heard_from(session: Session, *, gateway_id: int, now: datetime, least: timedelta) -> None:
    """Note that a gateway told something, unless that was noted a moment ago or somebody is noting it."""
    due = (
        select(PaymentGateway.id)
        .where(
            PaymentGateway.id == gateway_id,
            or_(PaymentGateway.last_webhook_at.is_(None), PaymentGateway.last_webhook_at < now - least),
        )
        .with_for_update(skip_locked=True)
    )
    session.execute(
        update(PaymentGateway).where(PaymentGateway.id.in_(due.scalar_subquery())).values(last_webhook_at=now),
        execution_options={"synchronize_session": False},
    )


def list_log(
    session: Session, *, tenant_id: int, wanted: Wanted, gateway_id: int | None = None, order_id: str = ""
) -> Page[GatewayLog]:
    """What was said, the newest first."""
    statement = select(GatewayLog).where(GatewayLog.tenant_id == tenant_id)
    if gateway_id is not None:
        statement = statement.where(GatewayLog.gateway_id == gateway_id)
    if order_id:
        statement = statement.where(GatewayLog.order_id == order_id)
    return fetch_page(session, statement, sorts=LOG_SORTS, row_id=GatewayLog.id, wanted=wanted)


def log_of_order(session: Session, *, tenant_id: int, order_id: str) -> Sequence[GatewayLog]:
    """What was said about one order, the newest first."""
    statement = select(GatewayLog).where(GatewayLog.tenant_id == tenant_id, GatewayLog.order_id == order_id)
    return session.scalars(statement.order_by(GatewayLog.id.desc()).limit(_LOG_OF_ORDER)).all()


def purge_log(session: Session, *, before: datetime, limit: int) -> int:
    """Delete exchanges from before that day; a repeat of a webhook that is gone finds its order done."""
    old = select(GatewayLog.id).where(GatewayLog.created_at < before).order_by(GatewayLog.id).limit(limit)
    statement = GatewayLog.__table__.delete().where(GatewayLog.id.in_(old.scalar_subquery()))  # type: ignore[attr-defined]
    return int(session.connection().execute(statement).rowcount)


# --- parked money -------------------------------------------------------------------------------------------------


def park(session: Session, **values: Any) -> int | None:
    """Put money aside for a person; None when it lies there already for that reason."""
    statement = (
        insert(ParkedPayment)
        .values(**values)
        .on_conflict_do_nothing(
            index_elements=[ParkedPayment.gateway_id, ParkedPayment.transaction_id, ParkedPayment.reason]
        )
        .returning(ParkedPayment.id)
    )
    return session.scalar(statement)


def list_parked(
    session: Session, *, tenant_id: int, wanted: Wanted, status: str | None = "open"
) -> Page[ParkedPayment]:
    """Parked money, the newest first."""
    statement = select(ParkedPayment).where(ParkedPayment.tenant_id == tenant_id)
    if status is not None:
        statement = statement.where(ParkedPayment.status == status)
    return fetch_page(session, statement, sorts=PARKED_SORTS, row_id=ParkedPayment.id, wanted=wanted)


def count_parked(session: Session, *, tenant_id: int) -> int:
    """How much of it waits for a person."""
    statement = select(func.count()).where(ParkedPayment.tenant_id == tenant_id, ParkedPayment.status == "open")
    return session.scalar(statement) or 0


# --- links --------------------------------------------------------------------------------------------------------


def link_with_hash(session: Session, token_hash: str) -> PaymentLink | None:
    """The link whose token has that hash."""
    return session.scalars(select(PaymentLink).where(PaymentLink.token_hash == token_hash)).one_or_none()


def count_opening(session: Session, link_id: int, *, now: datetime) -> None:
    """Somebody opened the link."""
    values = {"open_count": PaymentLink.open_count + 1, "last_opened_at": now}
    session.execute(
        update(PaymentLink).where(PaymentLink.id == link_id).values(**values),
        execution_options={"synchronize_session": False},
    )


def count_click(session: Session, link_id: int) -> None:
    """Somebody chose a gateway there."""
    session.execute(
        update(PaymentLink).where(PaymentLink.id == link_id).values(click_count=PaymentLink.click_count + 1),
        execution_options={"synchronize_session": False},
    )


def mark_links_paid(session: Session, *, invoice_ids: Sequence[int], link_id: int | None, now: datetime) -> None:
    """What these links are for is paid."""
    condition: ColumnElement[bool] = PaymentLink.invoice_id.in_(invoice_ids)
    if link_id is not None:
        condition = or_(condition, PaymentLink.id == link_id)
    session.execute(
        update(PaymentLink).where(condition, PaymentLink.paid_at.is_(None)).values(paid_at=now),
        execution_options={"synchronize_session": False},
    )


def list_links(
    session: Session,
    *,
    tenant_id: int,
    wanted: Wanted,
    customer_id: int | None = None,
    invoice_id: int | None = None,
) -> Page[PaymentLink]:
    """Links, the newest first."""
    statement = select(PaymentLink).where(PaymentLink.tenant_id == tenant_id)
    if customer_id is not None:
        statement = statement.where(PaymentLink.customer_id == customer_id)
    if invoice_id is not None:
        statement = statement.where(PaymentLink.invoice_id == invoice_id)
    return fetch_page(session, statement, sorts=LINK_SORTS, row_id=PaymentLink.id, wanted=wanted)
