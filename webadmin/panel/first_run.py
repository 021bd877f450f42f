"""The first four steps of a new installation on one page, each done there and seen to work: company, router, plan, and
a customer who comes online."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from bss import accounts, nas, plans, provider, reveal
from bss.accounts import Account
from bss.actor import Actor
from bss.explain import Explanation, Try, explain
from bss.failure import Failure
from db.models import Customer, NasServer, RadAcct, ServicePlan, Subscription
from db.queries import first_run as reads
from webadmin.forms.first_run import CompanyForm, FirstCustomerForm, FirstPlanForm, FirstRouterForm, zones
from webadmin.panel import router_test
from webadmin.panel.routers import paste_values
from webadmin.panel.support import attempt, db, found, problems_of, render, run, tenant
from webadmin.permissions import requires
from webadmin.security import current_actor

blueprint = Blueprint("first_run", __name__)
STEPS = ("company", "router", "plan", "customer")


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far a new installation is: what was made first of each kind, and whether the first customer is online."""

    company: bool
    router: NasServer | None
    plan: ServicePlan | None
    customer: Customer | None
    subscription: Subscription | None
    online: RadAcct | None

    @property
    def current(self) -> str:
        """The step to do next; the last one when all are done."""
        done = {"company": self.company, "router": self.router, "plan": self.plan, "customer": self.online}
        return next((step for step in STEPS if not done[step]), STEPS[-1])


@blueprint.get("/start")
@requires("manage_settings")
def index() -> ResponseReturnValue:
    """The steps, with the one to do next open."""
    return _page()


@blueprint.post("/start/company")
@requires("manage_settings")
def company() -> ResponseReturnValue:
    """Name, time zone and language of the provider."""
    form = CompanyForm()
    done = form.validate_on_submit() and attempt(form, provider.confirm, changes=form.changes())
    return _next("router") if done else _page(open_step="company", company_form=form)


@blueprint.post("/start/router")
@requires("manage_nas")
def router() -> ResponseReturnValue:
    """The first router; the page then holds its commands with the secret."""
    form = FirstRouterForm()
    if form.validate_on_submit():
        issued = attempt(form, nas.create, **form.given("name", "host", "routeros_version"))
        if issued is not None:
            return _page(open_step="router", secret=issued.secret)
    return _page(open_step="router", router_form=form)


@blueprint.post("/start/secret")
@requires("manage_nas")
def show_secret() -> ResponseReturnValue:
    """The commands with the secret once more; the audit log says who looked."""
    first = found(_standing().router)
    return _page(open_step="router", secret=run(reveal.router_secret, nas_id=first.id).secret)


@blueprint.post("/start/plan")
@requires("manage_plans")
def plan() -> ResponseReturnValue:
    """The first plan."""
    form = FirstPlanForm()
    values = form.given("name", "download_kbps", "upload_kbps", "price")
    done = form.validate_on_submit() and attempt(form, plans.create, values=values)
    return _next("customer") if done else _page(open_step="plan", plan_form=form)


@blueprint.post("/start/plan/preview")
@requires("manage_plans")
def preview() -> ResponseReturnValue:
    """What the router would be told for what is typed so far."""
    return render("panel/first_run/_rate.html", rate=FirstPlanForm().rate_limit())


@blueprint.post("/start/customer")
@requires("create_customers")
def customer() -> ResponseReturnValue:
    """The first customer with his subscription."""
    form = FirstCustomerForm()
    _offer(form)
    if form.validate_on_submit():
        made: Account | None = attempt(form, _add, form=form)
        if made is not None:
            return _page(open_step="customer", password=made.issued.secret if made.issued else None)
    return _page(open_step="customer", customer_form=form)


@blueprint.get("/start/customer/watch")
@requires("view_customers")
def watch() -> ResponseReturnValue:
    """Whether the first customer is online by now."""
    return render("panel/first_run/_watch.html", **_watched(_standing()))


@blueprint.post("/start/customer/try")
@requires("view_customers")
def simulate() -> ResponseReturnValue:
    """What the router would be answered if the customer dialled in now."""
    standing = _standing()
    told: Explanation | None = None
    wanted = Try(nas_server_id=standing.router.id if standing.router else None)
    try:
        told = run(explain, subscription_id=found(standing.subscription).id, wanted=wanted)
    except Failure as refusal:
        for _, text in problems_of(refusal):
            flash(text, "error")
    return _page(open_step="customer", told=told)


def _add(session: Session, *, actor: Actor, now: datetime, form: FirstCustomerForm) -> Account:
    def service(made: Customer) -> dict[str, Any]:
        plan_id = form.service_plan_id.data
        return {"service_plan_id": plan_id, "username": _easy_name(made), "activate": True}

    return accounts.create(session, actor=actor, now=now, customer=form.given("name", "phone"), subscription=service)


def _easy_name(made: Customer) -> str:
    """The customer's first word and the end of his code."""
    letters = unicodedata.normalize("NFKD", made.name.split()[0]).encode("ascii", "ignore").decode().lower()
    return ("".join(letter for letter in letters if letter.isalnum()) or "user") + made.customer_code[-4:]


def _next(step: str) -> ResponseReturnValue:
    return redirect(url_for("panel.first_run.index") + f"#step-{step}", 303)


def _standing() -> Standing:
    first = reads.first_of_each(db(), tenant().id)
    return Standing(company=provider.is_confirmed(db(), actor=current_actor()), **first._asdict())


def _watched(standing: Standing) -> dict[str, Any]:
    place = None
    if standing.online is not None:
        place = reads.router_named(db(), standing.online.nas_server_id, tenant().id)
    return {"standing": standing, "place": place}


def _offer(form: FirstCustomerForm) -> None:
    first = _standing().plan
    form.service_plan_id.offer([] if first is None else [(first.id, first.name)])


def _page(open_step: str = "", *, secret: str | None = None, **values: Any) -> ResponseReturnValue:
    standing = _standing()
    own, first = tenant(), standing.router
    asked = request.args.get("step", "")
    forms: dict[str, Any] = {
        "company_form": CompanyForm(formdata=None, obj=own),
        "router_form": FirstRouterForm(formdata=None),
        "plan_form": FirstPlanForm(formdata=None),
        "customer_form": FirstCustomerForm(formdata=None),
    }
    _offer(forms["customer_form"])
    if standing.plan is not None:
        forms["customer_form"].service_plan_id.data = standing.plan.id
    shown = forms | values
    refused = any(shown[name].errors or shown[name].form_errors for name in forms)
    return render(
        "panel/first_run/index.html",
        422 if refused else 200,
        open_step=open_step or (asked if asked in STEPS else standing.current),
        nas=first,
        zones=zones(),
        rate=shown["plan_form"].rate_limit(),
        reveal_url=url_for("panel.first_run.show_secret"),
        **shown,
        **_watched(standing),
        **(paste_values(first, secret) | router_test.values(router_test.report_of(first)) if first else {}),
    )
