"""Staff: added with a made-up password, given roles, shut out. Passwords are argon2id hashes from the start.

`within` is what whoever asks holds: nobody gives what they do not have, nor takes over an account that can do more.
None is a command on the server, which may do everything.
"""

import secrets
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from bss import audit, fields
from bss.actor import Actor
from bss.failure import Conflict, Invalid, NotFound, Problem, flush_or_conflict, require_known
from bss.outcome import Changed, Issued
from bss.permissions import ADMIN, FOR_OPERATORS, OF_INSTALLATION
from db.models import Role, User
from db.queries.signing_in import drop_links, end_sessions
from db.queries.staff import count_other_active_with_role, is_first_tenant, lock_user, roles_named
from domain.passwords import problem_with

LANGUAGES = ("en", "id")
THEMES = ("auto", "light", "dark")
EDITABLE = frozenset({"name", "language", "theme"})

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
    within: frozenset[str] | None = None,
    must_change: bool = True,
) -> Issued[User]:
    """Add a member of staff; the secret in the answer is the first password, to be changed at the first sign-in."""
    clean_name = fields.text(name, field="name", longest=255, required=True)
    address = _email(email)
    clear = fields.new_password(groups=5) if password is None else _staff_password(password, address, clean_name)
    user = User(
        tenant_id=actor.tenant_id,
        name=clean_name,
        email=address,
        password=_hash(clear),
        must_change_password=must_change,
        fs_uniquifier=secrets.token_hex(32),
        active=True,
        language=fields.one_of(language, field="language", allowed=LANGUAGES),
        roles=_roles(session, roles, actor=actor, within=within),
    )
    session.add(user)
    flush_or_conflict(session, _TAKEN)
    _record(session, actor, now, "created", user, new={"name": user.name, "email": user.email, "roles": list(roles)})
    return Issued(row=user, secret=clear)


def edit(session: Session, *, actor: Actor, now: datetime, user_id: int, changes: Mapping[str, Any]) -> Changed[User]:
    """Change fields of `EDITABLE`: name, language, theme."""
    require_known(changes, EDITABLE)
    user = locked_user(session, user_id, actor=actor)
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


def set_roles(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    user_id: int,
    roles: Sequence[str],
    within: frozenset[str] | None = None,
) -> Changed[User]:
    """Replace the roles and end all sessions; the last active administrator keeps his."""
    user = locked_user(session, user_id, actor=actor)
    require_within(user, within)
    before = sorted(role.name for role in user.roles)
    wanted = _roles(session, roles, actor=actor, within=within)
    if sorted(role.name for role in wanted) == before:
        return Changed(row=user)
    if ADMIN in before and ADMIN not in roles:
        _require_other_admin(session, user)
    user.roles = wanted
    _shut_out(session, user, now)
    _record(session, actor, now, "roles_changed", user, old={"roles": before}, new={"roles": sorted(roles)})
    session.flush()
    return Changed(row=user)


def reset_password(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    user_id: int,
    password: str | None = None,
    within: frozenset[str] | None = None,
) -> Issued[User]:
    """Set a new password (made unless given) and end all sessions; one set by others is changed at the next sign-in."""
    user = locked_user(session, user_id, actor=actor)
    require_within(user, within)
    clear = fields.new_password(groups=5) if password is None else _staff_password(password, user.email, user.name)
    is_own = actor.kind == "user" and actor.user_id == user.id
    user.must_change_password = not is_own
    _set_password(session, user, clear, now)
    _record(session, actor, now, "password_reset", user, new={"password": clear})
    session.flush()
    return Issued(row=user, secret=clear)


def choose_password(session: Session, *, user: User, now: datetime, password: str, by: Actor) -> None:
    """The password that a user chose who proved by a link who they are."""
    clear = _staff_password(password, user.email, user.name)
    user.must_change_password = False
    _set_password(session, user, clear, now)
    _record(session, by, now, "password_chosen", user, new={"password": clear})
    session.flush()


