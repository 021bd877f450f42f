"""Invoices: the list, one of them, a new one, and what is done to it."""

from datetime import date, timedelta
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from bss import invoices as use
from bss import payments
from db.models import Customer, Invoice, Payment
from db.queries.books import standing_settlement
from db.queries.money_lists import (
    INVOICE_SORTS,
    InvoiceFilter,
    open_sums,
    page_of_invoices,
    usernames_of,
)
from db.queries.owned import owned_by
from db.queries.paging import Page, Wanted
from db.queries.rows import find_row
from domain.invoices import KINDS, STATUSES
from domain.money import ZERO
from webadmin.forms.money import MAX_LINES, DueForm, InvoiceForm, ReasonForm
from webadmin.panel.money import billing_log
from webadmin.panel.money.listed import Line, with_customers
from webadmin.panel.money.words import kind_words
from webadmin.panel.states import state_text
from webadmin.panel.support import (
    act,
    argument_id,
    attempt,
    db,
    effect_of,
    found,
    render,
    tenant,
    today,
    with_follow,
)
from webadmin.panel.tables import Column, List, Table, declare, of_row
from webadmin.permissions import requires

blueprint = Blueprint("invoices", __name__)
LONGEST = 100


def lines(wanted: Wanted) -> Page[Line[Invoice]]:
    """A part of the list that the address asks for."""
    return with_customers(page_of_invoices(db(), tenant_id=tenant().id, fits=_filter_of_request(), wanted=wanted))


INVOICES = declare(
    List(
        key="invoices",
        endpoint="panel.invoices.index",
        lines=lines,
        sorts=tuple(INVOICE_SORTS),
        sort="-created_at",
        permission="view_money",
        views=(
            (_l("Open"), {"status": "open", "sort": "due_date"}),
            (_l("Overdue"), {"status": "overdue", "sort": "due_date"}),
            (_l("Paid"), {"status": "paid"}),
            (_l("Drafts"), {"status": "draft"}),
        ),
        columns=(
            Column(key="number", text=_l("Number"), sort="number", is_fixed=True, value=of_row("invoice_number")),
            Column(key="customer", text=_l("Customer"), value=lambda line: line.name),
            Column(key="code", text=_l("Code"), is_extra=True, value=lambda line: line.code),
            Column(key="kind", text=_l("For"), value=lambda line: str(kind_words(line.row.kind))),
            Column(key="state", text=_l("State"), value=lambda line: state_text("invoice", line.row.status)),
            Column(key="due", text=_l("Due on"), sort="due_date", value=of_row("due_date")),
            Column(key="tax", text=_l("Tax"), is_number=True, is_extra=True, value=of_row("tax")),
            Column(
                key="total",
                text=_l("Total"),
                sort="total",
                is_number=True,
                begins_descending=True,
                value=of_row("total"),
            ),
            Column(
                key="written",
                text=_l("Written"),
                sort="created_at",
                is_extra=True,
                begins_descending=True,
                value=of_row("created_at"),
            ),
        ),
    )
)


@blueprint.get("/invoices")
@requires("view_money")
def index() -> ResponseReturnValue:
    """Invoices, newest first, narrowed by the filters in the address."""
    fits = _filter_of_request()
    return render(
        "panel/money/invoices.html",
        table=Table(INVOICES),
        fits=fits,
        sums=open_sums(db(), tenant_id=tenant().id, today=today()),
        is_filtered=fits != InvoiceFilter(),
        kinds=KINDS,
    )


def _filter_of_request() -> InvoiceFilter:
    """The filter bar's values in the address; what cannot be meant filters nothing."""
    given = request.args
    status, kind = given.get("status", ""), given.get("kind", "")
    return InvoiceFilter(
        search=given.get("q", "").strip()[:LONGEST] or None,
        status=status if status in STATUSES else None,
        is_open=status == "open",
        kind=kind if kind in KINDS else None,
        customer_id=argument_id("customer"),
        subscription_id=argument_id("subscription"),
    )


@blueprint.get("/invoices/<int:invoice_id>")
@requires("view_money")
def show(invoice_id: int) -> ResponseReturnValue:
    """One invoice."""
    invoice = _invoice(invoice_id)
    settlement = standing_settlement(db(), invoice.id)
    payment = None if settlement is None or settlement.payment_id is None else _payment(settlement.payment_id)
    customer = found(find_row(db(), Customer, invoice.customer_id, tenant_id=tenant().id))
    usernames = usernames_of(db(), {invoice.subscription_id} if invoice.subscription_id else set())
    return render(
        "panel/money/invoice.html",
        invoice=invoice,
        customer=customer,
        settlement=settlement,
        payment=payment,
        username=usernames.get(invoice.subscription_id or 0),
        entries=billing_log.of_invoice(invoice.id),
        today=today(),
    )


