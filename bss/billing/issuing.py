"""The second half of a portion: bills for next terms, and for months that were used, written as whole sets.

An invoice of a run is no different from one written singly: it has a number, stands in the books, and its period can
be billed once. What it says comes from `domain.billing` and `domain.invoices`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache

from bss.billing.context import Context, Counts, Portion, audit_row, is_served
from db.queries import billing as queries
from db.queries.billing import Connection, OpenInvoice, SubscriptionRow
from db.queries.books import account_ids
from db.queries.numbers import next_numbers
from domain import books
from domain.billing import Renewal, is_renewed, month_used, renewal, service_line, share_of_month
from domain.codes import render_document
from domain.invoices import ImpossibleInvoice, Line, TaxRule, Totals, totals
from domain.money import ZERO
from runtime.logs import get_logger

log = get_logger("bss.billing")


@dataclass(frozen=True, kw_only=True, slots=True)
class Bill:
    """One invoice that is to be written. `terms`: how many cycles its payment adds."""

    row: SubscriptionRow
    what: Renewal
    sums: Totals
    terms: int


def bill_renewals(connection: Connection, context: Context, portion: Portion) -> Counts:
    """Bill the next terms that are due for it."""
    due = [row for row in portion.subscriptions.values() if _is_due(context, portion, row)]
    wanted = [(row, _renewal(context, row)) for row in due]
    billed = queries.billed_periods(connection, [(row.id, what.period[0]) for row, what in wanted])
    fresh = [(row, what) for row, what in wanted if (row.id, what.period[0]) not in billed]
    bills, skipped = _composed(context, fresh, terms=1)
    return _write(connection, context, portion, _affordable(context, portion, bills), skipped)


def bill_months(connection: Connection, context: Context, portion: Portion) -> Counts:
    """Bill the days of a month to those who pay afterwards."""
    rows = [row for row in portion.subscriptions.values() if row.is_postpaid and _was_used(row)]
    until = queries.billed_until(connection, [row.id for row in rows]) if rows else {}
    wanted = []
    for row in rows:
        began = row.activated_at.astimezone(context.zone).date() if row.activated_at else row.start_date
        period = month_used(context.today, first_used=began, billed_until=until.get(row.id))
        if period is not None:
            price = share_of_month(row.price, period, context.currency)
            due = context.today + timedelta(days=context.rules.due_days)
            what = Renewal(period=period, due_date=due, lines=(service_line(row.plan_name, period, price),))
            wanted.append((row, what))
    bills, skipped = _composed(context, wanted, terms=0)
    return _write(connection, context, portion, bills, skipped)


def _was_used(row: SubscriptionRow) -> bool:
    return row.status in ("active", "suspended")


def _is_due(context: Context, portion: Portion, row: SubscriptionRow) -> bool:
    if row.status != "active" or row.id in portion.suspended_ids or not row.auto_renew or row.is_postpaid:
        return False
    if row.expires_at is None or not is_served(row):
        return False
    if row.expires_at + timedelta(days=row.grace_days) <= context.as_of:
        # Its service is over; that it is still called active is about to end.
        return False
    ends_on = row.expires_at.astimezone(context.zone).date()
    if not is_renewed(ends_on, context.today, cycle=row.billing_cycle, lead_days=context.rules.renewal_lead_days):
        return False
    open_ones = portion.open_of.get(row.payer_id, ())
    return not any(one.subscription_id == row.id and one.kind == "recurring" for one in open_ones)


def _renewal(context: Context, row: SubscriptionRow) -> Renewal:
    fees = () if row.fees_billed_at else (("setup", row.setup_fee), ("installation", row.installation_fee))
    if row.expires_at is None:
        raise ValueError("a subscription without an end is not renewed")
    return renewal(
        expires_at=row.expires_at, billing_day=row.billing_day, cycle=row.billing_cycle,
        validity_days=row.validity_days, zone=context.zone, plan_name=row.plan_name, price=row.price, fees=fees,
        language=row.language,
    )  # fmt: skip


def _composed(
    context: Context, wanted: Iterable[tuple[SubscriptionRow, Renewal]], *, terms: int
) -> tuple[list[Bill], int]:
    """Bills with their sums, in the order of their numbers; one that is impossible is left out and told."""
    bills, skipped = [], 0
    for row, what in wanted:
        shape = tuple((line.item_type, line.unit_price) for line in what.lines)
        try:
            sums = _sums(shape, context.currency, context.rules.tax)
        except ImpossibleInvoice as error:
            log.warning("a subscription cannot be billed", subscription=row.id, why=str(error))
            skipped += 1
            continue
        bills.append(Bill(row=row, what=what, sums=sums, terms=terms))
    return sorted(bills, key=lambda bill: (bill.row.payer_id, bill.row.id)), skipped


@lru_cache(maxsize=4096)
def _sums(shape: tuple[tuple[str, Decimal], ...], currency: str, tax: TaxRule) -> Totals:
    """Most customers of a plan pay the same; a line's words change nothing about sums."""
    lines = [Line(item_type=kind, description="", unit_price=price) for kind, price in shape]
    return totals(lines, currency=currency, tax=tax)


