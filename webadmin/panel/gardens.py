"""Walled gardens: where customers end who would be refused for something that can be mended."""

from flask import Blueprint, abort, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import gardens as use
from db.models import WalledGarden
from db.queries.gardens import gardens_of_tenant
from domain.garden import ANY_REASON
from webadmin.forms.gardens import GardenForm
from webadmin.panel.support import act, attempt, db, render, tenant
from webadmin.permissions import requires

blueprint = Blueprint("gardens", __name__)
# A star is no word for an address.
ANY = "any"


@blueprint.get("/walled-gardens")
@requires("manage_settings")
def index() -> ResponseReturnValue:
    """Every reason, and the garden for it."""
    rows = {row.reason: row for row in gardens_of_tenant(db(), tenant().id)}
    reasons = [(ANY if reason == ANY_REASON else reason, rows.get(reason)) for reason in use.REASONS]
    return render("panel/gardens/index.html", reasons=reasons, any_reason=ANY)


@blueprint.route("/walled-gardens/<string:reason>", methods=["GET", "POST"])
@requires("manage_settings")
def edit(reason: str) -> ResponseReturnValue:
    """Make or change the garden for a reason."""
    code = _code(reason)
    form = GardenForm(obj=_garden(code))
    if form.validate_on_submit() and attempt(form, use.put, reason=code, values=form.values()) is not None:
        flash(gettext("Saved. It holds from the next login on."), "success")
        return redirect(url_for("panel.gardens.index"), 303)
    return render(
        "panel/gardens/form.html",
        422 if form.is_submitted() else 200,
        form=form,
        reason=reason,
        any_reason=ANY,
        garden=_garden(code),
    )


@blueprint.post("/walled-gardens/<string:reason>/remove")
@requires("manage_settings")
def remove(reason: str) -> ResponseReturnValue:
    """Refuse again who would end there."""
    message = gettext("The garden was removed; whoever is in it is let out within a minute.")
    return act(url_for("panel.gardens.index"), message, use.remove, reason=_code(reason))


def _code(reason: str) -> str:
    code = ANY_REASON if reason == ANY else reason
    if code not in use.REASONS:
        abort(404)
    return code


def _garden(code: str) -> WalledGarden | None:
    return next((row for row in gardens_of_tenant(db(), tenant().id) if row.reason == code), None)
