"""API tokens: `lts_<prefix>_<secret>`. The secret is shown once; the table holds its SHA-256.

The secret is random and long, so a plain hash cannot be guessed back, and checking it costs no time on the hot path.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.failure import Conflict, Invalid, NotFound, Problem
from bss.outcome import Changed, Issued
from bss.permissions import unknown_permissions
from bss.staff.users import permissions_of
from db.models import ApiToken, User
from db.queries.staff import count_usable_tokens, find_token_by_prefix, find_user, lock_token, touch_token

MAX_PER_USER = 50
# `last_used_at` is for people who look for forgotten tokens; a row written at every call would be a cost without use.
TOUCH_EVERY = timedelta(minutes=1)
_FORM = re.compile(r"lts_([a-z0-9]{12})_([A-Za-z0-9_-]{43})")
_PREFIX_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


def create(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    user_id: int,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
    within: frozenset[str] | None = None,
) -> Issued[ApiToken]:
    """Make a token for a member of staff; the secret in the answer is the whole token, shown once.

    Its scopes are permission codes that the owner holds. What the owner loses later, the token loses too. `within`
    narrows them further: a token may not make one that can do more than itself.
    """
    owner = _owner(session, user_id, actor=actor)
    if count_usable_tokens(session, owner.id, now) >= MAX_PER_USER:
        raise Conflict(Problem(field="", reason=f"has {MAX_PER_USER} tokens already", mend="revoke one first"))
    prefix = "".join(secrets.choice(_PREFIX_ALPHABET) for _ in range(12))
    secret = secrets.token_urlsafe(32)
    token = ApiToken(
        tenant_id=actor.tenant_id,
        user=owner,
        name=fields.text(name, field="name", longest=100, required=True),
        prefix=prefix,
        token_hash=_hash(secret),
        scopes=_scopes(scopes, owner, within),
        expires_at=None if expires_at is None else _ahead(expires_at, now),
    )
    session.add(token)
    session.flush()
    new = {"name": token.name, "prefix": prefix, "scopes": token.scopes, "expires_at": token.expires_at}
    audit.record(session, actor=actor, now=now, action="token.created", entity=token, new=new)
    return Issued(row=token, secret=f"lts_{prefix}_{secret}")


def verify(session: Session, *, presented: str, now: datetime) -> ApiToken | None:
    """The usable token behind what a client presented, or None. Looks across tenants: the token says which."""
    parts = _FORM.fullmatch(presented)
    if parts is None:
        return None
    token = find_token_by_prefix(session, parts[1])
    if token is None or not hmac.compare_digest(token.token_hash, _hash(parts[2])):
        return None
    over = token.revoked_at is not None or (token.expires_at is not None and token.expires_at <= now)
    return None if over or not token.user.active else token


def touch(session: Session, *, token: ApiToken, now: datetime) -> bool:
    """Note that the token was used; True when a row was written and wants committing."""
    if token.last_used_at is not None and now - token.last_used_at < TOUCH_EVERY:
        return False
    touch_token(session, token.id, now)
    return True


def granted(token: ApiToken) -> frozenset[str]:
    """What the token may do now: its scopes as far as its owner still holds them."""
    return frozenset(token.scopes) & permissions_of(token.user)


def revoke(
    session: Session, *, actor: Actor, now: datetime, token_id: int, owner_id: int | None = None
) -> Changed[ApiToken]:
    """End a token at once; ending it twice is no error. With `owner_id` only that user's tokens are found."""
    token = lock_token(session, token_id, tenant_id=actor.tenant_id)
    if token is None or owner_id not in (None, token.user_id):
        raise NotFound(Problem(field="", reason="there is no such token"))
    if token.revoked_at is None:
        token.revoked_at = now
        audit.record(session, actor=actor, now=now, action="token.revoked", entity=token, new={"name": token.name})
    session.flush()
    return Changed(row=token)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _owner(session: Session, user_id: int, *, actor: Actor) -> User:
    owner = find_user(session, user_id, tenant_id=actor.tenant_id)
    if owner is None or not owner.active:
        raise Invalid(Problem(field="user_id", reason="is no active member of staff", mend="choose one from the list"))
    return owner


def _scopes(wanted: Sequence[str], owner: User, within: frozenset[str] | None) -> list[str]:
    scopes = sorted(set(wanted))
    unknown = unknown_permissions(scopes)
    if unknown or not scopes:
        reason = f"there is no permission {unknown[0]!r}" if unknown else "at least one is needed"
        raise Invalid(Problem(field="scopes", reason=reason, mend="choose from the list of permissions"))
    held = permissions_of(owner) if within is None else permissions_of(owner) & within
    lacking = sorted(set(scopes) - held)
    if lacking:
        raise Invalid(
            Problem(field="scopes", reason=f"the permission {lacking[0]!r} is not yours to give", mend="leave it out")
        )
    return scopes


def _ahead(value: datetime, now: datetime) -> datetime:
    end = fields.moment(value, field="expires_at")
    if end <= now:
        raise Invalid(Problem(field="expires_at", reason="is over already", mend="choose a later time"))
    return end
