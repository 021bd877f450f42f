"""Jobs about staff as Celery runs them: sealing the audit log, mail with a link, old sessions."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
from sqlalchemy.orm import Session

from bss import audit_chain
from bss.actor import Actor
from bss.staff import password_links, staff_sessions
from db.engine import one_session
from db.models import User
from runtime.logs import get_logger
from runtime.mail import MailFailure, send
from runtime.settings import get_settings
from runtime.tasks import app

log = get_logger("bss.staff.tasks")


class BrokenChainError(Exception):
    """The audit log is not as it was written."""


# Told in the language of the account; a worker has no reader whose language it could ask for.
_SUBJECT = {"en": "A new password for Lintas", "id": "Kata sandi baru untuk Lintas"}
_TEXT = {
    "en": (
        "Somebody asked for a new password for {email}.\n\nSet it here, once, within an hour:\n{address}\n\n"
        "If it was not you, nothing has happened, and nothing needs to be done.\n"
    ),
    "id": (
        "Seseorang meminta kata sandi baru untuk {email}.\n\nAtur di sini, satu kali, dalam satu jam:\n{address}\n\n"
        "Jika bukan Anda, tidak ada yang berubah dan tidak ada yang perlu dilakukan.\n"
    ),
}


@app.task(name="bss.audit-seal")
def seal_audit_log() -> int:
    """Seal what the audit log got since, a portion a transaction; every twenty seconds."""
    settings, sealed = get_settings(), 0
    key = audit_chain.read_key(settings.audit_key)
    with _connection() as connection:
        for _ in range(audit_chain.MOST_PORTIONS):
            with connection.transaction():
                portion = audit_chain.seal_portion(connection, key=key, now=datetime.now(UTC))
            sealed += portion
            if portion < audit_chain.PORTION:
                break
        line = audit_chain.head_line(connection)
    if audit_chain.note_head(settings.audit_heads, line, datetime.now(UTC)):
        log.info("end of the audit chain", head=line)
    return sealed


@app.task(name="bss.audit-verify")
def verify_audit_log() -> dict[str, int]:
    """Check the whole chain; every night. One that is not whole fails the job, for which an alarm is raised."""
    settings = get_settings()
    key, heads = audit_chain.read_key(settings.audit_key), audit_chain.noted_heads(settings.audit_heads)
    with _connection() as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        verdict = audit_chain.verify(connection, key=key, now=datetime.now(UTC), heads=heads)
    if not verdict.is_whole:
        raise BrokenChainError("; ".join(one.sentence for one in verdict.findings))
    return {"links": verdict.checked, "waiting": verdict.waiting}


@app.task(name="bss.password-mail")
def mail_password_link(user_id: int) -> bool:
    """Send somebody a link with which a new password is set; nobody where there is no such account."""
    with _session() as session:
        user = session.get(User, user_id)
        if user is None or not user.active:
            return False
        actor = Actor.system(tenant_id=user.tenant_id, name="sign-in")
        issued = password_links.make(
            session, actor=actor, now=datetime.now(UTC), user_id=user.id, lasts=password_links.LASTS_BY_MAIL
        )
        try:
            _send_link(user, issued.secret)
        except MailFailure as failure:
            log.warning("mail with a password link was not sent", user_id=user.id, reason=str(failure))
            return False
        session.commit()
    return True


@app.task(name="bss.forget-sessions")
def forget_sessions() -> int:
    """Drop sessions of staff that were over long ago; every night."""
    with _session() as session:
        gone = staff_sessions.forget(session, now=datetime.now(UTC))
        session.commit()
    return gone


def _send_link(user: User, word: str) -> None:
    settings = get_settings()
    language = user.language if user.language in _TEXT else "en"
    address = f"{settings.public_url.rstrip('/')}/set-password#{word}"
    text = _TEXT[language].format(email=user.email, address=address)
    send(settings, to=user.email, subject=_SUBJECT[language], text=text)


def _session() -> AbstractContextManager[Session]:
    return one_session(get_settings().database_url)


@contextmanager
def _connection() -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(
        get_settings().database_url,
        autocommit=True,
        connect_timeout=5,
        application_name="lintas audit-chain",
        options="-c timezone=UTC -c statement_timeout=30000",
    ) as connection:
        yield connection
