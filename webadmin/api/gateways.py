"""Payment gateways, orders at them, links to pay and parked money over HTTP."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from flask import request

from bss.gateways import accounts, links, orders, parked, reconciling
from bss.gateways.addresses import Addresses, addresses
from bss.gateways.booking import Applied
from bss.rows import find
from db.models import GatewayOrder, ParkedPayment, PaymentGateway, PaymentLink
from db.queries import gateways as queries
from domain.gateway import KINDS
from gateways import ABOUT, FIELDS
from runtime.settings import get_settings
from runtime.tasks import nudge_coa
from webadmin import database, security
from webadmin.api.base import (
    PREFIX,
    Blueprint,
    acting,
    actor,
    as_list,
    as_result,
    as_whole_list,
    page_of,
    refuse_body,
    tenant_id,
    wanted_part,
)
from webadmin.api.schemas import gateways as shapes

blueprint = Blueprint("gateways", __name__, url_prefix=PREFIX, description="Paying through gateways")


# --- accounts -----------------------------------------------------------------------------------------------------


@blueprint.route("/payment-gateways")
@blueprint.needs("manage_gateways")
@blueprint.response(200, shapes.GatewayList)
def list_gateways() -> dict[str, Any]:
    """The provider's accounts at gateways"""
    rows = queries.gateways_of(database.session(), tenant_id=tenant_id())
    return as_whole_list([_shown(row) for row in rows])


@blueprint.route("/payment-gateways/kinds")
@blueprint.needs("manage_gateways")
@blueprint.response(200, shapes.KindList)
def list_gateway_kinds() -> dict[str, Any]:
    """What can be added, and what each has to be told"""
    return as_whole_list([asdict(ABOUT[kind]) | {"kind": kind, "fields": FIELDS[kind]} for kind in KINDS])


@blueprint.route("/payment-gateways", methods=["POST"])
@blueprint.needs("manage_gateways")
@blueprint.arguments(shapes.GatewayIn)
@blueprint.response(201, shapes.GatewayOut)
def create_gateway(body: dict[str, Any]) -> dict[str, Any]:
    """Enter an account; keys are kept encrypted and never come out"""
    row = accounts.create(**acting(), **{"values": {}, **body})
    database.commit()
    return _shown(row)


@blueprint.route("/payment-gateways/<int:gateway_id>")
@blueprint.needs("manage_gateways")
@blueprint.response(200, shapes.GatewayOut)
def get_gateway(gateway_id: int) -> dict[str, Any]:
    """One account"""
    return _shown(find(database.session(), PaymentGateway, gateway_id, actor=actor()))


@blueprint.route("/payment-gateways/<int:gateway_id>", methods=["PATCH"])
@blueprint.needs("manage_gateways")
@blueprint.arguments(shapes.GatewayPatch)
@blueprint.response(200, shapes.GatewayOut)
def change_gateway(body: dict[str, Any], gateway_id: int) -> dict[str, Any]:
    """Change an account; a key that is left out stays as it is"""
    row = accounts.change(**acting(), gateway_id=gateway_id, **body)
    database.commit()
    return _shown(row)


@blueprint.route("/payment-gateways/<int:gateway_id>", methods=["DELETE"])
@blueprint.needs("manage_gateways")
@blueprint.response(204)
def remove_gateway(gateway_id: int) -> None:
    """Take an account out of use; what was begun there is still watched"""
    accounts.remove(**acting(), gateway_id=gateway_id)
    database.commit()


@blueprint.route("/payment-gateways/<int:gateway_id>/test", methods=["POST"])
@blueprint.needs("manage_gateways")
@blueprint.response(200, shapes.GatewayTestedOut)
def test_gateway(gateway_id: int) -> dict[str, str]:
    """Ask the gateway something harmless with the keys; 409 says why it did not go"""
    find(database.session(), PaymentGateway, gateway_id, actor=actor())
    refuse_body()
    return {"message": accounts.test(**acting(), gateway_id=gateway_id)}


@blueprint.route("/payment-gateways/log")
@blueprint.needs("manage_gateways")
@blueprint.arguments(shapes.GatewayLogQuery, location="query")
@blueprint.response(200, shapes.LogList)
def list_gateway_log(arguments: dict[str, Any]) -> dict[str, Any]:
    """What was said with gateways, the newest first"""
    wanted = wanted_part(arguments)
    return as_list(
        page_of(lambda: queries.list_log(database.session(), tenant_id=tenant_id(), wanted=wanted, **arguments))
    )


# --- orders -------------------------------------------------------------------------------------------------------


