"""Sessions of staff at the panel: each is a row, so that it can be seen and ended.

Decides how long one lasts and how long a proof of who somebody is counts. Knows no cookie: it is given a random word
and keeps only its hash.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bss import audit
from bss.actor import Actor
from bss.failure import NotFound, Problem
from bss.staff.users import locked_user
from db.models import StaffSession, User
from db.queries.signing_in import end_sessions, forget_sessions, open_sessions, session_by_hash, touch_session

LIFETIME = timedelta(hours=12)
IDLE = timedelta(hours=2)
# Secrets and money that leaves are asked for again after so long.
PROOF_COUNTS = timedelta(minutes=15)
TOUCH_EVERY = timedelta(minutes=1)
KEPT = timedelta(days=90)
MAX_AGENT = 300


def begin(
    session: Session, *, user: User, now: datetime, ip: str | None, agent: str, proved_by: str
) -> tuple[StaffSession, str]:
    """A new session of somebody who just proved who they are, and the word for the cookie."""
    word = secrets.token_urlsafe(32)
    row = StaffSession(
        tenant_id=user.tenant_id,
        user_id=user.id,
        token_hash=_hash(word),
        begun_at=now,
        last_seen_at=now,
        ip=ip,
        agent="".join(letter for letter in agent if letter.isprintable())[:MAX_AGENT],
        proved_by=proved_by,
        proved_at=now,
    )
    session.add(row)
    session.flush()
    actor = Actor.of_user(user, ip=ip)
    audit.record(session, actor=actor, now=now, action="user.signed_in", entity=user, new={"by": proved_by})
    return row, word


def note_refusal(session: Session, *, user: User, actor: Actor, now: datetime, what: str) -> None:
    """Write down that a proof was wrong, so that guessing at an account is seen; `what` says which."""
    audit.record(session, actor=actor, now=now, action="user.refused", entity=user, new={"wrong": what})
    session.flush()


def current(session: Session, *, word: str, user_id: int, now: datetime) -> StaffSession | None:
    """The session behind a cookie's word while it lasts."""
    row = session_by_hash(session, _hash(word))
    if row is None or row.user_id != user_id or row.ended_at is not None:
        return None
    is_over = now - row.begun_at > LIFETIME or now - row.last_seen_at > IDLE
    return None if is_over else row


def touch(session: Session, *, row: StaffSession, now: datetime) -> bool:
    """Note that the session was used; True when that wants committing."""
    if now - row.last_seen_at < TOUCH_EVERY:
        return False
    touch_session(session, row.id, now)
    return True


def prove(session: Session, *, row: StaffSession, now: datetime) -> None:
    """Whoever sits there proved again who they are."""
    row.proved_at = now
    session.flush()


def is_proof_fresh(row: StaffSession, now: datetime) -> bool:
    """Whether the last proof still counts for secrets and money."""
    return now - row.proved_at <= PROOF_COUNTS


def list_open(session: Session, *, user_id: int, now: datetime) -> list[StaffSession]:
    """A user's sessions that still open something."""
    return open_sessions(session, user_id, begun_after=now - LIFETIME, seen_after=now - IDLE)


def sign_out(session: Session, *, row: StaffSession, now: datetime) -> None:
    """End the session one sits in."""
    row.ended_at = now
    session.flush()


def end(session: Session, *, actor: Actor, now: datetime, user_id: int, session_id: int) -> int:
    """End one session of a member of staff; raises `NotFound` when it is no open one of theirs."""
    user = locked_user(session, user_id, actor=actor)
    ended = end_sessions(session, user.id, now, only=session_id)
    if not ended:
        raise NotFound(Problem(field="", reason="there is no such session"))
    _record(session, actor, now, user, ended)
    return ended


def end_all(session: Session, *, actor: Actor, now: datetime, user_id: int, but: int = 0) -> int:
    """End every session of a member of staff but one (none is 0); returns how many."""
    user = locked_user(session, user_id, actor=actor)
    ended = end_sessions(session, user.id, now, but=but)
    if ended:
        _record(session, actor, now, user, ended)
    return ended


def forget(session: Session, *, now: datetime) -> int:
    """Drop rows of sessions that were over long ago."""
    return forget_sessions(session, begun_before=now - KEPT)


def _record(session: Session, actor: Actor, now: datetime, user: User, ended: int) -> None:
    audit.record(session, actor=actor, now=now, action="user.sessions_ended", entity=user, new={"sessions": ended})
    session.flush()


def _hash(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()
