"""`lintas invoice`, `lintas payment`, and what a customer and a subscription have to do with money."""

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from bss import billing_log, billing_rules, invoices, payments, plan_changes, renewals, wallet
from bss.billing_log import LogEntry
from bss.rows import tenant_of
from cli.output import emit, json_option, table
from cli.work import Work, limit_option, newest, show_fields, show_list, tenant_option, work
from db.engine import psycopg_of
from db.models import Invoice, Payment
from db.queries.books import balance_history
from db.queries.money_lists import (
    InvoiceFilter,
    PaymentFilter,
    names_of_customers,
    open_sums,
    page_of_invoices,
    page_of_payments,
    totals_of_customer,
)
from db.queries.named import customer_named, invoice_named, payment_named, plan_named, subscription_named
from db.queries.paging import Page
from domain.invoices import ITEM_TYPES
from domain.invoices import STATUSES as INVOICE_STATUSES
from domain.payments import EXTERNAL, METHODS
from domain.payments import STATUSES as PAYMENT_STATUSES

reason_option = click.option("--reason", required=True, help="Why; kept with the change.")
method_option = click.option("--method", type=click.Choice(EXTERNAL), default="cash", show_default=True)


# --- invoice --------------------------------------------------------------------------------------------------------


@click.group()
def invoice() -> None:
    """Invoices; one is named by its number or id."""


@invoice.command("list")
@click.option("--search", help="Part of a number, or of the customer's name or code.")
@click.option("--status", type=click.Choice(INVOICE_STATUSES))
@click.option("--open", "is_open", is_flag=True, help="Only those that are not paid yet.")
@click.option("--customer", "customer_name", metavar="CUSTOMER")
@limit_option
@tenant_option
@json_option
def list_invoices(
    search: str | None, status: str | None, is_open: bool, customer_name: str | None, limit: int, tenant: str | None
) -> None:
    """Invoices, newest first."""
    with work(tenant) as job:
        owner = None if customer_name is None else _customer_id(job, customer_name)
        fits = InvoiceFilter(search=search, status=status, is_open=is_open, customer_id=owner)
        page = page_of_invoices(job.session, tenant_id=job.tenant_id, fits=fits, wanted=newest(limit, "-created_at"))
        names = names_of_customers(job.session, {row.customer_id for row in page.items})
        rows = [_invoice(row) | {"customer": names[row.customer_id][1]} for row in page.items]
    head = ("number", "customer", "status", "total", "due_date")
    show_list(page, rows, lambda: table([[row[name] or "" for name in head] for row in rows], head))


@invoice.command("show")
@click.argument("name", metavar="INVOICE")
@tenant_option
@json_option
def show_invoice(name: str, tenant: str | None) -> None:
    """One invoice with its lines."""
    with work(tenant) as job:
        row = _invoice_of(job, name)
        fields = _invoice(row)
        lines = [
            {"type": item.item_type, "description": item.description, "quantity": f"{item.quantity.normalize():f}",
             "unit_price": str(item.unit_price), "amount": str(item.amount)}
            for item in row.items
        ]  # fmt: skip
    head = ("type", "description", "quantity", "unit_price", "amount")
    width = max(len(key) for key in fields)
    said = [f"{key.ljust(width)}  {'' if value is None else value}" for key, value in fields.items()]
    emit(fields | {"items": lines}, [*said, "", *table([[line[key] for key in head] for line in lines], head)])


@invoice.command("billing-log")
@click.argument("name", metavar="INVOICE")
@limit_option
@tenant_option
@json_option
def log_of_invoice(name: str, limit: int, tenant: str | None) -> None:
    """What happened to it and the payments for it, newest first."""
    with work(tenant) as job:
        wanted = newest(limit, "-created_at")
        row = _invoice_of(job, name)
        found, page = billing_log.of_invoice(job.session, actor=job.actor, invoice_id=row.id, wanted=wanted)
        _show_log(found, page)


@click.command("billing-log")
@click.argument("name", metavar="SUBSCRIPTION")
@limit_option
@tenant_option
@json_option
def log_of_subscription(name: str, limit: int, tenant: str | None) -> None:
    """What happened to its terms, its invoices and their payments, newest first."""
    with work(tenant) as job:
        number, wanted = _subscription_id(job, name), newest(limit, "-created_at")
        found, page = billing_log.of_subscription(job.session, actor=job.actor, subscription_id=number, wanted=wanted)
        _show_log(found, page)