@blueprint.route("/payment-orders")
@blueprint.needs("view_money")
@blueprint.arguments(shapes.PaymentOrderQuery, location="query")
@blueprint.response(200, shapes.OrderList)
def list_payment_orders(arguments: dict[str, Any]) -> dict[str, Any]:
    """What was begun to be paid at gateways"""
    wanted = wanted_part(arguments)
    return as_list(
        page_of(lambda: queries.list_orders(database.session(), tenant_id=tenant_id(), wanted=wanted, **arguments))
    )


@blueprint.route("/payment-orders", methods=["POST"])
@blueprint.needs("record_payments")
@blueprint.arguments(shapes.PaymentOrderIn)
@blueprint.response(201, shapes.PaymentOrderOut)
def create_payment_order(body: dict[str, Any]) -> GatewayOrder:
    """Begin a payment at a gateway; asked twice the same order comes back"""
    return orders.place(**acting(), at=_addresses(), **body)


@blueprint.route("/payment-orders/<int:order_row_id>")
@blueprint.needs("view_money")
@blueprint.response(200, shapes.PaymentOrderOut)
def get_payment_order(order_row_id: int) -> GatewayOrder:
    """One order, as it stood last"""
    return find(database.session(), GatewayOrder, order_row_id, actor=actor())


@blueprint.route("/payment-orders/<int:order_row_id>/check", methods=["POST"])
@blueprint.needs("record_payments")
@blueprint.response(200, shapes.OrderResult)
def check_payment_order(order_row_id: int) -> dict[str, Any]:
    """Ask the gateway now what became of it"""
    find(database.session(), GatewayOrder, order_row_id, actor=actor())
    refuse_body()
    return _done("Asked", orders.check(**acting(), row_id=order_row_id), order_row_id)


@blueprint.route("/payment-orders/<int:order_row_id>/cancel", methods=["POST"])
@blueprint.needs("record_payments")
@blueprint.response(200, shapes.OrderResult)
def cancel_payment_order(order_row_id: int) -> dict[str, Any]:
    """Let nobody pay it any more"""
    find(database.session(), GatewayOrder, order_row_id, actor=actor())
    refuse_body()
    return _done("Cancelled", orders.cancel(**acting(), row_id=order_row_id), order_row_id)


@blueprint.route("/payment-orders/<int:order_row_id>/refund", methods=["POST"])
@blueprint.needs("refund_payments")
@blueprint.arguments(shapes.RefundReasonIn)
@blueprint.response(200, shapes.OrderResult)
def refund_payment_order(body: dict[str, Any], order_row_id: int) -> dict[str, Any]:
    """Give the whole amount back over the gateway, and book that"""
    return _done("Given back", orders.refund(**acting(), row_id=order_row_id, **body), order_row_id)


@blueprint.route("/payment-orders/<int:order_row_id>/confirm", methods=["POST"])
@blueprint.needs("record_payments")
@blueprint.response(200, shapes.OrderResult)
def confirm_payment_order(order_row_id: int) -> dict[str, Any]:
    """A bank transfer has arrived on the account: book it"""
    find(database.session(), GatewayOrder, order_row_id, actor=actor())
    refuse_body()
    return _done("Booked", orders.confirm(**acting(), row_id=order_row_id), order_row_id)


@blueprint.route("/payment-orders/reconcile", methods=["POST"])
@blueprint.needs("record_payments")
@blueprint.response(200, shapes.ReconciledOut)
def reconcile_payment_orders() -> reconciling.Reconciled:
    """Ask about every order of the provider that is due, as the job does by itself"""
    refuse_body()
    return reconciling.reconcile(
        database.session(), clock=lambda: datetime.now(UTC), tenant_id=tenant_id(), on_effect=nudge_coa
    )


# --- parked money -------------------------------------------------------------------------------------------------


@blueprint.route("/parked-payments")
@blueprint.needs("record_payments")
@blueprint.arguments(shapes.ParkedQuery, location="query")
@blueprint.response(200, shapes.ParkedList)
def list_parked_payments(arguments: dict[str, Any]) -> dict[str, Any]:
    """Money at gateways that waits for a person"""
    wanted = wanted_part(arguments)
    return as_list(
        page_of(lambda: queries.list_parked(database.session(), tenant_id=tenant_id(), wanted=wanted, **arguments))
    )


@blueprint.route("/parked-payments/<int:parked_id>/assign", methods=["POST"])
@blueprint.needs("record_payments")
@blueprint.arguments(shapes.ParkedAssignIn)
@blueprint.response(200, shapes.ParkedResult)
def assign_parked_payment(body: dict[str, Any], parked_id: int) -> dict[str, Any]:
    """Book it as a customer's"""
    done = parked.assign(**acting(), parked_id=parked_id, **body)
    database.commit(done.effect)
    return as_result("Booked", done.effect, parked_payment=done.row)


