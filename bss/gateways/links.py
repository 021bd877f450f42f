"""Links at which a customer pays: made, sent, opened, withdrawn.

The token is shown once and only its hash is kept. Whoever has the link sees what is to be paid and by whom it is asked
for, and nothing else of the customer.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.billing_rules import rules_of
from bss.failure import Conflict, Invalid, NotFound, Problem
from bss.gateways.orders import amount_due
from bss.outcome import Issued
from bss.rows import locked, referenced, tenant_of
from bss.wallet import payable
from db.models import Customer, Invoice, PaymentGateway, PaymentLink, Tenant
from db.queries import gateways as queries
from domain.invoices import OPEN
from gateways import ABOUT

CHANNELS = ("whatsapp", "sms", "email", "copied")
MOST_DAYS = 365
USUAL_DAYS = 30
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
# A page that reloads itself is not somebody who looked again.
_OPENED_AGAIN = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bill:
    """A link as its page shows it. `state`: open, pending, paid, expired, withdrawn or closed."""

    link: PaymentLink
    tenant: Tenant
    customer: Customer
    invoice: Invoice | None
    state: str
    amount: Decimal
    currency: str
    gateways: Sequence[PaymentGateway]


def create(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    invoice_id: int | None = None,
    customer_id: int | None = None,
    amount: object = None,
    gateway_ids: Sequence[int] | None = None,
    days: int | None = USUAL_DAYS,
) -> Issued[PaymentLink]:
    """A link for an open invoice, or for an amount to a customer's balance; its token is shown once, now.

    `days` None lets it live until it is paid or withdrawn.
    """
    if (invoice_id is None) == (customer_id is None):
        raise Invalid(Problem(field="invoice_id", reason="is missing", mend="name either an invoice or a customer"))
    sum_, owner = None, customer_id
    if invoice_id is not None:
        invoice = referenced(session, Invoice, invoice_id, actor=actor, field="invoice_id")
        if invoice.status not in OPEN:
            raise Conflict(Problem(field="invoice_id", reason="is not open", mend="choose one that is"))
        owner = invoice.customer_id
    else:
        sum_ = payable(amount, currency=tenant_of(session, actor=actor).currency)
    customer = referenced(session, Customer, owner or 0, actor=actor, field="customer_id")
    token = secrets.token_urlsafe(32)
    link = PaymentLink(
        tenant_id=actor.tenant_id,
        token_hash=hash_of(token),
        customer_id=customer.id,
        invoice_id=invoice_id,
        amount=sum_,
        gateway_ids=_offered(session, actor, gateway_ids),
        expires_at=_ends(now, days),
        created_by=actor.name,
    )
    session.add(link)
    session.flush()
    new = {"invoice_id": invoice_id, "amount": sum_, "expires_at": link.expires_at}
    _record(session, actor, now, "payment_link.created", link, new=new)
    return Issued(row=link, secret=token)


def withdraw(session: Session, *, actor: Actor, now: datetime, link_id: int) -> PaymentLink:
    """Let nobody pay by it any more; twice is the same as once."""
    link = locked(session, PaymentLink, link_id, actor=actor)
    if link.withdrawn_at is None:
        link.withdrawn_at = now
        _record(session, actor, now, "payment_link.withdrawn", link)
    return link


def mark_sent(session: Session, *, actor: Actor, now: datetime, link_id: int, channel: str) -> PaymentLink:
    """Note by which way the link went to the customer."""
    fields.one_of(channel, field="channel", allowed=CHANNELS)
    link = locked(session, PaymentLink, link_id, actor=actor)
    link.sent_via = {**link.sent_via, channel: now.isoformat()}
    _record(session, actor, now, "payment_link.sent", link, new={"channel": channel})
    return link


def bill(session: Session, *, now: datetime, token: str) -> Bill:
    """What the link is for; raises `NotFound` for a token that is none. Also for one that is over: the page says so."""
    link = queries.link_with_hash(session, hash_of(token)) if _TOKEN.fullmatch(token) else None
    if link is None:
        raise NotFound(Problem(field="", reason="there is no such link"))
    tenant, customer = session.get_one(Tenant, link.tenant_id), session.get_one(Customer, link.customer_id)
    invoice = None if link.invoice_id is None else session.get(Invoice, link.invoice_id)
    state = _state(session, link, customer, invoice, now)
    offered = queries.gateways_of(session, tenant_id=tenant.id, active_only=True)
    return Bill(
        link=link,
        tenant=tenant,
        customer=customer,
        invoice=invoice,
        state=state,
        amount=due(session, link, invoice),
        currency=tenant.currency if invoice is None else invoice.currency,
        gateways=[row for row in offered if _fits(row, link, tenant.currency)],
    )


def opened(session: Session, *, now: datetime, bill: Bill) -> None:
    """Count that somebody looked."""
    last = bill.link.last_opened_at
    if last is None or now - last > _OPENED_AGAIN:
        queries.count_opening(session, bill.link.id, now=now)


def hash_of(token: str) -> str:
    """What is kept of a token. It is long and random, so nothing slower is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def actor_of(link: PaymentLink) -> Actor:
    """Who acts when somebody pays by the link."""
    return Actor(tenant_id=link.tenant_id, kind="customer", name="payment link")


def state_of(session: Session, link: PaymentLink, now: datetime) -> str:
    """The state of a link of one's own: open, pending, paid, expired, withdrawn or closed."""
    customer = session.get_one(Customer, link.customer_id)
    invoice = None if link.invoice_id is None else session.get(Invoice, link.invoice_id)
    return _state(session, link, customer, invoice, now)


def due(session: Session, link: PaymentLink, invoice: Invoice | None) -> Decimal:
    """What it asks for at this moment."""
    if invoice is None:
        return link.amount or Decimal(0)
    if invoice.status not in OPEN:
        return invoice.total
    rules = rules_of(session, tenant_id=link.tenant_id)
    return amount_due(session, invoice, applies_balance=rules.applies_balance)


def _state(session: Session, link: PaymentLink, customer: Customer, invoice: Invoice | None, now: datetime) -> str:
    if link.paid_at is not None or (invoice is not None and invoice.status == "paid"):
        return "paid"
    if link.withdrawn_at is not None:
        return "withdrawn"
    if customer.deleted_at is not None or (invoice is not None and invoice.status not in OPEN):
        return "closed"
    if queries.is_pending(session, invoice_id=link.invoice_id, link_id=link.id):
        return "pending"
    return "expired" if link.expires_at is not None and link.expires_at <= now else "open"


def _fits(row: PaymentGateway, link: PaymentLink, currency: str) -> bool:
    takes = ABOUT[row.kind].currencies
    return (link.gateway_ids is None or row.id in link.gateway_ids) and (not takes or currency in takes)


def _offered(session: Session, actor: Actor, gateway_ids: Sequence[int] | None) -> list[int] | None:
    if not gateway_ids:
        return None
    usable = {row.id for row in queries.gateways_of(session, tenant_id=actor.tenant_id, active_only=True)}
    if not set(gateway_ids) <= usable:
        raise Invalid(Problem(field="gateway_ids", reason="names a gateway that is not in use"))
    return sorted(set(gateway_ids))


def _ends(now: datetime, days: int | None) -> datetime | None:
    return None if days is None else now + timedelta(days=fields.whole(days, field="days", least=1, most=MOST_DAYS))


def _record(
    session: Session,
    actor: Actor,
    now: datetime,
    action: str,
    link: PaymentLink,
    new: Mapping[str, object] | None = None,
) -> None:
    audit.record(session, actor=actor, now=now, action=action, entity=link, customer_id=link.customer_id, new=new)
    session.flush()
