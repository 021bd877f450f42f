"""One's own API tokens: made, shown once, revoked."""

from datetime import UTC, datetime, time

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_login import current_user
from wtforms.fields.choices import SelectChoice

from bss import tokens as use
from bss.permissions import subject_of
from bss.staff.users import permissions_of
from db.models import ApiToken
from db.queries.staff import list_tokens
from webadmin.forms.account import TokenForm
from webadmin.panel.sentences import said
from webadmin.panel.support import act, attempt, db, found, now, render, tenant, zone
from webadmin.permissions import PERMISSIONS, requires
from webadmin.proof import needs_proof

blueprint = Blueprint("tokens", __name__)


@blueprint.get("/tokens")
@requires("manage_tokens")
def index() -> ResponseReturnValue:
    """The user's own tokens."""
    return render("panel/tokens/index.html", tokens=_own(), state_of=state_of)


@blueprint.route("/tokens/new", methods=["GET", "POST"])
@requires("manage_tokens")
@needs_proof
def new() -> ResponseReturnValue:
    """A new token; what is shown after saving is shown once."""
    form = TokenForm()
    held = permissions_of(current_user)
    form.scopes.choices = [
        SelectChoice(value=code, label=f"{code}: {said(words)}", optgroup=said(subject_of(code)))
        for code, words in PERMISSIONS.items()
        if code in held
    ]
    if form.validate_on_submit():
        end = form.expires_at.data
        expires_at = None if end is None else datetime.combine(end, time(23, 59, 59), tzinfo=zone()).astimezone(UTC)
        issued = attempt(
            form,
            use.create,
            user_id=current_user.id,
            name=form.name.data,
            scopes=form.scopes.data or [],
            expires_at=expires_at,
        )
        if issued is not None:
            return render("panel/tokens/secret.html", token=issued.row, secret=issued.secret)
    return render("panel/tokens/form.html", 422 if form.is_submitted() else 200, form=form)


@blueprint.post("/tokens/<int:token_id>/revoke")
@requires("manage_tokens")
def revoke(token_id: int) -> ResponseReturnValue:
    """End a token of one's own at once."""
    found(next((token for token in _own() if token.id == token_id), None))
    return act(url_for("panel.tokens.index"), gettext("The token is revoked."), use.revoke, token_id=token_id)


def _own() -> list[ApiToken]:
    return list_tokens(db(), tenant_id=tenant().id, user_id=current_user.id)


def state_of(token: ApiToken) -> str:
    """Whether the token still opens anything."""
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at is not None and token.expires_at <= now() else "alive"
