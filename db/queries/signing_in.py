"""Sessions of staff at the panel, their passkeys, and links that set a password."""

from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from db.models import Passkey, PasswordLink, StaffSession, User


def session_by_hash(session: Session, token_hash: str) -> StaffSession | None:
    """The session whose cookie has that hash, ended or not."""
    return session.scalars(select(StaffSession).where(StaffSession.token_hash == token_hash)).one_or_none()


def open_sessions(session: Session, user_id: int, *, begun_after: datetime, seen_after: datetime) -> list[StaffSession]:
    """A user's sessions that still open something, the one seen last first."""
    statement = select(StaffSession).where(
        StaffSession.user_id == user_id,
        StaffSession.ended_at.is_(None),
        StaffSession.begun_at > begun_after,
        StaffSession.last_seen_at > seen_after,
    )
    return list(session.scalars(statement.order_by(StaffSession.last_seen_at.desc(), StaffSession.id.desc())))


def end_sessions(session: Session, user_id: int, now: datetime, *, only: int | None = None, but: int = 0) -> int:
    """End a user's sessions: all, all but one, or one; returns how many were open."""
    statement = update(StaffSession).where(
        StaffSession.user_id == user_id, StaffSession.ended_at.is_(None), StaffSession.id != but
    )
    if only is not None:
        statement = statement.where(StaffSession.id == only)
    ended = session.execute(
        statement.values(ended_at=now).returning(StaffSession.id), execution_options={"synchronize_session": False}
    )
    return len(ended.all())


def touch_session(session: Session, session_id: int, now: datetime) -> None:
    """Write when a session was last used."""
    session.execute(
        update(StaffSession).where(StaffSession.id == session_id).values(last_seen_at=now),
        execution_options={"synchronize_session": False},
    )


def forget_sessions(session: Session, *, begun_before: datetime) -> int:
    """Drop sessions that ended by themselves long ago; the audit log keeps who signed in."""
    gone = session.execute(
        delete(StaffSession).where(StaffSession.begun_at < begun_before).returning(StaffSession.id),
        execution_options={"synchronize_session": False},
    )
    return len(gone.all())


def passkeys_of(session: Session, user_id: int) -> list[Passkey]:
    """A user's passkeys, oldest first."""
    return list(session.scalars(select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id)))


def count_passkeys(session: Session, user_id: int) -> int:
    """How many passkeys a user has."""
    return session.scalar(select(func.count()).where(Passkey.user_id == user_id)) or 0


def lock_passkey(session: Session, credential_id: bytes) -> Passkey | None:
    """The passkey with that id, of whatever provider, locked."""
    statement = select(Passkey).where(Passkey.credential_id == credential_id).with_for_update(of=Passkey)
    return session.scalars(statement, execution_options={"populate_existing": True}).one_or_none()


def link_by_hash(session: Session, token_hash: str) -> PasswordLink | None:
    """The link with that hash, of whatever provider, locked."""
    statement = select(PasswordLink).where(PasswordLink.token_hash == token_hash).with_for_update()
    return session.scalars(statement).one_or_none()


def drop_links(session: Session, user_id: int) -> None:
    """Take a user's link away."""
    session.execute(
        delete(PasswordLink).where(PasswordLink.user_id == user_id), execution_options={"synchronize_session": False}
    )


def users_without_second_factor(session: Session, *, tenant_id: int) -> set[int]:
    """Ids of the provider's staff with neither an app's code nor a passkey."""
    with_key = select(Passkey.user_id)
    statement = select(User.id).where(User.tenant_id == tenant_id, User.totp_secret.is_(None), User.id.not_in(with_key))
    return set(session.scalars(statement))
