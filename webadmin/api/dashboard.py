"""The installation at a glance over HTTP: figures of now, the log of all logins, and what a token may ask for."""

from datetime import timedelta
from typing import Any

from bss import tokens
from bss.permissions import PERMISSIONS, subject_of
from db.queries import samples
from db.queries.panel import network, today
from webadmin import database, security
from webadmin.api.base import PREFIX, Blueprint, acting, as_whole_list, tenant_id
from webadmin.api.schemas import dashboard as shapes

blueprint = Blueprint("dashboard", __name__, url_prefix=PREFIX, description="The installation at a glance")
# Without a bound the log of logins is searched over so much: it is partitioned by month and has no index on its words.
SEARCHED = timedelta(days=7)
SHOWN = timedelta(days=1)


@blueprint.route("/dashboard/stats")
@blueprint.needs("view_customers")
@blueprint.response(200, shapes.StatsOut)
def get_dashboard_stats() -> dict[str, Any]:
    """How many are online, what became of logins, and what waits for somebody"""
    figures = today.today(database.session(), tenant_id(), security.now())
    names = ("online", "accepted", "rejected", "changes_waiting", "changes_failed", "devices_pending")
    return {
        **{name: getattr(figures, name) for name in names},
        "subscriptions_active": figures.subscriptions,
        "records_put_aside": figures.quarantined,
        "oldest_change_waiting_at": figures.oldest_waiting,
        "reasons": [{"reason": reason, "count": count} for reason, count in figures.reasons],
        "logins_by_minute": [{"accepted": yes, "rejected": no} for yes, no in figures.logins_by_minute],
    }


@blueprint.route("/dashboard/curves")
@blueprint.needs("view_customers")
@blueprint.arguments(shapes.CurvesQuery, location="query")
@blueprint.response(200, shapes.CurvesOut)
def list_dashboard_curves(arguments: dict[str, Any]) -> dict[str, Any]:
    """How many were online and what passed, every five minutes, as far back as that is kept"""
    until = arguments.get("until") or security.now()
    # No more than is kept, however long a span is asked for.
    since = max(arguments.get("since") or until - SHOWN, until - samples.KEPT)
    found = samples.samples_of(database.session(), tenant_id(), since=since, until=until)
    rows = [{"taken_at": moment, **sample._asdict()} for moment, sample in sorted(found.items())]
    return {"every_s": int(samples.EVERY.total_seconds()), "kept_days": samples.KEPT.days, "items": rows}


@blueprint.route("/access-log")
@blueprint.needs("view_customers")
@blueprint.arguments(shapes.AccessLogQuery, location="query")
@blueprint.response(200, shapes.AccessLogList)
def list_logins(arguments: dict[str, Any]) -> dict[str, Any]:
    """Who was let in and who was refused and why, newest first; of the last week where `since` names no other time"""
    size = arguments.pop("page_size")
    since = arguments.pop("since", None) or (arguments.get("before") or security.now()) - SEARCHED
    wanted = network.LoginFilter(since=since, **arguments)
    found = network.logins(database.session(), tenant_id(), wanted, limit=size + 1)
    rows = [_login(row) for row in found[:size]]
    return {"items": rows, "next_before": rows[-1].decided_at if len(found) > size else None}


@blueprint.route("/permissions")
@blueprint.for_any_token()
@blueprint.response(200, shapes.PermissionList)
def list_permissions() -> dict[str, Any]:
    """Everything that a role or a token can be allowed"""
    rows = [{"code": code, "description": words, "subject": subject_of(code)} for code, words in PERMISSIONS.items()]
    return as_whole_list(rows)


@blueprint.route("/me/token", methods=["DELETE"])
@blueprint.for_any_token()
@blueprint.response(204)
def sign_out() -> None:
    """End the token that this very request was sent with"""
    token = security.api_token()
    tokens.revoke(**acting(), token_id=token.id, owner_id=token.user_id)
    database.commit()


def _login(row: network.LoginRow) -> Any:
    decision: Any = row.decision
    decision.customer_id, decision.customer_name, decision.nas_name = row.customer_id, row.customer_name, row.nas_name
    return decision
