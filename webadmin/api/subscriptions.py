"""Subscriptions over HTTP: the resource, its verbs, its devices, its usage and its logins."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bss import early_ending, first_bills, network, plan_changes, sessions, subscriptions, usage_check
from bss.explain import Explanation, Try, explain, recorded_outcomes
from bss.failure import Invalid, NotFound, Problem
from bss.outcome import Changed
from db.models import Subscription
from db.queries.devices import waiting_devices
from db.queries.lists import (
    SubscriptionFilter,
    find_subscription,
    page_of_past_sessions,
    page_of_subscriptions,
    recent_logins,
)
from db.queries.usage_reports import usage_by_day, usage_of_periods
from domain.access import rate_limit_now, speed_now
from domain.period import PERIOD_KINDS, period_at
from domain.standing import standings, usage_percentage
from webadmin import database, security
from webadmin.api import schemas
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
    tenant,
    tenant_id,
    wanted_part,
)
from webadmin.api.schemas.usage import UsageNowOut, UsageNowQuery

USAGE_DAYS = 30
MAX_USAGE_DAYS = 366
MAX_WAITING = 200

blueprint = Blueprint(
    "subscriptions", __name__, url_prefix=f"{PREFIX}/subscriptions", description="What customers have, and its verbs"
)


@blueprint.route("")
@blueprint.needs("view_customers")
@blueprint.arguments(schemas.SubscriptionQuery, location="query")
@blueprint.response(200, schemas.SubscriptionList)
def list_subscriptions(arguments: dict[str, Any]) -> dict[str, Any]:
    """List subscriptions"""
    wanted = wanted_part(arguments)
    days = arguments.pop("expiring_within_days", None)
    until = None if days is None else security.now() + timedelta(days=days)
    fits = SubscriptionFilter(**arguments, expires_before=until)
    return as_list(
        page_of(lambda: page_of_subscriptions(database.session(), tenant_id=tenant_id(), fits=fits, wanted=wanted))
    )


@blueprint.route("", methods=["POST"])
@blueprint.needs("create_customers")
@blueprint.arguments(schemas.SubscriptionIn)
@blueprint.response(201, schemas.SubscriptionCreated)
def create_subscription(body: dict[str, Any]) -> Any:
    """Add a subscription; the answer shows its password, once"""
    if body.get("activate"):
        security.require("activate_customers")
    if body["bill_now"]:
        security.require("generate_bills")
    issued = first_bills.create(**acting(), **body)
    database.commit(issued.effect)
    return _with_password(issued.row.id, issued.secret)


@blueprint.route("/waiting-macs")
@blueprint.needs("view_customers")
@blueprint.response(200, schemas.WaitingMacs)
def list_waiting_macs() -> dict[str, Any]:
    """Devices that wait for approval, newest first"""
    return as_whole_list(waiting_devices(database.session(), tenant_id=tenant_id(), limit=MAX_WAITING))


@blueprint.route("/<int:subscription_id>")
@blueprint.needs("view_customers")
@blueprint.response(200, schemas.SubscriptionDetail)
def get_subscription(subscription_id: int) -> Any:
    """One subscription, with the speed in force"""
    row: Any = _found(subscription_id)
    profile = network.profile_of(database.session(), row.id)
    speed = speed_now(profile, security.now())
    row.speed = {
        "download_kbps": speed.download_kbps,
        "upload_kbps": speed.upload_kbps,
        "mikrotik_rate_limit": rate_limit_now(profile, security.now()),
    }
    row.online_sessions = len(network.live_sessions(database.session(), row.id))
    return row


@blueprint.route("/<int:subscription_id>", methods=["PATCH"])
@blueprint.needs("edit_customers")
@blueprint.arguments(schemas.SubscriptionPatch)
@blueprint.response(200, schemas.SubscriptionResult)
def edit_subscription(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Change a subscription; a new username, pool or address list ends its sessions"""
    version = body.pop("version", None)
    return _done(
        "Saved",
        subscriptions.edit(**acting(), subscription_id=subscription_id, changes=body, version=version),
    )


@blueprint.route("/<int:subscription_id>", methods=["DELETE"])
@blueprint.needs("delete_customers")
@blueprint.response(204)
def delete_subscription(subscription_id: int) -> None:
    """End it for good, with the fee of a contract that is not over, and take it off the lists; history stays"""
    changed = early_ending.delete(**acting(), subscription_id=subscription_id)
    database.commit(changed.effect)


