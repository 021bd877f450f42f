"""How a customer wants to be billed, over HTTP: seen, tried, saved."""

from typing import Any

from bss.billing import on_demand, profiles, suspend_dates
from db.models import BillingProfile
from webadmin import database
from webadmin.api.base import PREFIX, Blueprint, acting
from webadmin.api.schemas import billing as shapes

blueprint = Blueprint("billing-profiles", __name__, url_prefix=PREFIX, description="How customers want to be billed")
PATH = "/customers/<int:customer_id>/billing-profile"


@blueprint.route(PATH)
@blueprint.needs("view_money")
@blueprint.arguments(shapes.ProfileQuery, location="query")
@blueprint.response(200, shapes.ProfileOut)
def get_billing_profile(query: dict[str, Any], customer_id: int) -> dict[str, Any]:
    """How a customer, or one of his subscriptions, is billed, and the next bill"""
    return _shown(customer_id, query.get("subscription_id"))


@blueprint.route(PATH + "/preview", methods=["POST"])
@blueprint.needs("generate_bills")
@blueprint.arguments(shapes.ProfileQuery, location="query")
@blueprint.arguments(shapes.ProfileIn)
@blueprint.response(200, shapes.ImpactOut)
def preview_billing_profile(query: dict[str, Any], body: dict[str, Any], customer_id: int) -> profiles.Impact:
    """What saving would do to the next bill; nothing is saved"""
    subscription_id = query.get("subscription_id")
    return profiles.preview(**acting(), customer_id=customer_id, subscription_id=subscription_id, changes=body)


@blueprint.route(PATH, methods=["PATCH"])
@blueprint.needs("generate_bills")
@blueprint.arguments(shapes.ProfileQuery, location="query")
@blueprint.arguments(shapes.ProfileSave)
@blueprint.response(200, shapes.ProfileSaved)
def change_billing_profile(query: dict[str, Any], body: dict[str, Any], customer_id: int) -> dict[str, Any]:
    """Save it; what changes the next bill a good deal needs `is_confirmed`"""
    is_confirmed, subscription_id = body.pop("is_confirmed"), query.get("subscription_id")
    done = profiles.save(
        **acting(), customer_id=customer_id, subscription_id=subscription_id, changes=body, is_confirmed=is_confirmed
    )
    database.commit(done.effect)
    return {
        "message": f"Saved; {done.effect}.", "profile": _shown(customer_id, subscription_id), "impact": done.impact,
        "invoice_id": None if done.invoice is None else done.invoice.id,
    }  # fmt: skip


def _shown(customer_id: int, subscription_id: int | None) -> dict[str, Any]:
    profile, bill, payer_id = profiles.read(**acting(), customer_id=customer_id, subscription_id=subscription_id)
    columns = {column.key: getattr(profile, column.key) for column in BillingProfile.__table__.columns}
    return columns | {"next_bill": bill, "payer_id": payer_id}


@blueprint.route("/subscriptions/<int:subscription_id>/bill/preview", methods=["POST"])
@blueprint.needs("generate_bills")
@blueprint.arguments(shapes.BillDaysQuote)
@blueprint.response(200, shapes.BillQuoteOut)
def quote_days(body: dict[str, Any], subscription_id: int) -> on_demand.Quote:
    """What a bill for some days would come to; nothing is written"""
    return on_demand.quote(**acting(), subscription_id=subscription_id, **body)


@blueprint.route("/subscriptions/<int:subscription_id>/bill", methods=["POST"])
@blueprint.needs("generate_bills")
@blueprint.arguments(shapes.BillDaysIn)
@blueprint.response(201, shapes.BillDaysOut)
def bill_days(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Bill some days: the first ones before a cycle, a part of one, or a whole one"""
    done = on_demand.bill(**acting(), subscription_id=subscription_id, **body)
    database.commit(done.effect)
    return {
        "message": f"Billed; {done.effect}.", "invoice_id": done.row.id, "invoice_number": done.row.invoice_number,
        "total": done.row.total, "status": done.row.status,
    }  # fmt: skip


@blueprint.route("/subscriptions/<int:subscription_id>/suspend-date/preview", methods=["POST"])
@blueprint.needs("edit_suspend_date")
@blueprint.arguments(shapes.SuspendDateIn)
@blueprint.response(200, shapes.SuspendDateEffect)
def preview_suspend_date(body: dict[str, Any], subscription_id: int) -> suspend_dates.Effect:
    """What a day of suspension would mean; nothing is saved"""
    return suspend_dates.preview(**acting(), subscription_id=subscription_id, **body)


@blueprint.route("/subscriptions/<int:subscription_id>/suspend-date", methods=["PATCH"])
@blueprint.needs("edit_suspend_date")
@blueprint.arguments(shapes.SuspendDateChange)
@blueprint.response(200, shapes.SuspendDateOut)
def change_suspend_date(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Set the day on which it is suspended whatever was paid, or remove it"""
    row = suspend_dates.change(**acting(), subscription_id=subscription_id, **body).row
    database.commit()
    return {
        "subscription_id": row.id, "suspend_on": row.suspend_on, "recurring_day": row.suspend_recurring_day,
        "version": row.version,
    }  # fmt: skip