def _show_log(found: list[LogEntry], page: Page[Any]) -> None:
    rows = [
        {"at": entry.at.isoformat(timespec="seconds"), "by": entry.actor_name, "message": entry.message,
         "action": entry.action, "number": entry.number, "meta": dict(entry.meta)}
        for entry in found
    ]  # fmt: skip
    head = ("at", "by", "message")
    show_list(page, rows, lambda: table([[str(row[key]) for key in head] for row in rows], head))


@invoice.command("write")
@click.option("--customer", "customer_name", required=True, metavar="CUSTOMER")
@click.option("--subscription", "subscription_name", metavar="SUBSCRIPTION")
@click.option("--line", "lines", multiple=True, required=True, metavar="TYPE:TEXT:PRICE[:QUANTITY]",
              help=f"A line; TYPE is one of {', '.join(ITEM_TYPES)}.")  # fmt: skip
@click.option("--due", metavar="DATE", help="2026-11-30; without it the provider's days from today.")
@click.option("--discount", default="0", show_default=True)
@click.option("--draft", is_flag=True, help="Do not ask for the money yet.")
@tenant_option
@json_option
def write_invoice(
    customer_name: str,
    subscription_name: str | None,
    lines: tuple[str, ...],
    due: str | None,
    discount: str,
    draft: bool,
    tenant: str | None,
) -> None:
    """Write an invoice by hand."""
    with work(tenant) as job:
        wanted = invoices.Draft(
            kind="manual",
            lines=[invoices.line_of(_line(text), field=f"line {place}") for place, text in enumerate(lines, start=1)],
            subscription_id=None if subscription_name is None else _subscription_id(job, subscription_name),
            due_date=None if due is None else _day(due),
            discount=_amount(discount),
        )
        changed = job.do(
            invoices.create, customer_id=_customer_id(job, customer_name), draft=wanted, issue_now=not draft
        )
        data = _invoice(changed.row)
    show_fields(data)


@invoice.command("issue")
@click.argument("name", metavar="INVOICE")
@tenant_option
@json_option
def issue_invoice(name: str, tenant: str | None) -> None:
    """Give a draft (by its id) its number and ask for the money."""
    with work(tenant) as job:
        data = _invoice(job.do(invoices.issue, invoice_id=_invoice_of(job, name).id).row)
    show_fields(data)


@invoice.command("cancel")
@click.argument("name", metavar="INVOICE")
@reason_option
@tenant_option
@json_option
def cancel_invoice(name: str, reason: str, tenant: str | None) -> None:
    """Take an unpaid invoice back; it keeps its number."""
    with work(tenant) as job:
        data = _invoice(job.do(invoices.cancel, invoice_id=_invoice_of(job, name).id, reason=reason).row)
    show_fields(data)


@invoice.command("pay")
@click.argument("name", metavar="INVOICE")
@click.option("--amount", help="Without it, what the invoice is over.")
@method_option
@click.option("--reference", default="", help="What the bank calls it.")
@click.option("--from-balance", is_flag=True, help="Out of the customer's balance, instead of recording a payment.")
@tenant_option
@json_option
def pay_invoice(
    name: str, amount: str | None, method: str, reference: str, from_balance: bool, tenant: str | None
) -> None:
    """Record the payment of an invoice."""
    with work(tenant) as job:
        row = _invoice_of(job, name)
        if from_balance:
            job.do(payments.pay_by_balance, invoice_id=row.id)
            data = _invoice(row)
        else:
            received = job.do(
                payments.receive, customer_id=row.customer_id, invoice_id=row.id, method=method, reference=reference,
                amount=row.total if amount is None else _amount(amount),
            )  # fmt: skip
            data = _payment(received.payment) | {"invoice_status": row.status}
    show_fields(data)


# --- payment --------------------------------------------------------------------------------------------------------


@click.group()
def payment() -> None:
    """Payments; one is named by its receipt's number or id."""


@payment.command("list")
@click.option("--search", help="Part of a receipt's number, a reference, or the customer's name or code.")
@click.option("--status", type=click.Choice(PAYMENT_STATUSES))
@click.option("--method", type=click.Choice(METHODS))
@click.option("--customer", "customer_name", metavar="CUSTOMER")
@limit_option
@tenant_option
@json_option
def list_payments(
    search: str | None, status: str | None, method: str | None, customer_name: str | None, limit: int,
    tenant: str | None,
) -> None:  # fmt: skip
    """Payments, newest first."""
    with work(tenant) as job:
        owner = None if customer_name is None else _customer_id(job, customer_name)
        fits = PaymentFilter(search=search, status=status, method=method, customer_id=owner)
        page = page_of_payments(job.session, tenant_id=job.tenant_id, fits=fits, wanted=newest(limit, "-paid_at"))
        names = names_of_customers(job.session, {row.customer_id for row in page.items})
        rows = [_payment(row) | {"customer": names[row.customer_id][1]} for row in page.items]
    head = ("receipt", "customer", "amount", "method", "status", "paid_at")
    show_list(page, rows, lambda: table([[row[name] or "" for name in head] for row in rows], head))


