"""One's own account: language, theme, password."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user

from bss.staff import users as use
from webadmin.forms.account import MeForm, OwnPasswordForm
from webadmin.panel.language import COOKIE, COOKIE_SECONDS, LANGUAGES, THEMES
from webadmin.panel.support import attempt, back_url, render, run
from webadmin.permissions import public, signed_in

blueprint = Blueprint("settings", __name__)


@blueprint.route("/settings", methods=["GET", "POST"])
@signed_in
def me() -> ResponseReturnValue:
    """Name, language and theme."""
    form = MeForm(obj=current_user)
    if form.validate_on_submit():
        changes = {"name": form.name.data, "language": form.language.data, "theme": form.theme.data}
        if attempt(form, use.edit, user_id=current_user.id, changes=changes) is not None:
            flash(gettext("Saved."), "success")
            return redirect(url_for("panel.settings.me"), 303)
    return render("panel/settings/me.html", 422 if form.is_submitted() else 200, form=form)


@blueprint.post("/settings/preferences")
@signed_in
def preferences() -> ResponseReturnValue:
    """Language or theme from the menus above every page."""
    wanted = {"language": request.form.get("language"), "theme": request.form.get("theme")}
    changes = {
        name: value
        for name, value in wanted.items()
        if value is not None and value in {"language": LANGUAGES, "theme": THEMES}[name]
    }
    run(use.edit, user_id=current_user.id, changes=changes)
    return redirect(back_url(url_for("panel.today.index")), 303)


@blueprint.post("/language")
@public
def language() -> ResponseReturnValue:
    """The language of the sign-in page, kept in a cookie."""
    response = redirect(back_url(url_for("security.login")), 303)
    wanted = request.form.get("language", "")
    if wanted in LANGUAGES:
        response.set_cookie(
            COOKIE, wanted, max_age=COOKIE_SECONDS, httponly=True, samesite="Lax", secure=request.is_secure
        )
    return response


@blueprint.route("/settings/password", methods=["GET", "POST"])
@signed_in
def password() -> ResponseReturnValue:
    """A new password of one's own; every session ends, this one included."""
    form = OwnPasswordForm()
    if form.validate_on_submit():
        issued = attempt(form, use.reset_password, user_id=current_user.id, password=form.password.data)
        if issued is not None:
            flash(gettext("Your password was changed. Sign in with the new one."), "success")
            return redirect(url_for("security.login"), 303)
    return render("panel/settings/password.html", 422 if form.is_submitted() else 200, form=form)
