"""The customer list, adding and editing customers, and the customer page."""

import unicodedata
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from flask import Blueprint, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session

from bss import accounts
from bss import customers as use
from bss.actor import Actor
from bss.outcome import Issued
from bss.usage_check import reported
from db.engine import psycopg_of
from db.models import Customer, Subscription
from db.queries.access import profiles_by_id
from db.queries.allowances import topups_of
from db.queries.customer_lists import BALANCES, CustomerFilter, page_of_customers
from db.queries.customer_media import kinds_of_pictures
from db.queries.customers import popular_tags, tags_of
from db.queries.names import as_kept
from db.queries.nas_groups import groups_of
from db.queries.operators import operators_of
from db.queries.owned import chosen_subscription, count_ever, owned_by
from db.queries.paging import Wanted
from db.queries.panel import catalogue, network
from db.queries.panel import customers as reads
from db.queries.plan_changes import changes_of, waiting_change_of
from db.queries.usage_reports import usage_of_period
from domain.access import (
    AccessProfile,
    fup_tier_in_force,
    hours_end_at,
    is_outside_hours,
    override_in_force,
    rate_limit_now,
    speed_now,
    tiers_now,
)
from domain.customer_record import CUSTOMER_TYPES
from domain.lifecycle import CUSTOMER_STATUSES
from domain.standing import standings
from domain.term import contract_end, ends_soon
from webadmin import format as spell
from webadmin.forms.allowances import PERIODS
from webadmin.forms.customers import CustomerForm, NewCustomerForm, SubscriptionForm
from webadmin.panel import attributes, charts, usage
from webadmin.panel.filters import language
from webadmin.panel.money import tab as money_tab
from webadmin.panel.support import (
    PAGE_SIZE,
    Page,
    argument_id,
    attempt,
    db,
    followed_ids,
    found,
    now,
    page_number,
    render,
    tenant,
    zone,
)
from webadmin.permissions import requires
from webadmin.security import may

blueprint = Blueprint("customers", __name__)
DAYS_SHOWN = 30
DECISIONS_SHOWN = 10
HISTORY_SHOWN = 20
TOPUPS_SHOWN = 10
PLAN_CHANGES_SHOWN = 10
TAGS_OFFERED = 50
SORTS = ("name", "-created_at", "debt_first")
TABS = ("service", "money", "sessions", "changes", "attributes", "timeline")


@blueprint.get("/customers")
@requires("view_customers")
def index() -> ResponseReturnValue:
    """The list, narrowed by the filters in the address."""
    wanted = filter_of_request()
    part = Wanted(sort=_sort_of_request(), page=page_number(), page_size=PAGE_SIZE)
    rows = page_of_customers(db(), tenant_id=tenant().id, fits=wanted, wanted=part)
    ids = [row.id for row in rows.items]
    return render(
        "panel/customers/index.html",
        customers=rows.items,
        owned=owned_by(db(), ids),
        tags=tags_of(db(), ids),
        wanted=wanted,
        sort=part.sort,
        page=Page(number=page_number(), size=PAGE_SIZE, total=rows.total_items, is_exact=rows.is_total_exact),
        plans=catalogue.choices_of_plans(db()),
        is_filtered=wanted != CustomerFilter(),
        **list_choices(),
    )


def filter_of_request() -> CustomerFilter:
    """The filter bar's values in the address; what cannot be meant filters nothing."""
    given = request.args
    return CustomerFilter(
        search=given.get("q", "").strip()[:100] or None,
        status=_one_of(given.get("status"), CUSTOMER_STATUSES),
        customer_type=_one_of(given.get("type"), CUSTOMER_TYPES),
        service_plan_id=argument_id("plan"),
        operator_id=argument_id("operator"),
        tags=(given["tag"][:50],) if given.get("tag") else None,
        city=given.get("city", "").strip()[:100] or None,
        balance_filter=_one_of(given.get("balance"), BALANCES),
        is_online={"yes": True, "no": False}.get(given.get("online", "")),
        deleted=given.get("deleted") == "yes",
    )