@payment.command("show")
@click.argument("name", metavar="PAYMENT")
@tenant_option
@json_option
def show_payment(name: str, tenant: str | None) -> None:
    """One payment."""
    with work(tenant) as job:
        show_fields(_payment(_payment_of(job, name)))


@payment.command("record")
@click.argument("customer_name", metavar="CUSTOMER")
@click.argument("amount")
@method_option
@click.option("--invoice", "invoice_name", metavar="INVOICE", help="What it is for; otherwise it is the balance's.")
@click.option("--purpose", type=click.Choice(("recharge", "advance", "invoice", "other")),
              help="'other' is income that is no package's: it needs --category and changes no balance.")  # fmt: skip
@click.option("--category", default="", help="What was sold, such as equipment.")
@click.option("--expense", "expense_id", type=int, help="The expense that the sold thing had cost.")
@click.option("--reference", default="", help="What the bank calls it.")
@click.option("--note", default="")
@click.option("--key", help="Recorded once, however often it is asked with the same key.")
@tenant_option
@json_option
def record_payment(
    customer_name: str, amount: str, method: str, invoice_name: str | None, purpose: str | None, category: str,
    expense_id: int | None, reference: str, note: str, key: str | None, tenant: str | None,
) -> None:  # fmt: skip
    """Record that CUSTOMER paid AMOUNT."""
    with work(tenant) as job:
        received = job.do(
            payments.receive, customer_id=_customer_id(job, customer_name), amount=_amount(amount), method=method,
            invoice_id=None if invoice_name is None else _invoice_of(job, invoice_name).id, purpose=purpose,
            category=category, expense_id=expense_id, reference=reference, note=note,
            request_key=None if key is None else f"cli:{key}",
        )  # fmt: skip
        data = _payment(received.payment) | {
            "is_new": received.is_new,
            "paid_invoices": ", ".join(str(number) for number in received.paid_invoice_ids),
        }
    show_fields(data)


@payment.command("refund")
@click.argument("name", metavar="PAYMENT")
@reason_option
@tenant_option
@json_option
def refund_payment(name: str, reason: str, tenant: str | None) -> None:
    """Book that the money went back; the invoices that it paid are refunded."""
    with work(tenant) as job:
        data = _payment(job.do(payments.refund, payment_id=_payment_of(job, name).id, reason=reason).row)
    show_fields(data)


@payment.command("void")
@click.argument("name", metavar="PAYMENT")
@reason_option
@tenant_option
@json_option
def void_payment(name: str, reason: str, tenant: str | None) -> None:
    """Take back a payment that never came; its invoices are open again."""
    with work(tenant) as job:
        data = _payment(job.do(payments.void, payment_id=_payment_of(job, name).id, reason=reason).row)
    show_fields(data)


# --- of a customer --------------------------------------------------------------------------------------------------


@click.command("balance")
@click.argument("name", metavar="CUSTOMER")
@limit_option
@tenant_option
@json_option
def show_balance(name: str, limit: int, tenant: str | None) -> None:
    """A customer's balance, open invoices, and the movements of the balance."""
    with work(tenant) as job:
        customer_id = _customer_id(job, name)
        count, total, overdue = open_sums(
            job.session, tenant_id=job.tenant_id, customer_id=customer_id,
            today=invoices.today_of(job.session, actor=job.actor, now=job.now),
        )  # fmt: skip
        connection = psycopg_of(job.session)
        rows = balance_history(connection, tenant_id=job.tenant_id, customer_id=customer_id, limit=limit)
        balance = rows[0].new_balance if rows else Decimal(0)
        currency = tenant_of(job.session, actor=job.actor).currency
        revenue, spent = totals_of_customer(job.session, customer_id)
    data: dict[str, Any] = {
        "balance": str(balance), "currency": currency, "open_invoices": count, "open_total": str(total),
        "overdue_total": str(overdue), "total_revenue": str(revenue), "total_spent": str(spent),
        "history": [
            {"at": row.occurred_at, "type": row.type, "amount": str(row.amount), "balance": str(row.new_balance),
             "description": row.description, "by": row.created_by_name}
            for row in rows
        ],
    }  # fmt: skip
    head = ("at", "type", "amount", "balance", "description", "by")
    lines = [
        f"balance {balance} {currency}; {count} open invoices over {total}, {overdue} of it overdue",
        f"paid in all {spent}, paid invoices {revenue}",
    ]
    emit(data, [*lines, *table([[one[key] or "" for key in head] for one in data["history"]], head)])


