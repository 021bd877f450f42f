"""Groups of routers: routers that count as one place, to which a subscription may be bound."""

from typing import Any

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from bss import nas_groups as use
from db.models import NasGroup
from db.queries.nas_groups import page_of_groups
from db.queries.paging import Wanted
from db.queries.rows import find_row
from webadmin.forms.network import RouterGroupForm
from webadmin.panel.support import PAGE_SIZE, Page, act, attempt, db, found, page_number, render, tenant
from webadmin.permissions import requires

blueprint = Blueprint("router_groups", __name__)


@blueprint.get("/router-groups")
@requires("view_nas")
def index() -> ResponseReturnValue:
    """All groups, with how many routers and subscriptions name them."""
    number = page_number()
    rows = page_of_groups(
        db(), tenant_id=tenant().id, search=None, wanted=Wanted(sort="name", page=number, page_size=PAGE_SIZE)
    )
    page = Page(number=number, size=PAGE_SIZE, total=rows.total_items)
    return render("panel/router_groups/index.html", rows=rows.items, page=page)


@blueprint.route("/router-groups/new", methods=["GET", "POST"])
@requires("manage_nas")
def new() -> ResponseReturnValue:
    """A group without routers."""
    return _form(RouterGroupForm(), None, use.create)


@blueprint.route("/router-groups/<int:group_id>/edit", methods=["GET", "POST"])
@requires("manage_nas")
def edit(group_id: int) -> ResponseReturnValue:
    """Another name for a group."""
    group = found(find_row(db(), NasGroup, group_id, tenant_id=tenant().id))
    return _form(RouterGroupForm(obj=group), group, use.rename, group_id=group_id)


@blueprint.post("/router-groups/<int:group_id>/delete")
@requires("manage_nas")
def delete(group_id: int) -> ResponseReturnValue:
    """Remove a group that nothing names."""
    message = gettext("The group was removed.")
    return act(url_for("panel.router_groups.index"), message, use.delete, group_id=group_id)


def _form(form: RouterGroupForm, group: NasGroup | None, use_case: Any, **arguments: Any) -> ResponseReturnValue:
    if form.validate_on_submit() and attempt(form, use_case, name=form.name.data, **arguments) is not None:
        flash(gettext("Saved."), "success")
        return redirect(url_for("panel.router_groups.index"), 303)
    return render("panel/router_groups/form.html", 422 if form.is_submitted() else 200, form=form, group=group)
