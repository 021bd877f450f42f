"""Links with which a member of staff sets a new password, once. The link is shown or mailed; only its hash is kept."""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bss import audit
from bss.actor import Actor
from bss.failure import Conflict, NotFound, Problem
from bss.outcome import Issued
from bss.staff.users import choose_password, locked_user, require_within
from db.models import PasswordLink, User
from db.queries.signing_in import drop_links, link_by_hash

LASTS = timedelta(hours=24)
LASTS_BY_MAIL = timedelta(hours=1)


def make(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    user_id: int,
    lasts: timedelta = LASTS,
    within: frozenset[str] | None = None,
) -> Issued[PasswordLink]:
    """A new link in place of an older one; the secret of the answer is its last part."""
    user = locked_user(session, user_id, actor=actor)
    require_within(user, within)
    if not user.active:
        raise Conflict(Problem(field="", reason="the account is closed", mend="open it again first"))
    drop_links(session, user.id)
    word = secrets.token_urlsafe(32)
    link = PasswordLink(
        tenant_id=user.tenant_id,
        user_id=user.id,
        token_hash=_hash(word),
        made_by=actor.name,
        created_at=now,
        expires_at=now + lasts,
    )
    session.add(link)
    session.flush()
    new = {"until": link.expires_at}
    audit.record(session, actor=actor, now=now, action="user.password_link_made", entity=user, new=new)
    return Issued(row=link, secret=word)


def whose(session: Session, *, word: str, now: datetime) -> User:
    """Whose link it is, of whatever provider; raises `NotFound` for one that is used, over or none."""
    link = link_by_hash(session, _hash(word))
    user = None if link is None or link.expires_at <= now else session.get(User, link.user_id)
    if user is None or not user.active:
        raise NotFound(Problem(field="", reason="this link was used or is over", mend="ask for a new one"))
    return user


def use(session: Session, *, word: str, now: datetime, password: str, ip: str | None) -> User:
    """Set the password of whoever has the link; it and every session end."""
    user = whose(session, word=word, now=now)
    choose_password(session, user=user, now=now, password=password, by=Actor.of_user(user, ip=ip))
    return user


def _hash(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()