@blueprint.route("/customers/<int:customer_id>/invoices/new", methods=["GET", "POST"])
@requires("generate_bills")
def new(customer_id: int) -> ResponseReturnValue:
    """An invoice by hand."""
    customer = found(find_row(db(), Customer, customer_id, tenant_id=tenant().id))
    form = InvoiceForm()
    owned = owned_by(db(), [customer.id])[customer.id].rows
    form.subscription_id.offer((row.id, f"{row.username} · {row.plan.name}") for row in owned)
    if not _edits_lines(form) and form.validate_on_submit():
        done = attempt(form, _write, customer_id=customer.id, form=form)
        if done is not None:
            flash(gettext("The invoice was written."), "success")
            return redirect(with_follow(url_for("panel.invoices.show", invoice_id=done.row.id), effect_of(done)), 303)
    failed = request.method == "POST" and not any(name.startswith(("add_", "remove_")) for name in request.form)
    return render("panel/money/invoice_new.html", 422 if failed else 200, form=form, customer=customer, most=MAX_LINES)


def _write(session: Any, *, actor: Any, now: Any, customer_id: int, form: InvoiceForm) -> Any:
    draft = use.Draft(
        kind="manual",
        lines=[use.line_of(entry.form.line(), field=f"lines-{place}") for place, entry in enumerate(form.lines)],
        subscription_id=form.subscription_id.data,
        due_date=form.due_date.data,
        discount=form.discount.data or ZERO,
        discount_note=form.discount_note.data or "",
        notes=form.notes.data or "",
    )
    return use.create(
        session, actor=actor, now=now, customer_id=customer_id, draft=draft, issue_now=not form.is_draft.data
    )


@blueprint.post("/invoices/<int:invoice_id>/issue")
@requires("generate_bills")
def issue(invoice_id: int) -> ResponseReturnValue:
    """Give a draft its number."""
    return act(_page(invoice_id), gettext("The invoice was issued."), use.issue, invoice_id=invoice_id)


@blueprint.post("/invoices/<int:invoice_id>/pay-from-balance")
@requires("record_payments")
def pay_from_balance(invoice_id: int) -> ResponseReturnValue:
    """Pay it out of the customer's balance."""
    said = gettext("The invoice was paid out of the balance.")
    return act(_page(invoice_id), said, payments.pay_by_balance, invoice_id=invoice_id)


@blueprint.route("/invoices/<int:invoice_id>/cancel", methods=["GET", "POST"])
@requires("generate_bills")
def cancel(invoice_id: int) -> ResponseReturnValue:
    """Take it back."""
    invoice, form = _invoice(invoice_id), ReasonForm()
    if form.validate_on_submit():
        done = attempt(form, use.cancel, invoice_id=invoice_id, reason=form.reason.data or "")
        if done is not None:
            flash(gettext("The invoice was cancelled."), "success")
            return redirect(with_follow(_page(invoice_id), effect_of(done)), 303)
        invoice = _invoice(invoice_id)
    return _ask(
        invoice,
        form,
        heading=gettext("Cancel invoice"),
        effect=gettext("It keeps its number, and nobody owes it any more. Its period can be billed again."),
        submit=gettext("Cancel invoice"),
        is_danger=True,
    )


@blueprint.route("/invoices/<int:invoice_id>/due", methods=["GET", "POST"])
@requires("generate_bills")
def change_due_date(invoice_id: int) -> ResponseReturnValue:
    """More time to pay, or less."""
    invoice, form = _invoice(invoice_id), DueForm()
    if form.validate_on_submit():
        done = attempt(form, use.change_due_date, invoice_id=invoice_id, due_date=form.due_date.data)
        if done is not None:
            flash(gettext("The due day was moved."), "success")
            return redirect(with_follow(_page(invoice_id), effect_of(done)), 303)
        invoice = _invoice(invoice_id)
    elif request.method == "GET":
        form.due_date.data = _later(invoice.due_date)
    return _ask(
        invoice,
        form,
        heading=gettext("Move the due day"),
        effect=gettext("Reminders and suspension follow the new day. What was suspended for it comes back."),
        submit=gettext("Move"),
    )


def _later(due_date: date) -> date:
    """A week from now or from the due day, whichever is later: what people usually grant."""
    return max(due_date, today()) + timedelta(days=7)


def _ask(invoice: Invoice, form: Any, **words: Any) -> ResponseReturnValue:
    values = {"is_danger": False, "back": _page(invoice.id), "name": invoice.invoice_number or "", "form": form} | words
    return render("panel/money/question.html", 422 if form.is_submitted() else 200, **values)


def _edits_lines(form: InvoiceForm) -> bool:
    """Add or take away a line when one of the list's own buttons sent the form, leaving all that was typed."""
    if "add_line" in request.form:
        if len(form.lines) < MAX_LINES:
            form.lines.append_entry()
        return True
    position = request.form.get("remove_line", type=int)
    if position is None:
        return False
    kept = [entry.form.data for place, entry in enumerate(form.lines) if place != position]
    while len(form.lines):
        form.lines.pop_entry()
    for row in kept or [{}]:
        form.lines.append_entry(row)
    return True


def _invoice(invoice_id: int) -> Invoice:
    return found(find_row(db(), Invoice, invoice_id, tenant_id=tenant().id))


def _payment(payment_id: int) -> Payment:
    return found(find_row(db(), Payment, payment_id, tenant_id=tenant().id))


def _page(invoice_id: int) -> str:
    return url_for("panel.invoices.show", invoice_id=invoice_id)
