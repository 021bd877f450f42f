"""All subscriptions in one list: found by name, plan, router, state, and by when their term ends."""

from collections.abc import Collection
from datetime import timedelta

from flask import request
from flask.typing import ResponseReturnValue

from bss.subscriptions import CONNECTION_TYPES
from db.queries.lists import SubscriptionFilter, page_of_subscriptions
from db.queries.paging import Wanted
from db.queries.panel import catalogue
from db.queries.panel.customers import online_among
from domain.lifecycle import SUBSCRIPTION_STATUSES
from domain.term import ends_soon
from webadmin.panel.subscriptions.questions import blueprint
from webadmin.panel.support import PAGE_SIZE, Page, argument_id, db, now, page_number, render, tenant
from webadmin.permissions import requires

ENDING = ("1", "3", "7", "14", "30")
SORTS = ("-created_at", "username", "expires_at")


@blueprint.get("/subscriptions")
@requires("view_customers")
def index() -> ResponseReturnValue:
    """The list, narrowed by the filters in the address."""
    fits = _filter_of_request()
    sort = _one_of(request.args.get("sort"), SORTS) or ("expires_at" if fits.expires_before else SORTS[0])
    rows = page_of_subscriptions(
        db(), tenant_id=tenant().id, fits=fits, wanted=Wanted(sort=sort, page=page_number(), page_size=PAGE_SIZE)
    )
    return render(
        "panel/subscriptions/index.html",
        rows=rows.items,
        online=online_among(db(), [row.id for row in rows.items]),
        soon={row.id for row in rows.items if row.status == "active" and ends_soon(row.expires_at, now())},
        fits=fits,
        sort=sort,
        ending=request.args.get("ending", ""),
        is_filtered=fits != SubscriptionFilter(of_people=True),
        page=Page(number=page_number(), size=PAGE_SIZE, total=rows.total_items, is_exact=rows.is_total_exact),
        plans=catalogue.choices_of_plans(db()),
        routers=catalogue.choices_of_routers(db()),
        connection_types=CONNECTION_TYPES,
        endings=ENDING,
    )


def _filter_of_request() -> SubscriptionFilter:
    """The filter bar's values in the address; what cannot be meant filters nothing."""
    given = request.args
    days = _one_of(given.get("ending"), ENDING)
    return SubscriptionFilter(
        of_people=True,
        search=given.get("q", "").strip().replace("\x00", "")[:100] or None,
        status=_one_of(given.get("state"), SUBSCRIPTION_STATUSES),
        service_plan_id=argument_id("plan"),
        nas_server_id=argument_id("router"),
        connection_type=_one_of(given.get("type"), CONNECTION_TYPES),
        expires_after=now() if days else None,
        expires_before=now() + timedelta(days=int(days)) if days else None,
    )


def _one_of(value: str | None, allowed: Collection[str]) -> str | None:
    return value if value in allowed else None
