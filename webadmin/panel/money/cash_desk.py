"""The cash desk: one search, what is open, the amount, done; then the receipt and the way back online, on a clock.

It works by keyboard alone: the search has the focus, Enter takes the only one found, the amount stands there already,
and Enter records it.
"""

from typing import Any

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from bss import payments as use
from db.models import Customer, Payment
from db.queries.cash_desk import Line, lines_of, owed_by, taken_by
from db.queries.customer_search import closest
from db.queries.money_lists import names_of_customers, open_of_customer
from db.queries.rows import find_row
from domain.invoices import OPEN
from domain.period import local_midnight
from webadmin.forms.money import PaymentForm
from webadmin.panel.money.payments import given, offer, suggest
from webadmin.panel.support import attempt, db, found, is_part, now, render, tenant, today, zone
from webadmin.permissions import requires
from webadmin.security import current_actor

blueprint = Blueprint("cash_desk", __name__)
LEAST, LONGEST, SHOWN = 2, 100, 8
# How people pay at a counter; the rest stands behind one more click.
USUAL = ("cash", "transfer", "qris", "card")
# After so long nobody at the desk waits for a customer's device any more.
WATCHED_S = 15 * 60


@blueprint.get("/cash")
@requires("record_payments")
def index() -> ResponseReturnValue:
    """The search; the only customer found is opened at once."""
    text = request.args.get("q", "").strip()[:LONGEST]
    rows = closest(db(), text, SHOWN) if len(text) >= LEAST else []
    if len(rows) == 1 and not is_part():
        return redirect(url_for("panel.cash_desk.take", customer_id=rows[0].id), 303)
    owed = owed_by(db(), [row.id for row in rows])
    if is_part():
        return render("panel/cash/_found.html", text=text, rows=rows, owed=owed, least=LEAST)
    taken = taken_by(db(), current_actor().name, since=local_midnight(today(), zone()), most=SHOWN)
    names = names_of_customers(db(), {row.customer_id for row in taken})
    return render("panel/cash/index.html", text=text, rows=rows, owed=owed, least=LEAST, taken=taken, names=names)


@blueprint.route("/cash/<int:customer_id>", methods=["GET", "POST"])
@requires("record_payments")
def take(customer_id: int) -> ResponseReturnValue:
    """What is open, and the money for it."""
    customer = _customer(customer_id)
    form, open_ones = PaymentForm(), open_of_customer(db(), customer.id)
    offer(form, customer, open_ones)
    if form.validate_on_submit():
        done = attempt(form, use.receive, customer_id=customer_id, **given(form))
        if done is not None:
            return redirect(url_for("panel.cash_desk.done", payment_id=done.payment.id), 303)
        customer = _customer(customer_id)
    elif request.method == "GET":
        suggest(form, open_ones)
    return render(
        "panel/cash/take.html",
        422 if form.is_submitted() else 200,
        form=form,
        customer=customer,
        open_ones=open_ones,
        lines=lines_of(db(), customer.id),
        today=today(),
        usual_methods=USUAL,
    )


@blueprint.get("/cash/done/<int:payment_id>")
@requires("record_payments")
def done(payment_id: int) -> ResponseReturnValue:
    """The receipt, and whether the customer is back online."""
    payment = found(find_row(db(), Payment, payment_id, tenant_id=tenant().id))
    still_open = [row for row in open_of_customer(db(), payment.customer_id) if row.status in OPEN]
    return render("panel/cash/done.html", still_open=still_open, **_watched(payment))


@blueprint.get("/cash/done/<int:payment_id>/watch")
@requires("record_payments")
def watch(payment_id: int) -> ResponseReturnValue:
    """The part of that page that follows the customer's way back."""
    return render(
        "panel/cash/_watch.html", **_watched(found(find_row(db(), Payment, payment_id, tenant_id=tenant().id)))
    )


def _watched(payment: Payment) -> dict[str, Any]:
    lines = lines_of(db(), payment.customer_id)
    begun = payment.created_at
    elapsed_s = (now() - begun).total_seconds()
    waiting = [line for line in lines if line.subscription.status == "active" and not line.is_well]
    return {
        "payment": payment,
        "customer": _customer(payment.customer_id),
        "lines": lines,
        "elapsed_ms": max(0, round(elapsed_s * 1000)),
        "waiting": waiting if elapsed_s < WATCHED_S else [],
        "took_s": {line.subscription.id: _took_s(line, payment) for line in lines},
    }


def _took_s(line: Line, payment: Payment) -> float | None:
    """From the payment to the session that began after it; None for one that ran all along."""
    if not line.is_well or line.session is None or line.session.acctstarttime < payment.created_at:
        return None
    return (line.session.acctstarttime - payment.created_at).total_seconds()


def _customer(customer_id: int) -> Customer:
    return found(find_row(db(), Customer, customer_id, tenant_id=tenant().id))
