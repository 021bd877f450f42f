"""Customers over HTTP."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app

from bss import accounts, customers, early_ending
from bss.rows import find
from db.models import Customer
from db.queries.customer_figures import last_seen, secrets_of, with_paid
from db.queries.customer_lists import (
    customer_spending,
    customer_statistics,
    customer_summary,
    page_of_customers,
    paid_in_all,
)
from db.queries.customer_media import with_pictures
from db.queries.customers import with_tags
from db.queries.owned import owned_by, with_owned
from db.scope import operators_in_use
from domain.period import local_midnight
from webadmin import database, security
from webadmin.api import schemas
from webadmin.api.base import (
    PREFIX,
    Blueprint,
    acting,
    actor,
    as_list,
    as_result,
    page_of,
    refuse_body,
    tenant,
    tenant_id,
    wanted_part,
)
from webadmin.api.customer_jobs import customer_filter
from webadmin.api.narrowing import wants
from webadmin.remembered import Remembered

# The fields that come from a customer's subscriptions.
OWNED = ("subscriptions_count", "active_subscriptions", "subscriptions", "primary_subscription")
MONEY = ("total_revenue", "total_spent")
blueprint = Blueprint("customers", __name__, url_prefix=f"{PREFIX}/customers", description="The people who pay")


@blueprint.route("")
@blueprint.needs("view_customers")
@blueprint.arguments(schemas.CustomerQuery, location="query")
@blueprint.response(200, schemas.CustomerList)
def list_customers(arguments: dict[str, Any]) -> dict[str, Any]:
    """List customers"""
    wanted = wanted_part(arguments)
    fits = customer_filter(arguments)
    page = page_of(lambda: page_of_customers(database.session(), tenant_id=tenant_id(), fits=fits, wanted=wanted))
    _with_parts(page.items)
    zone = ZoneInfo(tenant().timezone)
    month_start = local_midnight(security.now().astimezone(zone).date().replace(day=1), zone)
    seen = (tenant_id(), operators_in_use(database.session()), month_start)
    # Of a million customers the numbers above the list take longer than the list.
    remembered = current_app.extensions.setdefault("lintas_customer_summaries", Remembered())
    summary = remembered.get(
        seen, lambda: customer_summary(database.session(), tenant_id=tenant_id(), month_start=month_start)
    )
    if security.may("view_money"):
        revenue = remembered.get((*seen, "revenue"), lambda: paid_in_all(database.session(), tenant_id=tenant_id()))
        summary = {**summary, "total_revenue": revenue}
    return as_list(page, summary=summary)


@blueprint.route("", methods=["POST"])
@blueprint.needs("create_customers")
@blueprint.arguments(schemas.CustomerIn)
@blueprint.response(201, schemas.CustomerOut)
def create_customer(body: dict[str, Any]) -> Customer:
    """Add a customer, with `subscription` in the same step his first one"""
    subscription, device_name = body.pop("subscription", None), body.pop("device_name", None)
    balance = body.pop("initial_balance", None)
    if balance:
        security.require("edit_balance")
    made = accounts.create(
        **acting(), customer=body, subscription=subscription, device_name=device_name, initial_balance=balance
    )
    database.commit(made.issued.effect if made.issued else None)
    return shown(made.customer)


@blueprint.route("/statistics")
@blueprint.needs("view_customers")
@blueprint.response(200, schemas.CustomerStatistics)
def get_customer_statistics() -> dict[str, Any]:
    """How many customers there are and what they owe"""
    found = customer_statistics(database.session(), tenant_id=tenant_id())
    return found | (customer_spending(database.session(), tenant_id=tenant_id()) if security.may("view_money") else {})


@blueprint.route("/<int:customer_id>")
@blueprint.needs("view_customers")
@blueprint.response(200, schemas.CustomerDetail)
def get_customer(customer_id: int) -> Customer:
    """One customer"""
    customer: Any = shown(find(database.session(), Customer, customer_id, actor=actor()))
    if wants("last_ip", "last_mac", "last_seen_at"):
        ids = [row.id for row in owned_by(database.session(), [customer_id])[customer_id].rows]
        customer.last_seen = last_seen(database.session(), ids)
    if wants("router_secrets"):
        customer.router_secrets = secrets_of(database.session(), customer_id)
    return customer  # type: ignore[no-any-return]


@blueprint.route("/<int:customer_id>", methods=["PATCH"])
@blueprint.needs("edit_customers")
@blueprint.arguments(schemas.CustomerPatch)
@blueprint.response(200, schemas.CustomerOut)
def edit_customer(body: dict[str, Any], customer_id: int) -> Customer:
    """Change a customer"""
    version = body.pop("version", None)
    changed = customers.edit(**acting(), customer_id=customer_id, changes=body, version=version)
    database.commit(changed.effect)
    return shown(changed.row)


@blueprint.route("/<int:customer_id>", methods=["DELETE"])
@blueprint.needs("delete_customers")
@blueprint.arguments(schemas.VersionQuery, location="query")
@blueprint.response(200, schemas.CustomerResult)
def delete_customer(arguments: dict[str, Any], customer_id: int) -> dict[str, Any]:
    """Hide a customer and his subscriptions, and end their sessions; it can be taken back"""
    changed = customers.delete(**acting(), customer_id=customer_id, **arguments)
    database.commit(changed.effect)
    return as_result("Deleted", changed.effect, customer=shown(changed.row))


@blueprint.route("/<int:customer_id>/restore", methods=["POST"])
@blueprint.needs("delete_customers")
@blueprint.response(200, schemas.CustomerResult)
def restore_customer(customer_id: int) -> dict[str, Any]:
    """Bring a deleted customer back; his subscriptions stay suspended until they are activated"""
    refuse_body()
    changed = customers.restore(**acting(), customer_id=customer_id)
    database.commit(changed.effect)
    return as_result("Restored", changed.effect, customer=shown(changed.row))


@blueprint.route("/<int:customer_id>/activate", methods=["POST"])
@blueprint.needs("activate_customers")
@blueprint.arguments(schemas.CustomerActivateIn, required=False)
@blueprint.response(200, schemas.CustomerResult)
def activate_customer(body: dict[str, Any], customer_id: int) -> dict[str, Any]:
    """Lift a block, or make a prospect active"""
    changed = customers.activate(**acting(), customer_id=customer_id, **body)
    database.commit(changed.effect)
    return as_result("Activated", changed.effect, customer=shown(changed.row))


@blueprint.route("/<int:customer_id>/suspend", methods=["POST"])
@blueprint.needs("suspend_customers")
@blueprint.arguments(schemas.ReasonWithNote, required=False)
@blueprint.response(200, schemas.CustomerResult)
def suspend_customer(body: dict[str, Any], customer_id: int) -> dict[str, Any]:
    """Refuse all of the customer's logins and end his sessions"""
    changed = customers.suspend(**acting(), customer_id=customer_id, **body)
    database.commit(changed.effect)
    return as_result("Suspended", changed.effect, customer=shown(changed.row))