def _adjust(kind: str, name: str, amount: str, description: str, tenant: str | None) -> None:
    with work(tenant) as job:
        done = job.do(
            wallet.adjust, customer_id=_customer_id(job, name), kind=kind, amount=_amount(amount),
            description=description,
        )  # fmt: skip
    paid = [str(number) for number in done.paid_invoice_ids]
    data = {"previous": str(done.previous), "new": str(done.new), "paid_invoices": ", ".join(paid)}
    show_fields(data)


@click.command("credit")
@click.argument("name", metavar="CUSTOMER")
@click.argument("amount")
@click.option("--description", required=True, help="Why; the customer may see it.")
@tenant_option
@json_option
def give_credit(name: str, amount: str, description: str, tenant: str | None) -> None:
    """Give a customer credit; it pays open invoices where the provider's rules say so."""
    _adjust("credit", name, amount, description, tenant)


@click.command("debit")
@click.argument("name", metavar="CUSTOMER")
@click.argument("amount")
@click.option("--description", required=True, help="Why; the customer may see it.")
@tenant_option
@json_option
def take_credit(name: str, amount: str, description: str, tenant: str | None) -> None:
    """Take credit off a customer's balance."""
    _adjust("debit", name, amount, description, tenant)


# --- of a subscription ----------------------------------------------------------------------------------------------


@click.command("renew")
@click.argument("name", metavar="SUBSCRIPTION")
@click.option("--terms", default=1, show_default=True, type=click.IntRange(1, renewals.MAX_TERMS))
@click.option("--by", type=click.Choice(renewals.WAYS), default="balance", show_default=True,
              help="'bill' only writes the invoice.")  # fmt: skip
@tenant_option
@json_option
def renew(name: str, terms: int, by: str, tenant: str | None) -> None:
    """One more term, or several."""
    with work(tenant) as job:
        done = job.do(renewals.renew, subscription_id=_subscription_id(job, name), terms=terms, by=by)
        data = _renewed(done)
    show_fields(data)


@click.command("add-days")
@click.argument("name", metavar="SUBSCRIPTION")
@click.argument("days", type=click.IntRange(1, renewals.MAX_DAYS))
@click.option("--by", type=click.Choice([way for way in renewals.WAYS if way != "bill"]), default="balance",
              show_default=True)  # fmt: skip
@tenant_option
@json_option
def add_days(name: str, days: int, by: str, tenant: str | None) -> None:
    """Sell single days at the plan's rate of a day."""
    with work(tenant) as job:
        data = _renewed(job.do(renewals.add_days, subscription_id=_subscription_id(job, name), days=days, by=by))
    show_fields(data)


@click.command("move-to")
@click.argument("name", metavar="SUBSCRIPTION")
@click.argument("plan_name", metavar="PLAN")
@click.option("--at-period-end", is_flag=True, help="When the term ends, instead of now.")
@click.option("--no-proration", is_flag=True, help="Cost nothing until the next renewal.")
@click.option("--waive-fee", is_flag=True, help="Ask for no fee where a cheaper plan breaks the contract.")
@click.option("--dry-run", is_flag=True, help="Say what it would cost now, and change nothing.")
@tenant_option
@json_option
def move_to_plan(
    name: str, plan_name: str, at_period_end: bool, no_proration: bool, waive_fee: bool, dry_run: bool,
    tenant: str | None,
) -> None:  # fmt: skip
    """Another plan, with what is left of both counted by the day."""
    with work(tenant) as job:
        plan = job.found(plan_named(job.session, plan_name, tenant_id=job.tenant_id), "plan")
        subscription_id = _subscription_id(job, name)
        if dry_run:
            told = job.do(plan_changes.preview, subscription_id=subscription_id, service_plan_id=plan.id)
            data: dict[str, Any] = {
                "days_left": told.proration.days_left, "days": told.proration.days,
                "credit": str(told.proration.credit), "charge": str(told.proration.charge), "total": str(told.total),
                "contract_end": None if told.breach is None else told.breach.contract_end,
                "early_end_fee": None if told.breach is None else str(told.breach.fee),
            }  # fmt: skip
        else:
            done = job.do(
                plan_changes.change, subscription_id=subscription_id, service_plan_id=plan.id,
                effective=plan_changes.NEXT_PERIOD if at_period_end else plan_changes.NOW, prorated=not no_proration,
                waive_fee=waive_fee,
            )  # fmt: skip
            data = {
                "status": done.row.status, "effective_at": done.row.effective_at,
                "invoice": None if done.invoice is None else done.invoice.invoice_number,
                "credited": str(done.credited),
                "fee_invoice": None if done.fee_invoice is None else done.fee_invoice.invoice_number,
                "session_changes": done.effect.sessions,
            }  # fmt: skip
    show_fields(data)