def list_choices() -> dict[str, Any]:
    """What the filter bar offers besides plans and states."""
    return {
        "popular_tags": popular_tags(db(), tenant_id=tenant().id, limit=TAGS_OFFERED),
        "operators": operators_of(db(), tenant().id),
        "customer_types": CUSTOMER_TYPES,
        "balances": BALANCES,
    }


def _sort_of_request() -> str:
    return request.args["sort"] if request.args.get("sort") in SORTS else SORTS[0]


def _one_of(value: str | None, allowed: Collection[str]) -> str | None:
    return value if value in allowed else None


@blueprint.route("/customers/new", methods=["GET", "POST"])
@requires("create_customers")
def new() -> ResponseReturnValue:
    """A customer with the first subscription on one form."""
    form = NewCustomerForm()
    offer_choices(form)
    if form.validate_on_submit():
        added = attempt(form, _add, form=form)
        if added is not None:
            customer, issued = added
            return _added(customer, issued)
    elif request.method == "GET":
        form.service_plan_id.data = argument_id("plan")
    return render("panel/customers/new.html", 422 if form.is_submitted() else 200, form=form)


def _add(
    session: Session, *, actor: Actor, now: datetime, form: NewCustomerForm
) -> tuple[Customer, Issued[Subscription] | None]:
    service = None if form.service_plan_id.data is None else partial(service_values, form)
    balance = form.initial_balance.data
    if balance and not may("edit_balance"):
        abort(403)
    made = accounts.create(
        session, actor=actor, now=now, customer=form.customer(), subscription=service, initial_balance=balance
    )
    return made.customer, made.issued


def service_values(form: NewCustomerForm | SubscriptionForm, customer: Customer) -> dict[str, Any]:
    """The service's fields as the use-case takes them; an empty password is left to it."""
    values = form.given("username", "password", "connection_type")
    values["username"] = values["username"] or _made_username(customer)
    return values | {
        "service_plan_id": form.service_plan_id.data,
        "nas_server_id": form.nas_server_id.data,
        "nas_binding": form.nas_binding.data or "off",
        "nas_group_id": form.nas_group_id.data,
        "never_expires": form.never_expires.data,
        "activate": form.activate.data,
        "is_postpaid": form.is_postpaid.data,
        "bill_now": form.bill_now.data and may("generate_bills"),
        **form.given("setup_fee", "installation_fee", "installation_date", "installation_address"),
    }


def _made_username(customer: Customer) -> str:
    """A name that is easy to say and free: the customer's first word, the end of his code, and which service it is."""
    letters = unicodedata.normalize("NFKD", customer.name.split()[0]).encode("ascii", "ignore").decode().lower()
    word = "".join(letter for letter in letters if letter.isalnum()) or "user"
    nth = count_ever(db(), customer.id)
    return f"{word}{customer.customer_code[-4:]}" + (f"-{nth + 1}" if nth else "")


def offer_choices(form: NewCustomerForm | SubscriptionForm) -> None:
    """Fill the lists of plans, routers and router groups."""
    plans = catalogue.choices_of_plans(db())
    form.service_plan_id.offer(
        (plan.id, f"{plan.name} · {spell.speed_pair(plan.download_kbps, plan.upload_kbps, language())}")
        for plan in plans
    )
    form.nas_server_id.offer((nas.id, nas.name) for nas in catalogue.choices_of_routers(db()))
    form.nas_group_id.offer((group.id, group.name) for group in groups_of(db(), tenant().id))
    if isinstance(form, NewCustomerForm):
        rows = operators_of(db(), tenant().id)
        form.operator_id.offer((row.id, row.name) for row in rows if row.is_active)


def _added(customer: Customer, issued: Issued[Subscription] | None) -> ResponseReturnValue:
    if issued is None:
        flash(gettext("%(name)s was added.", name=customer.name), "success")
        return redirect(url_for("panel.customers.show", customer_id=customer.id), 303)
    return render("panel/customers/added.html", customer=customer, issued=issued)


