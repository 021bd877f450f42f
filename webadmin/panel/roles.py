"""Roles: what each may do, in words, and a provider's own ones."""

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from wtforms.fields.choices import SelectChoice

from bss.permissions import OF_INSTALLATION, subject_of
from bss.staff import roles as use
from bss.staff import second_factor
from db.models import Role
from db.queries.staff import count_members, find_role, is_first_tenant, roles_of
from webadmin.forms.account import RoleForm
from webadmin.panel.sentences import said
from webadmin.panel.support import act, argument_id, attempt, db, found, render, run, tenant
from webadmin.permissions import PERMISSIONS, requires
from webadmin.proof import needs_proof
from webadmin.security import granted

blueprint = Blueprint("roles", __name__)


@blueprint.get("/roles")
@requires("manage_users")
def index() -> ResponseReturnValue:
    """Every role with what it may do and how many have it."""
    return render(
        "panel/roles/index.html",
        roles=roles_of(db(), tenant_id=tenant().id),
        members=count_members(db(), tenant_id=tenant().id),
        asking=second_factor.roles_that_require(db(), tenant_id=tenant().id),
        is_standing=use.is_standing,
        words_of=_words_of,
        said=said,
    )


@blueprint.route("/roles/new", methods=["GET", "POST"])
@requires("manage_users")
@needs_proof
def new() -> ResponseReturnValue:
    """A new role, empty or beginning as a copy of another."""
    form = RoleForm()
    form.permissions.choices = _choices()
    if form.validate_on_submit():
        if attempt(form, use.create, within=granted(), **form.values()) is not None:
            flash(gettext("Saved. Under Staff it can be given to people."), "success")
            return redirect(url_for("panel.roles.index"), 303)
    elif not form.is_submitted() and (number := argument_id("copy")) is not None:
        form.permissions.data = sorted(set(_role(number).permissions) & granted())
    return render("panel/roles/form.html", 422 if form.is_submitted() else 200, form=form, role=None)


@blueprint.route("/roles/<int:role_id>", methods=["GET", "POST"])
@requires("manage_users")
@needs_proof
def edit(role_id: int) -> ResponseReturnValue:
    """Change a role of one's own; it counts at once for everybody who has it."""
    role = _role(role_id)
    form = RoleForm(obj=role)
    form.permissions.choices = _choices()
    if form.validate_on_submit():
        if attempt(form, use.edit, role_id=role_id, changes=form.values(), within=granted()) is not None:
            flash(gettext("Saved. It counts from now on."), "success")
            return redirect(url_for("panel.roles.index"), 303)
        role = _role(role_id)
    return render("panel/roles/form.html", 422 if form.is_submitted() else 200, form=form, role=role)


@blueprint.post("/roles/<int:role_id>/remove")
@requires("manage_users")
@needs_proof
def remove(role_id: int) -> ResponseReturnValue:
    """Take a role away that nobody has."""
    message = gettext("The role is gone.")
    return act(url_for("panel.roles.index"), message, use.remove, role_id=_role(role_id).id, within=granted())


@blueprint.post("/roles/<int:role_id>/second-factor")
@requires("manage_users")
@needs_proof
def ask_second_factor(role_id: int) -> ResponseReturnValue:
    """Ask everybody who has the role for a second factor, or no longer."""
    wanted = request.form.get("required") == "yes"
    run(second_factor.require_for_role, role=_role(role_id), is_required=wanted)
    flash(
        gettext("Whoever has the role sets up a second factor before the next page opens.")
        if wanted
        else gettext("The role asks for no second factor any more."),
        "success",
    )
    return redirect(url_for("panel.roles.index"), 303)


def _role(role_id: int) -> Role:
    return found(find_role(db(), role_id, tenant_id=tenant().id))


def _choices() -> list[SelectChoice]:
    """What may be granted at all by whoever looks."""
    return [
        SelectChoice(value=code, label=said(words), optgroup=said(subject_of(code)))
        for code, words in PERMISSIONS.items()
        if code in granted() and _exists_here(code)
    ]


def _words_of(role: Any) -> Iterator[str]:
    return (said(words) for code, words in PERMISSIONS.items() if code in role.permissions and _exists_here(code))


def _exists_here(code: str) -> bool:
    return code not in OF_INSTALLATION or is_first_tenant(db(), tenant().id)
