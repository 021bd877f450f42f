"""Payments: all of them with today's sums, one payment, a new one, and taking one back."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from bss import payments as use
from db.models import Customer, Invoice, Payment
from db.queries.books import invoices_paid_by
from db.queries.expenses import ExpenseFilter, page_of_expenses
from db.queries.money_lists import (
    PAYMENT_SORTS,
    PaymentFilter,
    open_of_customer,
    page_of_payments,
    paid_by_day,
    paid_by_method,
    paid_sum,
)
from db.queries.paging import Page, Wanted
from db.queries.rows import find_row
from domain.payments import METHODS, STATUSES
from domain.period import local_midnight
from webadmin import format as spell
from webadmin.forms.books import OtherPaymentForm
from webadmin.forms.money import PaymentForm, ReasonForm
from webadmin.panel import charts
from webadmin.panel.filters import language, money
from webadmin.panel.money.listed import Line, with_customers
from webadmin.panel.money.words import category_words, method_words
from webadmin.panel.states import state_text
from webadmin.panel.support import (
    PAGE_SIZE,
    argument_id,
    attempt,
    db,
    effect_of,
    found,
    now,
    render,
    tenant,
    with_follow,
    zone,
)
from webadmin.panel.tables import Column, List, Table, declare, of_row
from webadmin.permissions import requires
from webadmin.proof import needs_proof
from webadmin.security import may

blueprint = Blueprint("payments", __name__)
LONGEST = 100
DAYS_SHOWN = 30


def lines(wanted: Wanted) -> Page[Line[Payment]]:
    """A part of the list that the address asks for."""
    return with_customers(page_of_payments(db(), tenant_id=tenant().id, fits=_filter_of_request(), wanted=wanted))


PAYMENTS = declare(
    List(
        key="payments",
        endpoint="panel.payments.index",
        lines=lines,
        sorts=tuple(PAYMENT_SORTS),
        sort="-paid_at",
        permission="view_money",
        views=(
            (_l("Today"), {"span": "today"}),
            (_l("This month"), {"span": "month"}),
            (_l("Expected"), {"status": "pending"}),
            (_l("Given back"), {"status": "refunded"}),
        ),
        columns=(
            Column(key="receipt", text=_l("Receipt"), sort="receipt", is_fixed=True, value=of_row("receipt_number")),
            Column(key="customer", text=_l("Customer"), value=lambda line: line.name),
            Column(key="code", text=_l("Code"), is_extra=True, value=lambda line: line.code),
            Column(key="method", text=_l("Paid by"), value=lambda line: str(method_words(line.row.method))),
            Column(key="reference", text=_l("Reference"), is_extra=True, value=of_row("reference")),
            Column(key="state", text=_l("State"), value=lambda line: state_text("payment", line.row.status)),
            Column(key="when", text=_l("When"), sort="paid_at", begins_descending=True, value=of_row("paid_at")),
            Column(key="by", text=_l("Taken by"), is_extra=True, value=of_row("recorded_by")),
            Column(
                key="amount",
                text=_l("Amount"),
                sort="amount",
                is_number=True,
                begins_descending=True,
                value=of_row("amount"),
            ),
        ),
    )
)


@blueprint.get("/payments")
@requires("view_money")
def index() -> ResponseReturnValue:
    """Payments, newest first, narrowed by the filters in the address, above them today's sums."""
    fits = _filter_of_request()
    begins, ends = _today()
    is_filtered = fits != PaymentFilter()
    return render(
        "panel/money/payments.html",
        table=Table(PAYMENTS),
        fits=fits,
        span=request.args.get("span", ""),
        total=paid_sum(db(), tenant_id=tenant().id, fits=fits) if is_filtered else None,
        today=paid_by_method(db(), tenant_id=tenant().id, since=begins, until=ends),
        methods=METHODS,
        is_filtered=is_filtered,
        days=None if is_filtered else _days(begins, ends),
    )


