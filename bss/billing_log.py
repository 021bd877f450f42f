"""The billing log of a subscription or an invoice: what happened to it, one by one, each in a sentence.

It is read from the audit log, which everything that happens writes in its own transaction; there is no second record
that could say something else. Whoever may see money may see it: it names no addresses and no secrets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from bss.actor import Actor
from bss.rows import find
from db.models import AuditLog, Invoice, Subscription
from db.queries.billing_log import (
    About,
    Document,
    about_invoice,
    about_subscription,
    documents_of,
    page_of_billing_log,
)
from db.queries.paging import Page, Wanted

# Of a subscription: what concerns its money and its terms. Speeds, devices and passwords are the audit log's.
WORDS: Mapping[str, str] = {
    "subscription.created": "The subscription was added",
    "subscription.activated": "It was activated",
    "subscription.suspended": "It was suspended",
    "subscription.disabled": "It was disabled",
    "subscription.expired": "Its term ended",
    "subscription.renewed": "It was renewed",
    "subscription.renewal_taken_back": "The renewal was taken back",
    "subscription.cancelled": "It was cancelled",
    "subscription.cancelled_at_period_end": "It is to end with its term",
    "subscription.kept": "It stays after all",
    "subscription.terminated": "It was terminated",
    "subscription.deleted": "It was taken off the lists",
    "subscription.package_changed": "Its plan was changed",
    "subscription.plan_change_scheduled": "Another plan was set for the end of the term",
    "subscription.plan_change_withdrawn": "The change of plan was taken back",
    "subscription.expiry_changed": "The end of its term was moved",
    "subscription.billing_changed": "How it is billed was changed",
    "subscription.suspend_date_changed": "Its day of suspension was changed",
    "subscription.early_end_fee_waived": "The fee for leaving early was waived",
    "subscription.recharged": "It was recharged with a voucher",
    "subscription.topped_up": "It was topped up",
    "subscription.topup_removed": "A top-up was taken back",
    "invoice.created": "Invoice {number} over {amount} was written",
    "invoice.issued": "Invoice {number} over {amount} was issued",
    "invoice.overdue": "Invoice {number} over {amount} is overdue",
    "invoice.paid": "Invoice {number} over {amount} was paid",
    "invoice.cancelled": "Invoice {number} over {amount} was cancelled",
    "invoice.refunded": "Invoice {number} over {amount} was given back",
    "invoice.reopened": "Invoice {number} over {amount} is open again",
    "invoice.due_date_changed": "The due day of invoice {number} was changed",
    "payment.received": "Payment {number} of {amount} came in",
    "payment.refunded": "Payment {number} of {amount} was given back",
    "payment.voided": "Payment {number} of {amount} was taken back: it never came",
}
# What a sentence ends with, where the entry has it.
_REASONS = ("suspend_reason", "suspend_cause", "cancel_reason", "reason", "note")
_META = ("expires_at", "due_date", "plan", "effective_at", "days_late", "owed", "billing_run", "fee", "price", "status")


@dataclass(frozen=True, kw_only=True, slots=True)
class LogEntry:
    """One thing that happened. `number`, `amount` and `currency` are of the invoice or payment that it is about."""

    id: int
    at: datetime
    action: str
    kind: str
    entity_id: int
    actor_name: str
    number: str | None
    amount: Decimal | None
    currency: str | None
    reason: str | None
    meta: Mapping[str, Any]

    @property
    def ends_at(self) -> datetime | None:
        """The end of the term as it was after it."""
        said = self.meta.get("expires_at")
        return None if said is None else datetime.fromisoformat(str(said))

    @property
    def message(self) -> str:
        """What happened, in a sentence."""
        said = WORDS.get(self.action, self.action.replace(".", " ").replace("_", " "))
        said = said.format(number=self.number or "(draft)", amount=f"{self.currency} {self.amount}")
        return f"{said}: {self.reason}" if self.reason else said


def of_subscription(
    session: Session, *, actor: Actor, subscription_id: int, wanted: Wanted
) -> tuple[list[LogEntry], Page[AuditLog]]:
    """What happened to a subscription, its invoices and their payments."""
    find(session, Subscription, subscription_id, actor=actor)
    return _read(session, actor, about_subscription(session, subscription_id), wanted)


def of_invoice(
    session: Session, *, actor: Actor, invoice_id: int, wanted: Wanted
) -> tuple[list[LogEntry], Page[AuditLog]]:
    """What happened to an invoice and the payments for it."""
    find(session, Invoice, invoice_id, actor=actor)
    return _read(session, actor, about_invoice(session, invoice_id), wanted)


def _read(session: Session, actor: Actor, about: About, wanted: Wanted) -> tuple[list[LogEntry], Page[AuditLog]]:
    page = page_of_billing_log(session, tenant_id=actor.tenant_id, about=about, actions=tuple(WORDS), wanted=wanted)
    documents = documents_of(session, page.items)
    return [_entry(row, documents.get((row.entity_type, row.entity_id or 0))) for row in page.items], page


def _entry(row: AuditLog, document: Document | None) -> LogEntry:
    new = row.new_values or {}
    reason = next((str(new[name]) for name in _REASONS if new.get(name)), None)
    return LogEntry(
        id=row.id, at=row.created_at, action=row.action, kind=row.entity_type.removesuffix("s"),
        entity_id=row.entity_id or 0, actor_name=row.actor_name,
        number=None if document is None else document.number,
        amount=None if document is None else document.amount,
        currency=None if document is None else document.currency, reason=reason,
        meta={name: new[name] for name in _META if new.get(name) is not None},
    )  # fmt: skip
