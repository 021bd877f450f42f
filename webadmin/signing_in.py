"""Coming in: the password, then the second factor where there is one; a passkey is both. And setting a new password.

What is known between two steps stands in the signed cookie and is over after five minutes. An unknown account and a
wrong password, code or passkey are told alike.
"""

import time
from typing import Any, cast

from flask import Blueprint, Flask, Response, flash, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_limiter import Limiter
from flask_login import current_user, user_logged_out
from flask_security import login_user

from bss.actor import Actor
from bss.failure import Failure, NotFound
from bss.staff import password_links, second_factor, staff_sessions
from db.models import User
from db.queries.signing_in import passkeys_of
from db.queries.staff import find_user_by_email
from runtime.mail import is_set_up
from runtime.settings import get_settings
from runtime.tasks import QUEUE_DEFAULT, send_job
from webadmin import limits, passkeys
from webadmin.database import session as database
from webadmin.permissions import public, signed_in
from webadmin.security import SESSION_KEY, SignInForm, StaffUser, now

HALF_WAY_S = 300
_HALF_WAY = "half_way"

blueprint = Blueprint("signing_in", __name__)


def init_signing_in(app: Flask, limiter: Limiter) -> None:
    """Put our steps in the place of the library's sign-in, with their limits."""
    app.register_blueprint(blueprint)
    views: dict[str, Any] = app.view_functions
    views["security.login"] = sign_in
    # The library's own page for asking again; ours is part of the action that needs it (`webadmin.proof`).
    views["security.verify"] = signed_in(lambda: redirect("/"))
    user_logged_out.connect(_note_the_end, app)
    limits.limit_sign_in(app, limiter)


def sign_in() -> ResponseReturnValue:
    """The sign-in page, and its first step: e-mail and password."""
    if current_user.is_authenticated and SESSION_KEY in cookie:
        return redirect(_safe(request.args.get("next")))
    form = SignInForm()
    if form.validate_on_submit():
        user, wanted = cast(StaffUser, form.user), _safe(form.next.data)
        if second_factor.has_one(database(), user):
            cookie[_HALF_WAY] = {"user": user.id, "word": user.fs_uniquifier[:16], "at": int(time.time())}
            return redirect(url_for("signing_in.second", next=wanted))
        return _let_in(user, "password", wanted)
    return _page("security/login_user.html", login_user_form=form, can_mail=is_set_up(get_settings()))


@blueprint.route("/login/second", methods=["GET", "POST"])
@public
def second() -> ResponseReturnValue:
    """The second step: an app's code, a recovery code, or a passkey."""
    user = _half_way()
    if user is None:
        return redirect(url_for("security.login", next=request.args.get("next")))
    is_wrong = False
    if request.method == "POST":
        proved = _prove(user)
        if proved is not None:
            return _let_in(user, proved, _safe(request.args.get("next")))
        is_wrong = True
    keys = passkeys_of(database(), user.id)
    return _page("security/second.html", is_wrong=is_wrong, has_app=user.totp_step is not None, has_passkey=bool(keys))


@blueprint.post("/login/passkey/options")
@public
def passkey_options() -> ResponseReturnValue:
    """What the browser needs to ask for a passkey: of whoever is half way or signed in, else any it has."""
    user = current_user if current_user.is_authenticated else _half_way()
    keys = [] if user is None else passkeys_of(database(), user.id)
    options, challenge = second_factor.ask_passkey(site=passkeys.site(), keys=keys)
    passkeys.keep(challenge)
    return Response(options, mimetype="application/json")


@blueprint.post("/login/passkey")
@public
def passkey() -> ResponseReturnValue:
    """Coming in with a passkey alone."""
    user = second_factor.check_passkey(
        database(),
        answer=request.form.get("passkey", ""),
        challenge=passkeys.taken(),
        site=passkeys.site(),
        now=now(),
    )
    if user is None:
        flash(gettext("This passkey opens no account here."), "error")
        return redirect(url_for("security.login", next=request.args.get("next")), 303)
    return _let_in(user, "passkey", _safe(request.args.get("next")))


