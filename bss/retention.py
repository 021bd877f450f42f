"""How long records are kept: a setting of the whole installation, since months hold the records of all providers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import select
from sqlalchemy.orm import Session

from accounting import retirement
from accounting.retirement import Due
from bss import audit
from bss.actor import Actor
from bss.failure import Conflict, Invalid, NotFound, Problem
from db.engine import psycopg_of
from db.models import PartitionArchive, Setting
from db.queries import archives
from db.queries.archives import Archive
from domain.retirement import LEAST_MONTHS, MOST_MONTHS, RESTORED, WrongMove, check_move

_PREFIX = "retention_months."
# What may be kept for a number of months, in words, and whether a month of it is written to a file before it goes.
KINDS = MappingProxyType(
    {
        "radacct": "sessions",
        "access_log": "logins and their reasons",
        "usage_hourly": "usage by the hour",
        "usage_daily": "usage by the day; months are kept as sums",
        "decision_receipts": "what each login was decided from",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """How many full months of a kind are kept; None keeps everything (receipts: six months)."""

    kind: str
    what: str
    months: int | None


def settings_of(session: Session) -> list[Kept]:
    """What is kept for how long."""
    rows = session.scalars(select(Setting).where(Setting.tenant_id.is_(None), Setting.key.startswith(_PREFIX)))
    found = {row.key.removeprefix(_PREFIX): row.value for row in rows}
    return [
        Kept(kind=kind, what=what, months=value if isinstance(value := found.get(kind), int) else None)
        for kind, what in KINDS.items()
    ]


def change(session: Session, *, actor: Actor, now: datetime, kind: str, months: int | None) -> Kept:
    """Keep a kind for so many full months besides the running one; None keeps everything from now on."""
    if kind not in KINDS:
        raise NotFound(Problem(field="kind", reason="is kept by no setting", mend=f"one of {', '.join(KINDS)}"))
    if months is not None and not LEAST_MONTHS <= months <= MOST_MONTHS:
        mend = f"a number from {LEAST_MONTHS} to {MOST_MONTHS}, or nothing to keep everything"
        raise Invalid(Problem(field="months", reason="is no number of months", mend=mend))
    row = session.scalar(select(Setting).where(Setting.tenant_id.is_(None), Setting.key == _PREFIX + kind))
    old = None if row is None else row.value
    if row is None:
        row = Setting(tenant_id=None, key=_PREFIX + kind, value=months)
        session.add(row)
    row.value = months
    session.flush()
    audit.record(
        session, actor=actor, now=now, action="retention.changed", entity=row,
        old={"kind": kind, "months": old}, new={"kind": kind, "months": months},
    )  # fmt: skip
    return Kept(kind=kind, what=KINDS[kind], months=months)


def archive(session: Session, name: str) -> Archive:
    """One month that has left; raises `NotFound`."""
    found = archives.archive_named(psycopg_of(session), name)
    if found is None:
        raise NotFound(Problem(field="", reason=f"no month called {name} has left", mend="see the list of months"))
    return found


def ask_back(session: Session, *, actor: Actor, now: datetime, name: str) -> Archive:
    """Want a month back in the live table for a while; the node that has its file brings it within moments.

    Asking for one that is already on its way changes nothing. Raises `Conflict` where it has not left or is back.
    """
    connection, found = psycopg_of(session), archive(session, name)
    try:
        check_move(found.state, RESTORED)
    except WrongMove as refusal:
        raise Conflict(Problem(field="", reason=str(refusal), mend="load the list again")) from None
    if found.asked_at is not None:
        return found
    asked = replace(found, asked_at=now, asked_by=actor.name, rows_back=0, problem=None)
    archives.save(connection, asked)
    audit.record(
        session, actor=actor, now=now, action="archive.asked_back", entity=session.get_one(PartitionArchive, name),
        new={"month": name, "rows": found.rows, "node": found.node},
    )  # fmt: skip
    return asked


@dataclass(frozen=True, kw_only=True, slots=True)
class Books:
    """Months that would leave tonight, and those that have left."""

    due: Sequence[Due]
    archives: Sequence[Archive]


def books(session: Session, *, now: datetime) -> Books:
    """What the next run would take out, and where everything is that left."""
    connection = psycopg_of(session)
    return Books(due=retirement.due(connection, now), archives=archives.all_archives(connection))
