"""How one signs in: an app with codes, passkeys, recovery codes, and the sessions that are open."""

import re

import segno
from flask import Blueprint, Response, flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from markupsafe import Markup

from bss.failure import Failure
from bss.staff import second_factor as use
from bss.staff import staff_sessions
from db.queries.signing_in import passkeys_of
from webadmin import passkeys
from webadmin.forms.account import AppForm
from webadmin.panel.support import act, attempt, db, now, problems_of, render, run
from webadmin.permissions import signed_in
from webadmin.proof import needs_proof

blueprint = Blueprint("second_factors", __name__)
PROOF_WORDS = {
    "password": _l("password"),
    "totp": _l("password and app"),
    "recovery_code": _l("password and recovery code"),
    "passkey": _l("passkey"),
}
_SECRET = re.compile(r"[A-Z2-7]{32}")
# What a browser calls itself, from the particular to the general: most name others as well.
_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox", "Firefox"),
             ("Chrome", "Chrome"), ("Safari", "Safari"))  # fmt: skip
_SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
            ("Mac OS", "macOS"), ("Linux", "Linux"))  # fmt: skip


@blueprint.get("/settings/sign-in")
@signed_in
def index() -> ResponseReturnValue:
    """What one signs in with, and where one is signed in."""
    has_one = use.has_one(db(), current_user)
    return render(
        "panel/security/index.html",
        has_app=current_user.totp_step is not None,
        has_one=has_one,
        is_required=use.is_required(db(), current_user),
        codes_left=len(current_user.recovery_codes),
        keys=passkeys_of(db(), current_user.id),
        sessions=staff_sessions.list_open(db(), user_id=current_user.id, now=now()),
        current_session_id=g.staff_session.id,
        agent_words=agent_words,
        proof_words=PROOF_WORDS,
    )


@blueprint.route("/settings/sign-in/app", methods=["GET", "POST"])
@signed_in
@needs_proof
def app() -> ResponseReturnValue:
    """Show a new key, and take the app's first code for it."""
    form = AppForm()
    given = request.form.get("secret", "")
    secret = given if _SECRET.fullmatch(given) else use.new_totp_secret()
    if form.validate_on_submit() and secret == given:
        issued = attempt(form, use.enrol_totp, user_id=current_user.id, secret=secret, code=form.code.data or "")
        if issued is not None:
            return _codes(issued.secret)
    address = use.totp_address(secret, email=current_user.email)
    drawn = segno.make_qr(address, error="m").svg_inline(scale=5, border=4, omitsize=True, dark="#000", light="#fff")
    return render(
        "panel/security/app.html",
        422 if form.is_submitted() else 200,
        form=form,
        secret=secret,
        spaced=" ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        # Drawn here from the key and an address that was written percent-encoded.
        picture=Markup(drawn),  # noqa: S704
    )


@blueprint.post("/settings/sign-in/app/remove")
@signed_in
@needs_proof
def remove_app() -> ResponseReturnValue:
    """No longer ask for the app's codes."""
    return act(_here(), gettext("The app is no longer asked for."), use.remove_totp, user_id=current_user.id)


@blueprint.post("/settings/sign-in/codes")
@signed_in
@needs_proof
def new_codes() -> ResponseReturnValue:
    """Recovery codes in place of the old ones."""
    return _codes(run(use.renew_recovery_codes, user_id=current_user.id).secret)


@blueprint.post("/settings/sign-in/passkeys/options")
@signed_in
def key_options() -> ResponseReturnValue:
    """What the browser needs to make a passkey."""
    options, challenge = use.passkey_options(db(), user=current_user, site=passkeys.site())
    passkeys.keep(challenge)
    return Response(options, mimetype="application/json")


@blueprint.post("/settings/sign-in/passkeys")
@signed_in
@needs_proof
def add_key() -> ResponseReturnValue:
    """Keep the passkey that the browser made."""
    kept = {"challenge": passkeys.taken(), "site": passkeys.site()}
    answer, name = request.form.get("passkey", ""), request.form.get("name", "")
    try:
        issued = run(use.add_passkey, user_id=current_user.id, name=name, answer=answer, **kept)
    except Failure as refusal:
        for _, text in problems_of(refusal):
            flash(text, "error")
        return redirect(_here(), 303)
    if issued.secret:
        return _codes(issued.secret)
    flash(gettext("The passkey is ready."), "success")
    return redirect(_here(), 303)


@blueprint.post("/settings/sign-in/passkeys/<int:passkey_id>/remove")
@signed_in
@needs_proof
def remove_key(passkey_id: int) -> ResponseReturnValue:
    """Take a passkey away."""
    whose = {"user_id": current_user.id, "passkey_id": passkey_id}
    return act(_here(), gettext("The passkey opens nothing any more."), use.remove_passkey, **whose)


@blueprint.post("/settings/sign-in/sessions/<int:session_id>/end")
@signed_in
def end_session(session_id: int) -> ResponseReturnValue:
    """End one session of one's own."""
    whose = {"user_id": current_user.id, "session_id": session_id}
    return act(_here(), gettext("The session is ended."), staff_sessions.end, **whose)


@blueprint.post("/settings/sign-in/sessions/end-others")
@signed_in
def end_others() -> ResponseReturnValue:
    """End every session but this one."""
    whose = {"user_id": current_user.id, "but": g.staff_session.id}
    return act(_here(), gettext("All other sessions are ended."), staff_sessions.end_all, **whose)


def agent_words(agent: str) -> str:
    """Browser and system as people call them; what names neither is shown as it is."""
    browser = next((name for sign, name in _BROWSERS if sign in agent), "")
    system = next((name for sign, name in _SYSTEMS if sign in agent), "")
    return " · ".join(word for word in (browser, system) if word) or agent[:60] or gettext("unknown")


def _codes(codes: str) -> ResponseReturnValue:
    return render("panel/security/codes.html", codes=codes)


def _here() -> str:
    return url_for("panel.second_factors.index")
