"""The customer list, adding and editing customers, and the customer page."""

import unicodedata
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from sqlalchemy.orm import Session

from bss import accounts
from bss import customers as use
from bss.actor import Actor
from bss.outcome import Issued
from bss.usage_check import check, reported
from db.models import Customer, Subscription
from db.queries.customer_media import kinds_of_pictures
from db.queries.customers import tags_of
from db.queries.names import as_kept
from db.queries.nas_groups import groups_of
from db.queries.operators import operators_of
from db.queries.owned import chosen_subscription, count_ever, owned_by
from db.queries.panel import catalogue, network
from db.queries.panel import customers as reads
from db.queries.plan_changes import waiting_change_of
from db.queries.rows import find_row
from webadmin import format as spell
from webadmin.forms.customers import CustomerForm, NewCustomerForm, SubscriptionForm
from webadmin.panel import customer_list
from webadmin.panel import customer_page as page
from webadmin.panel.filters import language
from webadmin.panel.live import Part, told
from webadmin.panel.money import tab as money_tab
from webadmin.panel.sentences import said
from webadmin.panel.support import (
    argument_id,
    attempt,
    db,
    followed_ids,
    found,
    now,
    render,
    tenant,
)
from webadmin.panel.tables import Table
from webadmin.permissions import requires
from webadmin.security import current_actor, may

blueprint = Blueprint("customers", __name__)


@blueprint.get("/customers")
@requires("view_customers")
def index() -> ResponseReturnValue:
    """The list, narrowed by the filters in the address; those that were deleted are a list of their own."""
    fits = customer_list.filter_of_request()
    return render(
        "panel/customers/deleted.html" if fits.deleted else "panel/customers/index.html",
        table=Table(customer_list.CUSTOMERS),
        fits=fits,
        is_filtered=customer_list.is_narrowed(fits),
        **customer_list.list_choices(),
    )


@blueprint.get("/customers/figures")
@requires("view_customers")
def figures() -> ResponseReturnValue:
    """The numbers above the list, which may take longer to count than its page to read."""
    return render("panel/customers/_figures.html", figures=customer_list.figures())


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
    ids = followed_ids(request.args.get("follow"))
    values: dict[str, Any] = {
        "customer": customer,
        "pictures": kinds_of_pictures(db(), [customer.id])[customer.id],
        "tags": tags_of(db(), [customer.id]).get(customer.id, []),
        "waiting_plan": None if subscription is None else waiting_change_of(db(), subscription.id),
        "follow": network.changes_by_id(db(), ids) if ids else [],
        **_others(customer, subscription),
        **_tab_values(customer, subscription),
    }
    if subscription is not None:
        values |= page.head_of(subscription)
    return render("panel/customers/show.html", **values)


@blueprint.get("/customers/<int:customer_id>/tab")
@requires("view_customers")
def tab(customer_id: int) -> ResponseReturnValue:
    """One tab without the page around it."""
    customer = found(reads.customer_by_id(db(), customer_id))
    return render("panel/customers/_tabs.html", customer=customer, **_tab_values(customer, found(_chosen(customer))))


def _tab_values(customer: Customer, subscription: Subscription | None) -> dict[str, Any]:
    name = page.tab_name()
    shown = money_tab.tab_of(customer) if subscription is None else page.tab_of(name, customer, subscription)
    return {
        "tab": name,
        "tab_words": page.TABS,
        "subscription": subscription,
        "bandwidth_of": reported,
        "place_text": page.place_text,
        **shown,
    }


@blueprint.get("/customers/<int:customer_id>/timeline")
@requires("view_customers")
def timeline(customer_id: int) -> ResponseReturnValue:
    """More of the timeline, as lines to be put after those that are there."""
    customer = found(reads.customer_by_id(db(), customer_id))
    subscription = _chosen(customer)
    values = page.timeline_of(customer, None if subscription is None else subscription.id)
    return render(
        "panel/customers/_timeline_lines.html", customer=customer, subscription=subscription,
        place_text=page.place_text, **values,
    )  # fmt: skip


@blueprint.get("/customers/<int:customer_id>/live")
@requires("view_customers")
def live(customer_id: int) -> ResponseReturnValue:
    """The part of the customer page that updates in place, asked for when something was settled."""
    customer = found(reads.customer_by_id(db(), customer_id))
    return make_response(_live(customer, found(_chosen(customer))))


@blueprint.get("/customers/<int:customer_id>/events")
@requires("view_customers")
def events(customer_id: int) -> ResponseReturnValue:
    """What changes on the customer page while one looks at it, told as it changes."""
    wanted = found(_chosen(found(reads.customer_by_id(db(), customer_id)))).id
    return told(lambda turn: _changed(customer_id, wanted, turn))


def _changed(customer_id: int, subscription_id: int, turn: int) -> Iterator[Part]:
    """What flows at every turn, for it is what people watch; the rest, which is much to read, at every other."""
    customer = found(reads.customer_by_id(db(), customer_id))
    subscription = found(find_row(db(), Subscription, subscription_id, tenant_id=customer.tenant_id))
    if turn % 2 == 0:
        yield Part(html=_live(customer, subscription))
    seen = check(db(), actor=current_actor(), now=now(), subscription_id=subscription.id)
    if seen.sessions:
        hours = page.hours_of(subscription)
        html = render_template("panel/customers/_flow.html", told=seen, hours=hours, sentence=said)
        yield Part(name="flow", html=html)


def _live(customer: Customer, subscription: Subscription) -> str:
    values = page.head_of(subscription) | page.service_of(customer, subscription)
    return render_template(
        "panel/customers/live.html",
        is_part=True,
        customer=customer,
        subscription=subscription,
        bandwidth_of=reported,
        **values,
    )


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
