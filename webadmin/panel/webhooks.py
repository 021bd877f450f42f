"""Webhooks: whom to tell what happens, whether they hear, and telling it again. The secret is shown once."""

import json
from collections.abc import Callable
from itertools import groupby
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from bss.failure import Failure
from bss.webhooks import endpoints as use
from bss.webhooks.telling import message_of
from db.models import Webhook, WebhookDelivery
from db.queries import webhooks as queries
from db.queries.paging import Wanted
from db.queries.rows import find_row
from domain.webhook import EVENTS, STATUSES
from runtime.settings import get_settings
from webadmin.forms.webhooks import WebhookForm
from webadmin.panel.sentences import said
from webadmin.panel.support import (
    PAGE_SIZE,
    Page,
    act,
    attempt,
    db,
    found,
    page_number,
    problems_of,
    render,
    run,
    tenant,
)
from webadmin.permissions import requires
from webadmin.proof import needs_proof
from webadmin.security import current_actor

blueprint = Blueprint("webhooks", __name__)
_ACTIONS: dict[str, tuple[Callable[..., Any], LazyString]] = {
    "ping": (use.ping, _l("A test is on its way; what was answered is seen here in a moment.")),
    "resume": (use.resume, _l("It is told again, what waited first.")),
    "remove": (use.remove, _l("The webhook was removed.")),
}
# What an event is about, by the first part of its name.
_KINDS: dict[str, LazyString] = {
    "customer": _l("Customers"),
    "subscription": _l("Subscriptions"),
    "fup": _l("Fair use"),
    "usage": _l("Allowances"),
    "invoice": _l("Invoices"),
    "payment": _l("Payments"),
    "payment_link": _l("Payment links"),
    "voucher": _l("Vouchers"),
    "session_change": _l("Live changes"),
    "nas": _l("Routers"),
    "plan": _l("Plans"),
    "billing_run": _l("Billing runs"),
    "alarm": _l("Alarms"),
}
# What the worker keeps of a call that failed, in the form in which `said` recognises it.
PROBLEMS = (_l("the address {0}"), _l("no answer ({0})"))


@blueprint.get("/settings/webhooks")
@requires("manage_webhooks")
def index() -> ResponseReturnValue:
    """Every webhook and how it does."""
    rows = queries.webhooks_of(db(), tenant_id=tenant().id)
    counts = queries.counts_of(db(), [row.id for row in rows])
    return render("panel/webhooks/index.html", rows=rows, counts=counts, state_of=state_of)


@blueprint.route("/settings/webhooks/new", methods=["GET", "POST"])
@requires("manage_webhooks")
@needs_proof
def new() -> ResponseReturnValue:
    """A new webhook; its secret is shown after saving, this once."""
    form = _with_choices(WebhookForm())
    if form.validate_on_submit():
        issued = attempt(form, use.create, allows_http=_allows_http(), **form.values())
        if issued is not None:
            return render("panel/webhooks/secret.html", row=issued.row, secret=issued.secret)
    return _form(form, None)


@blueprint.get("/settings/webhooks/<int:webhook_id>")
@requires("manage_webhooks")
def show(webhook_id: int) -> ResponseReturnValue:
    """One webhook with what was told to it."""
    row, status = _row(webhook_id), request.args.get("status", "")
    wanted = Wanted(sort="-created_at", page=page_number(), page_size=PAGE_SIZE)
    listed = queries.page_of_deliveries(
        db(), tenant_id=tenant().id, wanted=wanted, webhook_id=row.id, status=status if status in STATUSES else None
    )
    return render(
        "panel/webhooks/show.html",
        row=row,
        now_is=state_of(row),
        counts=queries.counts_of(db(), [row.id])[row.id],
        rows=listed.items,
        page=Page(number=wanted.page, size=PAGE_SIZE, total=listed.total_items),
        status_wanted=status,
        words=EVENTS,
    )


