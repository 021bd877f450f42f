"""Who is asking, and may they: staff by session cookie at the panel, programs by bearer token at the API.

The two never mix: a cookie opens nothing under /api, a token nothing outside it. So only the panel needs CSRF tokens.
Every route says which permission it needs (`webadmin.permissions`); one that says nothing is closed.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, g, redirect, request, url_for
from flask import session as cookie
from flask.sessions import SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user, user_logged_in
from flask_security import RoleMixin, Security, SQLAlchemySessionUserDatastore, UserMixin
from flask_security.forms import LoginForm
from flask_wtf.csrf import CSRFProtect
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized
from werkzeug.local import LocalProxy

from bss import tokens
from bss.actor import Actor
from bss.staff import second_factor, staff_sessions
from bss.staff.users import permissions_of
from db.models import ApiToken, Role, User
from runtime.logs import get_logger
from webadmin.database import scope_to
from webadmin.database import session as database
from webadmin.errors import API_PREFIX
from webadmin.permissions import PUBLIC, SIGNED_IN, need_of

SESSION_LIFETIME = staff_sessions.LIFETIME
SESSION_KEY = "sid"
COOKIE_NAME = "lintas_session"
MAX_REQUEST_BYTES = 2 * 1024 * 1024
# Views of libraries that anybody must reach before being signed in.
PUBLIC_ENDPOINTS = frozenset({"static", "security.static", "security.login", "security.logout"})
# What stays open to somebody who must first choose a password or set up a second factor.
_ALWAYS = frozenset({"panel.settings.preferences"})
PASSWORD_PAGE, SECOND_FACTOR_PAGES = "panel.settings.password", "panel.second_factors."

csrf = CSRFProtect()
log = get_logger("webadmin.security")


class StaffUser(UserMixin, User):  # type: ignore[misc]
    """A user row with what Flask-Security asks of one; the table knows nothing of it."""


class StaffRole(RoleMixin, Role):  # type: ignore[misc]
    """A role row, likewise."""


class SignInForm(LoginForm):
    """Flask-Security's form without "remember me": a session ends after twelve hours."""

    remember = None


