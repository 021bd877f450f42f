"""Staff: added with a made-up password, given roles, shut out. Passwords are argon2id hashes from the start."""

import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.failure import Conflict, Invalid, NotFound, Problem, flush_or_conflict, require_known
from bss.outcome import Changed, Issued
from bss.permissions import ADMIN, FOR_OPERATORS
from db.models import Role, User
from db.queries.staff import count_other_active_with_role, lock_user, roles_named

LANGUAGES = ("en", "id")
THEMES = ("auto", "light", "dark")
EDITABLE = frozenset({"name", "language", "theme"})
PASSWORD_MIN_CHARACTERS = 12

_hasher = PasswordHasher()
_TAKEN = {
    "uq_users_email": Problem(field="email", reason="belongs to another account", mend="use another address"),
}


def create_staff(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    name: str,
    email: str,
    roles: Sequence[str],
    password: str | None = None,
    language: str = "en",
) -> Issued[User]:
    """Add a member of staff; the secret in the answer is the first password."""
    clear = fields.new_password(groups=5) if password is None else _staff_password(password)
    user = User(
        tenant_id=actor.tenant_id,
        name=fields.text(name, field="name", longest=255, required=True),
        email=_email(email),
        password=_hash(clear),
        fs_uniquifier=secrets.token_hex(32),
        active=True,
        language=fields.one_of(language, field="language", allowed=LANGUAGES),
        roles=_roles(session, roles),
    )
    session.add(user)
    flush_or_conflict(session, _TAKEN)
    _record(session, actor, now, "created", user, new={"name": user.name, "email": user.email, "roles": list(roles)})
    return Issued(row=user, secret=clear)


def edit(session: Session, *, actor: Actor, now: datetime, user_id: int, changes: Mapping[str, Any]) -> Changed[User]:
    """Change fields of `EDITABLE`: name, language, theme."""
    require_known(changes, EDITABLE)
    user = _locked(session, user_id, actor=actor)
    allowed = {"language": LANGUAGES, "theme": THEMES}
    values = {
        key: fields.one_of(value, field=key, allowed=allowed[key])
        if key in allowed
        else fields.text(value, field=key, longest=255, required=True)
        for key, value in changes.items()
    }
    old, new = audit.set_fields(user, values)
    if new:
        _record(session, actor, now, "updated", user, old=old, new=new)
    session.flush()
    return Changed(row=user)


def set_roles(session: Session, *, actor: Actor, now: datetime, user_id: int, roles: Sequence[str]) -> Changed[User]:
    """Replace the roles; the last active administrator keeps his."""
    user = _locked(session, user_id, actor=actor)
    before = sorted(role.name for role in user.roles)
    if ADMIN in before and ADMIN not in roles:
        _require_other_admin(session, user)
    user.roles = _roles(session, roles)
    _record(session, actor, now, "roles_changed", user, old={"roles": before}, new={"roles": sorted(roles)})
    session.flush()
    return Changed(row=user)


def reset_password(
    session: Session, *, actor: Actor, now: datetime, user_id: int, password: str | None = None
) -> Issued[User]:
    """Set a new password (made unless given) and end all of the user's sessions at the panel."""
    user = _locked(session, user_id, actor=actor)
    clear = fields.new_password(groups=5) if password is None else _staff_password(password)
    user.password = _hash(clear)
    user.fs_uniquifier = secrets.token_hex(32)
    _record(session, actor, now, "password_reset", user, new={"password": clear})
    session.flush()
    return Issued(row=user, secret=clear)


def deactivate(session: Session, *, actor: Actor, now: datetime, user_id: int) -> Changed[User]:
    """Shut a member of staff out, tokens included; the last active administrator stays."""
    user = _locked(session, user_id, actor=actor)
    if any(role.name == ADMIN for role in user.roles):
        _require_other_admin(session, user)
    old, new = audit.set_fields(user, {"active": False})
    user.fs_uniquifier = secrets.token_hex(32)
    if new:
        _record(session, actor, now, "deactivated", user, old=old, new=new)
    session.flush()
    return Changed(row=user)


def reactivate(session: Session, *, actor: Actor, now: datetime, user_id: int) -> Changed[User]:
    """Let a member of staff in again."""
    user = _locked(session, user_id, actor=actor)
    old, new = audit.set_fields(user, {"active": True})
    if new:
        _record(session, actor, now, "reactivated", user, old=old, new=new)
    session.flush()
    return Changed(row=user)


def permissions_of(user: User) -> frozenset[str]:
    """Everything the user's roles grant, and for an operator's staff only what stays with the operator's customers."""
    granted = frozenset(code for role in user.roles for code in role.permissions)
    return granted if user.operator_id is None else granted & FOR_OPERATORS


def _hash(clear: str) -> str:
    # The sign-in form normalises what is typed in the same way, so that ü is ü on every keyboard.
    return _hasher.hash(unicodedata.normalize("NFKD", clear))


def _locked(session: Session, user_id: int, *, actor: Actor) -> User:
    user = lock_user(session, user_id, tenant_id=actor.tenant_id)
    if user is None:
        raise NotFound(Problem(field="", reason="there is no such member of staff"))
    return user


def _roles(session: Session, names: Sequence[str]) -> list[Role]:
    found = roles_named(session, names)
    unknown = sorted(set(names) - {role.name for role in found})
    if unknown or not names:
        reason = f"there is no role {unknown[0]!r}" if unknown else "at least one role is needed"
        raise Invalid(Problem(field="roles", reason=reason, mend="choose from the list of roles"))
    return found


def _require_other_admin(session: Session, user: User) -> None:
    if not count_other_active_with_role(session, role=ADMIN, tenant_id=user.tenant_id, except_id=user.id):
        raise Conflict(
            Problem(field="roles", reason="this is the last administrator", mend="make somebody else one first")
        )


def _email(value: str) -> str:
    address = fields.email(value)
    if address is None:
        raise Invalid(Problem(field="email", reason="is missing", mend="it is the name to sign in with"))
    return address


def _staff_password(value: str) -> str:
    if not isinstance(value, str) or not PASSWORD_MIN_CHARACTERS <= len(value) <= 256:
        mend = "use a sentence, or leave it empty and one is made"
        raise Invalid(
            Problem(field="password", reason=f"has fewer than {PASSWORD_MIN_CHARACTERS} characters", mend=mend)
        )
    return value


def _record(
    session: Session,
    actor: Actor,
    now: datetime,
    what: str,
    user: User,
    *,
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
) -> None:
    audit.record(session, actor=actor, now=now, action=f"user.{what}", entity=user, old=old, new=new)
