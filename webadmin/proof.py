"""Asking again who sits there, before a secret is shown or money leaves.

A view marked `@needs_proof` answers a change from somebody whose last proof is older than a quarter of an hour with a
page that asks for the password, an app's code or a passkey. That page carries everything that was sent, so the answer
does the action itself and nothing is typed twice. Programs with a token are not asked: they have nobody to ask.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from flask import Response, g, render_template, request
from flask_login import current_user
from flask_security import verify_password

from bss.actor import Actor
from bss.staff import second_factor, staff_sessions
from db.models import StaffSession
from db.queries.signing_in import passkeys_of
from webadmin import limits, passkeys
from webadmin.database import session as database
from webadmin.security import now

ViewT = TypeVar("ViewT", bound=Callable[..., Any])
PASSWORD, CODE, PASSKEY = "proof_password", "proof_code", "proof_passkey"
FIELDS = frozenset({PASSWORD, CODE, PASSKEY})
_NOT_CARRIED = FIELDS | {"csrf_token"}


def needs_proof(view: ViewT) -> ViewT:
    """Only somebody who just proved who they are may do what the view does."""

    @wraps(view)
    def guarded(*arguments: Any, **keywords: Any) -> Any:
        question = None if request.method in ("GET", "HEAD", "OPTIONS") else asked()
        return view(*arguments, **keywords) if question is None else question

    return cast(ViewT, guarded)


def asked() -> Response | None:
    """The question, for a view that asks only about some of what it does; None when it may go on."""
    if is_fresh():
        return None
    if not FIELDS & request.form.keys():
        return _question(is_wrong=False)
    return None if _is_proved() else _question(is_wrong=True)


def is_fresh() -> bool:
    """Whether the last proof of this session still counts."""
    row: StaffSession = g.staff_session
    return staff_sessions.is_proof_fresh(row, now())


def _is_proved() -> bool:
    with limits.guessing("proof", str(current_user.id)):
        proved = _check()
    if not proved:
        actor = Actor.of_user(current_user._get_current_object(), ip=request.remote_addr)
        staff_sessions.note_refusal(database(), user=current_user, actor=actor, now=now(), what="proof")
        database().commit()
        return False
    staff_sessions.prove(database(), row=g.staff_session, now=now())
    database().commit()
    return True


def _check() -> bool:
    if answer := request.form.get(PASSKEY, ""):
        kept = {"challenge": passkeys.taken(), "site": passkeys.site(), "now": now(), "user_id": current_user.id}
        return second_factor.check_passkey(database(), answer=answer, **kept) is not None
    if password := request.form.get(PASSWORD, ""):
        return bool(verify_password(password[:256], current_user.password))
    whose = {"user_id": current_user.id, "tenant_id": current_user.tenant_id}
    return second_factor.check_code(database(), **whose, code=request.form.get(CODE, ""), now=now()) is not None


def _question(*, is_wrong: bool) -> Response:
    carried = [(name, value) for name, value in request.form.items(multi=True) if name not in _NOT_CARRIED]
    page = render_template(
        "security/proof.html",
        carried=carried,
        action=request.full_path.rstrip("?"),
        is_wrong=is_wrong,
        has_app=current_user.totp_step is not None,
        has_passkey=bool(passkeys_of(database(), current_user.id)),
        back=request.referrer if (request.referrer or "").startswith(request.host_url) else "/",
    )
    return Response(page, status=403, mimetype="text/html")
