"""The blacklist: devices that may use nothing of this provider."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import blacklist as use
from db.queries.devices import page_of_blocked
from db.queries.paging import Wanted
from webadmin.forms.network import BlacklistForm
from webadmin.panel.support import (
    PAGE_SIZE,
    Page,
    act,
    attempt,
    db,
    effect_of,
    page_number,
    render,
    tenant,
    with_follow,
)
from webadmin.permissions import requires

blueprint = Blueprint("blacklist", __name__)


@blueprint.route("/blacklist", methods=["GET"])
@requires("view_customers")
def index() -> ResponseReturnValue:
    """Blacklisted devices, newest first."""
    return _page(BlacklistForm(formdata=None))


@blueprint.post("/blacklist")
@requires("suspend_customers")
def add() -> ResponseReturnValue:
    """Refuse every login of a device from now on."""
    form = BlacklistForm()
    if form.validate_on_submit():
        done = attempt(form, use.add, mac=form.mac.data, note=form.note.data or "")
        if done is not None:
            flash(gettext("%(mac)s is blacklisted.", mac=str(done.row.mac).upper()), "success")
            return redirect(with_follow(url_for("panel.blacklist.index"), effect_of(done)), 303)
    return _page(form)


@blueprint.post("/blacklist/<int:blocked_id>/remove")
@requires("suspend_customers")
def remove(blocked_id: int) -> ResponseReturnValue:
    """Take a device off the blacklist."""
    message = gettext("The device was taken off the blacklist.")
    return act(url_for("panel.blacklist.index"), message, use.remove, blocked_id=blocked_id)


def _page(form: BlacklistForm) -> ResponseReturnValue:
    search, number = request.args.get("q", "").strip()[:100], page_number()
    wanted = Wanted(sort="-created_at", page=number, page_size=PAGE_SIZE)
    found = page_of_blocked(db(), tenant_id=tenant().id, search=search or None, wanted=wanted)
    return render(
        "panel/blacklist/index.html",
        422 if form.errors or form.form_errors else 200,
        form=form,
        rows=found.items,
        q=search,
        page=Page(number=number, size=PAGE_SIZE, total=found.total_items),
    )