@blueprint.route("/<int:customer_id>/block", methods=["POST"])
@blueprint.needs("suspend_customers")
@blueprint.arguments(schemas.BlockIn)
@blueprint.response(200, schemas.CustomerResult)
def block_customer(body: dict[str, Any], customer_id: int) -> dict[str, Any]:
    """Block a customer as inactive, disabled, blacklisted or suspended"""
    changed = customers.block(**acting(), customer_id=customer_id, **body)
    database.commit(changed.effect)
    return as_result("Blocked", changed.effect, customer=shown(changed.row))


@blueprint.route("/<int:customer_id>/terminate", methods=["POST"])
@blueprint.needs("delete_customers")
@blueprint.arguments(schemas.EndIn, required=False)
@blueprint.response(200, schemas.CustomerResult)
def terminate_customer(body: dict[str, Any], customer_id: int) -> dict[str, Any]:
    """End the relation and all subscriptions"""
    changed = early_ending.terminate_customer(**acting(), customer_id=customer_id, **body)
    database.commit(changed.effect)
    return as_result("Terminated", changed.effect, customer=shown(changed.row))


def shown(customer: Customer) -> Customer:
    """The customer with what is shown of its subscriptions."""
    _with_parts([customer])
    return customer


def _with_parts(rows: Sequence[Customer]) -> None:
    """Subscriptions and tags of customers, as far as the answer shows them."""
    if wants(*OWNED):
        with_owned(database.session(), rows)
    if wants("tags"):
        with_tags(database.session(), rows)
    if wants("has_photo", "has_id_card_picture"):
        with_pictures(database.session(), rows)
    if wants(*MONEY) and security.may("view_money"):
        with_paid(database.session(), rows)