@blueprint.route("/settings/webhooks/<int:webhook_id>/edit", methods=["GET", "POST"])
@requires("manage_webhooks")
@needs_proof
def edit(webhook_id: int) -> ResponseReturnValue:
    """Change address, name and events."""
    row = _row(webhook_id)
    form = _with_choices(WebhookForm(obj=row))
    if form.validate_on_submit() and (
        attempt(form, use.change, webhook_id=row.id, allows_http=_allows_http(), **form.values()) is not None
    ):
        flash(gettext("Saved."), "success")
        return redirect(url_for("panel.webhooks.show", webhook_id=webhook_id), 303)
    return _form(form, _row(webhook_id))


@blueprint.post("/settings/webhooks/<int:webhook_id>/secret")
@requires("manage_webhooks")
@needs_proof
def change_secret(webhook_id: int) -> ResponseReturnValue:
    """Another secret, shown this once."""
    issued = run(use.change_secret, webhook_id=_row(webhook_id).id)
    return render("panel/webhooks/secret.html", row=issued.row, secret=issued.secret)


@blueprint.post("/settings/webhooks/<int:webhook_id>/<any(ping, resume, replay, remove):what>")
@requires("manage_webhooks")
def do(webhook_id: int, what: str) -> ResponseReturnValue:
    """Try it, go on with it, tell it again what failed, or remove it."""
    row = _row(webhook_id)
    here = url_for("panel.webhooks.show", webhook_id=row.id)
    if what == "replay":
        return _replay_failed(row, here)
    use_case, sentence = _ACTIONS[what]
    back = url_for("panel.webhooks.index") if what == "remove" else here
    return act(back, str(sentence), use_case, webhook_id=row.id)


@blueprint.get("/settings/webhooks/deliveries/<int:delivery_id>")
@requires("manage_webhooks")
def delivery(delivery_id: int) -> ResponseReturnValue:
    """What was told, and what was answered."""
    one = _delivery(delivery_id)
    message = json.dumps(message_of(one), ensure_ascii=False, indent=2)
    return render("panel/webhooks/delivery.html", row=_row(one.webhook_id), one=one, message=message)


@blueprint.post("/settings/webhooks/deliveries/<int:delivery_id>/replay")
@requires("manage_webhooks")
def replay(delivery_id: int) -> ResponseReturnValue:
    """Tell it once more."""
    one = _delivery(delivery_id)
    back = url_for("panel.webhooks.delivery", delivery_id=one.id)
    return act(back, gettext("It is told once more."), use.replay, delivery_id=one.id)


def state_of(row: Webhook) -> str:
    """How a webhook does: off, paused, failing, new or well."""
    if not row.is_active:
        return "off"
    if row.paused_at is not None:
        return "paused"
    if row.failures:
        return "failing"
    return "well" if row.last_delivered_at is not None else "new"


def _replay_failed(row: Webhook, back: str) -> ResponseReturnValue:
    try:
        count = run(use.replay_failed, webhook_id=row.id)
    except Failure as refusal:
        for _, text in problems_of(refusal):
            flash(text, "error")
        return redirect(back, 303)
    flash(ngettext("%(num)d message is told again.", "%(num)d messages are told again.", count), "success")
    return redirect(back, 303)


def _row(webhook_id: int) -> Webhook:
    row = found(find_row(db(), Webhook, webhook_id, tenant_id=tenant().id))
    return found(None if row.deleted_at is not None else row)


def _delivery(delivery_id: int) -> WebhookDelivery:
    return found(find_row(db(), WebhookDelivery, delivery_id, tenant_id=current_actor().tenant_id))


def _with_choices(form: WebhookForm) -> WebhookForm:
    form.events.choices = [(event, said(words)) for event, words in EVENTS.items()]
    return form


def _form(form: WebhookForm, row: Webhook | None) -> ResponseReturnValue:
    boxes = groupby(form.events, key=lambda box: str(box.data).split(".")[0])
    kinds = [(_KINDS[kind], list(of_kind)) for kind, of_kind in boxes]
    return render("panel/webhooks/form.html", 422 if form.is_submitted() else 200, form=form, row=row, kinds=kinds)


def _allows_http() -> bool:
    return bool(get_settings().webhook_networks)
