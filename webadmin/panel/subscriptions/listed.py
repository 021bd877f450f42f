"""All subscriptions in one list: found by name, plan, router, state, and by when their term ends."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from flask import request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from bss.subscriptions import CONNECTION_TYPES
from db.models import Subscription
from db.queries.lists import SUBSCRIPTION_SORTS, SubscriptionFilter, page_of_subscriptions
from db.queries.paging import Page, Wanted
from db.queries.panel import catalogue
from db.queries.panel.customers import online_among
from domain.lifecycle import SUBSCRIPTION_STATUSES
from domain.term import ends_soon
from webadmin.panel.customer_words import BULK_WORDS
from webadmin.panel.states import state_text
from webadmin.panel.subscriptions.questions import blueprint
from webadmin.panel.support import argument_id, db, now, render, tenant
from webadmin.panel.tables import Column, List, Table, declare, lines_of, of_row, yes_no
from webadmin.permissions import requires

ENDING = ("1", "3", "7", "14", "30")
YES_NO = {"yes": True, "no": False}
# What can be done to the customers of marked subscriptions as it is done to marked customers.
ACTIONS = {name: BULK_WORDS[name] for name in ("suspend", "activate", "add_tag", "change_plan")}


@dataclass(frozen=True, kw_only=True)
class Line:
    """A subscription with what its row shows besides."""

    row: Subscription
    is_online: bool
    is_soon: bool


def lines(wanted: Wanted) -> Page[Line]:
    """A part of the list that the address asks for."""
    part = page_of_subscriptions(db(), tenant_id=tenant().id, fits=_filter_of_request(), wanted=wanted)
    online = online_among(db(), [row.id for row in part.items])
    made = [
        Line(
            row=row,
            is_online=row.id in online,
            is_soon=row.status == "active" and ends_soon(row.expires_at, now()),
        )
        for row in part.items
    ]
    return lines_of(part, made)


SUBSCRIPTIONS = declare(
    List(
        key="subscriptions",
        endpoint="panel.subscriptions.index",
        lines=lines,
        sorts=tuple(SUBSCRIPTION_SORTS),
        sort="-created_at",
        views=(
            (_l("Online"), {"online": "yes"}),
            (_l("Expires this week"), {"ending": "7"}),
            (_l("Over fair use"), {"fup": "yes"}),
            (_l("Suspended"), {"state": "suspended"}),
            (_l("Not activated yet"), {"state": "pending"}),
        ),
        columns=(
            Column(key="username", text=_l("Username"), sort="username", is_fixed=True, value=of_row("username")),
            Column(key="code", text=_l("Code"), is_extra=True, value=of_row("subscription_code")),
            Column(key="customer", text=_l("Customer"), value=lambda line: line.row.customer.name),
            Column(key="plan", text=_l("Plan"), value=lambda line: line.row.plan.name),
            Column(key="access", text=_l("Access"), value=of_row("connection_type")),
            Column(key="router", text=_l("Router"), value=lambda line: line.row.nas.name if line.row.nas else None),
            Column(
                key="address",
                text=_l("Address"),
                is_extra=True,
                value=lambda line: str(line.row.assigned_ip or ""),
            ),
            Column(key="state", text=_l("State"), value=lambda line: state_text("subscription", line.row.status)),
            Column(key="online", text=_l("Connection"), is_extra=True, value=lambda line: yes_no(line.is_online)),
            Column(key="fup", text=_l("Fair use"), is_extra=True, value=lambda line: _tier(line.row)),
            Column(key="ends", text=_l("Ends"), sort="expires_at", value=of_row("expires_at")),
            Column(key="price", text=_l("Price"), sort="price", is_number=True, value=of_row("price")),
            Column(
                key="since",
                text=_l("Since"),
                sort="created_at",
                is_extra=True,
                begins_descending=True,
                value=of_row("created_at"),
            ),
        ),
    )
)


def _tier(row: Subscription) -> int:
    return row.fup_state.tier if row.fup_state else 0


@blueprint.get("/subscriptions")
@requires("view_customers")
def index() -> ResponseReturnValue:
    """The list, narrowed by the filters in the address."""
    fits = _filter_of_request()
    return render(
        "panel/subscriptions/index.html",
        table=Table(SUBSCRIPTIONS, sort="expires_at" if fits.expires_before else None),
        fits=fits,
        ending=request.args.get("ending", ""),
        is_filtered=fits != SubscriptionFilter(of_people=True),
        plans=catalogue.choices_of_plans(db()),
        routers=catalogue.choices_of_routers(db()),
        connection_types=CONNECTION_TYPES,
        endings=ENDING,
        actions=ACTIONS,
    )


def _filter_of_request() -> SubscriptionFilter:
    """The filter bar's values in the address; what cannot be meant filters nothing."""
    given = request.args
    days = _one_of(given.get("ending"), ENDING)
    return SubscriptionFilter(
        of_people=True,
        search=given.get("q", "").strip()[:100] or None,
        status=_one_of(given.get("state"), SUBSCRIPTION_STATUSES),
        service_plan_id=argument_id("plan"),
        nas_server_id=argument_id("router"),
        connection_type=_one_of(given.get("type"), CONNECTION_TYPES),
        is_online=YES_NO.get(given.get("online", "")),
        is_slowed=YES_NO.get(given.get("fup", "")),
        expires_after=now() if days else None,
        expires_before=now() + timedelta(days=int(days)) if days else None,
    )


def _one_of(value: str | None, allowed: Collection[str]) -> str | None:
    return value if value in allowed else None
