"""Where customers pay: the page behind a link, the way to a gateway, and the page to which they come back.

Nobody signs in. Whoever has the link or the order's key sees what is to be paid and what became of it, nothing else of
the customer. The page speaks the customer's language until the reader chooses another.
"""

from datetime import timedelta
from typing import Any

from flask import Blueprint, abort, g, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from bss.failure import Failure, NotFound
from bss.gateways import links, orders
from bss.gateways.addresses import LINK_ARGUMENT, Addresses, addresses
from bss.gateways.links import Bill
from db.engine import use_tenant
from db.models import Customer, GatewayOrder, Invoice, Tenant
from db.queries import gateways as queries
from domain.gateway import BOOKED, OPEN
from domain.lifecycle import IllegalMove
from gateways import ABOUT
from runtime.settings import get_settings
from webadmin.database import commit
from webadmin.panel.support import db, now, problems_of, render
from webadmin.permissions import public
from webadmin.security import csrf

blueprint = Blueprint("pay", __name__)
LOOKS_PER_ADDRESS = "120 per minute"
TRIES_PER_ADDRESS = "20 per minute; 100 per hour"
# Somebody who came back is told at once: the gateway is asked then, and not again for some seconds.
ASK_AFTER = timedelta(seconds=8)
LOOK_AGAIN_S = 4
# A page that nobody closes stops looking after a while.
LOOKS_FOR = timedelta(minutes=15)
_STATUS = {"open": 200, "pending": 200, "paid": 200, "expired": 410, "withdrawn": 410, "closed": 410}


@blueprint.get("/pay/<string:token>")
@public
def bill(token: str) -> ResponseReturnValue:
    """What is to be paid, and the ways to pay it."""
    found = _bill(token)
    links.opened(db(), now=now(), bill=found)
    commit()
    return _page("pay/bill.html", _STATUS[found.state], bill=found, token=token, about=ABOUT, problems=[], phone="")


@blueprint.post("/pay/<string:token>")
@public
def begin(token: str) -> ResponseReturnValue:
    """Begin to pay at the gateway that was chosen."""
    found = _bill(token)
    gateway_id = request.form.get("gateway", type=int)
    phone = request.form.get("phone", "").strip()[:40]
    if found.state not in ("open", "pending") or gateway_id not in {row.id for row in found.gateways}:
        return redirect(url_for("panel.pay.bill", token=token), 303)
    queries.count_click(db(), found.link.id)
    try:
        order = orders.place(
            db(),
            actor=links.actor_of(found.link),
            now=now(),
            gateway_id=gateway_id or 0,
            at=_addresses(token),
            invoice_id=found.link.invoice_id,
            customer_id=None if found.invoice is not None else found.customer.id,
            amount=found.link.amount,
            phone=phone or None,
            link_id=found.link.id,
        )
    except (Failure, IllegalMove) as refusal:
        db().rollback()
        found = _bill(token)
        problems = [text for _, text in problems_of(refusal)]
        return _page("pay/bill.html", 409, bill=found, token=token, about=ABOUT, problems=problems, phone=phone)
    if order.redirect_url is None:
        return redirect(_ending(order, "pending", token), 303)
    return _page("pay/go.html", order=order, name=order.gateway.name)


@blueprint.get("/pay/orders/<string:page_key>/<any(finish, error, pending):which>")
@public
def ended(page_key: str, which: str) -> ResponseReturnValue:
    """Back from the gateway: how the invoice stands now, whatever the gateway's page said."""
    order = queries.order_with_page(db(), page_key[:64])
    if order is None:
        abort(404)
    _speak_to(order.tenant_id, order.customer_id)
    _look(order)
    token = request.args.get(LINK_ARGUMENT, "")[:64]
    return _page(
        "pay/order.html",
        order=order,
        which=which,
        about=ABOUT[order.gateway.kind],
        invoice=None if order.invoice_id is None else db().get(Invoice, order.invoice_id, populate_existing=True),
        again=url_for("panel.pay.bill", token=token) if _is_of(order, token) else None,
        look_again_s=LOOK_AGAIN_S if _looks_again(order) else None,
    )


def limit_paying(limiter: Limiter, views: dict[str, Any]) -> None:
    """Slow down whoever tries tokens or starts payments by the hundred."""
    # What a request may do comes from the address alone, never from a cookie: no other site has anything to ride on.
    csrf.exempt(blueprint)
    looks = limiter.shared_limit(LOOKS_PER_ADDRESS, scope="pay", key_func=get_remote_address)
    tries = limiter.limit(TRIES_PER_ADDRESS, key_func=get_remote_address)
    for name in ("bill", "ended", "begin"):
        endpoint = f"panel.pay.{name}"
        limited = looks(views[endpoint])
        views[endpoint] = tries(limited) if name == "begin" else limited


def payment_addresses() -> Addresses:
    """The addresses of this installation, as payers and gateways reach it."""
    return _addresses()


def _addresses(token: str = "") -> Addresses:
    return addresses(get_settings().public_url, request.url_root, link_token=token)


def _bill(token: str) -> Bill:
    try:
        found = links.bill(db(), now=now(), token=token[:64])
    except NotFound:
        abort(404, description=gettext("There is nothing to pay at this address. Ask for a new link."))
    _speak_to(found.tenant.id, found.customer.id)
    return found


def _speak_to(tenant_id: int, customer_id: int) -> None:
    """From now on this request is the customer's: his provider, his language."""
    use_tenant(db(), tenant_id)
    customer = db().get(Customer, customer_id)
    g.panel_tenant = db().get(Tenant, tenant_id)
    g.page_language = customer.language if customer is not None else g.panel_tenant.locale


def _look(order: GatewayOrder) -> None:
    """Ask the gateway now, for somebody who waits; its answer may come before its message."""
    kind = ABOUT[order.gateway.kind]
    waited = order.checked_at is None or now() - order.checked_at > ASK_AFTER
    if order.status not in (*OPEN, "failed") or not kind.can_be_asked or not waited:
        return
    order.checked_at = now()
    commit()
    actor = orders.actor_for(order)
    try:
        commit(orders.check(db(), actor=actor, now=now(), row_id=order.id).effect)
    except (Failure, IllegalMove):
        # The page says how it stood last; the job asks again.
        db().rollback()


def _looks_again(order: GatewayOrder) -> bool:
    waits = order.status in OPEN and order.gateway.kind != "transfer"
    return waits and now() - order.created_at < LOOKS_FOR


def _is_of(order: GatewayOrder, token: str) -> bool:
    if not token or order.link_id is None or order.status in BOOKED:
        return False
    link = queries.link_with_hash(db(), links.hash_of(token))
    return link is not None and link.id == order.link_id


def _ending(order: GatewayOrder, which: str, token: str) -> str:
    return url_for("panel.pay.ended", page_key=order.page_key, which=which, link=token)


def _page(template: str, status: int = 200, **values: object) -> ResponseReturnValue:
    response = make_response(render(template, status, **values))
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    # The address is the key; no other site learns it.
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
