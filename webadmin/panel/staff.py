"""Staff: who works here, what they may do, how they sign in, and help for those who cannot."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from wtforms.fields.choices import SelectChoice

from bss.staff import password_links, second_factor, staff_sessions
from bss.staff import users as use
from bss.staff.roles import is_standing
from db.models import User
from db.queries.signing_in import passkeys_of, users_without_second_factor
from db.queries.staff import find_user, list_users, roles_of
from webadmin.forms.account import RolesForm, StaffForm
from webadmin.panel.second_factors import PROOF_WORDS, agent_words
from webadmin.panel.sentences import said
from webadmin.panel.support import act, attempt, db, found, now, render, run, tenant
from webadmin.permissions import requires
from webadmin.proof import needs_proof
from webadmin.security import granted

blueprint = Blueprint("staff", __name__)


@blueprint.get("/staff")
@requires("manage_users")
def index() -> ResponseReturnValue:
    """Everybody with their roles."""
    lacking = users_without_second_factor(db(), tenant_id=tenant().id)
    return render("panel/staff/index.html", staff=list_users(db(), tenant_id=tenant().id), lacking=lacking)


@blueprint.route("/staff/new", methods=["GET", "POST"])
@requires("manage_users")
@needs_proof
def new() -> ResponseReturnValue:
    """A new member; the first password is shown once."""
    form = StaffForm()
    form.roles.choices = _role_choices()
    if form.validate_on_submit():
        values = {"name": form.name.data, "email": form.email.data, "language": form.language.data}
        issued = attempt(form, use.create_staff, roles=form.roles.data or [], within=granted(), **values)
        if issued is not None:
            return _secret(issued.row, issued.secret)
    return render("panel/staff/form.html", 422 if form.is_submitted() else 200, form=form, member=None)


@blueprint.route("/staff/<int:user_id>", methods=["GET", "POST"])
@requires("manage_users")
@needs_proof
def edit(user_id: int) -> ResponseReturnValue:
    """Which roles a member has, how they sign in, and where they are signed in."""
    member = _member(user_id)
    form = RolesForm(data={"roles": [role.name for role in member.roles]})
    form.roles.choices = _role_choices()
    if form.validate_on_submit():
        if attempt(form, use.set_roles, user_id=user_id, roles=form.roles.data or [], within=granted()) is not None:
            flash(gettext("Saved."), "success")
            return redirect(url_for("panel.staff.index"), 303)
        member = _member(user_id)
    return render(
        "panel/staff/form.html",
        422 if form.is_submitted() else 200,
        form=form,
        member=member,
        keys=passkeys_of(db(), member.id),
        sessions=staff_sessions.list_open(db(), user_id=member.id, now=now()),
        agent_words=agent_words,
        proof_words=PROOF_WORDS,
    )


@blueprint.post("/staff/<int:user_id>/state")
@requires("manage_users")
@needs_proof
def change_state(user_id: int) -> ResponseReturnValue:
    """Shut somebody out, let in again, give a new password or a link for one, or take lost second factors away."""
    wanted = request.form.get("do", "")
    back, whose = url_for("panel.staff.edit", user_id=user_id), {"user_id": user_id, "within": granted()}
    if wanted == "password":
        issued = run(use.reset_password, **whose)
        return _secret(issued.row, issued.secret)
    if wanted == "link":
        made = run(password_links.make, **whose)
        address = f"{url_for('signing_in.set_password', _external=True)}#{made.secret}"
        return render("panel/staff/link.html", member=_member(user_id), address=address, until=made.row.expires_at)
    verb, message = _verbs().get(wanted, (use.deactivate, gettext("The account is closed; all its sessions ended.")))
    return act(back, message, verb, **whose)


@blueprint.post("/staff/<int:user_id>/sessions/<int:session_id>/end")
@requires("manage_users")
def end_session(user_id: int, session_id: int) -> ResponseReturnValue:
    """End one session of a member."""
    back = url_for("panel.staff.edit", user_id=_member(user_id).id)
    message = gettext("The session is ended.")
    return act(back, message, staff_sessions.end, user_id=user_id, session_id=session_id)


@blueprint.post("/staff/<int:user_id>/sessions/end")
@requires("manage_users")
def end_sessions(user_id: int) -> ResponseReturnValue:
    """End all sessions of a member."""
    ended = run(staff_sessions.end_all, user_id=_member(user_id).id)
    flash(ngettext("%(num)s session is ended.", "%(num)s sessions are ended.", ended), "success")
    return redirect(url_for("panel.staff.edit", user_id=user_id), 303)


def _verbs() -> dict[str, tuple[Callable[..., Any], str]]:
    return {
        "reactivate": (use.reactivate, gettext("The account is open again.")),
        "second": (second_factor.remove_all, gettext("The second factors are gone; the password opens the account.")),
    }


def _member(user_id: int) -> User:
    return found(find_user(db(), user_id, tenant_id=tenant().id))


def _role_choices() -> list[SelectChoice]:
    return [SelectChoice(value=role.name, label=_role_label(role)) for role in roles_of(db(), tenant_id=tenant().id)]


def _role_label(role: Any) -> str:
    description = said(role.description) if is_standing(role) else role.description
    return f"{role.name} · {description}" if description else str(role.name)


def _secret(member: User, secret: str) -> ResponseReturnValue:
    return render("panel/staff/secret.html", member=member, secret=secret)
