"""Links to pay: made for an invoice or an amount, sent, counted, withdrawn. A link is shown once."""

from urllib.parse import quote

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale, gettext

from bss.failure import Failure
from bss.gateways import links as use
from db.models import Customer, Invoice, PaymentLink
from db.queries import gateways as queries
from db.queries.paging import Wanted
from db.queries.rows import find_row
from webadmin import format as spell
from webadmin.forms.gateways import LinkForm
from webadmin.panel import gateway_words as words
from webadmin.panel.pay import payment_addresses
from webadmin.panel.support import PAGE_SIZE, act, argument_id, attempt, db, found, now, render, run, tenant
from webadmin.permissions import requires

blueprint = Blueprint("payment_links", __name__)


@blueprint.route("/customers/<int:customer_id>/payment-links", methods=["GET", "POST"])
@requires("record_payments")
def index(customer_id: int) -> ResponseReturnValue:
    """A customer's links, and a new one: for an open invoice, or for an amount."""
    customer = found(find_row(db(), Customer, customer_id, tenant_id=tenant().id))
    invoices = queries.open_invoices_of(db(), customer.id)
    form, chosen = LinkForm(), request.form.get("invoice", type=int) or argument_id("invoice")
    if form.validate_on_submit():
        for_invoice = chosen if request.form.get("what") == "invoice" else None
        issued = attempt(
            form,
            use.create,
            invoice_id=for_invoice,
            customer_id=None if for_invoice is not None else customer.id,
            amount=None if for_invoice is not None else form.amount.data,
            gateway_ids=[int(value) for value in request.form.getlist("gateways") if value.isdigit()] or None,
            days=form.days.data,
        )
        if issued is not None:
            return _made(customer, issued.row, issued.secret)
    page = queries.list_links(
        db(), tenant_id=tenant().id, wanted=Wanted(sort="-id", page_size=PAGE_SIZE), customer_id=customer.id
    )
    return render(
        "panel/payment_links/index.html",
        422 if form.is_submitted() else 200,
        customer=customer,
        form=form,
        invoices=invoices,
        chosen=chosen,
        gateways=queries.gateways_of(db(), tenant_id=tenant().id, active_only=True),
        rows=page.items,
        states={row.id: use.state_of(db(), row, now()) for row in page.items},
        names=queries.names_of(db(), page.items),
        channels=words.CHANNELS,
    )


@blueprint.post("/payment-links/<int:link_id>/withdraw")
@requires("record_payments")
def withdraw(link_id: int) -> ResponseReturnValue:
    """Let nobody pay by it any more."""
    link = _link(link_id)
    back = url_for("panel.payment_links.index", customer_id=link.customer_id)
    return act(back, gettext("The link is withdrawn."), use.withdraw, link_id=link.id)


@blueprint.post("/payment-links/<int:link_id>/sent")
@requires("record_payments")
def sent(link_id: int) -> ResponseReturnValue:
    """Note by which way it went to the customer."""
    link = _link(link_id)
    try:
        run(use.mark_sent, link_id=link.id, channel=request.form.get("channel", ""))
    except Failure:
        flash(gettext("Say by which way it was sent."), "error")
    return redirect(url_for("panel.payment_links.index", customer_id=link.customer_id), 303)


def _made(customer: Customer, link: PaymentLink, token: str) -> ResponseReturnValue:
    address = payment_addresses().link(token)
    invoice = None if link.invoice_id is None else db().get(Invoice, link.invoice_id)
    text = _message(customer, link, invoice, address)
    number = (customer.whatsapp or customer.phone or "").replace("+", "")
    return render(
        "panel/payment_links/made.html",
        customer=customer,
        link=link,
        address=address,
        text=text,
        whatsapp=f"https://wa.me/{number}?text={quote(text)}" if number else None,
        sms=f"sms:{customer.phone}?body={quote(text)}" if customer.phone else None,
        email=f"mailto:{customer.email}?subject={quote(tenant().name)}&body={quote(text)}" if customer.email else None,
    )


def _message(customer: Customer, link: PaymentLink, invoice: Invoice | None, address: str) -> str:
    """What the customer reads, in his language."""
    with force_locale(customer.language):
        locale = customer.language
        bill = use.due(db(), link, invoice)
        amount = spell.money(bill, tenant().currency, locale)
        if invoice is None:
            return str(
                gettext("%(who)s: pay %(amount)s here: %(link)s", who=tenant().name, amount=amount, link=address)
            )
        return str(
            gettext(
                "%(who)s: pay invoice %(number)s of %(amount)s here: %(link)s",
                who=tenant().name,
                number=invoice.invoice_number,
                amount=amount,
                link=address,
            )
        )


def _link(link_id: int) -> PaymentLink:
    return found(find_row(db(), PaymentLink, link_id, tenant_id=tenant().id))
