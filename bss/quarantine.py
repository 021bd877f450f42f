"""Accounting records that could not be counted: what each is, and trying again or letting go of them.

Trying again is done by the collector, which counts each record at the time it was received; this asks it to. Records
that were let go of are never counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from accounting.records import Malformed, Record, parse_line, salvage, text
from bss import audit
from bss.actor import Actor
from bss.failure import Conflict, Invalid, Problem
from bss.rows import tenant_of
from db.models import QuarantinedRecord
from db.queries.quarantine import PutAsideFilter, move_waiting
from domain.quarantine import DISMISSED, REPLAY, reason_of

MOST_NAMED = 500
_SHOWN = 4096

# What is wrong with a record and what mends it, by reason.
EXPLANATIONS: Mapping[str, str] = {
    "unknown_nas": "It came from an address that is no router here. Add the router, then try again.",
    "refused": "The database refused it. See the server's log for why, then try again.",
    "not_a_record": "The line is no accounting record at all. Nothing can be counted from it.",
    "not_json": "The line broke off or is no text. Nothing can be counted from it.",
    "torn_line": "The server stopped while it wrote this line, and the router was not told that it was stored.",
    "bad_receive_time": "The line does not say when it was received. Nothing can be counted from it.",
    "unknown_status": "Its Acct-Status-Type is none that this server counts.",
    "no_session_id": "It has no Acct-Session-Id, so nobody can tell which session it is of.",
    "bad_number": "One of its numbers is none.",
    "absurd_count": "It reports more bytes than any router can have carried.",
    "not_a_decision": "A line of the login log that is no decision. Accounting is not concerned.",
}
OUTCOME_WORDS: Mapping[tuple[str, str], str] = {
    ("stored", ""): "changed a session",
    ("stored", "before_outcomes"): "counted before outcomes were kept",
    ("merged", "repeat"): "the same report again",
    ("merged", "late"): "an older report than was known",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """How many records it was done to."""

    records: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What can be read of a put-aside record; None where nothing can."""

    received_us: int | None = None
    status: str | None = None
    username: str | None = None
    session_id: str | None = None


def explain(reason: str) -> str:
    """What is wrong with a record that was put aside for this reason, and what mends it."""
    return EXPLANATIONS[reason_of(reason)]


def outcome_words(outcome: str, reason: str) -> str:
    """How packets of this outcome ended, in words."""
    return OUTCOME_WORDS.get((outcome, reason)) or explain(reason)


def read(raw: bytes) -> Told:
    """What can be read of a put-aside line."""
    try:
        record: Record | None = parse_line(raw)
    except Malformed:
        saved = salvage(raw)
        record = None if saved is None else saved[1]
    if record is None:
        return Told()
    return Told(
        received_us=record.received_us,
        status=text(record.attributes, "Acct-Status-Type"),
        username=text(record.attributes, "User-Name"),
        session_id=record.session_id or None,
    )


def shown(raw: bytes) -> str:
    """The line as text that can be shown, cut where it is very long; a byte that is no text shows as an escape."""
    return raw[:_SHOWN].decode("utf-8", "backslashreplace").replace("\x00", "\\x00")


def replay(session: Session, *, actor: Actor, now: datetime, fits: PutAsideFilter) -> Settled:
    """Have the collector try the waiting records among those again, at once."""
    return _move(session, actor, now, fits, state=REPLAY, action="records.replayed")


def dismiss(session: Session, *, actor: Actor, now: datetime, fits: PutAsideFilter) -> Settled:
    """Let go of the waiting records among those: they are never counted."""
    return _move(session, actor, now, fits, state=DISMISSED, action="records.dismissed")


def wanted(*, ids: Sequence[int] | None = None, source: str | None = None, reason: str | None = None) -> PutAsideFilter:
    """The records meant: by ids, or all from an address or of a reason. One of them must be said."""
    if not (ids or source or reason):
        raise Invalid(Problem(field="ids", reason="says which records are meant", mend="name ids, source or reason"))
    if ids is not None and len(ids) > MOST_NAMED:
        raise Invalid(Problem(field="ids", reason=f"names more than {MOST_NAMED} records", mend="name fewer"))
    return PutAsideFilter(ids=ids or None, source=source or None, reason=reason or None)


def _move(session: Session, actor: Actor, now: datetime, fits: PutAsideFilter, *, state: str, action: str) -> Settled:
    settled_at = now if state == DISMISSED else None
    moved = move_waiting(session, tenant_id=actor.tenant_id, fits=fits, state=state, by=actor.name, now=settled_at)
    if not moved:
        raise Conflict(
            Problem(
                field="", reason="no such record is waiting", mend="load the list again: somebody may have been here"
            )
        )
    named = {"source": fits.source, "reason": fits.reason, "ids": moved if fits.ids else None}
    audit.record(
        session,
        actor=actor,
        now=now,
        action=action,
        entity=tenant_of(session, actor=actor),
        new={"records": len(moved)} | {name: value for name, value in named.items() if value is not None},
    )
    return Settled(records=len(moved))


def row_of(record: QuarantinedRecord) -> dict[str, object]:
    """A put-aside record for API and command line."""
    told = read(bytes(record.raw))
    return {
        "id": record.id,
        "created_at": record.created_at,
        "reason": record.reason,
        "explanation": explain(record.reason),
        "source": record.source,
        "state": record.state,
        "tries": record.tries,
        "settled_at": record.settled_at,
        "settled_by": record.settled_by,
        "status_type": told.status,
        "username": told.username,
        "acct_session_id": told.session_id,
        "raw": shown(bytes(record.raw)),
    }