@blueprint.route("/<int:subscription_id>/activate", methods=["POST"])
@blueprint.needs("activate_customers")
@blueprint.arguments(schemas.SubscriptionActivateIn, required=False)
@blueprint.response(200, schemas.SubscriptionResult)
def activate_subscription(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Let it log in"""
    if body.get("bill_now"):
        security.require("generate_bills")
    return _done("Activated", first_bills.activate(**acting(), subscription_id=subscription_id, **body))


@blueprint.route("/<int:subscription_id>/suspend", methods=["POST"])
@blueprint.needs("suspend_customers")
@blueprint.arguments(schemas.SubscriptionSuspendIn, required=False)
@blueprint.response(200, schemas.SubscriptionResult)
def suspend_subscription(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Refuse its logins and end its sessions"""
    return _done("Suspended", subscriptions.suspend(**acting(), subscription_id=subscription_id, **body))


@blueprint.route("/<int:subscription_id>/disable", methods=["POST"])
@blueprint.needs("suspend_customers")
@blueprint.arguments(schemas.Reason, required=False)
@blueprint.response(200, schemas.SubscriptionResult)
def disable_subscription(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Take it out of service by hand"""
    return _done("Disabled", subscriptions.disable(**acting(), subscription_id=subscription_id, **body))


@blueprint.route("/<int:subscription_id>/cancel", methods=["POST"])
@blueprint.needs("suspend_customers")
@blueprint.arguments(schemas.SubscriptionCancelIn, required=False)
@blueprint.response(200, schemas.SubscriptionResult)
def cancel_subscription(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """End it at the customer's wish, now or when its term ends"""
    return _done("Cancelled", early_ending.cancel(**acting(), subscription_id=subscription_id, **body))


@blueprint.route("/<int:subscription_id>/keep", methods=["POST"])
@blueprint.needs("suspend_customers")
@blueprint.arguments(schemas.SubscriptionKeepIn, required=False)
@blueprint.response(200, schemas.SubscriptionResult)
def keep_subscription(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """The customer stays after all: it does not end with its term, and is renewed again"""
    return _done("Kept", early_ending.keep(**acting(), subscription_id=subscription_id, **body))


@blueprint.route("/<int:subscription_id>/terminate", methods=["POST"])
@blueprint.needs("delete_customers")
@blueprint.arguments(schemas.EndIn, required=False)
@blueprint.response(200, schemas.SubscriptionResult)
def terminate_subscription(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """End it for good; username and address become free"""
    return _done("Terminated", early_ending.terminate(**acting(), subscription_id=subscription_id, **body))


@blueprint.route("/<int:subscription_id>/disconnect", methods=["POST"])
@blueprint.needs("disconnect_customers")
@blueprint.response(200, schemas.SubscriptionResult)
def disconnect_subscription(subscription_id: int) -> dict[str, Any]:
    """End its sessions; it may log in again at once"""
    refuse_body()
    return _done("Asked", sessions.disconnect_subscription(**acting(), subscription_id=subscription_id))


@blueprint.route("/<int:subscription_id>/resend-speed", methods=["POST"])
@blueprint.needs("edit_speed_limit")
@blueprint.response(200, schemas.SubscriptionResult)
def resend_speed(subscription_id: int) -> dict[str, Any]:
    """Tell the routers of its running sessions once more at which rate they should be"""
    refuse_body()
    return _done("Sent", sessions.resend_speed(**acting(), subscription_id=subscription_id))


@blueprint.route("/<int:subscription_id>/change-plan", methods=["POST"])
@blueprint.needs("change_package")
@blueprint.arguments(schemas.ChangePlanIn)
@blueprint.response(200, schemas.SubscriptionResult)
def change_subscription_plan(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Move it to another plan now without counting days (`plan-change` does); running sessions get the new rate"""
    changed = plan_changes.change(**acting(), subscription_id=subscription_id, prorated=False, **body)
    return _done("Plan changed", Changed(row=changed.subscription, effect=changed.effect))


@blueprint.route("/<int:subscription_id>/change-password", methods=["POST"])
@blueprint.needs("edit_customers")
@blueprint.arguments(schemas.ChangePasswordIn, required=False)
@blueprint.response(200, schemas.SubscriptionSecret)
def change_subscription_password(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Set a new password; the answer shows it, once, and sessions end"""
    issued = subscriptions.change_password(**acting(), subscription_id=subscription_id, **body)
    database.commit(issued.effect)
    return as_result("Password changed", issued.effect, subscription=_with_password(subscription_id, issued.secret))


@blueprint.route("/<int:subscription_id>/change-expiry", methods=["POST"])
@blueprint.needs("edit_suspend_date")
@blueprint.arguments(schemas.ChangeExpiryIn)
@blueprint.response(200, schemas.SubscriptionResult)
def change_subscription_expiry(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Move the end of the term"""
    return _done("Term changed", subscriptions.change_expiry(**acting(), subscription_id=subscription_id, **body))


@blueprint.route("/<int:subscription_id>/limits", methods=["PATCH"])
@blueprint.needs("edit_speed_limit")
@blueprint.arguments(schemas.LimitsIn)
@blueprint.response(200, schemas.SubscriptionResult)
def set_subscription_limits(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Set a speed, session time or number of logins of its own; null gives the plan's back"""
    if {"session_timeout_s", "concurrent_connections"} & body.keys():
        security.require("edit_time_limit")
    version = body.pop("version", None)
    return _done(
        "Limits changed",
        subscriptions.set_limits(**acting(), subscription_id=subscription_id, changes=body, version=version),
    )


@blueprint.route("/<int:subscription_id>/assign-ip", methods=["POST"])
@blueprint.needs("edit_customers")
@blueprint.arguments(schemas.AssignIpIn)
@blueprint.response(200, schemas.SubscriptionResult)
def assign_ip(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Give it a fixed address, or none; sessions end"""
    return _done("Address changed", subscriptions.assign_ip(**acting(), subscription_id=subscription_id, **body))


@blueprint.route("/<int:subscription_id>/mac-binding", methods=["POST"])
@blueprint.needs("remove_mac_bind")
@blueprint.arguments(schemas.MacBindingIn)
@blueprint.response(200, schemas.SubscriptionResult)
def set_mac_binding(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Bind it to its approved devices, to the first that comes, to those staff approve, or to none"""
    return _done("Binding changed", subscriptions.set_mac_binding(**acting(), subscription_id=subscription_id, **body))


@blueprint.route("/<int:subscription_id>/macs", methods=["POST"])
@blueprint.needs("remove_mac_bind")
@blueprint.arguments(schemas.MacIn)
@blueprint.response(201, schemas.MacResult)
def add_mac(body: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Put a device on the list"""
    changed = subscriptions.add_mac(**acting(), subscription_id=subscription_id, **body)
    database.commit(changed.effect)
    return as_result("Device added", changed.effect, mac=changed.row)


@blueprint.route("/<int:subscription_id>/macs/<int:mac_id>", methods=["PATCH"])
@blueprint.needs("remove_mac_bind")
@blueprint.arguments(schemas.MacPatch)
@blueprint.response(200, schemas.MacResult)
def set_mac_status(body: dict[str, Any], subscription_id: int, mac_id: int) -> dict[str, Any]:
    """Approve, block or set back a listed device"""
    changed = subscriptions.set_mac_status(**acting(), subscription_id=subscription_id, mac_id=mac_id, **body)
    database.commit(changed.effect)
    return as_result("Device changed", changed.effect, mac=changed.row)


@blueprint.route("/<int:subscription_id>/macs/<int:mac_id>", methods=["DELETE"])
@blueprint.needs("remove_mac_bind")
@blueprint.response(200, schemas.SubscriptionResult)
def remove_mac(subscription_id: int, mac_id: int) -> dict[str, Any]:
    """Take a device off the list"""
    return _done("Device removed", subscriptions.remove_mac(**acting(), subscription_id=subscription_id, mac_id=mac_id))


@blueprint.route("/<int:subscription_id>/macs", methods=["DELETE"])
@blueprint.needs("remove_mac_bind")
@blueprint.response(200, schemas.SubscriptionResult)
def reset_macs(subscription_id: int) -> dict[str, Any]:
    """Forget the devices it is bound to; blocked ones stay"""
    return _done("Devices reset", subscriptions.reset_macs(**acting(), subscription_id=subscription_id))


@blueprint.route("/<int:subscription_id>/usage")
@blueprint.needs("view_customers")
@blueprint.arguments(schemas.UsageQuery, location="query")
@blueprint.response(200, schemas.UsageList)
def get_usage(arguments: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Bytes by local day, and totals of the running day, week, month and billing cycle"""
    row, zone = _found(subscription_id), ZoneInfo(tenant().timezone)
    last = arguments.get("last_day") or security.now().astimezone(zone).date()
    first = arguments.get("first_day") or last - timedelta(days=min(USAGE_DAYS - 1, last.toordinal() - 1))
    if not 0 <= (last - first).days <= MAX_USAGE_DAYS:
        mend = f"ask for at most {MAX_USAGE_DAYS} days, the first before the last"
        raise Invalid(Problem(field="first_day", reason="does not go with last_day", mend=mend))
    periods = [period_at(kind, security.now(), zone, row.billing_day) for kind in PERIOD_KINDS]
    return {
        "items": usage_by_day(database.session(), row.id, first=first, last=last),
        "summary": usage_of_periods(database.session(), row.id, periods),
        "usage_percentage": usage_percentage(standings(network.profile_of(database.session(), row.id), security.now())),
    }


@blueprint.route("/<int:subscription_id>/usage/now")
@blueprint.needs("view_customers")
@blueprint.arguments(UsageNowQuery, location="query")
@blueprint.response(200, UsageNowOut)
def get_usage_now(arguments: dict[str, Any], subscription_id: int) -> usage_check.UsageNow:
    """Its sessions, the bandwidth through them and what is left to it, at this moment"""
    return usage_check.check(**acting(), subscription_id=subscription_id, **arguments)


@blueprint.route("/<int:subscription_id>/access-log")
@blueprint.needs("view_customers")
@blueprint.arguments(schemas.LoginQuery, location="query")
@blueprint.response(200, schemas.LoginList)
def list_subscription_logins(arguments: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Why its logins were accepted or refused, newest first"""
    row, size = _found(subscription_id), arguments["page_size"]
    found = recent_logins(
        database.session(),
        tenant_id=tenant_id(),
        subscription_id=row.id,
        before=arguments.get("before"),
        limit=size + 1,
    )
    more = len(found) > size
    if arguments["receipts"]:
        told = recorded_outcomes(database.session(), found, actor=actor())
        decided: list[Any] = [*found]
        for decision in decided:
            decision.receipt = told.get(decision.decision_id)
    return {"items": found[:size], "next_before": found[size - 1].decided_at if more else None}


@blueprint.route("/<int:subscription_id>/explanation")
@blueprint.needs("view_customers")
@blueprint.arguments(schemas.ExplanationQuery, location="query")
@blueprint.response(200, schemas.ExplanationOut)
def get_explanation(arguments: dict[str, Any], subscription_id: int) -> Explanation:
    """How a login would be decided now, at a moment, on a router or from a device; changes nothing"""
    return explain(**acting(), subscription_id=subscription_id, wanted=Try(**arguments))


@blueprint.route("/<int:subscription_id>/sessions")
@blueprint.needs("view_customers")
@blueprint.arguments(schemas.PastSessionQuery, location="query")
@blueprint.response(200, schemas.SessionList)
def list_past_sessions(arguments: dict[str, Any], subscription_id: int) -> dict[str, Any]:
    """Its sessions, running and past"""
    wanted, row = wanted_part(arguments), _found(subscription_id)
    return as_list(
        page_of(
            lambda: page_of_past_sessions(
                database.session(), tenant_id=tenant_id(), subscription_id=row.id, wanted=wanted
            )
        )
    )


def _found(subscription_id: int) -> Subscription:
    row = find_subscription(database.session(), min(subscription_id, 2**63 - 1), tenant_id=tenant_id())
    if row is None:
        raise NotFound(Problem(field="", reason="there is no such subscription"))
    return row


def _done(what: str, changed: Changed[Subscription]) -> dict[str, Any]:
    database.commit(changed.effect)
    return as_result(what, changed.effect, subscription=changed.row)


def _with_password(subscription_id: int, secret: str) -> Any:
    row: Any = _found(subscription_id)
    row.password = secret
    return row
