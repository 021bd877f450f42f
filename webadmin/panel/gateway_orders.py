"""Online payments: every order at a gateway, what was said about it, and what staff can do with one."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel.speaklater import LazyString

from bss.failure import Failure
from bss.gateways import orders as use
from bss.gateways.booking import Applied
from db.models import GatewayOrder, Payment
from db.queries import gateways as queries
from db.queries.paging import Wanted
from db.queries.rows import find_row
from domain.gateway import BOOKED, OPEN, STATUSES
from domain.lifecycle import IllegalMove
from gateways import ABOUT
from webadmin.database import commit
from webadmin.forms.gateways import RefundForm
from webadmin.panel import gateway_words as words
from webadmin.panel.sentences import said
from webadmin.panel.support import (
    PAGE_SIZE,
    Page,
    argument_id,
    db,
    found,
    now,
    page_number,
    problems_of,
    render,
    tenant,
    with_follow,
)
from webadmin.permissions import requires
from webadmin.proof import needs_proof
from webadmin.security import current_actor, may

blueprint = Blueprint("gateway_orders", __name__)
LONGEST = 64


@blueprint.get("/online-payments")
@requires("view_money")
def index() -> ResponseReturnValue:
    """Orders, the newest first, narrowed by the filters in the address."""
    asked = {name: request.args.get(name, "").strip()[:LONGEST] for name in ("status", "q")}
    status = asked["status"] if asked["status"] in STATUSES else ""
    gateway_id = argument_id("gateway")
    page = queries.list_orders(
        db(),
        tenant_id=tenant().id,
        wanted=Wanted(sort="-id", page=page_number(), page_size=PAGE_SIZE),
        status=status or None,
        gateway_id=gateway_id,
        search=asked["q"],
    )
    return render(
        "panel/gateway_orders/index.html",
        rows=page.items,
        names=queries.names_of(db(), page.items),
        gateways=queries.gateways_of(db(), tenant_id=tenant().id),
        gateway_wanted=gateway_id,
        status_wanted=status,
        q=asked["q"],
        parked=queries.count_parked(db(), tenant_id=tenant().id) if may("record_payments") else 0,
        page=Page(number=page_number(), size=PAGE_SIZE, total=page.total_items),
    )


@blueprint.get("/online-payments/<int:row_id>")
@requires("view_money")
def show(row_id: int) -> ResponseReturnValue:
    """One order with everything that was said about it."""
    row = _row(row_id)
    log = queries.log_of_order(db(), tenant_id=tenant().id, order_id=row.order_id)
    return render(
        "panel/gateway_orders/show.html",
        row=row,
        names=queries.names_of(db(), [row])[row.id],
        payment=None if row.payment_id is None else db().get(Payment, row.payment_id),
        log=log,
        events=words.EVENTS,
        say=said,
        labels=words.INSTRUCTIONS,
        about=ABOUT[row.gateway.kind],
        is_open=row.status in OPEN,
        is_booked=row.status in BOOKED,
        restored_ms=queries.restored_ms(db(), row),
        form=RefundForm(),
    )


@blueprint.post("/online-payments/<int:row_id>/check")
@requires("view_money")
def check(row_id: int) -> ResponseReturnValue:
    """Ask the gateway now."""
    row = _row(row_id)
    told = {"paid": gettext("The gateway says that it is paid.")}
    return _talk(row, lambda: use.check(**_acting(), row_id=row.id), lambda done: told.get(_status(done)))


@blueprint.post("/online-payments/<int:row_id>/cancel")
@requires("record_payments")
def cancel(row_id: int) -> ResponseReturnValue:
    """Let nobody pay it any more."""
    row = _row(row_id)
    return _talk(row, lambda: use.cancel(**_acting(), row_id=row.id), lambda _: gettext("The order is cancelled."))


@blueprint.post("/online-payments/<int:row_id>/refund")
@requires("refund_payments")
@needs_proof
def refund(row_id: int) -> ResponseReturnValue:
    """Give the money back over the gateway."""
    row, form = _row(row_id), RefundForm()
    if not form.validate_on_submit():
        flash(gettext("Write why it is given back."), "error")
        return redirect(url_for(".show", row_id=row.id), 303)
    reason = str(form.reason.data)
    return _talk(
        row,
        lambda: use.refund(**_acting(), row_id=row.id, reason=reason),
        lambda _: gettext("The gateway gives the money back, and the books say so."),
    )


@blueprint.post("/online-payments/<int:row_id>/confirm")
@requires("record_payments")
def confirm(row_id: int) -> ResponseReturnValue:
    """The transfer is on the account's statement."""
    row = _row(row_id)
    return _talk(row, lambda: use.confirm(**_acting(), row_id=row.id), lambda _: gettext("The transfer is booked."))


def _talk(
    row: GatewayOrder, do: Callable[[], Applied], say: Callable[[Applied], LazyString | str | None]
) -> ResponseReturnValue:
    back = url_for("panel.gateway_orders.show", row_id=row.id)
    try:
        done = do()
        commit(done.effect)
    except (Failure, IllegalMove) as refusal:
        db().rollback()
        for _, text in problems_of(refusal):
            flash(text, "error")
        return redirect(back, 303)
    if done.parked_id is not None:
        flash(gettext("The gateway has money that is not what was ordered: it waits under Parked money."), "warning")
    else:
        flash(str(say(done) or gettext("The gateway answered; this page shows how it stands.")), "success")
    return redirect(with_follow(back, done.effect), 303)


def _status(done: Applied) -> str:
    return "" if done.order is None else done.order.status


def _acting() -> dict[str, Any]:
    return {"session": db(), "actor": current_actor(), "now": now()}


def _row(row_id: int) -> GatewayOrder:
    return found(find_row(db(), GatewayOrder, row_id, tenant_id=tenant().id))