def _days(begins: datetime, ends: datetime) -> dict[str, Any] | None:
    """The last thirty days as bars; None without any money."""
    since = begins - timedelta(days=DAYS_SHOWN - 1)
    paid = paid_by_day(db(), tenant_id=tenant().id, since=since, until=ends, zone_name=tenant().timezone)
    if not paid:
        return None
    first = since.astimezone(zone()).date()
    days = [first + timedelta(days=number) for number in range(DAYS_SHOWN)]
    amounts = [paid.get(day, Decimal(0)) for day in days]
    labels = [f"{spell.short_day(day, language())}: {money(amount)}" for day, amount in zip(days, amounts, strict=True)]
    return {
        "bars": charts.columns([(int(amount), 0) for amount in amounts], labels),
        "first": spell.short_day(days[0], language()),
        "total": sum(amounts, Decimal(0)),
    }


def _filter_of_request() -> PaymentFilter:
    """The filter bar's values in the address; what cannot be meant filters nothing."""
    given = request.args
    status, method, span = given.get("status"), given.get("method"), given.get("span")
    begins, ends = _today()
    since = {"today": begins, "month": local_midnight(begins.astimezone(zone()).date().replace(day=1), zone())}
    return PaymentFilter(
        search=given.get("q", "").strip()[:LONGEST] or None,
        status=status if status in STATUSES else None,
        method=method if method in METHODS else None,
        customer_id=argument_id("customer"),
        since=since.get(span or ""),
        until=ends if span in since else None,
    )


def _today() -> tuple[datetime, datetime]:
    day = now().astimezone(zone()).date()
    return local_midnight(day, zone()), local_midnight(day + timedelta(days=1), zone())


@blueprint.get("/payments/<int:payment_id>")
@requires("view_money")
def show(payment_id: int) -> ResponseReturnValue:
    """One payment."""
    payment = _payment(payment_id)
    meant_id = payment.invoice_id
    return render(
        "panel/money/payment.html",
        payment=payment,
        customer=found(find_row(db(), Customer, payment.customer_id, tenant_id=tenant().id)),
        paid=invoices_paid_by(db(), payment.id),
        meant=None if meant_id is None else find_row(db(), Invoice, meant_id, tenant_id=tenant().id),
    )


@blueprint.route("/customers/<int:customer_id>/pay", methods=["GET", "POST"])
@requires("record_payments")
def new(customer_id: int) -> ResponseReturnValue:
    """Record that a customer paid."""
    customer = found(find_row(db(), Customer, customer_id, tenant_id=tenant().id))
    form, open_ones = PaymentForm(), open_of_customer(db(), customer.id)
    offer(form, customer, open_ones)
    if form.validate_on_submit():
        done = attempt(form, use.receive, customer_id=customer_id, **given(form))
        if done is not None:
            flash(_said(done), "success")
            return redirect(with_follow(_money_tab(customer_id), effect_of(done)), 303)
        customer = found(find_row(db(), Customer, customer_id, tenant_id=tenant().id))
    elif request.method == "GET":
        suggest(form, open_ones)
    return render(
        "panel/money/pay.html",
        422 if form.is_submitted() else 200,
        form=form,
        customer=customer,
        back=_money_tab(customer_id),
    )


@blueprint.route("/customers/<int:customer_id>/other-payment", methods=["GET", "POST"])
@requires("record_payments")
def other(customer_id: int) -> ResponseReturnValue:
    """Record income that is no package's."""
    customer = found(find_row(db(), Customer, customer_id, tenant_id=tenant().id))
    form = OtherPaymentForm()
    _offer_expenses(form)
    if form.validate_on_submit():
        done = attempt(form, use.receive, customer_id=customer_id, **form.payment())
        if done is not None:
            number = done.payment.receipt_number
            flash(gettext("Recorded as %(number)s.", number=number) if done.is_new else _said(done), "success")
            return redirect(url_for("panel.payments.show", payment_id=done.payment.id), 303)
        customer = found(find_row(db(), Customer, customer_id, tenant_id=tenant().id))
    return render(
        "panel/money/other_payment.html",
        422 if form.is_submitted() else 200,
        form=form,
        customer=customer,
        categories=use.INCOME_CATEGORIES,
        back=_money_tab(customer_id),
    )


