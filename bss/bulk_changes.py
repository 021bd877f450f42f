"""One change to many running sessions: disconnect those of a router, a plan or a search, or put their speed into force.

Asked for in portions by a job, so no request waits for all of them, and sent at each router's pace behind what somebody
waits for. Staff see how far it is, hold it, let it go on, stop it, and read what became of it.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from accounting.limits import rates_now
from bss import audit, fields
from bss.actor import Actor
from bss.failure import Conflict, Invalid, Problem
from bss.rows import find, locked, referenced
from db.engine import psycopg_of
from db.models import BulkChange, NasServer, ServicePlan
from db.queries import bulk_changes as queries
from db.queries.bulk_changes import Wanted
from db.queries.live_changes import enqueue_change
from domain.bulk import BULK_KINDS, MOVES, OPEN_STATES, Report
from domain.live_change import LATER

# So many sessions are asked in one transaction.
PORTION = 1_000
REASON = "bulk"


def start(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    kind: str,
    nas_server_id: int | None = None,
    service_plan_id: int | None = None,
    search: str = "",
    again: bool = False,
) -> BulkChange:
    """Ask for `kind` ("disconnect" or "speed") on the running sessions of a router, a plan, or that a search finds.

    At least one of them must be given. A speed goes only to sessions that were not told the same last, unless `again`.
    The sessions are those that run now; the job asks them portion by portion.
    """
    fields.one_of(kind, field="kind", allowed=BULK_KINDS)
    wanted = Wanted(
        tenant_id=actor.tenant_id,
        nas_server_id=nas_server_id,
        service_plan_id=service_plan_id,
        search=fields.text(search, field="search", longest=100),
    )
    if nas_server_id is None and service_plan_id is None and not wanted.search:
        mend = "choose a router, a plan, or write what to search for"
        raise Invalid(Problem(field="", reason="would be for every session there is", mend=mend))
    if nas_server_id is not None:
        referenced(session, NasServer, nas_server_id, actor=actor, field="nas_server_id")
    if service_plan_id is not None:
        referenced(session, ServicePlan, service_plan_id, actor=actor, field="service_plan_id")
    bulk = BulkChange(
        tenant_id=actor.tenant_id,
        kind=kind,
        state="running",
        nas_server_id=nas_server_id,
        service_plan_id=service_plan_id,
        search=wanted.search,
        is_again=bool(again),
        sessions=queries.count_wanted(session, wanted),
        looked_at_sessions=0,
        looked_at_until="",
        requested_by=actor.name,
        started_at=now,
    )
    session.add(bulk)
    session.flush()
    _record(session, actor, now, "started", bulk)
    return bulk


def pause(session: Session, *, actor: Actor, now: datetime, bulk_id: int) -> BulkChange:
    """Ask no more sessions for now, and hold back what has not left yet."""
    bulk = _move(session, actor, now, bulk_id, "pause")
    queries.hold_back(session, bulk.id)
    return bulk


def resume(session: Session, *, actor: Actor, now: datetime, bulk_id: int) -> BulkChange:
    """Go on where it was held."""
    bulk = _move(session, actor, now, bulk_id, "resume")
    queries.let_go(session, bulk.id, now=now)
    return bulk


def stop(session: Session, *, actor: Actor, now: datetime, bulk_id: int) -> BulkChange:
    """Ask no more sessions, and take back what has not left yet. What was done stays."""
    bulk = locked(session, BulkChange, bulk_id, actor=actor)
    if bulk.state not in OPEN_STATES:
        raise Conflict(Problem(field="", reason=f"it is {bulk.state} already", mend="load it again"))
    queries.take_back(session, bulk.id, now=now)
    bulk.state, bulk.finished_at = "stopped", now
    _record(session, actor, now, "stopped", bulk)
    session.flush()
    return bulk


def get(session: Session, *, actor: Actor, bulk_id: int) -> BulkChange:
    """One of the provider's."""
    return find(session, BulkChange, bulk_id, actor=actor)


def listed(session: Session, *, actor: Actor, limit: int = 50) -> Sequence[BulkChange]:
    """The provider's changes to many, the newest first."""
    return queries.bulks_of(session, actor.tenant_id, limit=limit)


bulks_of = queries.bulks_of


def report(session: Session, bulk: BulkChange) -> Report:
    """What became of those asked so far."""
    return queries.report(session, bulk.id)


def step(session: Session, *, now: datetime, bulk_id: int) -> int | None:
    """One portion: ask more sessions, or see whether all is over.

    Returns how many sessions were looked at; None when there is nothing more to do for now.
    """
    bulk = queries.claim_bulk(session, bulk_id)
    if bulk is None:
        return None
    if bulk.asked_at is not None:
        if not queries.is_waiting(session, bulk.id):
            bulk.state, bulk.finished_at = "done", now
            _record(session, Actor.system(tenant_id=bulk.tenant_id, name="bulk change"), now, "done", bulk)
        return None
    found = queries.next_wanted(
        session, Wanted.of(bulk), after=bulk.looked_at_until, begun_before=bulk.started_at, most=PORTION
    )
    _ask(session, bulk, found, now)
    bulk.looked_at_sessions += len(found)
    if len(found) < PORTION:
        bulk.asked_at = now
    if found:
        bulk.looked_at_until = found[-1]
    session.flush()
    return len(found)


def _ask(session: Session, bulk: BulkChange, found: Sequence[str], now: datetime) -> None:
    if not found:
        return
    connection = psycopg_of(session)
    each = rates_now(connection, found, now=now) if bulk.kind == "speed" else None
    enqueue_change(
        connection,
        kind="disconnect" if each is None else "coa",
        reason=REASON,
        requested_by=bulk.requested_by,
        now=now,
        caused_at=bulk.started_at,
        sessions=list(found if each is None else each),
        attributes_of=each,
        only_news=bulk.kind == "speed" and not bulk.is_again,
        strangers=bulk.kind == "disconnect",
        priority=LATER,
        bulk_change_id=bulk.id,
    )


def _move(session: Session, actor: Actor, now: datetime, bulk_id: int, how: str) -> BulkChange:
    before, after = MOVES[how]
    bulk = locked(session, BulkChange, bulk_id, actor=actor)
    if bulk.state != before:
        raise Conflict(Problem(field="", reason=f"it is {bulk.state}, not {before}", mend="load it again"))
    bulk.state = after
    _record(session, actor, now, after if after == "paused" else "resumed", bulk)
    session.flush()
    return bulk


def _record(session: Session, actor: Actor, now: datetime, what: str, bulk: BulkChange) -> None:
    new = {
        "kind": bulk.kind,
        "nas_server_id": bulk.nas_server_id,
        "service_plan_id": bulk.service_plan_id,
        "search": bulk.search,
        "sessions": bulk.sessions,
        "state": bulk.state,
    }
    audit.record(session, actor=actor, now=now, action=f"bulk_change.{what}", entity=bulk, new=new)
