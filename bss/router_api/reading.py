"""What a router shows, within a moment: from itself, or else what it said last and when.

Whoever looks waits for less than a second whatever the router does. Where that was not enough, a job asks it with more
patience, and the next look finds the answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

import routeros
from bss.actor import Actor
from bss.failure import Conflict, Problem
from bss.router_api.access import find_router, record_answer, target_of
from bss.router_api.parts import PARTS, Rows
from db.engine import psycopg_of
from db.models import NasServer
from db.queries.router_snapshots import ask_for, keep_snapshot, snapshot
from routeros import CertificateChanged, CertificateUnknown, LoginRefused, Refused, RouterApiError

# What is left of a second is for the page around it.
LOOK_S = 0.7
# The person at the button waits for the test alone.
TEST_S = 0.9
MAX_ROWS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """An answer: its rows (the first thousand of `total`), when the router gave it, and whether that was just now.

    `problem` says why it is not from now; `is_coming` that a job asks it and looking again is worthwhile.
    """

    part: str
    rows: Sequence[dict[str, Any]]
    total: int
    taken_at: datetime | None
    is_live: bool
    problem: str | None = None
    problem_code: str | None = None
    is_coming: bool = False


def look(session: Session, *, actor: Actor, now: datetime, nas_id: int, part: str, wait_s: float = LOOK_S) -> View:
    """One of `PARTS` of the router; the caller commits, so that the answer is kept for the next who looks."""
    nas = find_router(session, nas_id, actor=actor)
    if part not in PARTS:
        raise Conflict(Problem(field="part", reason="is no part of a router", mend=f"use {', '.join(PARTS)}"))
    target = target_of(nas)
    try:
        with routeros.open(target, deadline_s=wait_s) as router:
            rows = PARTS[part](router)
    except RouterApiError as error:
        return _last(session, nas, part, error, now)
    if nas.is_from_environment:
        return View(part=part, rows=rows[:MAX_ROWS], total=len(rows), taken_at=now, is_live=True)
    return keep(session, nas, part, rows, now=now)


def keep(session: Session, nas: NasServer, part: str, rows: Rows, *, now: datetime) -> View:
    """An answer of just now, kept for those who look while there is none."""
    shown = rows[:MAX_ROWS]
    keep_snapshot(psycopg_of(session), nas.id, part, shown, total=len(rows), now=now)
    return View(part=part, rows=shown, total=len(rows), taken_at=now, is_live=True)


def _last(session: Session, nas: NasServer, part: str, error: RouterApiError, now: datetime) -> View:
    if nas.is_from_environment:
        return View(
            part=part, rows=[], total=0, taken_at=None, is_live=False, problem=str(error), problem_code=error.code
        )
    patience_helps = not isinstance(error, Refused | LoginRefused | CertificateUnknown | CertificateChanged)
    connection = psycopg_of(session)
    ask_for(connection, nas.id, part, problem=str(error), now=now if patience_helps else None)
    last = snapshot(connection, nas.id, part)
    return View(
        part=part,
        rows=(last.rows if last else None) or [],
        total=last.total if last else 0,
        taken_at=last.taken_at if last else None,
        is_live=False,
        problem=str(error),
        problem_code=error.code,
        is_coming=patience_helps,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Tested:
    """How asking the router went. `fingerprint`: a certificate that is not trusted (any more), to be compared."""

    is_well: bool
    message: str
    identity: str = ""
    version: str = ""
    code: str = ""
    fingerprint: str | None = None


def try_connection(session: Session, *, actor: Actor, now: datetime, nas_id: int) -> Tested:
    """Log in at the router now, resting or not, and ask who it is; stamps when it last answered."""
    nas = find_router(session, nas_id, actor=actor)
    tested = try_target(target_of(nas))
    if tested.is_well and not nas.is_from_environment:
        record_answer(session, nas, now=now)
    return tested


def try_target(target: routeros.Target) -> Tested:
    """The same for any router, with nothing written."""
    try:
        with routeros.open(target, deadline_s=TEST_S, even_if_resting=True) as router:
            identity, resource = router.identity(), router.resource()
    except (CertificateUnknown, CertificateChanged) as error:
        return Tested(is_well=False, message=str(error), code=error.code, fingerprint=error.fingerprint)
    except RouterApiError as error:
        return Tested(is_well=False, message=str(error), code=error.code)
    return Tested(
        is_well=True,
        message=f"{identity} answers, RouterOS {resource.version}",
        identity=identity,
        version=resource.version,
        code="ok",
    )


def traffic(session: Session, *, actor: Actor, nas_id: int, interface: str = "ether1") -> dict[str, Any]:
    """What flows through an interface now, with its counters; nothing older is of use here."""
    target = target_of(find_router(session, nas_id, actor=actor))

    def ask(router: routeros.Router) -> dict[str, Any]:
        flow = router.traffic(interface)
        counted = next((row for row in router.interfaces() if row.name == interface), None)
        counters = ("rx_bytes", "tx_bytes", "rx_packets", "tx_packets")
        totals = {name: getattr(counted, name) if counted else 0 for name in counters}
        return {name: getattr(flow, name) for name in type(flow).__slots__} | totals

    return asked(target, ask)


def asked(target: routeros.Target, ask: Callable[[routeros.Router], dict[str, Any]]) -> dict[str, Any]:
    """Ask within a moment, or raise `Conflict` with the router's reason."""
    try:
        with routeros.open(target, deadline_s=LOOK_S) as router:
            return ask(router)
    except RouterApiError as error:
        raise Conflict(Problem(field="", reason=str(error), mend="test the connection on the router's page")) from None