def _offer_expenses(form: OtherPaymentForm) -> None:
    """The last expenses, for who may see them."""
    wanted = Wanted(sort="-spent_on", page_size=PAGE_SIZE)
    seen = may("view_books")
    rows = page_of_expenses(db(), tenant_id=tenant().id, fits=ExpenseFilter(), wanted=wanted).items if seen else []
    form.expense_id.offer(
        (row.id, f"{row.spent_on} · {category_words(row.category)} · {money(row.amount)} {row.description}"[:80])
        for row in rows
        if row.reversed_at is None
    )


def offer(form: PaymentForm, customer: Customer, open_ones: list[Invoice]) -> None:
    """Open invoices, and the one that was chosen: a second click comes when the first has paid it."""
    rows, chosen_id = [*open_ones], form.invoice_id.data
    if chosen_id is not None and chosen_id not in [row.id for row in rows]:
        chosen = find_row(db(), Invoice, chosen_id, tenant_id=tenant().id)
        rows += [chosen] if chosen is not None and chosen.customer_id == customer.id else []
    form.invoice_id.offer(
        (row.id, f"{row.invoice_number} · {money(row.total)} · {gettext('due')} {row.due_date}") for row in rows
    )


def suggest(form: PaymentForm, open_ones: list[Invoice]) -> None:
    """The invoice asked for in the address, else the one that is due first."""
    asked = argument_id("invoice")
    chosen = next((row for row in open_ones if row.id == asked), open_ones[0] if open_ones else None)
    if chosen is not None:
        form.invoice_id.data, form.amount.data = chosen.id, chosen.total


def given(form: PaymentForm) -> dict[str, Any]:
    """The payment as the use-case takes it."""
    return {
        "amount": form.amount.data,
        "method": form.method.data,
        "invoice_id": form.invoice_id.data,
        "purpose": "advance" if form.is_advance.data else None,
        "reference": form.reference.data or "",
        "note": form.note.data or "",
        "request_key": f"panel:{form.request_key.data}" if form.request_key.data else None,
    }


def _said(done: use.Received) -> str:
    if not done.is_new:
        return str(gettext("This payment was recorded already; nothing was booked twice."))
    number = done.payment.receipt_number
    if done.paid_invoice_ids:
        return str(gettext("Recorded as %(number)s. What it was for is paid.", number=number))
    return str(gettext("Recorded as %(number)s. It is in the customer's balance.", number=number))


@blueprint.route("/payments/<int:payment_id>/<any(refund, void):what>", methods=["GET", "POST"])
@requires("refund_payments")
@needs_proof
def take_back(payment_id: int, what: str) -> ResponseReturnValue:
    """Give it back, or take back that it came."""
    payment, form = _payment(payment_id), ReasonForm()
    if form.validate_on_submit():
        verb = use.refund if what == "refund" else use.void
        done = attempt(form, verb, payment_id=payment_id, reason=form.reason.data or "")
        if done is not None:
            flash(gettext("Booked."), "success")
            return redirect(with_follow(url_for("panel.payments.show", payment_id=payment_id), effect_of(done)), 303)
        payment = _payment(payment_id)
    return render(
        "panel/money/question.html",
        422 if form.is_submitted() else 200,
        form=form,
        name=payment.receipt_number,
        back=url_for("panel.payments.show", payment_id=payment_id),
        is_danger=True,
        **(_refund_words() if what == "refund" else _void_words()),
    )


def _refund_words() -> dict[str, str]:
    return {
        "heading": gettext("Give the money back"),
        "effect": gettext(
            "This books that the money went back to the customer. Invoices that it paid are refunded, and terms that"
            " they extended end where they did before."
        ),
        "submit": gettext("Book the refund"),
    }


def _void_words() -> dict[str, str]:
    return {
        "heading": gettext("Take back: it never came"),
        "effect": gettext("For what was recorded by mistake. Invoices that it paid are open again."),
        "submit": gettext("Take back"),
    }


def _payment(payment_id: int) -> Payment:
    return found(find_row(db(), Payment, payment_id, tenant_id=tenant().id))


def _money_tab(customer_id: int) -> str:
    return url_for("panel.customers.show", customer_id=customer_id, tab="money")
