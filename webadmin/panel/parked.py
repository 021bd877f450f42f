"""Parked money: what a gateway has and nobody may guess about, until a person says whose it is."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss.failure import Failure
from bss.gateways import parked as use
from db.models import ParkedPayment
from db.queries import gateways as queries
from db.queries.named import customer_named, invoice_named
from db.queries.paging import Wanted
from db.queries.rows import find_row
from domain.gateway import PARKED_STATES
from domain.lifecycle import IllegalMove
from gateways import ABOUT
from webadmin.database import commit
from webadmin.forms.gateways import ParkedForm
from webadmin.panel import gateway_words as words
from webadmin.panel.support import (
    PAGE_SIZE,
    Page,
    db,
    effect_of,
    found,
    now,
    page_number,
    problems_of,
    render,
    tenant,
    with_follow,
)
from webadmin.permissions import requires
from webadmin.proof import asked
from webadmin.security import current_actor, require

blueprint = Blueprint("parked", __name__)
BOOK_ONLY = ("charged_back", "refunded_there")


@blueprint.get("/parked-money")
@requires("record_payments")
def index() -> ResponseReturnValue:
    """What waits, or what was dealt with."""
    wanted = request.args.get("status", "open")
    status = wanted if wanted in PARKED_STATES else "open"
    page = queries.list_parked(
        db(),
        tenant_id=tenant().id,
        wanted=Wanted(sort="-id", page=page_number(), page_size=PAGE_SIZE),
        status=status,
    )
    return render(
        "panel/parked/index.html",
        rows=page.items,
        reasons=words.REASONS,
        status_wanted=status,
        form=ParkedForm(),
        book_only=BOOK_ONLY,
        about=ABOUT,
        page=Page(number=page_number(), size=PAGE_SIZE, total=page.total_items),
    )


@blueprint.post("/parked-money/<int:parked_id>")
@requires("record_payments")
def resolve(parked_id: int) -> ResponseReturnValue:
    """Give it to a customer, give it back, take it out of the books, or put it away."""
    row = found(find_row(db(), ParkedPayment, parked_id, tenant_id=tenant().id))
    do, note = request.form.get("do", ""), request.form.get("note", "").strip()[:200]
    if do == "assign":
        return _done(lambda: _assign(row, note), gettext("The money is booked for the customer."))
    if do == "dismiss":
        return _done(
            lambda: use.dismiss(**_acting(), parked_id=row.id, note=note), gettext("Put away. Nothing was booked.")
        )
    require("refund_payments")
    if (question := asked()) is not None:
        return question
    if do == "take_back":
        return _done(
            lambda: use.take_back(**_acting(), parked_id=row.id, note=note), gettext("Taken out of the books.")
        )
    return _done(
        lambda: use.give_back(**_acting(), parked_id=row.id, note=note), gettext("The gateway gives the money back.")
    )


def _assign(row: ParkedPayment, note: str) -> Any:
    code = request.form.get("customer", "").strip()[:50]
    customer = customer_named(db(), code, tenant_id=tenant().id) if code else None
    number = request.form.get("invoice", "").strip()[:50]
    invoice = invoice_named(db(), number, tenant_id=tenant().id) if number else None
    if (number and invoice is None) or (customer is None and invoice is None):
        return None
    owner = customer.id if customer is not None else invoice.customer_id if invoice is not None else 0
    return use.assign(
        **_acting(),
        parked_id=row.id,
        customer_id=owner,
        invoice_id=None if invoice is None else invoice.id,
        note=note,
    )


def _done(do: Callable[[], Any], message: str) -> ResponseReturnValue:
    back = url_for("panel.parked.index")
    try:
        done = do()
        if done is None:
            flash(gettext("There is no such customer or invoice: write its code or number."), "error")
            return redirect(back, 303)
        commit(effect_of(done))
    except (Failure, IllegalMove) as refusal:
        db().rollback()
        for _, text in problems_of(refusal):
            flash(text, "error")
        return redirect(back, 303)
    flash(message, "success")
    return redirect(with_follow(back, effect_of(done)), 303)


def _acting() -> dict[str, Any]:
    return {"session": db(), "actor": current_actor(), "now": now()}
