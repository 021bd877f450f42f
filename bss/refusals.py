"""What a router has been seen to refuse and is not asked for a while; staff may have it forgotten."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bss import audit
from bss.actor import Actor
from bss.outcome import Changed
from bss.rows import find, locked
from db.models import NasRefusal, NasServer
from db.queries.refusals import forget_refusals, refusals_of
from domain.capability import BELIEVED_AFTER, FORGOTTEN_AFTER


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """One thing that a router refused: an attribute, "coa" or "disconnect". `is_believed`: it is not asked for it."""

    what: str
    error_cause: str
    refusals: int
    last_at: datetime
    asked_again_at: datetime
    is_believed: bool


def of_router(session: Session, *, actor: Actor, now: datetime, nas_id: int) -> Sequence[Refused]:
    """What the router has refused lately."""
    router = find(session, NasServer, nas_id, actor=actor)
    return [_refused(row, now) for row in refusals_of(session, router.id) if now - row.last_at < FORGOTTEN_AFTER]


def forget(session: Session, *, actor: Actor, now: datetime, nas_id: int) -> Changed[NasServer]:
    """Ask the router for everything again, after it was upgraded or set up anew."""
    router = locked(session, NasServer, nas_id, actor=actor)
    forgotten = forget_refusals(session, router.id)
    audit.record(
        session, actor=actor, now=now, action="nas.refusals_forgotten", entity=router, new={"count": forgotten}
    )
    return Changed(row=router)


def _refused(row: NasRefusal, now: datetime) -> Refused:
    return Refused(
        what=row.what,
        error_cause=row.error_cause,
        refusals=row.refusals,
        last_at=row.last_at,
        asked_again_at=row.last_at + FORGOTTEN_AFTER,
        is_believed=row.refusals >= BELIEVED_AFTER and now - row.last_at < FORGOTTEN_AFTER,
    )