@blueprint.route("/parked-payments/<int:parked_id>/give-back", methods=["POST"])
@blueprint.needs("refund_payments")
@blueprint.arguments(shapes.ParkedNoteIn)
@blueprint.response(200, shapes.ParkedOut)
def give_back_parked_payment(body: dict[str, Any], parked_id: int) -> ParkedPayment:
    """Give it back over its gateway; nothing is booked"""
    return parked.give_back(**acting(), parked_id=parked_id, **body)


@blueprint.route("/parked-payments/<int:parked_id>/take-back", methods=["POST"])
@blueprint.needs("refund_payments")
@blueprint.arguments(shapes.ParkedNoteIn)
@blueprint.response(200, shapes.ParkedResult)
def take_back_parked_payment(body: dict[str, Any], parked_id: int) -> dict[str, Any]:
    """The money has left already: take the payment out of the books, too"""
    done = parked.take_back(**acting(), parked_id=parked_id, **body)
    database.commit(done.effect)
    return as_result("Taken out of the books", done.effect, parked_payment=done.row)


@blueprint.route("/parked-payments/<int:parked_id>/dismiss", methods=["POST"])
@blueprint.needs("record_payments")
@blueprint.arguments(shapes.ParkedNoteIn)
@blueprint.response(200, shapes.ParkedOut)
def dismiss_parked_payment(body: dict[str, Any], parked_id: int) -> ParkedPayment:
    """Put it away without doing anything"""
    row = parked.dismiss(**acting(), parked_id=parked_id, **body)
    database.commit()
    return row


# --- links --------------------------------------------------------------------------------------------------------


@blueprint.route("/payment-links")
@blueprint.needs("view_money")
@blueprint.arguments(shapes.PaymentLinkQuery, location="query")
@blueprint.response(200, shapes.LinkList)
def list_payment_links(arguments: dict[str, Any]) -> dict[str, Any]:
    """Links to pay, with how often they were opened"""
    wanted = wanted_part(arguments)
    page = page_of(lambda: queries.list_links(database.session(), tenant_id=tenant_id(), wanted=wanted, **arguments))
    for row in page.items:
        row.state = links.state_of(database.session(), row, security.now())
    return as_list(page)


@blueprint.route("/payment-links", methods=["POST"])
@blueprint.needs("record_payments")
@blueprint.arguments(shapes.PaymentLinkIn)
@blueprint.response(201, shapes.PaymentLinkMade)
def create_payment_link(body: dict[str, Any]) -> dict[str, Any]:
    """Make a link; its address is in this answer and nowhere else"""
    issued = links.create(**acting(), **body)
    database.commit()
    shown = {name: getattr(issued.row, name) for name in shapes.PaymentLinkOut().fields if name != "state"}
    return shown | {"state": "open", "url": _addresses().link(issued.secret)}


@blueprint.route("/payment-links/<int:link_id>/withdraw", methods=["POST"])
@blueprint.needs("record_payments")
@blueprint.response(200, shapes.PaymentLinkOut)
def withdraw_payment_link(link_id: int) -> PaymentLink:
    """Let nobody pay by it any more"""
    find(database.session(), PaymentLink, link_id, actor=actor())
    refuse_body()
    return _link(links.withdraw(**acting(), link_id=link_id))


@blueprint.route("/payment-links/<int:link_id>/sent", methods=["POST"])
@blueprint.needs("record_payments")
@blueprint.arguments(shapes.PaymentLinkSentIn)
@blueprint.response(200, shapes.PaymentLinkOut)
def mark_payment_link_sent(body: dict[str, Any], link_id: int) -> PaymentLink:
    """Note by which way it went to the customer"""
    return _link(links.mark_sent(**acting(), link_id=link_id, **body))


def _link(row: PaymentLink) -> PaymentLink:
    database.commit()
    shown: Any = row
    shown.state = links.state_of(database.session(), row, security.now())
    return row


def _done(what: str, applied: Applied, row_id: int) -> dict[str, Any]:
    database.commit(applied.effect)
    row = find(database.session(), GatewayOrder, row_id, actor=actor())
    return as_result(what, applied.effect, order=row)


def _shown(row: PaymentGateway) -> dict[str, Any]:
    names = ("id", "kind", "name", "is_active", "is_production", "position", "settings", "tested_at", "problem")
    shown = {name: getattr(row, name) for name in (*names, "last_webhook_at", "version")}
    has_webhook = ABOUT[row.kind].has_webhook
    return shown | {"webhook_url": _addresses().webhook(row.public_key) if has_webhook else None}


def _addresses() -> Addresses:
    return addresses(get_settings().public_url, request.url_root)