@blueprint.route("/forgot-password", methods=["GET", "POST"])
@public
def forgot() -> ResponseReturnValue:
    """Ask for a link by mail. The answer is the same whether there is such an account or not."""
    can_mail = is_set_up(get_settings())
    if request.method == "POST" and can_mail:
        user = find_user_by_email(database(), request.form.get("email", "").strip()[:254])
        # Nobody is told apart by how long the answer takes: the job for an unknown account finds nobody.
        user_id = user.id if user is not None and user.active else 0
        send_job("bss.password-mail", queue=QUEUE_DEFAULT, by="sign-in", arguments={"user_id": user_id})
        flash(gettext("If there is such an account, a link is on its way to its address."), "success")
        return redirect(url_for("security.login"), 303)
    return _page("security/forgot.html", can_mail=can_mail)


@blueprint.route("/set-password", methods=["GET", "POST"])
@public
def set_password() -> ResponseReturnValue:
    """A new password for whoever has a link.

    What opens it stands behind the # of the link, which browsers keep to themselves: it is in no address that a server
    or proxy writes down, and comes with the form.
    """
    word, problems = request.form.get("word", "")[:100], []
    if request.method == "POST":
        chosen = request.form.get("password", "")
        try:
            password_links.use(database(), word=word, now=now(), password=chosen, ip=request.remote_addr)
        except NotFound:
            return _page("security/set_password.html", 404, word="", problems=[], is_dead=True)
        except Failure as refusal:
            database().rollback()
            problems = _sentences(refusal)
        else:
            database().commit()
            flash(gettext("The password is set. Sign in with it."), "success")
            return redirect(url_for("security.login"), 303)
    status = 422 if problems else 200
    return _page("security/set_password.html", status, word=word, problems=problems, is_dead=False)


def _let_in(user: User, proved_by: str, wanted: str) -> ResponseReturnValue:
    """Begin a session with a cookie that holds nothing of what was before."""
    staff = _as_staff(user)
    cookie.clear()
    login_user(staff, remember=False, authn_via=[proved_by])
    agent = request.user_agent.string
    _, word = staff_sessions.begin(
        database(), user=staff, now=now(), ip=request.remote_addr, agent=agent, proved_by=proved_by
    )
    cookie[SESSION_KEY] = word
    cookie.permanent = True
    database().commit()
    return redirect(wanted)


def _as_staff(user: User) -> StaffUser:
    """The same row as the sign-in library knows it; the session holds one object for a row."""
    if isinstance(user, StaffUser):
        return user
    database().flush()
    database().expunge(user)
    return database().get_one(StaffUser, user.id)


def _prove(user: User) -> str | None:
    """By what the one half way proved who they are; None when they did not."""
    answer = request.form.get("passkey", "")
    proved: str | None = None
    if answer:
        challenge, site = passkeys.taken(), passkeys.site()
        found = second_factor.check_passkey(
            database(), answer=answer, challenge=challenge, site=site, now=now(), user_id=user.id
        )
        proved = None if found is None else "passkey"
    else:
        code = request.form.get("code", "")
        proved = second_factor.check_code(database(), user_id=user.id, tenant_id=user.tenant_id, code=code, now=now())
    if proved is None:
        actor = Actor.of_user(user, ip=request.remote_addr)
        staff_sessions.note_refusal(database(), user=user, actor=actor, now=now(), what="second_factor")
        database().commit()
    return proved


def _half_way() -> User | None:
    """Who gave the right password a moment ago; the same password still counts and the account is open."""
    kept = cookie.get(_HALF_WAY)
    if not isinstance(kept, dict) or time.time() - float(kept.get("at", 0)) > HALF_WAY_S:
        return None
    user = database().get(StaffUser, int(kept["user"]))
    is_same = user is not None and user.active and user.fs_uniquifier.startswith(str(kept["word"]))
    return user if is_same else None


def _note_the_end(_app: Flask, user: User) -> None:
    word = cookie.pop(SESSION_KEY, None)
    row = None if word is None else staff_sessions.current(database(), word=str(word), user_id=user.id, now=now())
    if row is not None:
        staff_sessions.sign_out(database(), row=row, now=now())
        database().commit()


def _safe(wanted: str | None) -> str:
    """The page to go on with, if it is one of ours."""
    text = wanted or ""
    is_ours = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if is_ours else "/"


def _sentences(refusal: Failure) -> list[str]:
    from webadmin.panel.support import problems_of  # noqa: PLC0415 - the panel's words, where there is a panel

    return [text for _, text in problems_of(refusal)]


def _page(template: str, status: int = 200, **values: Any) -> ResponseReturnValue:
    return Response(render_template(template, **values), status=status, mimetype="text/html")
