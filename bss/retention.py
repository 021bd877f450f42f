"""How long records are kept: a setting of the whole installation, since months hold the records of all providers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import select
from sqlalchemy.orm import Session

from accounting import retirement
from accounting.retirement import Due
from bss import audit
from bss.actor import Actor
from bss.failure import Invalid, NotFound, Problem
from db.engine import psycopg_of
from db.models import Setting
from db.queries import archives
from db.queries.archives import Archive
from domain.retirement import LEAST_MONTHS, MOST_MONTHS

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Books:
    """Months that would leave tonight, and those that have left."""

    due: Sequence[Due]
    archives: Sequence[Archive]


def books(session: Session, *, now: datetime) -> Books:
    """What the next run would take out, and where everything is that left."""
    connection = psycopg_of(session)
    return Books(due=retirement.due(connection, now), archives=archives.all_archives(connection))