def deactivate(
    session: Session, *, actor: Actor, now: datetime, user_id: int, within: frozenset[str] | None = None
) -> Changed[User]:
    """Shut a member of staff out, tokens included; the last active administrator stays."""
    user = locked_user(session, user_id, actor=actor)
    require_within(user, within)
    if any(role.name == ADMIN for role in user.roles):
        _require_other_admin(session, user)
    old, new = audit.set_fields(user, {"active": False})
    _shut_out(session, user, now)
    if new:
        _record(session, actor, now, "deactivated", user, old=old, new=new)
    session.flush()
    return Changed(row=user)


def reactivate(
    session: Session, *, actor: Actor, now: datetime, user_id: int, within: frozenset[str] | None = None
) -> Changed[User]:
    """Let a member of staff in again."""
    user = locked_user(session, user_id, actor=actor)
    require_within(user, within)
    old, new = audit.set_fields(user, {"active": True})
    if new:
        _record(session, actor, now, "reactivated", user, old=old, new=new)
    session.flush()
    return Changed(row=user)


def permissions_of(user: User) -> frozenset[str]:
    """Everything the user's roles grant that such a user can hold.

    An operator's staff hold what stays with the operator's customers; what belongs to the installation is for staff of
    the provider that runs it.
    """
    granted = frozenset(code for role in user.roles for code in role.permissions)
    if user.operator_id is not None:
        return granted & FOR_OPERATORS
    return granted if user.is_of_first_tenant else granted - OF_INSTALLATION


def grantable(session: Session, codes: Iterable[str], *, tenant_id: int) -> frozenset[str]:
    """What of these codes staff of the provider can hold at all."""
    found = frozenset(codes)
    return found if is_first_tenant(session, tenant_id) else found - OF_INSTALLATION


def require_within(user: User, within: frozenset[str] | None) -> None:
    """Raise `Conflict` when the user can do what whoever asks cannot."""
    if within is None:
        return
    beyond = sorted(permissions_of(user) - within)
    if beyond:
        mend = "let somebody do it who may do as much"
        raise Conflict(Problem(field="", reason=f"this account may {beyond[0]!r}, and you may not", mend=mend))


def locked_user(session: Session, user_id: int, *, actor: Actor) -> User:
    """The member of staff, locked; raises `NotFound`."""
    user = lock_user(session, user_id, tenant_id=actor.tenant_id)
    if user is None:
        raise NotFound(Problem(field="", reason="there is no such member of staff"))
    return user


def _hash(clear: str) -> str:
    # The sign-in form normalises what is typed in the same way, so that ü is ü on every keyboard.
    return _hasher.hash(unicodedata.normalize("NFKD", clear))


def _set_password(session: Session, user: User, clear: str, now: datetime) -> None:
    user.password, user.password_changed_at = _hash(clear), now
    _shut_out(session, user, now)


def _shut_out(session: Session, user: User, now: datetime) -> None:
    """End every session, and take a link away that would open the account again."""
    user.fs_uniquifier = secrets.token_hex(32)
    end_sessions(session, user.id, now)
    drop_links(session, user.id)


def _roles(session: Session, names: Sequence[str], *, actor: Actor, within: frozenset[str] | None) -> list[Role]:
    found = roles_named(session, names, tenant_id=actor.tenant_id)
    unknown = sorted(set(names) - {role.name for role in found})
    if unknown or not names:
        reason = f"there is no role {unknown[0]!r}" if unknown else "at least one role is needed"
        raise Invalid(Problem(field="roles", reason=reason, mend="choose from the list of roles"))
    if within is not None:
        for role in found:
            if beyond := sorted(grantable(session, role.permissions, tenant_id=actor.tenant_id) - within):
                reason = f"the role {role.name!r} may {beyond[0]!r}, and you may not"
                raise Invalid(Problem(field="roles", reason=reason, mend="choose a role that can do no more than you"))
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


def _staff_password(value: str, email: str, name: str) -> str:
    problem = problem_with(value, about=(email, email.partition("@")[0], name))
    if problem is not None:
        mend = "use a sentence, or leave it empty and one is made"
        raise Invalid(Problem(field="password", reason=problem, mend=mend))
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