class CookieSessions(SecureCookieSessionInterface):
    """Marks the cookie Secure exactly when the request came over TLS, so that plain HTTP on a bench works too."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def init_security(app: Flask, *, secret_key: str) -> None:
    """Sign-in, sessions, CSRF, and the guard before every view."""
    app.config.update(_settings(secret_key))
    app.session_interface = CookieSessions()
    csrf.init_app(app)
    store = SQLAlchemySessionUserDatastore(cast(Any, LocalProxy(database)), StaffUser, StaffRole)
    Security(app, store, login_form=SignInForm)
    user_logged_in.connect(_keep_twelve_hours, app)
    app.before_request(_guard)
    app.jinja_env.globals.setdefault("may", may)


def read_secret_key(path: Path) -> str:
    """The key that signs cookies, from its file."""
    key = path.read_text().strip()
    if len(key) < 32:
        raise ValueError(f"{path}: the key has fewer than 32 characters; put `openssl rand -hex 32` into it")
    return key


def now() -> datetime:
    """The moment of this request, the same for everything it does."""
    if "now" not in g:
        g.now = datetime.now(UTC)
    moment: datetime = g.now
    return moment


def current_actor() -> Actor:
    """Who acts in this request: the member of staff, or the token."""
    token: ApiToken | None = g.get("api_token")
    if token is not None:
        return Actor.of_token(token, ip=request.remote_addr)
    if not current_user.is_authenticated:
        abort(401)
    return Actor.of_user(current_user._get_current_object(), ip=request.remote_addr)


def granted() -> frozenset[str]:
    """The permissions of this request, read once."""
    if "permissions" not in g:
        token: ApiToken | None = g.get("api_token")
        if token is not None:
            g.permissions = tokens.granted(token)
        else:
            g.permissions = permissions_of(current_user) if current_user.is_authenticated else frozenset()
    held: frozenset[str] = g.permissions
    return held


def may(code: str) -> bool:
    """Whether this request holds a permission; for templates too."""
    return code in granted()


def require(code: str) -> None:
    """Stop the request unless it holds the permission; for views that decide by what they were sent."""
    if not may(code):
        abort(403, description=f"This needs the permission {code}.")


def api_token() -> ApiToken:
    """The token of this API request."""
    token: ApiToken = g.api_token
    return token


def _settings(secret_key: str) -> dict[str, Any]:
    return {
        "SECRET_KEY": secret_key,
        "MAX_CONTENT_LENGTH": MAX_REQUEST_BYTES,
        "SESSION_COOKIE_NAME": COOKIE_NAME,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": SESSION_LIFETIME,
        "SESSION_REFRESH_EACH_REQUEST": False,
        "WTF_CSRF_TIME_LIMIT": None,
        "SECURITY_PASSWORD_HASH": "argon2",
        "SECURITY_PASSWORD_SCHEMES": ["argon2"],
        "SECURITY_DEPRECATED_PASSWORD_SCHEMES": [],
        # argon2id salts each hash itself; a second, fixed salt would only tie the hashes to one more secret.
        "SECURITY_PASSWORD_SINGLE_HASH": ["argon2"],
        "SECURITY_PASSWORD_SALT": None,
        "SECURITY_RETURN_GENERIC_RESPONSES": True,
        "SECURITY_TRACKABLE": True,
        "SECURITY_DATETIME_FACTORY": lambda: datetime.now(UTC),
        "SECURITY_API_ENABLED_METHODS": ["session"],
        "SECURITY_FLASH_MESSAGES": True,
        "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False, "test_environment": True},
        "SECURITY_POST_LOGIN_VIEW": "/",
        "SECURITY_POST_LOGOUT_VIEW": "/login",
        "SECURITY_LOGOUT_METHODS": ["POST"],
    }


def _keep_twelve_hours(_app: Flask, user: User) -> None:
    cookie.permanent = True
    log.info("signed in", user_id=user.id, ip=request.remote_addr)


def _guard() -> ResponseReturnValue | None:
    endpoint = request.endpoint
    if endpoint is None or endpoint in PUBLIC_ENDPOINTS or endpoint.endswith(".static"):
        return None
    need = need_of(current_app.view_functions[endpoint])
    if need == PUBLIC:
        return None
    if need is None:
        log.error("a view declares no permission", endpoint=endpoint)
        abort(403)
    if request.path.startswith(API_PREFIX):
        _enter_by_token()
    elif (refused := _enter_by_cookie()) is not None:
        return refused
    if need != SIGNED_IN:
        require(need)
    return None


def _enter_by_token() -> None:
    scheme, _, presented = request.headers.get("Authorization", "").partition(" ")
    token = None
    if scheme.lower() == "bearer":
        token = tokens.verify(database(), presented=presented.strip(), now=now())
    if token is None:
        raise Unauthorized(
            "Send a valid token: Authorization: Bearer lts_…",
            www_authenticate=WWWAuthenticate("bearer", {"realm": "lintas"}),
        )
    scope_to(token.tenant_id, token.user.operator_id)
    g.api_token = token
    if tokens.touch(database(), token=token, now=now()):
        database().commit()


def _enter_by_cookie() -> ResponseReturnValue | None:
    if current_user.is_authenticated:
        scope_to(current_user.tenant_id, current_user.operator_id)
        if _enter_session():
            return _what_comes_first()
        # The cookie was good once; whoever ended its session ended it everywhere.
        logout_user()
    return _go_to(url_for("security.login", next=_page_to_return_to()), 302)


def _enter_session() -> bool:
    """Whether the cookie's session still lasts, as the database has it."""
    word = str(cookie.get(SESSION_KEY, ""))
    row = staff_sessions.current(database(), word=word, user_id=current_user.id, now=now())
    if row is None:
        return False
    g.staff_session = row
    if staff_sessions.touch(database(), row=row, now=now()):
        database().commit()
    return True


def _what_comes_first() -> ResponseReturnValue | None:
    """The page that somebody must see before any other: a password of one's own, then the second factor of a role."""
    endpoint = request.endpoint or ""
    if endpoint in _ALWAYS or endpoint == PASSWORD_PAGE:
        return None
    if current_user.must_change_password:
        return _go_to(url_for(PASSWORD_PAGE))
    if endpoint.startswith(SECOND_FACTOR_PAGES) or current_user.totp_step is not None:
        return None
    if second_factor.is_required(database(), current_user) and not second_factor.has_one(database(), current_user):
        return _go_to(url_for(f"{SECOND_FACTOR_PAGES}index"))
    return None


def _go_to(target: str, code: int = 303) -> ResponseReturnValue:
    """Another page first; a part of a page cannot become it, so the browser as a whole goes there."""
    if request.headers.get("HX-Request") == "true":
        return Response(status=401, headers={"HX-Redirect": target})
    if request.headers.get("Accept") == "text/event-stream":
        # Whoever listens to live figures can be sent nowhere.
        return Response(status=401)
    return redirect(target, code)


def _page_to_return_to() -> str | None:
    """The page that was asked for, or the page whose part was; a change is not repeated after signing in."""
    if request.headers.get("HX-Request") == "true":
        shown = urlsplit(request.headers.get("HX-Current-URL", ""))
        return f"{shown.path}?{shown.query}".rstrip("?") if shown.path.startswith("/") else None
    return request.full_path.rstrip("?") if request.method == "GET" else None
