"""After how long a session ends of which nobody can say whether it runs: a setting of the whole installation.

Sessions whose router answers are not concerned: what it says counts at once.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from accounting.stale import LOST_AFTER_INTERVALS, LOST_AFTER_S
from bss import audit
from bss.actor import Actor
from bss.failure import Invalid, Problem
from db.engine import psycopg_of
from db.models import Setting
from db.queries.stale import SETTING, Asked, asked_about, unknown_after_s
from domain.stale import UNKNOWN_AFTER_S

LEAST_HOURS, MOST_HOURS = 1, 720
DEFAULT_HOURS = UNKNOWN_AFTER_S // 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class Silent:
    """The rule as it is: silent after so many interim intervals, but not before `silent_after_s`; `asked` is now."""

    unknown_after_hours: int
    is_default: bool
    default_hours: int
    silent_after_intervals: int
    silent_after_s: int
    asked: Asked


def current(session: Session) -> Silent:
    """What counts now, and how many sessions it concerns."""
    session.flush()
    connection, row = psycopg_of(session), _row(session)
    return Silent(
        unknown_after_hours=round(unknown_after_s(connection) / 3600),
        is_default=row is None or row.value is None,
        default_hours=DEFAULT_HOURS,
        silent_after_intervals=LOST_AFTER_INTERVALS,
        silent_after_s=LOST_AFTER_S,
        asked=asked_about(connection),
    )


def change(session: Session, *, actor: Actor, now: datetime, hours: int | None) -> Silent:
    """End a session after so many hours of which its router says nothing; None is the default again."""
    if hours is not None and not LEAST_HOURS <= hours <= MOST_HOURS:
        mend = f"a number from {LEAST_HOURS} to {MOST_HOURS}, or nothing for {DEFAULT_HOURS}"
        raise Invalid(Problem(field="unknown_after_hours", reason="is no number of hours", mend=mend))
    row = _row(session)
    old = None if row is None else row.value
    if old == hours:
        return current(session)
    if row is None:
        row = Setting(tenant_id=None, key=SETTING, value=hours)
        session.add(row)
    row.value = hours
    session.flush()
    audit.record(
        session, actor=actor, now=now, action="stale_sessions.changed", entity=row,
        old={"unknown_after_hours": old}, new={"unknown_after_hours": hours},
    )  # fmt: skip
    return current(session)


def _row(session: Session) -> Setting | None:
    return session.scalar(select(Setting).where(Setting.tenant_id.is_(None), Setting.key == SETTING))
