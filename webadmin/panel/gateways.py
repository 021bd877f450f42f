"""The provider's accounts at payment gateways: entered, tested, taken out of use. Keys go in and never come out."""

from flask import Blueprint, abort, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss.failure import Failure
from bss.gateways import accounts as use
from db.models import PaymentGateway
from db.queries.gateways import gateways_of
from db.queries.rows import find_row
from domain.gateway import KINDS
from gateways import ABOUT, FIELDS
from webadmin.forms.gateways import gateway_form
from webadmin.panel import gateway_words as words
from webadmin.panel.pay import payment_addresses
from webadmin.panel.sentences import said
from webadmin.panel.support import act, attempt, db, found, now, problems_of, render, tenant
from webadmin.permissions import requires
from webadmin.proof import needs_proof
from webadmin.security import current_actor

blueprint = Blueprint("gateways", __name__)


@blueprint.get("/settings/gateways")
@requires("manage_gateways")
def index() -> ResponseReturnValue:
    """Every account, and the kinds that can be added."""
    rows = gateways_of(db(), tenant_id=tenant().id)
    kinds = [(kind, ABOUT[kind]) for kind in KINDS]
    return render("panel/gateways/index.html", rows=rows, kinds=kinds, about=ABOUT, currency=tenant().currency)


@blueprint.route("/settings/gateways/new/<string:kind>", methods=["GET", "POST"])
@requires("manage_gateways")
@needs_proof
def new(kind: str) -> ResponseReturnValue:
    """A new account of one kind."""
    if kind not in KINDS:
        abort(404)
    form = gateway_form(kind, has_keys=False)()
    if form.validate_on_submit():
        made = attempt(form, use.create, kind=kind, **form.values())
        if made is not None:
            flash(gettext("Saved. Now test the connection."), "success")
            return redirect(url_for("panel.gateways.edit", gateway_id=made.id), 303)
    elif not form.is_submitted():
        form.name.data = ABOUT[kind].name
    return _form(form, kind, None)


@blueprint.route("/settings/gateways/<int:gateway_id>", methods=["GET", "POST"])
@requires("manage_gateways")
@needs_proof
def edit(gateway_id: int) -> ResponseReturnValue:
    """Change an account; a key's box that is left empty keeps the key."""
    row = _row(gateway_id)
    form = gateway_form(row.kind, has_keys=True)(obj=row, data=dict(row.settings))
    if form.validate_on_submit():
        if attempt(form, use.change, gateway_id=row.id, **form.values()) is not None:
            flash(gettext("Saved."), "success")
            return redirect(url_for("panel.gateways.edit", gateway_id=row.id), 303)
        row = _row(gateway_id)
    return _form(form, row.kind, row)


@blueprint.post("/settings/gateways/<int:gateway_id>/test")
@requires("manage_gateways")
def test(gateway_id: int) -> ResponseReturnValue:
    """Ask the gateway whether it takes the keys."""
    row = _row(gateway_id)
    back = redirect(url_for("panel.gateways.edit", gateway_id=row.id), 303)
    try:
        use.test(db(), actor=current_actor(), now=now(), gateway_id=row.id)
    except Failure as refusal:
        for _, text in problems_of(refusal):
            flash(text, "error")
        return back
    flash(gettext("%(name)s answers and takes the keys.", name=row.name), "success")
    return back


@blueprint.post("/settings/gateways/<int:gateway_id>/remove")
@requires("manage_gateways")
@needs_proof
def remove(gateway_id: int) -> ResponseReturnValue:
    """Offer it to nobody any more."""
    message = gettext("The account was removed. What was begun there is still watched.")
    return act(url_for("panel.gateways.index"), message, use.remove, gateway_id=_row(gateway_id).id)


def _row(gateway_id: int) -> PaymentGateway:
    return found(find_row(db(), PaymentGateway, gateway_id, tenant_id=tenant().id))


def _form(form: object, kind: str, row: PaymentGateway | None) -> ResponseReturnValue:
    submitted = getattr(form, "is_submitted", lambda: False)()
    return render(
        "panel/gateways/form.html",
        422 if submitted else 200,
        form=form,
        row=row,
        kind=kind,
        about=ABOUT[kind],
        names=[field.name for field in FIELDS[kind]],
        where=words.WHERE[kind],
        problem=said(row.problem) if row is not None else "",
        webhook_words=words.WEBHOOK.get(kind),
        webhook=None if row is None or not ABOUT[kind].has_webhook else payment_addresses().webhook(row.public_key),
    )
