"""Why a login was decided as it was, and what would come of another one: the receipt of a decision, and a trial."""

from datetime import datetime
from typing import Any

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss.explain import Try, explain, recorded_outcomes
from bss.failure import Failure, Invalid, Problem
from bss.moments import read_moment
from db.models import AccessLog, Subscription
from db.queries.panel import catalogue, network
from db.queries.rows import find_row
from domain.access import SERVICES
from webadmin.panel import decision_words
from webadmin.panel.support import argument_id, db, found, now, problems_of, render, run, tenant, zone
from webadmin.permissions import requires
from webadmin.security import current_actor

blueprint = Blueprint("decisions", __name__)


def _subscription(subscription_id: int) -> Subscription:
    return found(find_row(db(), Subscription, subscription_id, tenant_id=tenant().id))


def _common(subscription: Subscription) -> dict[str, Any]:
    routers = {nas.id: nas.name for nas in catalogue.choices_of_routers(db())}
    return {
        "subscription": subscription,
        "back": url_for("panel.customers.show", customer_id=subscription.customer_id, subscription=subscription.id),
        "routers": routers,
        "rule_words": decision_words.rule_words,
        "value_words": decision_words.value_words,
        "seen_words": decision_words.seen_words,
    }


@blueprint.get("/subscriptions/<int:subscription_id>/decisions/<decision_id>")
@requires("view_customers")
def show(subscription_id: int, decision_id: str) -> ResponseReturnValue:
    """One recorded decision: its rules in order with what each saw, and the reply."""
    subscription = _subscription(subscription_id)
    decision: AccessLog = found(network.decision_of(db(), subscription.id, decision_id))
    outcome = recorded_outcomes(db(), [decision], actor=current_actor()).get(decision.decision_id)
    return render("panel/decisions/show.html", decision=decision, outcome=outcome, **_common(subscription))


@blueprint.get("/subscriptions/<int:subscription_id>/explain")
@requires("view_customers")
def explain_login(subscription_id: int) -> ResponseReturnValue:
    """What would come of a login now, at another time, through another router or from another device."""
    subscription = _subscription(subscription_id)
    problems: list[tuple[str, str]] = []
    explanation = None
    try:
        explanation = run(explain, subscription_id=subscription.id, wanted=_wanted())
    except Failure as refusal:
        problems = problems_of(refusal)
    return render(
        "panel/decisions/explain.html",
        422 if problems else 200,
        explanation=explanation,
        problems=problems,
        services=SERVICES,
        wanted=request.args,
        **_common(_subscription(subscription_id)),
    )


def _wanted() -> Try:
    return Try(
        at=_moment(request.args.get("at", "")),
        nas_server_id=argument_id("router"),
        mac=request.args.get("mac", "").strip()[:40] or None,
        service=request.args.get("service") or None,
    )


def _moment(text: str) -> datetime | None:
    if not text.strip():
        return None
    try:
        return read_moment(text[:40], now=now(), zone=zone())
    except ValueError:
        reason = gettext("is no time")
        raise Invalid(Problem(field="at", reason=reason, mend="write it like 22:00 or 2026-11-30 22:00")) from None
