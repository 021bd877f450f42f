"""Staff: who works here and what they may do."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from wtforms.fields.choices import SelectChoice

from bss import users as use
from db.models import User
from db.queries.staff import all_roles, find_user, list_users
from webadmin.forms.account import RolesForm, StaffForm
from webadmin.panel.support import act, attempt, db, found, render, run, tenant
from webadmin.permissions import requires

blueprint = Blueprint("staff", __name__)


@blueprint.get("/staff")
@requires("manage_users")
def index() -> ResponseReturnValue:
    """Everybody with their roles."""
    return render("panel/staff/index.html", staff=list_users(db(), tenant_id=tenant().id))


@blueprint.route("/staff/new", methods=["GET", "POST"])
@requires("manage_users")
def new() -> ResponseReturnValue:
    """A new member; the first password is shown once."""
    form = StaffForm()
    form.roles.choices = _role_choices()
    if form.validate_on_submit():
        values = {"name": form.name.data, "email": form.email.data, "language": form.language.data}
        issued = attempt(form, use.create_staff, roles=form.roles.data or [], **values)
        if issued is not None:
            return _secret(issued.row, issued.secret)
    return render("panel/staff/form.html", 422 if form.is_submitted() else 200, form=form, member=None)


@blueprint.route("/staff/<int:user_id>", methods=["GET", "POST"])
@requires("manage_users")
def edit(user_id: int) -> ResponseReturnValue:
    """Which roles a member has."""
    member = _member(user_id)
    form = RolesForm(data={"roles": [role.name for role in member.roles]})
    form.roles.choices = _role_choices()
    if form.validate_on_submit():
        if attempt(form, use.set_roles, user_id=user_id, roles=form.roles.data or []) is not None:
            flash(gettext("Saved."), "success")
            return redirect(url_for("panel.staff.index"), 303)
        member = _member(user_id)
    return render("panel/staff/form.html", 422 if form.is_submitted() else 200, form=form, member=member)


@blueprint.post("/staff/<int:user_id>/state")
@requires("manage_users")
def change_state(user_id: int) -> ResponseReturnValue:
    """Shut somebody out, let in again, or give a new password."""
    wanted = request.form.get("do", "")
    back = url_for("panel.staff.index")
    if wanted == "password":
        issued = run(use.reset_password, user_id=user_id)
        return _secret(issued.row, issued.secret)
    if wanted == "reactivate":
        return act(back, gettext("The account is open again."), use.reactivate, user_id=user_id)
    return act(back, gettext("The account is closed; all its sessions ended."), use.deactivate, user_id=user_id)


def _member(user_id: int) -> User:
    return found(find_user(db(), user_id, tenant_id=tenant().id))


def _role_choices() -> list[SelectChoice]:
    return [SelectChoice(value=role.name, label=role.name) for role in all_roles(db())]


def _secret(member: User, secret: str) -> ResponseReturnValue:
    return render("panel/staff/secret.html", member=member, secret=secret)
