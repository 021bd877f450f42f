"""The connection doctor over HTTP."""

from typing import Any

from bss import doctor
from bss.doctor import Conclusion
from domain.diagnosis import ACTIONS
from runtime.tasks import nudge_probe
from webadmin import database
from webadmin.api.base import MAX_ID, PREFIX, Blueprint, acting
from webadmin.api.schemas.diagnosis import DiagnosisOut

blueprint = Blueprint(
    "diagnosis", __name__, url_prefix=f"{PREFIX}/subscriptions", description="Why a customer is not online"
)
# The request that does what a conclusion asks for; without one a person has to look or to choose.
_REQUESTS: dict[str, tuple[str, str]] = {
    "activate": ("POST", "/subscriptions/{subscription_id}/activate"),
    "activate_customer": ("POST", "/customers/{customer_id}/activate"),
    "allow_device": ("POST", "/subscriptions/{subscription_id}/macs"),
    "change_plan": ("POST", "/subscriptions/{subscription_id}/change-plan"),
    "disconnect": ("POST", "/subscriptions/{subscription_id}/disconnect"),
    "edit_subscription": ("PATCH", "/subscriptions/{subscription_id}"),
    "explain": ("GET", "/subscriptions/{subscription_id}/explanation"),
    "lift_fair_use": ("POST", "/subscriptions/{subscription_id}/lift-fup"),
    "open_router": ("GET", "/nas/{nas_id}/test"),
    "remove_local_secret": ("POST", "/nas/{nas_id}/secrets/remove"),
    "renew": ("POST", "/subscriptions/{subscription_id}/renew"),
    "resend_speed": ("POST", "/subscriptions/{subscription_id}/resend-speed"),
    "show_password": ("POST", "/subscriptions/{subscription_id}/change-password"),
    "top_up": ("POST", "/subscriptions/{subscription_id}/topups"),
}


@blueprint.route("/<int:subscription_id>/diagnosis")
@blueprint.needs("view_customers")
@blueprint.response(200, DiagnosisOut)
def get_diagnosis(subscription_id: int) -> dict[str, Any]:
    """Examine the connection within five seconds: account, logins, router, secret, session, speed, CoA port, queue"""
    found = doctor.examine(**acting(), subscription_id=min(subscription_id, MAX_ID), then=_go_on)
    return {
        "subscription_id": found.subscription_id,
        "customer_id": found.customer_id,
        "username": found.username,
        "took_ms": found.took_ms,
        "steps": found.steps,
        "conclusion": _conclusion(found.conclusion),
    }


def _go_on() -> None:
    database.commit()
    nudge_probe()


def _conclusion(end: Conclusion) -> dict[str, Any]:
    method, path = _request(end)
    return {
        "code": end.code,
        "severity": end.severity,
        "sentence": f"{end.reason[:1].upper()}{end.reason[1:]}.",
        "mend": end.mend,
        "action": {"code": end.action, "text": ACTIONS[end.action], "method": method, "path": path},
    }


def _request(end: Conclusion) -> tuple[str | None, str | None]:
    facts = end.facts
    if end.action == "allow_device" and facts.mac_id is not None:
        return "PATCH", f"{PREFIX}/subscriptions/{facts.subscription_id}/macs/{facts.mac_id}"
    method, path = _REQUESTS.get(end.action, (None, ""))
    values = {"subscription_id": facts.subscription_id, "customer_id": facts.customer_id, "nas_id": facts.nas_id}
    return method, PREFIX + path.format(**values) if method else None