@blueprint.route("/customers/<int:customer_id>/edit", methods=["GET", "POST"])
@requires("edit_customers")
def edit(customer_id: int) -> ResponseReturnValue:
    """Who the customer is, changed."""
    customer = found(reads.customer_by_id(db(), customer_id))
    form = CustomerForm(obj=customer)
    if form.validate_on_submit():
        version = int(form.version.data) if str(form.version.data or "").isdigit() else None
        done = attempt(form, use.edit, customer_id=customer_id, changes=form.customer(), version=version)
        if done is not None:
            flash(gettext("Saved."), "success")
            return redirect(url_for("panel.customers.show", customer_id=customer_id), 303)
        customer = found(reads.customer_by_id(db(), customer_id))
    pictures = kinds_of_pictures(db(), [customer_id])[customer_id]
    status = 422 if form.is_submitted() else 200
    return render("panel/customers/edit.html", status, form=form, customer=customer, pictures=pictures)


@blueprint.get("/customers/<int:customer_id>")
@requires("view_customers")
def show(customer_id: int) -> ResponseReturnValue:
    """The customer page."""
    customer = found(reads.customer_by_id(db(), customer_id))
    subscription = _chosen(customer)
    tab = request.args.get("tab", "service")
    values: dict[str, Any] = {
        "customer": customer,
        "pictures": kinds_of_pictures(db(), [customer.id])[customer.id],
        "subscription": subscription,
        "tab": tab if tab in TABS else "service",
        "waiting_plan": None if subscription is None else waiting_change_of(db(), subscription.id),
        **_others(customer, subscription),
    }
    values["follow"] = network.changes_by_id(db(), ids) if (ids := followed_ids(request.args.get("follow"))) else []
    if subscription is not None:
        values |= _head(subscription) | _of_tab(str(values["tab"]), customer, subscription)
    else:
        values |= money_tab.tab_of(customer)
    return render("panel/customers/show.html", **values)


@blueprint.get("/customers/<int:customer_id>/live")
@requires("view_customers")
def live(customer_id: int) -> ResponseReturnValue:
    """The part of the customer page that updates in place."""
    customer = found(reads.customer_by_id(db(), customer_id))
    subscription = found(_chosen(customer))
    values = _head(subscription) | _service(subscription)
    return render("panel/customers/live.html", customer=customer, subscription=subscription, **values)


def _head(subscription: Subscription) -> dict[str, Any]:
    """Whether the service is online now, since when and where."""
    routers = {nas.id: nas.name for nas in catalogue.choices_of_routers(db())}
    return {"running": network.live_sessions(db(), subscription.id), "router_names": routers}


def _chosen(customer: Customer) -> Subscription | None:
    """The subscription named in the address, else the one that matters most."""
    return chosen_subscription(db(), customer.id, wanted_id=argument_id("subscription"), username=_searched(customer))


def _searched(customer: Customer) -> str:
    """The username in the address as subscriptions are stored."""
    return as_kept(db(), request.args.get("username", "").strip()[:253], tenant_id=customer.tenant_id)


def _others(customer: Customer, chosen: Subscription | None) -> dict[str, Any]:
    """The tabs of the customer's subscriptions: the first ones and the one chosen; others are searched."""
    owned = owned_by(db(), [customer.id])[customer.id]
    tabs = [*owned.rows]
    if chosen is not None and chosen.id not in [row.id for row in tabs]:
        tabs.append(chosen)
    searched = _searched(customer)
    return {
        "owned": owned,
        "tabs": tabs,
        "online": reads.online_among(db(), [row.id for row in tabs]),
        "missed": searched if chosen is None or chosen.username != searched else "",
    }