# --- rules ----------------------------------------------------------------------------------------------------------


@click.group("rules")
def rules() -> None:
    """Tax, due days, and the other rules of billing."""


@rules.command("show")
@tenant_option
@json_option
def show_rules(tenant: str | None) -> None:
    """The provider's rules."""
    with work(tenant) as job:
        show_fields(_rules(billing_rules.rules_of(job.session, tenant_id=job.tenant_id)))


@rules.command("set")
@click.argument("name", type=click.Choice(sorted(billing_rules.KNOWN)))
@click.argument("value")
@tenant_option
@json_option
def set_rule(name: str, value: str, tenant: str | None) -> None:
    """Set one: `set tax_percent 11`, `set tax_included yes`, `set remind_on 0,-3,3`."""
    with work(tenant) as job:
        done = job.do(billing_rules.change, changes={name: _rule(name, value)})
        data = _rules(done)
    show_fields(data)


# --- rows as commands show them -------------------------------------------------------------------------------------


def _rule(name: str, value: str) -> Any:
    usual = getattr(billing_rules.BillingRules(), name)
    if isinstance(usual, bool):
        if value not in ("yes", "no"):
            raise click.BadParameter("is yes or no")
        return value == "yes"
    if isinstance(usual, str):
        return value
    try:
        if isinstance(usual, tuple):
            return [int(part) for part in value.split(",")] if value else []
        return value if isinstance(usual, Decimal) else int(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no number") from None


def _rules(found: billing_rules.BillingRules) -> dict[str, Any]:
    return {name: _shown(getattr(found, name)) for name in sorted(billing_rules.KNOWN)}


def _shown(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _line(text: str) -> dict[str, Any]:
    parts = text.split(":")
    if len(parts) not in (3, 4):
        raise click.BadParameter(f"{text!r} is no line: write it like equipment:Cable:2500:20")
    return dict(zip(("item_type", "description", "unit_price", "quantity"), parts, strict=False))


def _amount(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise click.BadParameter(f"{text!r} is no amount: write it like 150000 or 2500.50") from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no day: write it like 2026-11-30") from None


def _customer_id(job: Work, name: str) -> int:
    return job.found(customer_named(job.session, name, tenant_id=job.tenant_id), "customer").id


def _subscription_id(job: Work, name: str) -> int:
    return job.found(subscription_named(job.session, name, tenant_id=job.tenant_id), "subscription").id


def _invoice_of(job: Work, name: str) -> Invoice:
    return job.found(invoice_named(job.session, name, tenant_id=job.tenant_id), "invoice")


def _payment_of(job: Work, name: str) -> Payment:
    return job.found(payment_named(job.session, name, tenant_id=job.tenant_id), "payment")


def _invoice(row: Invoice) -> dict[str, Any]:
    return {
        "id": row.id, "number": row.invoice_number, "customer_id": row.customer_id,
        "subscription_id": row.subscription_id, "kind": row.kind, "status": row.status,
        "period_start": _iso(row.period_start), "period_end": _iso(row.period_end), "subtotal": str(row.subtotal),
        "discount": str(row.discount), "tax": str(row.tax), "total": str(row.total), "currency": row.currency,
        "due_date": _iso(row.due_date), "paid_at": row.paid_at,
    }  # fmt: skip


def _payment(row: Payment) -> dict[str, Any]:
    return {
        "id": row.id, "receipt": row.receipt_number, "customer_id": row.customer_id, "invoice_id": row.invoice_id,
        "amount": str(row.amount), "currency": row.currency, "method": row.method, "status": row.status,
        "reference": row.reference, "paid_at": row.paid_at, "recorded_by": row.recorded_by,
    }  # fmt: skip


def _renewed(done: renewals.Renewed) -> dict[str, Any]:
    return {
        "invoice": done.invoice.invoice_number, "status": done.invoice.status, "total": str(done.invoice.total),
        "receipt": None if done.payment is None else done.payment.receipt_number,
        "expires_at": done.subscription.expires_at,
    }  # fmt: skip


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
