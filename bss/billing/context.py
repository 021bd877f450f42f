"""What all parts of a portion go by: the run's day and rules, the customers who are locked, and what came of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from bss.billing_rules import BillingRules
from db.queries import billing as queries
from db.queries.billing import Connection, OpenInvoice, PayerRow, SubscriptionRow
from domain.access import BLOCKED_CUSTOMERS
from domain.dunning import Debt
from domain.money import ZERO

ACTOR_NAME = "billing run"


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """`as_of` is the moment that the run decides for, `now` the one at which this portion is written."""

    run_id: int | None
    tenant_id: int
    today: date
    as_of: datetime
    now: datetime
    zone: ZoneInfo
    currency: str
    rules: BillingRules
    suspends: bool = True
    # Only credit limits are looked at; only what the balance pays is billed.
    only_limits: bool = False
    only_paid: bool = False
    actor_name: str = ACTOR_NAME


@dataclass(kw_only=True, slots=True)
class Counts:
    """What a portion did; the run's columns of the same names add them up."""

    marked_overdue: int = 0
    suspended: int = 0
    reminded: int = 0
    invoiced: int = 0
    invoiced_total: Decimal = ZERO
    paid: int = 0
    paid_total: Decimal = ZERO
    restored: int = 0
    skipped: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(Counts)})


@dataclass(kw_only=True, slots=True)
class Portion:
    """Locked customers with what is theirs. The lists follow what the portion writes."""

    payers: dict[int, PayerRow]
    subscriptions: dict[int, SubscriptionRow]
    # Open invoices by who pays them, the one that is due first in front.
    open_of: dict[int, list[OpenInvoice]] = field(default_factory=dict)
    suspended_ids: set[int] = field(default_factory=set)

    @classmethod
    def locked(cls, connection: Connection, customer_ids: Sequence[int]) -> "Portion":
        """Lock the customers, those they pay for, their subscriptions and open invoices, and read them."""
        payers = {row.id: row for row in queries.lock_payers(connection, customer_ids)}
        members = queries.lock_members(connection, payers)
        everybody = [*payers, *members]
        rows = queries.lock_subscriptions(connection, everybody)
        portion = cls(payers=payers, subscriptions={row.id: row for row in rows if row.payer_id in payers})
        for invoice in queries.lock_open_invoices(connection, everybody):
            portion.open_of.setdefault(invoice.customer_id, []).append(invoice)
        for invoices in portion.open_of.values():
            invoices.sort(key=_due)
        return portion

    def add_open(self, invoice: OpenInvoice) -> None:
        """One more invoice to pay."""
        listed = self.open_of.setdefault(invoice.customer_id, [])
        listed.append(invoice)
        listed.sort(key=_due)

    def every_open(self) -> Iterable[OpenInvoice]:
        """All open invoices."""
        return (invoice for listed in self.open_of.values() for invoice in listed)

    def oldest_open(self) -> dict[int, OpenInvoice]:
        """The open invoice that is due first, by subscription."""
        oldest: dict[int, OpenInvoice] = {}
        for invoice in self.every_open():
            if invoice.subscription_id is not None:
                known = oldest.setdefault(invoice.subscription_id, invoice)
                oldest[invoice.subscription_id] = min(known, invoice, key=_due)
        return oldest

    def owed(self, payer_id: int) -> Decimal:
        """What the payer owes: open invoices less the balance."""
        payer = self.payers[payer_id]
        return sum((invoice.total for invoice in self.open_of.get(payer_id, ())), ZERO) - payer.balance

    def debts(self, now: datetime) -> Iterable[tuple[SubscriptionRow, Debt]]:
        """What is owed for each subscription."""
        oldest = self.oldest_open()
        for row in self.subscriptions.values():
            yield (
                row,
                Debt(
                    status=row.status,
                    suspend_cause=row.suspend_cause,
                    is_in_term=row.expires_at is None or row.expires_at > now,
                    oldest_due=oldest[row.id].due_date if row.id in oldest else None,
                    grace_days=row.grace_days,
                    owed=self.owed(row.payer_id),
                    credit_limit=self.payers[row.payer_id].credit_limit,
                ),
            )


def _due(invoice: OpenInvoice) -> tuple[date, int]:
    return invoice.due_date, invoice.id


def is_served(row: SubscriptionRow) -> bool:
    """Whether its customer may be billed for more: nobody has blocked him."""
    return row.customer_status not in BLOCKED_CUSTOMERS


def audit_row(
    context: Context,
    *,
    action: str,
    entity_type: str,
    entity_id: int,
    customer_id: int,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
) -> queries.Row:
    """One row for the audit log, as `copy_rows` takes it."""
    plain = [None if values is None else Jsonb(_plain(values)) for values in (old, new)]
    return (
        context.tenant_id, context.actor_name, "system", action, entity_type, entity_id, customer_id, *plain,
        context.now,
    )  # fmt: skip


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value if value is None or isinstance(value, int | str | bool) else _text(value)
        for name, value in values.items()
    }


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)