def _of_tab(tab: str, customer: Customer, subscription: Subscription) -> dict[str, Any]:
    if tab == "sessions":
        before = _moment_argument("before")
        rows = network.past_sessions(db(), subscription.id, limit=HISTORY_SHOWN + 1, before=before)
        routers = {nas.id: nas.name for nas in catalogue.choices_of_routers(db())}
        return {"sessions": rows[:HISTORY_SHOWN], "has_more": len(rows) > HISTORY_SHOWN, "routers": routers}
    if tab == "money":
        return money_tab.tab_of(customer)
    if tab == "changes":
        return {"changes": network.changes_of(db(), subscription.id, limit=HISTORY_SHOWN)}
    if tab == "attributes":
        return attributes.tab_of(subscription)
    if tab == "timeline":
        return {"entries": reads.audit_of(db(), customer_id=customer.id, limit=50) if may("view_audit") else None}
    return _service(subscription)


def _moment_argument(name: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(request.args[name])
    except (KeyError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None


def _service(subscription: Subscription) -> dict[str, Any]:
    """Everything about the service now: sessions, speed and why, usage, the last decisions."""
    profile, _ = profiles_by_id(psycopg_of(db()), [subscription.id])[subscription.id]
    tiers = tiers_now(profile, now())
    spans = usage.periods(tiers, now=now(), zone=zone(), billing_day=profile.billing_day)
    counted = {kind: usage_of_period(db(), subscription.id, span) for kind, span in spans.items()}
    sessions = network.live_sessions(db(), subscription.id)
    last = [] if sessions else network.past_sessions(db(), subscription.id, limit=1)
    return {
        "sessions": sessions,
        "bandwidth_of": reported,
        "last_session": last[0] if last else None,
        "routers": {nas.id: nas.name for nas in catalogue.choices_of_routers(db())},
        "speed": speed_now(profile, now()),
        "rate_limit": rate_limit_now(profile, now()),
        "override": override_in_force(profile, now()),
        "tier": fup_tier_in_force(profile, now()),
        "profile": profile,
        **_allowances(profile),
        "bars": usage.bars(tiers, counted, spans),
        "usage_width": usage.WIDTH,
        "day_bars": _day_bars(subscription.id),
        "decisions": network.decisions_of(db(), subscription.id, limit=DECISIONS_SHOWN),
        "plan_changes": changes_of(db(), subscription.id, limit=PLAN_CHANGES_SHOWN),
        "contract_end": contract_end(subscription.activated_at, subscription.plan.contract_period_months, zone()),
        "today": now().astimezone(zone()).date(),
        "ends_soon": subscription.status == "active" and ends_soon(subscription.expires_at, now()),
        "macs": {str(row.mac).upper(): row for row in subscription.macs},
        "last_changes": {
            row.change.acctuniqueid: row for row in reversed(network.changes_of(db(), subscription.id, limit=5))
        },
    }


def _allowances(profile: AccessProfile) -> dict[str, Any]:
    """What may still be used, until when, and what was added that is not over."""
    added = topups_of(db(), profile.subscription_id, limit=TOPUPS_SHOWN)
    return {
        "standings": standings(profile, now()),
        "closed": is_outside_hours(profile, now()),
        "hours_end": None if is_outside_hours(profile, now()) else hours_end_at(profile, now()),
        "topups": [row for row in added if row.valid_until is None or row.valid_until > now()],
        "period_words": PERIODS,
        "family_id": profile.family_id,
    }


def _day_bars(subscription_id: int) -> list[charts.Bar]:
    today = now().astimezone(zone()).date()
    days = [today - timedelta(days=back) for back in range(DAYS_SHOWN - 1, -1, -1)]
    by_day = reads.daily_usage(db(), subscription_id, days[0])
    pairs = [(by_day[day].download_bytes, by_day[day].upload_bytes) if day in by_day else (0, 0) for day in days]
    labels = [
        f"{spell.short_day(day, language())}: ↓ {spell.volume(down, language())} ↑ {spell.volume(up, language())}"
        for day, (down, up) in zip(days, pairs, strict=True)
    ]
    return charts.columns(pairs, labels) if any(down or up for down, up in pairs) else []
