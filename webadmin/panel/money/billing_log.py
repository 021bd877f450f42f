"""The billing log: what happened to a subscription's bills, and to one invoice."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from bss import billing_log as use
from bss.billing_log import LogEntry
from db.models import Subscription
from db.queries.paging import Wanted
from db.queries.rows import find_row
from webadmin.panel.support import PAGE_SIZE, Page, db, found, page_number, render, tenant
from webadmin.permissions import requires
from webadmin.security import current_actor

blueprint = Blueprint("billing_log", __name__)
FEW = 10


@blueprint.get("/subscriptions/<int:subscription_id>/billing-log")
@requires("view_money")
def show(subscription_id: int) -> ResponseReturnValue:
    """All of a subscription's, newest first."""
    subscription = found(find_row(db(), Subscription, subscription_id, tenant_id=tenant().id))
    wanted = Wanted(sort="-created_at", page=page_number(), page_size=PAGE_SIZE)
    entries, listed = use.of_subscription(db(), actor=current_actor(), subscription_id=subscription_id, wanted=wanted)
    page = Page(number=page_number(), size=PAGE_SIZE, total=listed.total_items, is_exact=listed.is_total_exact)
    return render("panel/money/billing_log.html", subscription=subscription, entries=entries, page=page)


def newest_of_subscription(subscription_id: int) -> list[LogEntry]:
    """What the customer's page shows of it."""
    wanted = Wanted(sort="-created_at", page_size=FEW)
    return use.of_subscription(db(), actor=current_actor(), subscription_id=subscription_id, wanted=wanted)[0]


def of_invoice(invoice_id: int) -> list[LogEntry]:
    """What the invoice's page shows; an invoice has few."""
    wanted = Wanted(sort="-created_at", page_size=100)
    return use.of_invoice(db(), actor=current_actor(), invoice_id=invoice_id, wanted=wanted)[0]