def _affordable(context: Context, portion: Portion, bills: Sequence[Bill]) -> list[Bill]:
    """Without daily terms that the balance does not pay: a day that nobody paid is not asked for afterwards."""
    left = {payer_id: -portion.owed(payer_id) for payer_id in {bill.row.payer_id for bill in bills}}
    kept = []
    for bill in bills:
        payer_id, total = bill.row.payer_id, bill.sums.total
        is_daily = bill.row.billing_cycle == "daily" and context.rules.applies_balance
        if (is_daily or context.only_paid) and total > left[payer_id]:
            continue
        left[payer_id] -= total
        kept.append(bill)
    return kept


def _write(connection: Connection, context: Context, portion: Portion, bills: Sequence[Bill], skipped: int) -> Counts:
    """Numbers, invoices, lines, books and audit rows of all bills."""
    if not bills:
        return Counts(skipped=skipped)
    period = f"{context.today:%Y%m%d}"
    numbers = next_numbers(
        connection, tenant_id=context.tenant_id, name=context.rules.invoice_prefix, period=period, count=len(bills)
    )
    texts = [render_document(context.rules.invoice_prefix, period, number) for number in numbers]
    ids = queries.new_ids(connection, "invoices", len(bills))
    entry_ids = _book(connection, context, bills, ids, texts)
    rules = context.rules
    queries.copy_rows(connection, "invoices", [
        (
            id_, context.tenant_id, text, bill.row.payer_id, bill.row.id, "recurring", "unpaid", *bill.what.period,
            bill.terms, context.currency, bill.sums.subtotal, rules.tax_percent, rules.tax_included, bill.sums.tax,
            bill.sums.total, bill.what.due_date, context.as_of, entry_id, context.run_id, context.actor_name,
            context.as_of, context.as_of,
        )
        for id_, text, entry_id, bill in zip(ids, texts, entry_ids, bills, strict=True)
    ])  # fmt: skip
    queries.copy_rows(connection, "invoice_items", (
        (id_, position, line.item_type, line.description, line.quantity, line.unit_price, amount)
        for id_, bill in zip(ids, bills, strict=True)
        for position, (line, amount) in enumerate(zip(bill.what.lines, bill.sums.amounts, strict=True), start=1)
    ))  # fmt: skip
    queries.copy_rows(connection, "audit_logs", [
        audit_row(
            context, action="invoice.issued", entity_type="invoices", entity_id=id_, customer_id=bill.row.payer_id,
            new={"invoice_number": text, "subscription_id": bill.row.id, "total": bill.sums.total,
                 "period_start": bill.what.period[0], "due_date": bill.what.due_date, "billing_run": context.run_id},
        )
        for id_, text, bill in zip(ids, texts, bills, strict=True)
    ])  # fmt: skip
    with_fees = [bill.row.id for bill in bills if len(bill.what.lines) > 1]
    if with_fees:
        queries.mark_fees(connection, with_fees, now=context.as_of)
    for id_, text, bill in zip(ids, texts, bills, strict=True):
        portion.add_open(_opened(id_, text, bill))
    total = sum((bill.sums.total for bill in bills), ZERO)
    return Counts(invoiced=len(bills), invoiced_total=total, skipped=skipped)


def _opened(id_: int, text: str, bill: Bill) -> OpenInvoice:
    return OpenInvoice(
        id=id_, customer_id=bill.row.payer_id, subscription_id=bill.row.id, kind="recurring", status="unpaid",
        due_date=bill.what.due_date, total=bill.sums.total, terms=bill.terms, version=1, invoice_number=text,
    )  # fmt: skip


def _book(
    connection: Connection, context: Context, bills: Sequence[Bill], ids: Sequence[int], texts: Sequence[str]
) -> list[int | None]:
    """The entries of all invoices that are about money; returns each one's entry."""
    about = [index for index, bill in enumerate(bills) if bill.sums.total]
    fresh = dict(zip(about, queries.new_ids(connection, "ledger_entries", len(about)), strict=True))
    queries.copy_rows(connection, "ledger_entries", [
        (
            entry_id, context.tenant_id, books.INVOICE, f"invoice:{ids[index]}", context.as_of,
            bills[index].row.payer_id, bills[index].row.id, None, "invoice", ids[index], texts[index],
            context.actor_name,
        )
        for index, entry_id in fresh.items()
    ])  # fmt: skip
    written = [(entry_id, _postings(bills[index])) for index, entry_id in fresh.items()]
    post(connection, context, written)
    return [fresh.get(index) for index in range(len(bills))]


def _postings(bill: Bill) -> books.Postings:
    return books.invoiced(bill.row.payer_id, revenue=dict(bill.sums.revenue), tax=bill.sums.tax)


def post(connection: Connection, context: Context, written: Sequence[tuple[int, books.Postings]]) -> None:
    """Write the postings of many entries, all of them in one statement."""
    accounts = {posting.account for _, postings in written for posting in postings}
    own = {account for account in accounts if account.customer_id is None}
    known = account_ids(connection, tenant_id=context.tenant_id, accounts=own) if own else {}
    for kind in books.OF_CUSTOMERS:
        ids = [account.customer_id for account in accounts if account.kind == kind and account.customer_id]
        found = queries.customer_accounts(connection, tenant_id=context.tenant_id, kind=kind, ids=ids) if ids else {}
        known |= {books.Account(kind=kind, customer_id=customer_id): id_ for customer_id, id_ in found.items()}
    queries.copy_rows(connection, "ledger_postings", (
        (entry_id, known[posting.account], posting.amount) for entry_id, postings in written for posting in postings
    ))  # fmt: skip
